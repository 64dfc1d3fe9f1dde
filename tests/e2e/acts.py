"""What `rows` calls in a portal's database: `python -m tests.e2e.acts WHAT …` prints its answer as JSON."""

from __future__ import annotations

import json
import sys
import time

import django

django.setup()

from accounts.models import Identity, User  # noqa: E402  (Django first)
from clusters.models import Cluster  # noqa: E402
from namespaces.access import Role  # noqa: E402
from namespaces.actions import members, namespaces, requests  # noqa: E402
from namespaces.models import Membership, Namespace, Request, Visibility  # noqa: E402
from namespaces.reconciliation import due  # noqa: E402


def settle(seconds: str) -> str:
    """Wait until the cluster has everything that was decided; return what it still lacks when the time is over."""
    deadline = time.monotonic() + int(seconds)
    while due().exists():
        if time.monotonic() > deadline:
            return ", ".join(str(namespace) for namespace in due())
        time.sleep(0.1)
    return ""


def person(subject: str) -> str:
    """Return the id of a person."""
    return str(_person(subject).pk)


def membership(name: str, subject: str) -> str:
    """Return the id of somebody's membership."""
    found = Membership.objects.current().get(namespace=_namespace(name), person=_person(subject))
    return str(found.pk)


def request(name: str, subject: str) -> str:
    """Return the id of somebody's latest request."""
    return str(
        Request.objects.filter(namespace=_namespace(name), person=_person(subject)).latest("created_at").pk
    )


def create(name: str, subject: str, visibility: str) -> str:
    """Let somebody create a namespace."""
    page = namespaces.Page(visibility=Visibility(visibility))
    return str(namespaces.create(cluster=Cluster.objects.get(), name=name, page=page, by=_person(subject)).pk)


def add(name: str, subject: str, role: str, by: str) -> str:
    """Let somebody add a member."""
    made = members.add(namespace=_namespace(name), person=_person(subject), role=Role(role), by=_person(by))
    return str(made.pk)


def remove(name: str, subject: str, by: str) -> str:
    """Let somebody remove a member."""
    found = Membership.objects.current().get(namespace=_namespace(name), person=_person(subject))
    return str(members.remove(membership=found, by=_person(by)).pk)


def ask(name: str, subject: str, role: str) -> str:
    """Let somebody ask to join."""
    reason = "We look at the same cameras, and my jobs should run beside yours."
    made = requests.ask_to_join(
        namespace=_namespace(name), role=Role(role), reason=reason, by=_person(subject)
    )
    return str(made.pk)


def deny(request_id: str, by: str, note: str) -> str:
    """Let somebody say no."""
    found = Request.objects.select_related("namespace", "person").get(pk=request_id)
    return str(requests.deny(request=found, note=note, by=_person(by)).pk)


def _person(subject: str) -> User:
    return Identity.objects.get(subject=subject).person


def _namespace(name: str) -> Namespace:
    return Namespace.objects.get(name=name)


ACTS = {act.__name__: act for act in (settle, person, membership, request, create, add, remove, ask, deny)}

if __name__ == "__main__":
    print(json.dumps(ACTS[sys.argv[1]](*sys.argv[2:])))
