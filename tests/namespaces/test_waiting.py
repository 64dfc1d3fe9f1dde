"""How long requests wait: working days, the usual wait, the pause after a denial."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from namespaces import waiting
from namespaces.models import Namespace, Request
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("day", "number", "expected"),
    [
        ("2026-03-02", 2, "2026-03-04"),  # Monday, Wednesday
        ("2026-03-02", 5, "2026-03-09"),
        ("2026-03-02", 10, "2026-03-16"),
        ("2026-03-05", 2, "2026-03-09"),  # Thursday, Monday
        ("2026-03-06", 2, "2026-03-10"),  # Friday, Tuesday
        ("2026-03-07", 2, "2026-03-10"),  # Saturday, Tuesday
        ("2026-03-08", 2, "2026-03-10"),  # Sunday, Tuesday
        ("2026-03-08", 0, "2026-03-08"),
    ],
)
def test_weekends_do_not_count(day: str, number: int, expected: str) -> None:
    moment = datetime.fromisoformat(f"{day}T09:30+00:00")
    assert waiting.after_working_days(moment, number) == datetime.fromisoformat(f"{expected}T09:30+00:00")


def test_days_are_those_of_the_installation_and_its_summer(settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    friday = datetime.fromisoformat("2026-03-26T23:30+00:00")  # 00:30 on Friday there
    with timezone.override("Europe/Berlin"):
        tuesday = waiting.after_working_days(friday, 2)
    assert tuesday == datetime.fromisoformat("2026-03-31T00:30+02:00")


class TestUsual:
    def answered(self, hours: float, **about: object) -> None:
        now = timezone.now()
        about = {"state": "approved", "decided_at": now, **about}
        request = factories.RequestFactory.create(**about)
        Request.objects.filter(pk=request.pk).update(created_at=now - timedelta(hours=hours))

    def test_is_the_median_of_the_same_namespace(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        for hours in (2, 5, 100):
            self.answered(hours, namespace=fire)
        self.answered(1, namespace=hidden)
        request = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        assert waiting.usual(request) == timedelta(hours=5)

    def test_of_all_where_few_were_answered(self, cast: Cast, fire: Namespace, hidden: Namespace) -> None:
        self.answered(2, namespace=fire)
        self.answered(4, namespace=hidden, state="denied")
        self.answered(8, namespace=hidden)
        request = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        assert waiting.usual(request) == timedelta(hours=4)

    def test_nothing_is_said_where_too_few_were_answered(self, cast: Cast, fire: Namespace) -> None:
        for hours, state in ((2, "approved"), (3, "denied"), (4, "withdrawn"), (5, "expired")):
            self.answered(hours, namespace=fire, state=state)
        self.answered(4, namespace=fire, decided_at=timezone.now() - timedelta(days=400))
        request = factories.RequestFactory.create(namespace=fire, person=cast.otto)
        assert waiting.usual(request) is None

    def test_requests_for_a_namespace_are_compared_with_each_other(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        asked = {"kind": "namespace", "role": "", "cluster": fire.cluster, "pi_name": "A", "institution": "B"}
        for hours, made in ((2, fire), (4, hidden), (6, None)):
            state = "approved" if made else "denied"
            self.answered(hours, namespace=made, name=f"lab-{hours}", state=state, **asked)
            self.answered(50, namespace=fire)
        request = factories.RequestFactory.create(namespace=None, name="lab-new", person=cast.otto, **asked)
        assert waiting.usual(request) == timedelta(hours=4)

    def test_promotions_are_compared_with_those_for_the_same_level(self, cast: Cast, fire: Namespace) -> None:
        now = timezone.now()
        for hours, level in ((2, "admin"), (4, "admin"), (6, "admin"), (9, "user"), (9, "user"), (9, "user")):
            made = factories.PromotionFactory.create(level=level, state="approved", decided_at=now)
            Request.objects.filter(pk=made.pk).update(created_at=now - timedelta(hours=hours))
            self.answered(50, namespace=fire)
        request = factories.PromotionFactory.create(person=cast.otto, level="admin")
        assert waiting.usual(request) == timedelta(hours=4)


class TestPause:
    def denied(self, cast: Cast, since: timedelta, **about: object) -> Request:
        about = {"person": cast.otto, "state": "denied", "decided_at": timezone.now() - since, **about}
        return factories.RequestFactory.create(**about)

    def test_lasts_seven_days_from_the_last_denial(self, cast: Cast, fire: Namespace) -> None:
        self.denied(cast, 3 * DAY, namespace=fire)
        last = self.denied(cast, 2 * DAY, namespace=fire)
        self.denied(cast, 4 * DAY, namespace=fire)
        assert last.decided_at is not None
        assert waiting.pause_until(cast.otto, namespace=fire) == last.decided_at + 7 * DAY

    def test_is_over_after_that(self, cast: Cast, fire: Namespace) -> None:
        self.denied(cast, 7 * DAY, namespace=fire)
        assert waiting.pause_until(cast.otto, namespace=fire) is None

    def test_is_for_the_same_person_and_the_same_thing(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        self.denied(cast, DAY, namespace=fire)
        assert waiting.pause_until(cast.otto, namespace=hidden) is None
        assert waiting.pause_until(cast.ana, namespace=fire) is None
        assert waiting.pause_until(cast.otto, level="admin") is None
        factories.PromotionFactory.create(person=cast.otto, state="denied", decided_at=timezone.now())
        assert waiting.pause_until(cast.otto, level="admin") is not None
        assert waiting.pause_until(cast.otto, level="user") is None
        assert waiting.pause_until(cast.otto, namespace=hidden) is None

    @pytest.mark.parametrize("state", ["approved", "withdrawn", "expired"])
    def test_nothing_else_makes_one(self, cast: Cast, fire: Namespace, state: str) -> None:
        self.denied(cast, DAY, namespace=fire, state=state)
        assert waiting.pause_until(cast.otto, namespace=fire) is None
