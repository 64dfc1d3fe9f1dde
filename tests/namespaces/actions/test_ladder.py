"""What becomes of requests that nobody answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import User
from audit.models import Event
from namespaces import housekeeping, inbox
from namespaces.access import Role
from namespaces.actions import ladder, requests
from namespaces.models import Namespace, Request
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)


def ask(namespace: Namespace, by: User) -> Request:
    reason = "I work with them on wildfire models."
    return requests.ask_to_join(namespace=namespace, role=Role.EDITOR, reason=reason, by=by)


def let_time_pass(request: Request, time: timedelta) -> None:
    Request.objects.filter(pk=request.pk).update(created_at=Now() - time)
    request.refresh_from_db()


def test_every_kind_expires_after_thirty_days_with_an_event_each(cast: Cast, fire: Namespace) -> None:
    join = factories.RequestFactory.create(namespace=fire, person=cast.otto)
    promotion = factories.PromotionFactory.create(person=cast.ana)
    for each in (join, promotion):
        let_time_pass(each, 30 * DAY)
    assert ladder.expire() == 2
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
        assert ladder.expire() == 0


def test_only_those_that_were_named_expire(cast: Cast, fire: Namespace) -> None:
    ottos, anas = (
        factories.RequestFactory.create(namespace=fire, person=person) for person in (cast.otto, cast.ana)
    )
    for each in (ottos, anas):
        let_time_pass(each, 31 * DAY)
    assert ladder.expire(Request.objects.filter(person=cast.otto)) == 1
    anas.refresh_from_db()
    assert anas.state == "pending"


def test_oldest_expire_first_where_there_are_many(
    cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "MOST_AT_ONCE", 1)
    older, old = (factories.RequestFactory.create(namespace=fire) for _index in range(2))
    let_time_pass(old, 31 * DAY)
    let_time_pass(older, 32 * DAY)
    assert ladder.expire() == 1
    older.refresh_from_db()
    assert older.state == "expired"
    assert ladder.expire() == 1


def test_rollback_leaves_it_pending(cast: Cast, fire: Namespace) -> None:
    let_time_pass(factories.RequestFactory.create(namespace=fire), 31 * DAY)
    with Unchanged(), transaction.atomic():
        ladder.expire()
        transaction.set_rollback(True)


def test_workers_come_round(fire: Namespace) -> None:
    let_time_pass(factories.RequestFactory.create(namespace=fire), 31 * DAY)
    housekeeping.remind()
    assert "request.expired" in acts()


# --- Climbing ---------------------------------------------------------------------------------------------------------


def told_by(act: Callable[[], object], channel: str = "mail") -> set[str]:
    """Do something, and return the first names of those who are told by it."""
    before = set(Delivery.objects.values_list("pk", flat=True))
    act()
    told = Delivery.objects.exclude(pk__in=before).filter(channel=channel)
    return {person.name.partition(" ")[0] for person in User.objects.filter(pk__in=told.values("person"))}


def working_days(first: date, last: date) -> int:
    """Count the days from Monday to Friday after the first, up to the last."""
    days = (first + timedelta(days=number + 1) for number in range((last - first).days))
    return len([day for day in days if day.strftime("%a") not in {"Sat", "Sun"}])


class Calendar:
    """A request that grows older: the clock of the database cannot be turned, so its first moment is."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.now = timezone.now()

    def let_it_be(self, days: int) -> set[str]:
        """Let so many days have passed since it was made; return whom the workers tell something then."""
        Request.objects.filter(pk=self.request.pk).update(created_at=self.now - days * DAY)
        told = told_by(self.work)
        self.request.refresh_from_db()
        return told

    def work(self) -> None:
        ladder.climb(self.now)
        ladder.expire()

    def first_day_with(self, number: int) -> int:
        """Return after how many days so many working days have passed."""
        today = timezone.localdate(self.now)
        return next(days for days in range(30) if working_days(today - days * DAY, today) == number)


@pytest.fixture(autouse=True)
def mails(settings: Settings) -> None:
    settings.MAIL_FROM = "berth@portal.example.org"


@pytest.fixture
def ottos(cast: Cast, fire: Namespace) -> Request:
    Namespace.objects.filter(pk=fire.pk).update(pi_name="Eda Kaya")
    return factories.RequestFactory.create(namespace=fire, person=cast.otto)


class TestClimbing:
    def test_whole_ladder_of_a_request(self, ottos: Request) -> None:
        calendar = Calendar(ottos)
        told = {days: calendar.let_it_be(days) for days in range(33)}
        assert {days: names for days, names in told.items() if names} == {
            calendar.first_day_with(2): {"Nils", "Paula"},  # with whom it lies
            calendar.first_day_with(5): {"Nils", "Paula", "Eda"},  # the PI as well
            calendar.first_day_with(10): {"Olga"},  # the operator
            30: {"Otto"},  # it is over, and who asked is told
        }
        assert acts() == ["request.climbed"] * 3 + ["request.expired"]
        assert (ottos.rung, ottos.state) == (3, "expired")

    def test_operators_have_it_among_theirs_once_it_came_up_to_them(self, cast: Cast, ottos: Request) -> None:
        calendar = Calendar(ottos)
        calendar.let_it_be(calendar.first_day_with(10) - 1)
        assert not inbox.to_decide(cast.olga)
        assert list(inbox.elsewhere(cast.olga)) == [ottos]
        calendar.let_it_be(calendar.first_day_with(10))
        assert list(inbox.to_decide(cast.olga)) == [ottos]
        assert not inbox.elsewhere(cast.olga)
        assert list(inbox.to_decide(cast.nils)) == [ottos]

    def test_workers_that_were_away_tell_of_it_once(self, ottos: Request) -> None:
        assert Calendar(ottos).let_it_be(20) == {"Olga"}
        assert acts() == ["request.climbed"]
        event = Event.objects.get()
        assert (event.before, event.after) == ({"rung": "none"}, {"rung": "operators"})

    def test_second_worker_tells_nobody(self, ottos: Request) -> None:
        calendar = Calendar(ottos)
        assert calendar.let_it_be(20)
        with Unchanged():
            calendar.work()

    def test_one_that_another_worker_has_just_moved_is_passed_over(self, ottos: Request) -> None:
        let_time_pass(ottos, 20 * DAY)
        Request.objects.filter(pk=ottos.pk).update(rung=3)
        with Unchanged():
            assert not ladder._climb(ottos, timezone.now())

    @pytest.mark.parametrize("state", ["approved", "denied", "withdrawn", "expired"])
    def test_decided_ones_stay(self, ottos: Request, state: str) -> None:
        Request.objects.filter(pk=ottos.pk).update(state=state)
        assert Calendar(ottos).let_it_be(20) == set()
        assert acts() == []

    def test_request_for_level_admin_lies_with_the_operators_all_the_way(self, cast: Cast) -> None:
        calendar = Calendar(factories.PromotionFactory.create(person=cast.otto, level="admin"))
        told = {days: calendar.let_it_be(days) for days in range(31)}
        reminded = [calendar.first_day_with(number) for number in (2, 5, 10)]
        assert {days: names for days, names in told.items() if names} == {
            **{day: {"Olga"} for day in reminded},
            30: {"Otto"},
        }

    def test_guest_s_is_remembered_to_who_may_vouch_then_to_all_admins(
        self, cast: Cast, fire: Namespace
    ) -> None:
        calendar = Calendar(factories.RequestFactory.create(namespace=fire, person=cast.ana))
        assert calendar.let_it_be(calendar.first_day_with(2)) == {"Paula"}
        assert calendar.let_it_be(calendar.first_day_with(5)) == {"Paula", "Nils"}

    def test_message_says_how_long_and_until_when_and_no_word_of_who_asks(self, ottos: Request) -> None:
        Request.objects.filter(pk=ottos.pk).update(reason="Visit https://evil.example/ now")
        Calendar(ottos).let_it_be(20)
        told = Delivery.objects.filter(channel="mail").get()
        assert told.subject == "Still waiting: Otto Brandt asks to join avis-fire"
        assert told.text.startswith("Nobody has answered for 10 working days, so it lies with you as well.")
        assert f"{timezone.localtime(ottos.expires_at):%Y}" in told.text
        assert "evil" not in told.text
        assert told.link == ottos.get_absolute_url()

    @pytest.mark.parametrize("who", ["eda", "nils"])
    def test_link_is_one_that_the_pi_may_open(self, cast: Cast, ottos: Request, who: str) -> None:
        pi = getattr(cast, who)
        assert ottos.namespace is not None
        Namespace.objects.filter(pk=ottos.namespace.pk).update(pi_name=pi.name)
        calendar = Calendar(ottos)
        calendar.let_it_be(calendar.first_day_with(5))
        told = Delivery.objects.filter(channel="mail", person=pi).get()
        if who == "nils":  # who is an admin as well
            assert told.link == ottos.get_absolute_url()
        else:
            assert told.link == ottos.namespace.get_absolute_url()
            assert told.subject == "Somebody still waits to join avis-fire"
            assert "Otto" not in f"{told.subject} {told.text} {told.about}"

    def test_pi_who_is_a_guest_is_told_nothing(self, cast: Cast, ottos: Request) -> None:
        User.objects.filter(pk=cast.eda.pk).update(level="guest")
        calendar = Calendar(ottos)
        assert calendar.let_it_be(calendar.first_day_with(5)) == {"Nils", "Paula"}

    def test_who_asked_is_not_reminded_of_their_own(self, cast: Cast, fire: Namespace) -> None:
        calendar = Calendar(factories.RequestFactory.create(namespace=fire, person=cast.olga))
        assert calendar.let_it_be(calendar.first_day_with(10)) == set()


class TestNoLivingAdmin:
    @pytest.fixture
    def asleep(self, cast: Cast) -> None:
        long_ago = timezone.now() - timedelta(days=1000)
        User.objects.filter(pk__in=[cast.nils.pk, cast.paula.pk]).update(last_seen_at=long_ago)

    def test_operators_are_told_at_once(self, cast: Cast, fire: Namespace, asleep: None) -> None:
        assert told_by(lambda: ask(fire, cast.otto)) == {"Olga"}
        assert inbox.to_decide(cast.olga).count() == 1

    def test_one_living_admin_is_enough(self, cast: Cast, fire: Namespace, asleep: None) -> None:
        User.objects.filter(pk=cast.nils.pk).update(last_seen_at=timezone.now())
        assert told_by(lambda: ask(fire, cast.otto)) == {"Nils"}
        assert not inbox.to_decide(cast.olga)

    def test_not_for_a_guest_whom_they_may_not_vouch_for(
        self, cast: Cast, fire: Namespace, asleep: None
    ) -> None:
        User.objects.filter(pk=cast.nils.pk).update(last_seen_at=timezone.now())
        assert told_by(lambda: ask(fire, cast.ana)) == {"Olga"}
        assert inbox.to_decide(cast.olga).count() == 1


# --- Who asked reminds ------------------------------------------------------------------------------------------------


class TestReminding:
    def test_those_with_whom_it_lies_are_told(self, cast: Cast, ottos: Request) -> None:
        let_time_pass(ottos, DAY)
        assert told_by(lambda: requests.remind(request=ottos, by=cast.otto)) == {"Nils", "Paula"}
        assert acts() == ["request.reminded"]

    def test_operators_as_well_once_it_came_up_to_them(self, cast: Cast, ottos: Request) -> None:
        Calendar(ottos).let_it_be(20)
        assert told_by(lambda: requests.remind(request=ottos, by=cast.otto)) == {"Nils", "Paula", "Olga"}

    def test_not_on_the_first_day(self, cast: Cast, ottos: Request) -> None:
        let_time_pass(ottos, DAY - timedelta(minutes=1))
        with Unchanged(), pytest.raises(TooMany, match="once a day"):
            requests.remind(request=ottos, by=cast.otto)

    def test_once_a_day(self, cast: Cast, ottos: Request) -> None:
        let_time_pass(ottos, 3 * DAY)
        requests.remind(request=ottos, by=cast.otto)
        with Unchanged(), pytest.raises(TooMany, match="once a day"):
            requests.remind(request=ottos, by=cast.otto)
        Request.objects.filter(pk=ottos.pk).update(reminded_at=Now() - DAY)
        requests.remind(request=ottos, by=cast.otto)

    def test_only_who_asked(self, cast: Cast, ottos: Request) -> None:
        let_time_pass(ottos, 3 * DAY)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.remind(request=ottos, by=cast.nils)

    @pytest.mark.parametrize(("state", "days"), [("denied", 3), ("pending", 31)])
    def test_what_is_over_is_over(self, cast: Cast, ottos: Request, state: str, days: int) -> None:
        let_time_pass(ottos, days * DAY)
        Request.objects.filter(pk=ottos.pk).update(state=state)
        with Unchanged(), pytest.raises(StateConflict, match="over"):
            requests.remind(request=ottos, by=cast.otto)
