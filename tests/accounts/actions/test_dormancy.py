"""Who has not logged in for long is warned, and suspended if that does not help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import dormancy, suspensions
from accounts.models import Suspension, User
from audit.models import Event
from namespaces.models import Membership, Namespace
from notifications.models import Channel, Delivery
from tests import factories
from tests.conftest import Cast
from tests.racing import race, rounds

pytestmark = pytest.mark.database


@pytest.fixture(autouse=True)
def switched_on(settings: Settings) -> None:
    settings.SUSPEND_DORMANT, settings.DORMANT_DAYS, settings.DORMANT_WARNING_DAYS = True, 100, 10
    settings.MAIL_FROM = "berth@portal.example.org"


@pytest.fixture(autouse=True)
def nobody_is_away(cast: Cast) -> None:
    User.objects.update(last_seen_at=timezone.now())


def away(person: User, days: float, *, warned: float | None = None) -> User:
    """Let somebody have logged in last so many days ago, and have been warned so many."""
    now = timezone.now()
    warned_at = None if warned is None else now - timedelta(days=warned)
    User.objects.filter(pk=person.pk).update(last_seen_at=now - timedelta(days=days), warned_at=warned_at)
    return person


def mails(person: User) -> list[Delivery]:
    return list(Delivery.objects.filter(person=person, channel=Channel.MAIL))


def is_in(person: User) -> bool:
    person.refresh_from_db()
    return person.is_active


def test_nothing_happens_unless_it_was_switched_on(cast: Cast, settings: Settings) -> None:
    settings.SUSPEND_DORMANT = False
    away(cast.otto, 200, warned=50)
    assert dormancy.warn_and_suspend() == (0, 0)
    assert is_in(cast.otto)


class TestWarning:
    @pytest.mark.parametrize(("days", "is_warned"), [(89, False), (91, True), (500, True)])
    def test_comes_so_many_days_before(self, cast: Cast, days: int, is_warned: bool) -> None:
        away(cast.otto, days)
        assert dormancy.warn_and_suspend() == (int(is_warned), 0)
        assert len(mails(cast.otto)) == int(is_warned)
        assert is_in(cast.otto)

    def test_says_until_when_and_what_to_do(self, cast: Cast, settings: Settings) -> None:
        settings.TIME_ZONE = "UTC"
        away(cast.otto, 91)
        dormancy.warn_and_suspend()
        (mail,) = mails(cast.otto)
        day = timezone.now() + timedelta(days=10)
        assert "for 91 days" in mail.text
        assert f"before {day.day} {day:%B %Y}" in mail.text
        assert mail.link == "/"

    def test_comes_once(self, cast: Cast) -> None:
        away(cast.otto, 91)
        assert dormancy.warn_and_suspend() == (1, 0)
        assert dormancy.warn_and_suspend() == (0, 0)
        assert len(mails(cast.otto)) == 1

    def test_comes_again_when_they_were_here_and_are_away_again(self, cast: Cast) -> None:
        away(cast.otto, 91, warned=300)
        assert dormancy.warn_and_suspend() == (1, 0)

    def test_goes_to_every_address(self, cast: Cast) -> None:
        factories.IdentityFactory.create(person=cast.otto, email="otto@other.example.org")
        away(cast.otto, 91)
        dormancy.warn_and_suspend()
        assert {mail.address for mail in mails(cast.otto)} == {cast.otto.email, "otto@other.example.org"}

    def test_is_for_nobody_who_is_out_already(self, cast: Cast) -> None:
        suspensions.suspend(person=cast.otto, reason="Ask me.", until=None, by=cast.olga)
        away(cast.otto, 91)
        assert dormancy.warn_and_suspend() == (0, 0)

    def test_counts_from_the_first_login_for_who_never_came_back(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.otto.pk).update(
            last_seen_at=None, created_at=timezone.now() - timedelta(days=91)
        )
        assert dormancy.warn_and_suspend() == (1, 0)


class TestSuspension:
    def test_comes_after_the_warning(self, cast: Cast) -> None:
        away(cast.otto, 101, warned=11)
        assert dormancy.warn_and_suspend() == (0, 1)
        assert not is_in(cast.otto)
        (suspension,) = Suspension.objects.current()
        assert (suspension.person, suspension.by, suspension.until) == (cast.otto, None, None)
        assert "101 days" in suspension.reason
        event = Event.objects.get(act="person.suspended")
        assert (event.actor, event.object_id) == ("", str(cast.otto.pk))
        assert "suspended" in mails(cast.otto)[-1].subject

    @pytest.mark.parametrize("warned", [None, 9])
    def test_never_comes_without_or_too_soon_after_a_warning(self, cast: Cast, warned: int | None) -> None:
        """The day it is switched on, everybody is away for long."""
        away(cast.otto, 500, warned=warned)
        assert dormancy.warn_and_suspend()[1] == 0
        assert is_in(cast.otto)

    def test_does_not_come_for_who_logged_in_after_the_warning(self, cast: Cast) -> None:
        away(cast.otto, 5, warned=11)
        assert dormancy.warn_and_suspend() == (0, 0)
        assert is_in(cast.otto)

    def test_passes_operators_over(self, cast: Cast) -> None:
        away(cast.olga, 500, warned=100)
        assert dormancy.warn_and_suspend() == (0, 0)
        assert is_in(cast.olga)

    def test_once_lifted_begins_with_a_warning(self, cast: Cast) -> None:
        away(cast.otto, 500, warned=100)
        dormancy.warn_and_suspend()
        suspensions.lift(person=cast.otto, by=cast.olga)
        assert dormancy.warn_and_suspend() == (1, 0)
        assert is_in(cast.otto)

    def test_never_comes_for_whom_no_warning_can_reach(self, cast: Cast) -> None:
        """In the page nobody reads it who is away."""
        User.objects.filter(pk=cast.otto.pk).update(email="")
        cast.otto.identities.update(email="")
        away(cast.otto, 101, warned=11)
        assert dormancy.warn_and_suspend() == (0, 0)
        assert is_in(cast.otto)

    @pytest.mark.parametrize("state", ["waiting", "failed"])
    def test_never_comes_while_the_warning_was_not_sent(self, cast: Cast, state: str) -> None:
        away(cast.otto, 101)
        dormancy.warn_and_suspend()
        Delivery.objects.filter(person=cast.otto, channel=Channel.MAIL).update(state=state)
        User.objects.filter(pk=cast.otto.pk).update(warned_at=timezone.now() - timedelta(days=11))
        assert dormancy.warn_and_suspend() == (0, 0)
        assert is_in(cast.otto)

    def test_once_lifted_the_new_warning_reaches_them(self, cast: Cast) -> None:
        away(cast.otto, 106)
        assert dormancy.warn_and_suspend() == (1, 0)
        Delivery.objects.filter(channel=Channel.MAIL).update(state="sent")
        User.objects.filter(pk=cast.otto.pk).update(warned_at=timezone.now() - timedelta(days=11))
        assert dormancy.warn_and_suspend() == (0, 1)
        suspensions.lift(person=cast.otto, by=cast.olga)
        assert dormancy.warn_and_suspend() == (1, 0)
        subjects = [mail.subject for mail in mails(cast.otto)]
        assert subjects.count("Log in to keep your account") == 2

    def test_last_admin_of_a_namespace_is_left_to_the_operators(self, cast: Cast, fire: Namespace) -> None:
        Membership.objects.filter(person=cast.paula).update(ended_at=timezone.now())
        away(cast.nils, 101, warned=11)
        away(cast.otto, 101, warned=11)
        assert dormancy.warn_and_suspend() == (0, 1)
        assert is_in(cast.nils)
        assert not is_in(cast.otto)
        (told,) = mails(cast.olga)
        assert "Nils Berg" in told.subject
        assert "avis-fire" in told.text
        assert told.link == f"/users/{cast.nils.pk}/"
        assert dormancy.warn_and_suspend() == (0, 0)
        assert len(mails(cast.olga)) == 1
        User.objects.filter(pk=cast.nils.pk).update(warned_at=timezone.now() - timedelta(days=11))
        dormancy.warn_and_suspend()
        assert len(mails(cast.olga)) == 2

    def test_rights_in_namespaces_are_looked_at_again(self, cast: Cast, fire: Namespace) -> None:
        away(cast.eda, 101, warned=11)
        before = fire.generation
        dormancy.warn_and_suspend()
        fire.refresh_from_db()
        assert fire.generation == before + 1


@pytest.mark.django_db(transaction=True)
def test_two_workers_warn_and_suspend_once(cast: Cast) -> None:
    for chance in rounds(10):
        Delivery.objects.all().delete()
        Suspension.objects.all().delete()
        User.objects.update(is_active=True)
        away(cast.otto, 91)
        away(cast.eda, 101, warned=11)
        done = [finish.value for finish in race(chance, dormancy.warn_and_suspend, dormancy.warn_and_suspend)]
        assert sum(pair[0] for pair in done) == sum(pair[1] for pair in done) == 1  # type: ignore[index]
        assert len(mails(cast.otto)) == 1
        assert Suspension.objects.filter(person=cast.eda).count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_logs_in_at_the_last_moment_stays(cast: Cast) -> None:
    """Whichever is first: nobody is suspended for being away after a login that was seen."""

    def log_in() -> None:
        User.objects.filter(pk=cast.otto.pk, is_active=True).update(last_seen_at=timezone.now())

    for chance in rounds(20):
        Suspension.objects.all().delete()
        User.objects.update(is_active=True)
        away(cast.otto, 101, warned=11)
        race(chance, dormancy.warn_and_suspend, log_in)
        cast.otto.refresh_from_db()
        assert cast.otto.last_seen_at is not None
        was_here = timezone.now() - cast.otto.last_seen_at < timedelta(days=1)
        assert cast.otto.is_active == was_here
