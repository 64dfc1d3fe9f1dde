"""Two accounts become one: who may, what moves, what stays. What namespaces make of it: tests/namespaces/actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from accounts.actions import merging, people, suspensions
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import Identity, Level, Merge, Session, User
from accounts.signals import person_changed
from audit.models import Event
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def claims_of(person: User) -> Claims:
    identity = person.identities.get()
    return Claims(issuer=identity.issuer, subject=identity.subject)


def asked(kept: User, emptied: User) -> Merge:
    return merging.ask(claims=claims_of(emptied), shown_with=kept.identities.get(), by=kept)


class TestTakeOver:
    """A first login with the second identity made an account; nothing was ever done with it."""

    def test_identity_becomes_the_persons(self, cast: Cast) -> None:
        identity = cast.ana.identities.get()
        SocialAccount.objects.create(user=cast.ana, provider="campus", uid="hash", extra_data={})
        taken = merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        assert (taken.pk, taken.person) == (identity.pk, cast.eda)
        assert cast.eda.identities.count() == 2
        assert SocialAccount.objects.get().user == cast.eda

    def test_emptied_account_stays_without_name_or_rights(self, cast: Cast) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        cast.ana.refresh_from_db()
        assert (cast.ana.merged_into, cast.ana.is_active) == (cast.eda, False)
        assert (cast.ana.name, cast.ana.email, cast.ana.institution) == ("", "", "")
        event = Event.objects.get(act="person.merged")
        assert (event.object_id, event.before["emptied"]) == (str(cast.eda.pk), str(cast.ana.pk))

    def test_what_they_were_told_goes_along(self, cast: Cast) -> None:
        for person, events in ((cast.ana, ("both", "hers")), (cast.eda, ("both",))):
            for event in events:
                Delivery.objects.create(
                    person=person, event=event, kind="account", channel="inbox", subject=event
                )
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        told = Delivery.objects.inbox().filter(person=cast.eda)
        assert sorted(told.values_list("subject", flat=True)) == ["Your accounts were merged", "both", "hers"]

    def test_no_message_stays_with_the_emptied_account(self, cast: Cast) -> None:
        """Nobody reads it there, and deleting the person would leave it, with their address."""
        for person in (cast.ana, cast.eda):
            for channel, address in (("inbox", ""), ("mail", person.email)):
                Delivery.objects.create(
                    person=person,
                    event="both",
                    kind="account",
                    channel=channel,
                    address=address,
                    subject="News",
                )
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        assert not Delivery.objects.filter(person=cast.ana).exists()
        assert Delivery.objects.filter(person=cast.eda, event="both").count() == 2

    def test_sessions_of_the_emptied_account_end(self, cast: Cast) -> None:
        client = Client()
        client.force_login(cast.ana)
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        assert not Session.objects.filter(pk=client.session.session_key).exists()

    @pytest.mark.parametrize(
        ("kept", "emptied", "seen"), [(None, None, None), (1, None, 1), (None, 1, 1), (1, 2, 2), (2, 1, 2)]
    )
    def test_person_was_last_seen_with_either(
        self, cast: Cast, kept: int | None, emptied: int | None, seen: int | None
    ) -> None:
        def moment(year: int | None) -> datetime | None:
            return datetime(2020 + year, 1, 1, tzinfo=UTC) if year else None

        User.objects.filter(pk=cast.eda.pk).update(last_seen_at=moment(kept))
        User.objects.filter(pk=cast.ana.pk).update(last_seen_at=moment(emptied))
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        cast.eda.refresh_from_db()
        assert cast.eda.last_seen_at == moment(seen)

    def test_level_stays(self, cast: Cast) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        cast.eda.refresh_from_db()
        assert cast.eda.level == Level.USER

    @pytest.mark.parametrize("who", ["otto", "olga"])
    def test_account_with_a_level_is_not_taken_over(self, cast: Cast, who: str) -> None:
        with pytest.raises(StateConflict, match="in use"):
            merging.take_over(claims=claims_of(getattr(cast, who)), by=cast.eda)
        assert cast.eda.identities.count() == 1

    def test_suspended_account_is_not_taken_over(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.ana.pk).update(is_active=False)
        with pytest.raises(StateConflict):
            merging.take_over(claims=claims_of(cast.ana), by=cast.eda)

    def test_suspended_person_takes_over_nothing(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.eda.pk).update(is_active=False)
        with pytest.raises(StateConflict):
            merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        assert cast.ana.identities.count() == 1

    @pytest.mark.parametrize("decided", ["level", "suspension", "merge"])
    def test_account_about_which_something_was_decided_is_not_taken_over(
        self, cast: Cast, decided: str
    ) -> None:
        """Somebody who was made a guest again, or was kept out, is not one who has only logged in once."""
        if decided == "level":
            people.set_level(person=cast.otto, level=Level.GUEST, by=cast.olga)
        elif decided == "suspension":
            User.objects.filter(pk=cast.otto.pk).update(level=Level.GUEST)
            suspensions.suspend(person=cast.otto, reason="They did harm.", until=None, by=cast.olga)
            suspensions.lift(person=cast.otto, by=cast.olga)
        else:
            merging.deny(merge=asked(cast.vera, cast.otto), note="Not one person.", by=cast.olga)
            User.objects.filter(pk=cast.otto.pk).update(level=Level.GUEST)
        with pytest.raises(StateConflict, match="in use"):
            merging.take_over(claims=claims_of(cast.otto), by=cast.eda)
        assert cast.eda.identities.count() == 1

    def test_own_account_is_not_another(self, cast: Cast) -> None:
        assert merging.other_account(claims_of(cast.eda), cast.eda) is None
        assert merging.other_account(claims_of(cast.ana), cast.eda) == cast.ana
        assert merging.other_account(Claims(issuer="https://nobody.example", subject="x"), cast.eda) is None


class TestDecision:
    def test_operator_merges(self, cast: Cast) -> None:
        told: list[User] = []

        def listen(person: User, **_kwargs: object) -> None:
            told.append(person)

        person_changed.connect(listen)
        try:
            done = merging.approve(merge=asked(cast.eda, cast.paula), by=cast.olga)
        finally:
            person_changed.disconnect(listen)
        cast.eda.refresh_from_db()
        assert (done.state, done.decided_by) == ("done", cast.olga)
        assert (cast.eda.level, cast.eda.identities.count()) == (Level.ADMIN, 2)
        assert told == [cast.eda]

    @pytest.mark.parametrize("who", ["eda", "paula", "otto"])
    def test_nobody_else_decides(self, cast: Cast, who: str) -> None:
        pending = asked(cast.eda, cast.otto)
        for decide in (merging.approve, lambda merge, by: merging.deny(merge=merge, note="No.", by=by)):
            with pytest.raises(NotAllowed):
                decide(merge=pending, by=getattr(cast, who))
        pending.refresh_from_db()
        assert pending.state == "pending"

    def test_operator_does_not_decide_their_own(self, cast: Cast) -> None:
        with pytest.raises(NotAllowed):
            merging.approve(merge=asked(cast.olga, cast.otto), by=cast.olga)

    def test_operator_is_not_emptied(self, cast: Cast) -> None:
        with pytest.raises(StateConflict, match="operator"):
            asked(cast.eda, cast.olga)

    def test_what_changed_since_it_was_asked_is_looked_at_again(self, cast: Cast) -> None:
        pending = asked(cast.eda, cast.otto)
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with pytest.raises(StateConflict):
            merging.approve(merge=pending, by=cast.olga)
        pending.refresh_from_db()
        assert pending.state == "pending"

    def test_retired_identity_shows_nothing(self, cast: Cast) -> None:
        """Its institution may have given it to somebody else since."""
        Identity.objects.filter(person=cast.otto).update(state="retired")
        with pytest.raises(StateConflict, match="cannot be linked"):
            asked(cast.eda, cast.otto)
        assert not Merge.objects.exists()

    @pytest.mark.parametrize("whose", ["eda", "otto"])
    def test_identity_that_was_retired_since_shows_nothing(self, cast: Cast, whose: str) -> None:
        pending = asked(cast.eda, cast.otto)
        Identity.objects.filter(person=getattr(cast, whose)).update(state="retired")
        with pytest.raises(StateConflict, match="retired"):
            merging.approve(merge=pending, by=cast.olga)
        pending.refresh_from_db()
        assert (pending.state, cast.otto.identities.count()) == ("pending", 1)

    def test_what_the_emptied_account_asked_is_withdrawn_with_its_event(self, cast: Cast) -> None:
        other = asked(cast.otto, cast.vera)
        merging.approve(merge=asked(cast.eda, cast.otto), by=cast.olga)
        other.refresh_from_db()
        assert (other.state, other.decided_by) == ("withdrawn", cast.olga)
        event = Event.objects.get(act="merge.withdrawn")
        assert (event.object_id, event.actor) == (str(other.pk), str(cast.olga.pk))

    def test_denied_with_a_note(self, cast: Cast) -> None:
        denied = merging.deny(merge=asked(cast.eda, cast.otto), note="Who is this?", by=cast.olga)
        assert (denied.state, denied.note) == ("denied", "Who is this?")
        assert cast.otto.identities.count() == 1

    def test_first_decision_counts(self, cast: Cast) -> None:
        pending = asked(cast.eda, cast.otto)
        merging.deny(merge=pending, note="No.", by=cast.olga)
        with pytest.raises(StateConflict, match="already"):
            merging.approve(merge=pending, by=cast.olga)
        assert cast.otto.identities.count() == 1

    def test_asked_once(self, cast: Cast) -> None:
        asked(cast.eda, cast.otto)
        with pytest.raises(StateConflict, match="already"):
            asked(cast.eda, cast.otto)

    def test_withdrawn_by_who_asked(self, cast: Cast) -> None:
        pending = asked(cast.eda, cast.otto)
        with pytest.raises(NotAllowed):
            merging.withdraw(merge=pending, by=cast.otto)
        assert merging.withdraw(merge=pending, by=cast.eda).state == "withdrawn"

    def test_three_accounts_become_one_after_the_other(self, cast: Cast) -> None:
        merging.approve(merge=asked(cast.vera, cast.otto), by=cast.olga)
        identity = Identity.objects.filter(person=cast.vera).first()
        assert identity is not None
        claims = Claims(issuer=identity.issuer, subject=identity.subject)
        merging.approve(
            merge=merging.ask(claims=claims, shown_with=cast.eda.identities.get(), by=cast.eda), by=cast.olga
        )
        assert cast.eda.identities.count() == 3

    def test_emptied_account_gets_no_level_any_more(self, cast: Cast) -> None:
        merging.approve(merge=asked(cast.eda, cast.otto), by=cast.olga)
        with pytest.raises(StateConflict, match="merged"):
            people.set_level(person=cast.otto, level=Level.ADMIN, by=cast.olga)
        with pytest.raises(StateConflict, match="not active"):
            people.vouch(person=cast.otto, by=cast.paula)
        cast.otto.refresh_from_db()
        assert cast.otto.level == Level.GUEST


class TestTime:
    def test_after_thirty_days_it_cannot_be_approved(self, cast: Cast) -> None:
        pending = asked(cast.eda, cast.otto)
        Merge.objects.update(asked_at=timezone.now() - timedelta(days=31))
        for act in (merging.approve, lambda merge, by: merging.deny(merge=merge, note="No.", by=by)):
            with pytest.raises(StateConflict, match="30 days"):
                act(merge=pending, by=cast.olga)
        assert cast.otto.identities.count() == 1

    def test_after_thirty_days_it_can_be_asked_again(self, cast: Cast) -> None:
        older = asked(cast.eda, cast.otto)
        Merge.objects.update(asked_at=timezone.now() - timedelta(days=31))
        newer = asked(cast.eda, cast.otto)
        older.refresh_from_db()
        assert (older.state, newer.state) == ("withdrawn", "pending")

    def test_rests_for_a_week_after_a_denial(self, cast: Cast) -> None:
        denied = merging.deny(merge=asked(cast.eda, cast.otto), note="Who is this?", by=cast.olga)
        with pytest.raises(TooMany, match="less than a week"):
            asked(cast.eda, cast.otto)
        Merge.objects.filter(pk=denied.pk).update(decided_at=timezone.now() - timedelta(days=8))
        assert asked(cast.eda, cast.otto).state == "pending"

    def test_what_others_asked_about_the_emptied_account_is_over(self, cast: Cast) -> None:
        other = asked(cast.vera, cast.otto)
        merging.approve(merge=asked(cast.eda, cast.otto), by=cast.olga)
        other.refresh_from_db()
        assert other.state == "withdrawn"


class TestDatabase:
    """It lets identities go along a merge, whatever code asks, and along nothing else."""

    def test_identity_goes_to_nobody_else(self, cast: Cast) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Identity.objects.filter(person=cast.eda).update(person=cast.otto)

    def test_identity_does_not_come_back(self, cast: Cast) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        with pytest.raises(DatabaseError, match="never change"), transaction.atomic():
            Identity.objects.filter(person=cast.eda).update(person=cast.ana)

    @pytest.mark.parametrize("to", [None, "otto"])
    def test_merged_account_stays_merged(self, cast: Cast, to: str | None) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        with pytest.raises(DatabaseError, match="stays merged"), transaction.atomic():
            User.objects.filter(pk=cast.ana.pk).update(merged_into=to and getattr(cast, to))

    @pytest.mark.parametrize("field", ["is_active", "is_superuser"])
    def test_merged_account_is_nobody_any_more(self, cast: Cast, field: str) -> None:
        merging.take_over(claims=claims_of(cast.ana), by=cast.eda)
        with pytest.raises(DatabaseError), transaction.atomic():
            User.objects.filter(pk=cast.ana.pk).update(**{field: True})


def test_login_with_the_identity_is_the_persons(cast: Cast) -> None:
    """Not the emptied account's, which nobody can log in to."""
    factories.IdentityFactory.create(person=cast.ana)
    identity = cast.ana.identities.order_by("created_at").first()
    assert identity is not None
    merging.take_over(claims=Claims(issuer=identity.issuer, subject=identity.subject), by=cast.eda)
    assert set(Identity.objects.filter(person=cast.ana)) == set()
    assert cast.eda.identities.count() == 3
