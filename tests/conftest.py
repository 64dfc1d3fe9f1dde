"""What every test may use: the cast, a database of either kind, one real control plane for the whole run.

The cast: Olga runs the platform. Paula is a PI, of level admin. Nils is a student who runs the namespace `avis-fire`,
Eda is an editor in it, Vera a viewer. Ana is a newcomer: a guest. Otto is a user who is nowhere a member.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Level, User
from audit import triggers
from clusters.models import Cluster, ClusterStatus
from namespaces.access import Role
from namespaces.models import Namespace
from tests import factories

@dataclass(frozen=True)
class Cast:
    """The people everybody knows."""

    olga: User
    paula: User
    nils: User
    eda: User
    vera: User
    ana: User
    otto: User


@pytest.fixture
def cluster(db: None) -> Cluster:
    found = factories.ClusterFactory(name="nautilus", title="Nautilus")
    ClusterStatus.objects.get_or_create(cluster=found)
    return found


@pytest.fixture
def cast(db: None) -> Cast:
    return Cast(
        olga=factories.person("Olga Reyes", is_superuser=True, level=Level.ADMIN),
        paula=factories.person("Paula Ilić", level=Level.ADMIN),
        nils=factories.person("Nils Berg", level=Level.USER),
        eda=factories.person("Eda Kaya", level=Level.USER),
        vera=factories.person("Vera Lind", level=Level.USER),
        ana=factories.person("Ana Kim", level=Level.GUEST, institution="University of Oklahoma"),
        otto=factories.person("Otto Brandt", level=Level.USER),
    )


@pytest.fixture
def fire(cluster: Cluster, cast: Cast) -> Namespace:
    """The namespace avis-fire: Nils and Paula are its admins, Eda edits, Vera looks."""
    namespace = factories.NamespaceFactory(
        cluster=cluster, name="avis-fire", pi_name="Alex Pang", institution="UC Santa Cruz", created_by=cast.paula
    )
    for person, role in (
        (cast.nils, Role.ADMIN), (cast.paula, Role.ADMIN), (cast.eda, Role.EDITOR), (cast.vera, Role.VIEWER),
    ):  # fmt: skip
        factories.MembershipFactory(namespace=namespace, person=person, role=role)
    return namespace


@pytest.fixture
def hidden(cluster: Cluster, cast: Cast) -> Namespace:
    """The namespace quiet-lab: for its members only, and Paula is its one member."""
    namespace = factories.NamespaceFactory(
        cluster=cluster, name="quiet-lab", visibility="members", created_by=cast.paula
    )
    factories.MembershipFactory(namespace=namespace, person=cast.paula, role=Role.ADMIN)
    return namespace


@pytest.fixture
def login(client: Client):  # type: ignore[no-untyped-def]
    """Return a function that logs somebody in and returns the client."""

    def log_in(person: User) -> Client:
        client.force_login(person)
        return client

    return log_in


@pytest.fixture
def append_only_audit_off(transactional_db: None) -> Iterator[None]:
    """For tests that commit: their end empties every table, which the audit triggers refuse as they should."""
    yield
    with connection.schema_editor() as editor:
        triggers.remove(editor)
