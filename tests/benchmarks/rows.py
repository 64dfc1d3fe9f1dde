"""Rows for the measurements, made in a process of its own so that the measuring process needs no database.

`python -m tests.benchmarks.rows WHAT …` prints its answer as JSON; `run` calls it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

WORDS = ("wildfire", "climate", "protein", "galaxy", "language", "ocean", "traffic", "genome", "vision", "neutrino")
SOFTWARE = ("Python", "Tensorflow", "PyTorch", "R", "Julia", "MPI", "CUDA", "Jupyter", "Ray", "Dask")


def run(environment: Mapping[str, str], *arguments: str) -> Any:
    """Make rows in the database of this environment and return what was asked for."""
    command = [sys.executable, "-m", "tests.benchmarks.rows", *arguments]
    done = subprocess.run(command, env=dict(environment), check=True, capture_output=True, text=True, timeout=600)
    return json.loads(done.stdout.splitlines()[-1])


def requests(namespaces: str) -> list[tuple[str, str, str]]:
    """Make namespaces run by the first of the crowd, and let all the others ask to join each of them."""
    from accounts.models import Identity, Level, User  # noqa: PLC0415  (Django is set up in main)
    from clusters.models import Cluster  # noqa: PLC0415
    from clusters.registry import configured_clusters  # noqa: PLC0415
    from namespaces.access import Role  # noqa: PLC0415
    from namespaces.actions import namespaces as acts, requests as asking  # noqa: PLC0415
    from tests.benchmarks.people import crowd  # noqa: PLC0415

    Cluster.objects.sync(configured_clusters())
    admin, *others = (Identity.objects.get(subject=person.subject).person for person in crowd())
    User.objects.filter(pk=admin.pk).update(level=Level.ADMIN, is_superuser=True)
    admin.refresh_from_db()
    made = []
    for number in range(int(namespaces)):
        namespace = acts.create(
            cluster=Cluster.objects.get(), name=f"bench-{WORDS[number % 10]}{number}", page=acts.Page(), by=admin
        )
        for person in others:
            request = asking.ask_to_join(namespace=namespace, role=Role.EDITOR, reason="To measure how long it takes.", by=person)
            made.append((str(request.pk), namespace.name, person.identities.get().subject))
    return made


def settled() -> bool:
    """Whether the cluster has everything that was decided."""
    from namespaces.reconciliation import due  # noqa: PLC0415

    return not due().exists()


def large(namespaces: str, members: str) -> int:
    """Make many namespaces with many memberships, in bulk: only their number matters."""
    from accounts.models import Identity, Level, User  # noqa: PLC0415
    from clusters.models import Cluster  # noqa: PLC0415
    from clusters.registry import configured_clusters  # noqa: PLC0415
    from namespaces.access import Role  # noqa: PLC0415
    from namespaces.models import Membership, Namespace, Publication, Software  # noqa: PLC0415

    configured = configured_clusters()
    Cluster.objects.sync(configured)
    cluster = Cluster.objects.get()
    issuer = configured[cluster.name].issuers[0].issuer
    count, each = int(namespaces), int(members)
    people = User.objects.bulk_create(
        User(name=f"Person Number{n}", level=Level.USER, institution=f"University {n % 40}", password="!") for n in range(count)
    )
    Identity.objects.bulk_create(
        Identity(person=person, issuer=issuer, subject=f"http://cilogon.org/serverA/users/{500000 + n}",
                 institution=person.institution) for n, person in enumerate(people)
    )  # fmt: skip
    rows = Namespace.objects.bulk_create(
        Namespace(
            cluster=cluster, name=f"{WORDS[n % 10]}-project{n}", pi_name=f"PI {n % 200}", institution=f"University {n % 40}",
            field=WORDS[n % 7], description="What this group works on, in two or three sentences. " * 4,
            created_by=people[n % len(people)],
        ) for n in range(count)
    )  # fmt: skip
    Membership.objects.bulk_create(
        (
            Membership(namespace=row, person=people[(n * 7 + k) % count], role=Role.ADMIN if k < 2 else Role.EDITOR)
            for n, row in enumerate(rows) for k in range(each)
        ),
        batch_size=2000,
    )  # fmt: skip
    Software.objects.bulk_create(
        Software(namespace=row, name=SOFTWARE[(n + k) % 10]) for n, row in enumerate(rows) for k in range(3)
    )
    Publication.objects.bulk_create(Publication(namespace=row, title=f"A paper {n}", year=2025) for n, row in enumerate(rows))
    return Membership.objects.count()


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    import django  # noqa: PLC0415

    django.setup()
    acts = {"requests": requests, "settled": settled, "large": large}
    print(json.dumps(acts[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
