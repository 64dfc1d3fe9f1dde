"""F-31: the database takes no writes, as a standby says. On PostgreSQL, where every new session is read-only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import InternalError, connection
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from audit.models import Event
from namespaces import reconciliation, sweeping, tasks
from namespaces.access import Role
from namespaces.actions import members
from namespaces.models import Membership, Namespace
from namespaces.standing import State
from portal.celery import app
from portal.workers import Duties
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.test_reconciliation import bound, membership, stands

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres]
READ_ONLY = "read-only transaction"


@contextmanager
def standby() -> Iterator[None]:
    """Inside, every session of this database is one that cannot write."""
    database = connection.ops.quote_name(connection.settings_dict["NAME"])
    run(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    try:
        yield
    finally:
        run(
            "SET default_transaction_read_only = off",
            f"ALTER DATABASE {database} RESET default_transaction_read_only",
        )


def run(*statements: str) -> None:
    """Run them in one session, and let the next ones begin as new ones."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]


@pytest.fixture
def decided(cast: Cast, fire: Namespace, fake_cluster: FakeCluster) -> Namespace:
    """The namespace avis-fire as decided in the cluster; then Vera was removed from it, and Otto added to it."""
    reconciliation.reconcile(fire.pk)
    members.remove(membership=membership(fire, cast.vera), by=cast.nils)
    members.add(namespace=fire, person=cast.otto, role=Role.EDITOR, by=cast.nils)
    fake_cluster.calls.clear()
    return fire


@pytest.mark.parametrize(
    "work",
    [
        lambda namespace: reconciliation.reconcile(namespace.pk),
        lambda namespace: tasks.reconcile_namespace(namespace_id=str(namespace.pk), hurry=True),
        lambda _namespace: sweeping.reconcile_due(),
        lambda _namespace: sweeping.sweep_clusters(),
    ],
    ids=["pass", "message", "look", "sweep"],
)
def test_worker_writes_nothing_to_the_cluster_and_goes_on_afterwards(
    cast: Cast, decided: Namespace, fake_cluster: FakeCluster, work: Callable[[Namespace], object]
) -> None:
    with standby():
        with pytest.raises(InternalError, match=READ_ONLY):
            work(decided)
        assert fake_cluster.writes == []
        assert stands(decided, cast.vera) == State.ENDING
        assert stands(decided, cast.otto) == State.WAITING
    work(decided)
    sweeping.reconcile_due()
    assert not bound(fake_cluster, decided, cast.vera, "viewer")
    assert stands(decided, cast.vera) == State.REVOKED
    assert stands(decided, cast.otto) == State.ACTIVE


def test_worker_without_a_broker_waits_for_it(
    decided: Namespace, fake_cluster: FakeCluster, settings: Settings, tmp_path: Path
) -> None:
    settings.LIVENESS_FILE = str(tmp_path / "alive")
    with standby():
        Duties(app).wait()
    assert fake_cluster.writes == []
    assert (tmp_path / "alive").exists()


def test_page_is_shown_and_a_decision_ends_in_a_page_of_ours_with_nothing_changed(
    cast: Cast, decided: Namespace, login: Callable[[User], Client]
) -> None:
    client = login(cast.nils)
    client.raise_request_exception = False
    place = decided.get_absolute_url()
    before = list(Membership.objects.order_by("pk").values()), Event.objects.count()
    with standby():
        assert client.get(place).status_code == 200
        for address, form in (
            (f"{place}members/{membership(decided, cast.eda).pk}/remove/", {}),
            (f"{place}members/{membership(decided, cast.eda).pk}/role/", {"role": "admin"}),
        ):
            answer = client.post(address, form)
            page = answer.content.decode()
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert "Berth cannot save anything at the moment" in page
            assert answer.headers["X-Request-Id"] in page
            assert READ_ONLY not in page
    assert (list(Membership.objects.order_by("pk").values()), Event.objects.count()) == before
    assert client.get(place).status_code == 200
