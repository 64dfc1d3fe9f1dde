"""Asking for a level, and deciding it: the rules, the limits, the events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from accounts.actions import people
from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import Level, LevelChange, User
from audit.models import Event
from namespaces.access import Role
from namespaces.actions import requests
from namespaces.models import Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = pytest.mark.django_db
REASON = "I work with Prof. Pang on wildfire models."


def ask(by: User, level: Level | None = None) -> Request:
    """Ask for a level, by default the one after one's own."""
    level = level or Level(by.level).following
    assert level
    return requests.ask_for_level(
        level=level, reason=REASON, institution="UC Merced", purpose="Namespaces for our courses.", by=by
    )


def level_of(person: User) -> str:
    return User.objects.get(pk=person.pk).level


def run_out(request: Request) -> None:
    Request.objects.filter(pk=request.pk).update(created_at=Now() - timedelta(days=30))


class TestAsk:
    def test_guest_asks_to_become_a_user(self, cast: Cast) -> None:
        made = ask(cast.ana)
        stored = Request.objects.get()
        assert stored == made
        assert (stored.kind, stored.level, stored.reason, stored.namespace, stored.role) == (
            "promotion", "user", REASON, None, "",
        )  # fmt: skip
        assert (stored.institution, stored.purpose) == ("", "")
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id, event.namespace_id, event.after) == (
            "request.made", str(cast.ana.pk), str(made.pk), "", {"level": "user"},
        )  # fmt: skip
        assert level_of(cast.ana) == Level.GUEST

    def test_user_asks_for_level_admin_with_institution_and_purpose(self, cast: Cast) -> None:
        ask(cast.otto)
        stored = Request.objects.get()
        assert (stored.level, stored.institution, stored.purpose) == (
            "admin", "UC Merced", "Namespaces for our courses.",
        )  # fmt: skip
        assert level_of(cast.otto) == Level.USER

    @pytest.mark.parametrize(("who", "level"), [("otto", "user"), ("paula", "admin"), ("paula", "user")])
    def test_nobody_asks_for_what_they_have(self, cast: Cast, who: str, level: str) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="have this level already"):
            ask(getattr(cast, who), Level(level))

    def test_nobody_asks_to_become_a_guest(self, cast: Cast) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            ask(cast.otto, Level.GUEST)

    def test_guest_does_not_skip_a_level(self, cast: Cast) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="One level after the other"):
            ask(cast.ana, Level.ADMIN)

    def test_level_is_read_anew(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.ana.pk).update(level=Level.USER)
        with Unchanged(), pytest.raises(StateConflict):
            ask(cast.ana, Level.USER)

    def test_account_that_is_not_active_does_not_ask(self, cast: Cast) -> None:
        User.objects.filter(pk=cast.ana.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            ask(cast.ana)

    def test_asked_is_asked(self, cast: Cast) -> None:
        ask(cast.ana)
        with Unchanged(), pytest.raises(StateConflict, match="asked already"):
            ask(cast.ana)

    def test_one_asks_again_after_a_withdrawal(self, cast: Cast) -> None:
        requests.withdraw(request=ask(cast.ana), by=cast.ana)
        ask(cast.ana)

    def test_one_asks_again_after_it_has_run_out(self, cast: Cast, fire: Namespace) -> None:
        """Before a worker came round: it would be in the way of the new one."""
        run_out(ask(cast.ana))
        ask(cast.ana)
        assert acts() == ["request.made", "request.expired", "request.made"]
        for _again in range(2):
            join = requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason=REASON, by=cast.ana)
            run_out(join)

    def test_one_asks_again_seven_days_after_a_denial(self, cast: Cast) -> None:
        denied = requests.deny(request=ask(cast.ana), note="Whose student are you?", by=cast.paula)
        with Unchanged(), pytest.raises(TooMany) as told:
            ask(cast.ana)
        assert denied.decided_at is not None
        again = denied.decided_at + timedelta(days=7)
        assert f"again after {again.day} {again:%b %Y, %H:%M} UTC" in told.value.message
        Request.objects.update(decided_at=Now() - timedelta(days=7))
        ask(cast.ana)

    def test_denied_as_a_guest_one_asks_as_a_user(self, cast: Cast) -> None:
        requests.deny(request=ask(cast.ana), note="Whose student are you?", by=cast.paula)
        people.vouch(person=cast.ana, by=cast.olga)
        ask(cast.ana)

    @pytest.mark.parametrize("state", [Request.State.PENDING, Request.State.WITHDRAWN])
    def test_requests_of_all_kinds_count(self, cast: Cast, state: Request.State) -> None:
        most = requests.MOST_OPEN if state == Request.State.PENDING else requests.MOST_A_DAY
        factories.RequestFactory.create_batch(most, person=cast.ana, state=state)
        with Unchanged(), pytest.raises(TooMany, match=f"{most} "):
            ask(cast.ana)

    def test_open_promotion_counts_for_those_who_ask_to_join(self, cast: Cast, fire: Namespace) -> None:
        ask(cast.ana)
        factories.RequestFactory.create_batch(requests.MOST_OPEN - 1, person=cast.ana)
        with Unchanged(), pytest.raises(TooMany):
            requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason=REASON, by=cast.ana)

    def test_what_has_run_out_is_not_open_any_more(self, cast: Cast) -> None:
        for made in factories.RequestFactory.create_batch(requests.MOST_OPEN, person=cast.ana):
            run_out(made)
        ask(cast.ana)


class TestApprove:
    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_who_may_vouch_makes_a_guest_a_user(self, cast: Cast, who: str) -> None:
        by = getattr(cast, who)
        wish = ask(cast.ana)
        decided = requests.approve(request=wish, note="Welcome.", by=by)
        assert (decided.state, decided.decided_by, decided.note) == ("approved", by, "Welcome.")
        assert level_of(cast.ana) == Level.USER
        change = cast.ana.level_changes.get()
        assert (change.act, change.by, change.request_id) == ("vouched", by, wish.pk)
        assert acts() == ["request.made", "request.approved", "person.vouched"]
        event = Event.objects.get(act="request.approved")
        assert (event.before, event.after) == ({"state": "pending"}, {"state": "approved", "level": "user"})

    def test_operator_makes_a_user_admin(self, cast: Cast) -> None:
        wish = ask(cast.otto)
        requests.approve(request=wish, by=cast.olga)
        assert level_of(cast.otto) == Level.ADMIN
        change = cast.otto.level_changes.get()
        assert (change.act, change.before, change.after, change.request_id) == (
            "set", "user", "admin", wish.pk,
        )  # fmt: skip
        assert acts() == ["request.made", "request.approved", "person.level"]

    def test_memberships_of_the_guest_take_effect(self, cast: Cast, fire: Namespace) -> None:
        factories.MembershipFactory.create(namespace=fire, person=cast.ana)
        requests.approve(request=ask(cast.ana), by=cast.paula)
        assert generation(fire) == fire.generation + 1

    @pytest.mark.parametrize("who", ["ana", "otto", "nils"])
    def test_nobody_else_makes_a_guest_a_user(self, cast: Cast, fire: Namespace, who: str) -> None:
        wish = ask(cast.ana)
        for decide in (requests.approve, requests.deny):
            with Unchanged(), pytest.raises(NotAllowed, match="level admin and operators"):
                decide(request=wish, note="x", by=getattr(cast, who))

    @pytest.mark.parametrize("who", ["ana", "otto", "nils", "paula"])
    def test_only_operators_give_level_admin(self, cast: Cast, fire: Namespace, who: str) -> None:
        wish = ask(cast.otto)
        for decide in (requests.approve, requests.deny):
            with Unchanged(), pytest.raises(NotAllowed, match="Only operators"):
                decide(request=wish, note="x", by=getattr(cast, who))

    @pytest.mark.parametrize("level", [Level.GUEST, Level.USER])
    def test_operator_does_not_decide_their_own(self, cast: Cast, level: Level) -> None:
        other = factories.PersonFactory.create(is_superuser=True, level=level)
        wish = ask(other)
        for decide in (requests.approve, requests.deny):
            with Unchanged(), pytest.raises(NotAllowed, match="own request"):
                decide(request=wish, note="x", by=other)

    def test_former_admin_with_an_old_form_does_not_decide(self, cast: Cast) -> None:
        wish = ask(cast.ana)
        User.objects.filter(pk=cast.paula.pk).update(level=Level.USER)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=wish, by=cast.paula)

    def test_expired_request_is_decided_by_nobody(self, cast: Cast, fire: Namespace) -> None:
        join = requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason=REASON, by=cast.otto)
        for wish in (ask(cast.ana), join):
            run_out(wish)
            with Unchanged(), pytest.raises(StateConflict, match=r"expired on .*within 30 days"):
                requests.approve(request=wish, by=cast.olga)
            with Unchanged(), pytest.raises(StateConflict, match="expired on"):
                requests.deny(request=wish, note="No.", by=cast.olga)
            with Unchanged(), pytest.raises(StateConflict, match="expired on"):
                requests.withdraw(request=wish, by=wish.person)

    def test_asker_whose_account_is_not_active_gets_nothing(self, cast: Cast) -> None:
        wish = ask(cast.ana)
        User.objects.filter(pk=cast.ana.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            requests.approve(request=wish, by=cast.olga)

    def test_user_who_became_a_guest_meanwhile_does_not_skip_a_level(self, cast: Cast) -> None:
        wish = ask(cast.otto)
        people.set_level(person=cast.otto, level=Level.GUEST, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict, match="is guest now"):
            requests.approve(request=wish, by=cast.olga)
        requests.deny(request=wish, note="Not now.", by=cast.olga)


class TestMeanwhile:
    def test_whoever_is_vouched_for_has_what_they_asked_for(self, cast: Cast) -> None:
        wish = ask(cast.ana)
        people.vouch(person=cast.ana, by=cast.paula)
        wish.refresh_from_db()
        assert (wish.state, wish.decided_by) == ("approved", cast.paula)
        assert acts() == ["request.made", "person.vouched", "request.approved"]

    def test_so_has_who_is_let_into_a_namespace(self, cast: Cast, fire: Namespace) -> None:
        wish = ask(cast.ana)
        join = requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason=REASON, by=cast.ana)
        requests.approve(request=join, by=cast.paula)
        wish.refresh_from_db()
        assert wish.state == "approved"
        assert Membership.objects.filter(namespace=fire, person=cast.ana).exists()
        assert cast.ana.level_changes.get().request_id == join.pk

    def test_so_has_who_is_given_a_higher_level(self, cast: Cast) -> None:
        wish = ask(cast.ana)
        people.set_level(person=cast.ana, level=Level.ADMIN, by=cast.olga)
        wish.refresh_from_db()
        assert wish.state == "approved"

    def test_who_is_made_the_first_operator_has_it_by_nobody(self, cast: Cast) -> None:
        wish = ask(cast.otto)
        people.make_first_operator(identity=cast.otto.identities.get())
        wish.refresh_from_db()
        assert (wish.state, wish.decided_by) == ("approved", None)

    def test_lower_level_and_other_people_change_nothing(self, cast: Cast) -> None:
        wishes = [ask(cast.otto), ask(cast.ana)]
        people.set_level(person=cast.otto, level=Level.GUEST, by=cast.olga)
        for wish in wishes:
            wish.refresh_from_db()
            assert wish.state == "pending"


def test_denial_changes_no_level(cast: Cast) -> None:
    wish = ask(cast.ana)
    denied = requests.deny(request=wish, note="Whose student are you?", by=cast.paula)
    assert (denied.state, denied.note, denied.decided_by) == ("denied", "Whose student are you?", cast.paula)
    assert level_of(cast.ana) == Level.GUEST
    assert not LevelChange.objects.exists()
    assert acts() == ["request.made", "request.denied"]


DECISIONS: dict[str, Callable[[Request, Cast], Request]] = {
    "approve": lambda request, cast: requests.approve(request=request, by=cast.paula),
    "deny": lambda request, cast: requests.deny(request=request, note="No.", by=cast.olga),
    "withdraw": lambda request, cast: requests.withdraw(request=request, by=cast.ana),
}


@pytest.mark.parametrize("second", DECISIONS)
@pytest.mark.parametrize("first", DECISIONS)
def test_first_decision_stands_and_the_second_is_told(cast: Cast, first: str, second: str) -> None:
    wish = ask(cast.ana)
    stale = Request.objects.get(pk=wish.pk)
    decided = DECISIONS[first](wish, cast)
    with Unchanged(), pytest.raises(StateConflict) as told:
        DECISIONS[second](stale, cast)
    assert f"{decided.state_label} by {decided.decided_by}" in told.value.message


@pytest.mark.parametrize("decision", DECISIONS)
def test_rollback_of_a_decision_leaves_nothing(cast: Cast, decision: str) -> None:
    wish = ask(cast.ana)
    with Unchanged(), transaction.atomic():
        DECISIONS[decision](wish, cast)
        transaction.set_rollback(True)


def test_events_hold_nothing_that_was_written(cast: Cast) -> None:
    requests.deny(request=ask(cast.otto), note="Otto Brandt left.", by=cast.olga)
    said = str(list(Event.objects.values()))
    for word in ("Brandt", "Pang", "Merced", "courses"):
        assert word not in said
