"""Rows, and objects in the cluster, for the measurements. Runs inside Django, in a process of its own (`rows.run`)."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection
from django.utils import timezone

from accounts.models import Identity, Level, User
from clusters import kube
from clusters.api import NAMESPACE, ROLE_BINDING
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import desired_state, search
from namespaces.access import Role
from namespaces.actions import namespaces as acts
from namespaces.actions import requests as asking
from namespaces.models import (
    Grant,
    Membership,
    Namespace,
    NamespaceStatus,
    Publication,
    Software,
    Visibility,
)
from namespaces.reconciler.manifests import binding_manifest, namespace_manifest
from namespaces.reconciler.spec import NamespaceSpec
from tests.benchmarks.course import COURSE
from tests.benchmarks.people import crowd

WRITERS = 8
WORDS = (
    "wildfire",
    "climate",
    "protein",
    "galaxy",
    "language",
    "ocean",
    "traffic",
    "genome",
    "vision",
    "neutrino",
)
GIVEN = (
    "Ana",
    "Ben",
    "Chen",
    "Dilek",
    "Elif",
    "Farid",
    "Grace",
    "Hana",
    "Ivan",
    "Jun",
    "Kofi",
    "Lena",
    "Maria",
    "Noor",
)
FAMILY = (
    "Silva",
    "Kim",
    "Okafor",
    "Novak",
    "Garcia",
    "Schmidt",
    "Tanaka",
    "Haddad",
    "Larsen",
    "Rossi",
    "Patel",
    "Ng",
)
SOFTWARE = ("Python", "Tensorflow", "PyTorch", "R", "Julia", "MPI", "CUDA", "Jupyter", "Ray", "Dask")


def make_requests(namespaces: int) -> list[tuple[str, str, str]]:
    """Make namespaces run by the first of the crowd, and let all the others ask to join each of them."""

    Cluster.objects.sync(configured_clusters())
    admin, *others = (Identity.objects.get(subject=person.subject).person for person in crowd())
    User.objects.filter(pk=admin.pk).update(level=Level.ADMIN, is_superuser=True)
    admin.refresh_from_db()
    made = []
    for number in range(namespaces):
        namespace = acts.create(
            cluster=Cluster.objects.get(),
            name=f"bench-{WORDS[number % 10]}{number}",
            page=acts.Page(),
            by=admin,
        )
        for person in others:
            request = asking.ask_to_join(
                namespace=namespace, role=Role.EDITOR, reason="To measure how long it takes.", by=person
            )
            made.append((str(request.pk), namespace.name, person.identities.get().subject))
    return made


def make_directory(namespaces: int, members: int, people: int) -> int:
    """Make as many, and let the search find them."""
    made = make_many(namespaces, members, people=people)
    search.write_all()
    if connection.vendor == "postgresql":  # by itself it would a minute later
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return made


def make_many(namespaces: int, members: int, first: int = 0, people: int = 0) -> int:
    """Make many namespaces with many memberships, in bulk: only their number matters. As many people, unless said.

    Who made some before says how many: `first` is the number that counting goes on from.
    """

    configured = configured_clusters()
    Cluster.objects.sync(configured)
    cluster = Cluster.objects.get()
    issuer = configured[cluster.name].issuers[0].issuer
    persons = User.objects.bulk_create(
        User(
            name=f"Person Number{first + n}",
            level=Level.USER,
            institution=f"University {n % 40}",
            password="!",
        )
        for n in range(people or namespaces)
    )
    Identity.objects.bulk_create(
        Identity(person=person, issuer=issuer, subject=f"http://cilogon.org/serverA/users/{500000 + first + n}",
                 institution=person.institution) for n, person in enumerate(persons)
    )  # fmt: skip
    rows = Namespace.objects.bulk_create(
        Namespace(
            cluster=cluster, name=f"{WORDS[n % 10]}-project{first + n}", pi_name=f"PI {n % 200}",
            institution=f"University {n % 40}",
            field=WORDS[n % 7], description="What this group works on, in two or three sentences. " * 4,
            created_by=persons[n % len(persons)],
        ) for n in range(namespaces)
    )  # fmt: skip
    Membership.objects.bulk_create(
        (
            Membership(
                namespace=row, person=persons[(n * 7 + k) % len(persons)],
                role=Role.ADMIN if k < 2 else Role.EDITOR,
            )
            for n, row in enumerate(rows) for k in range(members)
        ),
        batch_size=2000,
    )  # fmt: skip
    Software.objects.bulk_create(
        Software(namespace=row, name=SOFTWARE[(n + k) % 10]) for n, row in enumerate(rows) for k in range(3)
    )
    Publication.objects.bulk_create(
        Publication(namespace=row, title=f"A paper {n}", year=2025) for n, row in enumerate(rows)
    )
    return Membership.objects.count()


def make_course(people: int) -> list[str]:
    """Make a namespace through the real action, and people whom a list can add to it; return their subjects. All of the
    crowd become operators."""

    configured = configured_clusters()
    Cluster.objects.sync(configured)
    cluster = Cluster.objects.get()
    issuer = configured[cluster.name].issuers[0].issuer
    subjects = [person.subject for person in crowd()]
    operators = User.objects.filter(identities__subject__in=subjects)
    User.objects.filter(pk__in=operators).update(level=Level.ADMIN, is_superuser=True)
    acts.create(cluster=cluster, name=COURSE, page=acts.Page(), by=operators[0])
    made = User.objects.bulk_create(
        User(name=f"{GIVEN[n % 14]} {FAMILY[n % 12]} {n}", level=Level.USER, password="!")
        for n in range(people)
    )
    Identity.objects.bulk_create(
        Identity(person=person, issuer=issuer, subject=f"http://cilogon.org/serverA/users/{700_000 + n}")
        for n, person in enumerate(made)
    )
    return [f"http://cilogon.org/serverA/users/{700_000 + n}" for n in range(people)]


def enrol() -> int:
    """Let everybody else into that namespace, in bulk: only their number matters. Return how many members it has."""
    course = Namespace.objects.get(name=COURSE)
    inside = course.memberships.values("person")
    Membership.objects.bulk_create(
        Membership(namespace=course, person=person, role=Role.EDITOR)
        for person in User.objects.exclude(pk__in=inside)
    )
    if connection.vendor == "postgresql":  # by itself it would a minute later
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return course.memberships.count()


def make_people(people: int, memberships: int, seed: int) -> int:
    """Make people of all levels, some with two identities, some long not seen, some suspended, and namespaces of
    fifty members each, of which every tenth is hidden. Every second of the crowd becomes an operator, the others
    people of level admin."""

    configured = configured_clusters()
    Cluster.objects.sync(configured)
    cluster = Cluster.objects.get()
    issuer = configured[cluster.name].issuers[0].issuer
    chance, now = random.Random(seed), timezone.now()
    for number, member in enumerate(crowd()):
        readers = User.objects.filter(identities__subject=member.subject)
        User.objects.filter(pk__in=readers).update(level=Level.ADMIN, is_superuser=number % 2 == 0)
    made = User.objects.bulk_create(
        (
            User(
                name=f"{chance.choice(GIVEN)} {chance.choice(FAMILY)}",
                email=f"person{n}@example.edu", institution=f"University {n % 300}", password="!",
                level=Level.GUEST if n % 10 == 0 else Level.ADMIN if n % 20 == 1 else Level.USER,
                is_active=n % 97 != 0, last_seen_at=now - timedelta(days=chance.expovariate(1 / 200)),
            )
            for n in range(people)
        ),
        batch_size=1000,
    )  # fmt: skip
    numbered = [(person, 900_000 + n) for n, person in enumerate(made)]
    numbered += [(person, 2_000_000 + n) for n, person in enumerate(made) if n % 5 == 0]
    Identity.objects.bulk_create(
        (
            Identity(
                person=person, issuer=issuer, subject=f"http://cilogon.org/serverA/users/{number}",
                institution=person.institution, name=person.name, email=person.email,
                last_login_at=person.last_seen_at,
            )
            for person, number in numbered
        ),
        batch_size=1000,
    )  # fmt: skip
    namespaces = Namespace.objects.bulk_create(
        (
            Namespace(
                cluster=cluster, name=f"{WORDS[n % 10]}-group{n}", pi_name=f"PI {n % 200}",
                institution=f"University {n % 300}", created_by=made[n % people],
                visibility=Visibility.MEMBERS if n % 10 == 0 else Visibility.LISTED,
            )
            for n in range(max(1, memberships // 50))
        ),
        batch_size=1000,
    )  # fmt: skip
    Membership.objects.bulk_create(
        (
            Membership(
                namespace=namespaces[n // 50 % len(namespaces)],
                person=made[n * 7919 % people],
                role=Role.EDITOR,
            )
            for n in range(min(memberships, people * len(namespaces)))
        ),
        batch_size=2000,
    )
    if connection.vendor == "postgresql":  # by itself it would a minute later
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return Membership.objects.count()


def fill_cluster() -> None:
    """Make in the cluster what the rows say, and the rows of what was seen there, for namespaces not yet seen there."""

    cluster = Cluster.objects.get()
    config = configured_clusters()[cluster.name]
    api = kube.connect(config, "worker")
    namespaces = Namespace.objects.filter(cluster=cluster, status__isnull=True).select_related("cluster")
    specs = list(desired_state.namespace_specs(namespaces, config))

    def fill(spec: NamespaceSpec) -> tuple[NamespaceStatus, list[Grant]]:
        made = api.create(NAMESPACE, namespace_manifest(spec))
        grants = []
        for binding in spec.bindings:
            operation = uuid4()
            uid = api.create(ROLE_BINDING, binding_manifest(spec, binding, str(operation)))["metadata"]["uid"]
            grants.append(
                Grant(
                    namespace_id=UUID(spec.namespace_id), identity_id=UUID(binding.identity_id), role=binding.role,
                    membership_id=UUID(binding.membership_id), username=binding.username, binding_name=binding.name,
                    operation=operation, binding_uid=uid, state=Grant.State.ACTIVE,
                )
            )  # fmt: skip
        status = NamespaceStatus(
            namespace_id=UUID(spec.namespace_id), state="ready", observed_generation=spec.generation,
            attempted_generation=spec.generation, limits_version=spec.limits_version,
            cluster_uid=made["metadata"]["uid"],
            next_reconcile_at=timezone.now() + timedelta(hours=1),
        )  # fmt: skip
        return status, grants

    with ThreadPoolExecutor(WRITERS) as pool:
        filled = list(pool.map(fill, specs))
    NamespaceStatus.objects.bulk_create(status for status, _grants in filled)
    Grant.objects.bulk_create((grant for _status, grants in filled for grant in grants), batch_size=2000)
