"""The end of requests that nobody decides, and the pause after a denial."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from audit.models import Event
from namespaces import expiry, tasks
from namespaces.models import Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.fake_cluster import FakeCluster
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def let_time_pass(request: Request, time: timedelta) -> None:
    Request.objects.filter(pk=request.pk).update(created_at=Now() - time)
    request.refresh_from_db()


def test_every_kind_expires_after_thirty_days_with_an_event_each(cast: Cast, fire: Namespace) -> None:
    join = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    promotion = factories.PromotionFactory.create(person=cast.ana)
    for each in (join, promotion):
        let_time_pass(each, 30 * DAY)
    assert expiry.expire() == 2
    for each in (join, promotion):
        each.refresh_from_db()
        assert (each.state, each.decided_by, each.decided_at) == ("expired", None, each.expires_at)
    events = {event.object_id: event for event in Event.objects.all()}
    assert events.keys() == {str(join.pk), str(promotion.pk)}
    event = events[str(join.pk)]
    assert (event.act, event.actor, event.namespace_id) == ("request.expired", "", str(fire.pk))
    assert (event.before, event.after) == ({"state": "pending"}, {"state": "expired"})
    assert events[str(promotion.pk)].namespace_id == ""


def test_younger_and_decided_ones_stay(cast: Cast, fire: Namespace) -> None:
    let_time_pass(factories.RequestFactory.create(namespace=fire), 30 * DAY - timedelta(minutes=1))
    for state in ("approved", "denied", "withdrawn", "expired"):
        let_time_pass(factories.RequestFactory.create(namespace=fire, state=state), 40 * DAY)
    with Unchanged():
        assert expiry.expire() == 0


def test_only_those_that_were_named_expire(cast: Cast, fire: Namespace) -> None:
    ottos, anas = (
        factories.RequestFactory.create(namespace=fire, person=person) for person in (cast.otto, cast.ana)
    )
    for each in (ottos, anas):
        let_time_pass(each, 31 * DAY)
    assert expiry.expire(Request.objects.filter(person=cast.otto)) == 1
    anas.refresh_from_db()
    assert anas.state == "pending"


def test_oldest_expire_first_where_there_are_many(
    cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expiry, "MOST_AT_ONCE", 1)
    older, old = (factories.RequestFactory.create(namespace=fire) for _index in range(2))
    let_time_pass(old, 31 * DAY)
    let_time_pass(older, 32 * DAY)
    assert expiry.expire() == 1
    older.refresh_from_db()
    assert older.state == "expired"
    assert expiry.expire() == 1


def test_rollback_leaves_it_pending(cast: Cast, fire: Namespace) -> None:
    let_time_pass(factories.RequestFactory.create(namespace=fire), 31 * DAY)
    with Unchanged(), transaction.atomic():
        expiry.expire()
        transaction.set_rollback(True)


def test_workers_come_round(made: Namespace, fake_cluster: FakeCluster) -> None:
    let_time_pass(factories.RequestFactory.create(namespace=made), 31 * DAY)
    tasks.sweep_clusters(alone=True)
    assert "request.expired" in acts()


class TestPause:
    def denied(self, cast: Cast, since: timedelta, **about: object) -> Request:
        about = {"person": cast.otto, "state": "denied", "decided_at": timezone.now() - since, **about}
        return factories.RequestFactory.create(**about)

    def test_lasts_seven_days_from_the_last_denial(self, cast: Cast, fire: Namespace) -> None:
        self.denied(cast, 3 * DAY, namespace=fire)
        last = self.denied(cast, 2 * DAY, namespace=fire)
        self.denied(cast, 4 * DAY, namespace=fire)
        assert last.decided_at is not None
        assert expiry.pause_until(cast.otto, namespace=fire) == last.decided_at + 7 * DAY

    def test_is_over_after_that(self, cast: Cast, fire: Namespace) -> None:
        self.denied(cast, 7 * DAY, namespace=fire)
        assert expiry.pause_until(cast.otto, namespace=fire) is None

    def test_is_for_the_same_person_and_the_same_thing(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        self.denied(cast, DAY, namespace=fire)
        assert expiry.pause_until(cast.otto, namespace=hidden) is None
        assert expiry.pause_until(cast.ana, namespace=fire) is None
        assert expiry.pause_until(cast.otto, level="admin") is None
        factories.PromotionFactory.create(person=cast.otto, state="denied", decided_at=timezone.now())
        assert expiry.pause_until(cast.otto, level="admin") is not None
        assert expiry.pause_until(cast.otto, level="user") is None
        assert expiry.pause_until(cast.otto, namespace=hidden) is None

    @pytest.mark.parametrize("state", ["approved", "withdrawn", "expired"])
    def test_nothing_else_makes_one(self, cast: Cast, fire: Namespace, state: str) -> None:
        self.denied(cast, DAY, namespace=fire, state=state)
        assert expiry.pause_until(cast.otto, namespace=fire) is None
