"""Asking to join, deciding, withdrawing: the rules, the limits, the events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone

from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import Level, User
from audit.models import Event
from namespaces.access import Role
from namespaces.actions import members, requests
from namespaces.models import Membership, Namespace, Request
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = pytest.mark.django_db
REASON = "I work with Prof. Pang on wildfire models."


def ask(fire: Namespace, by: User, role: Role = Role.EDITOR) -> Request:
    return requests.ask_to_join(namespace=fire, role=role, reason=REASON, by=by)


class TestAsk:
    @pytest.mark.parametrize("who", ["ana", "otto", "olga"])
    @pytest.mark.parametrize("role", list(Role))
    def test_anybody_who_is_logged_in_asks(self, cast: Cast, fire: Namespace, who: str, role: Role) -> None:
        person = getattr(cast, who)
        made = ask(fire, person, role)
        stored = Request.objects.get()
        assert stored == made
        assert (stored.person, stored.namespace, stored.role, stored.reason) == (person, fire, role, REASON)
        assert (stored.state, stored.kind, stored.decided_by, stored.decided_at) == (
            "pending",
            "join",
            None,
            None,
        )
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == ("request.made", str(person.pk), str(made.pk))

    def test_asking_changes_nothing_in_the_cluster(self, cast: Cast, fire: Namespace) -> None:
        ask(fire, cast.ana)
        assert generation(fire) == fire.generation
        assert User.objects.get(pk=cast.ana.pk).level == Level.GUEST

    @pytest.mark.parametrize("who", ["nils", "eda", "vera"])
    def test_member_is_in_already(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="member of avis-fire already"):
            ask(fire, getattr(cast, who))

    def test_asked_is_asked(self, cast: Cast, fire: Namespace) -> None:
        ask(fire, cast.ana)
        with Unchanged(), pytest.raises(StateConflict, match="asked already"):
            ask(fire, cast.ana, Role.VIEWER)

    def test_one_asks_again_after_a_withdrawal(self, cast: Cast, fire: Namespace) -> None:
        requests.withdraw(request=ask(fire, cast.ana), by=cast.ana)
        ask(fire, cast.ana)
        assert Request.objects.filter(state=Request.State.PENDING).count() == 1

    def test_hidden_namespace_cannot_be_asked_for(self, cast: Cast, hidden: Namespace) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            ask(hidden, cast.otto)

    def test_account_that_is_not_active_does_not_ask(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            ask(fire, cast.otto)

    def test_eleventh_open_request_is_too_many(self, cast: Cast, fire: Namespace) -> None:
        for _index in range(requests.MOST_OPEN):
            ask(factories.NamespaceFactory.create(cluster=fire.cluster), cast.ana)
        with Unchanged(), pytest.raises(TooMany, match="10 open requests"):
            ask(fire, cast.ana)
        requests.withdraw(request=Request.objects.filter(person=cast.ana)[0], by=cast.ana)
        ask(fire, cast.ana)

    def test_open_requests_of_others_do_not_count(self, cast: Cast, fire: Namespace) -> None:
        for _index in range(requests.MOST_OPEN):
            factories.RequestFactory.create(namespace=fire)
        ask(fire, cast.ana)
        assert cast.ana.requests.count() == 1

    def test_twenty_first_request_of_a_day_is_too_many(self, cast: Cast, fire: Namespace) -> None:
        for _index in range(requests.MOST_A_DAY):
            factories.RequestFactory.create(namespace=fire, person=cast.ana, state=Request.State.WITHDRAWN)
        with Unchanged(), pytest.raises(TooMany, match="20 requests a day"):
            ask(fire, cast.ana)
        Request.objects.update(created_at=timezone.now() - timedelta(hours=25))
        ask(fire, cast.ana)

    def test_role_that_does_not_exist_is_refused_by_the_database(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises((DatabaseError, StateConflict)), transaction.atomic():
            ask(fire, cast.otto, "owner")  # type: ignore[arg-type]


class TestApprove:
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_admin_or_operator_lets_a_user_in_as_asked(self, cast: Cast, fire: Namespace, who: str) -> None:
        by = getattr(cast, who)
        request = ask(fire, cast.otto, Role.VIEWER)
        decided = requests.approve(request=request, note="Welcome.", by=by)
        assert (decided.state, decided.decided_by, decided.note) == (Request.State.APPROVED, by, "Welcome.")
        assert decided.decided_at is not None
        assert Membership.objects.get(namespace=fire, person=cast.otto).role == Role.VIEWER
        assert generation(fire) == fire.generation + 1
        assert acts() == ["request.made", "request.approved", "member.added"]

    def test_event_says_who_let_whom_in(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        requests.approve(request=request, by=cast.nils)
        event = Event.objects.get(act="request.approved")
        assert (event.actor, event.object_id, event.namespace_id) == (
            str(cast.nils.pk), str(request.pk), str(fire.pk),
        )  # fmt: skip
        assert (event.before["state"], event.after["state"], event.after["role"]) == (
            "pending",
            "approved",
            "editor",
        )

    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_approving_a_guest_vouches(self, cast: Cast, fire: Namespace, who: str) -> None:
        requests.approve(request=ask(fire, cast.ana), by=getattr(cast, who))
        assert User.objects.get(pk=cast.ana.pk).level == Level.USER
        assert acts() == ["request.made", "request.approved", "person.vouched", "member.added"]

    def test_admin_of_level_user_cannot_approve_a_guest(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.ana)
        with Unchanged(), pytest.raises(NotAllowed, match="vouch"):
            requests.approve(request=request, by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_nobody_else_approves(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = ask(fire, factories.PersonFactory.create())
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request, by=getattr(cast, who))

    def test_admin_of_another_namespace_does_not_approve(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        request = factories.RequestFactory.create(namespace=hidden, person=cast.otto)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request, by=cast.nils)

    def test_nobody_approves_their_own(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request, by=cast.olga)

    def test_who_became_admin_meanwhile_does_not_approve_their_own(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto, Role.ADMIN)
        members.add(namespace=fire, person=cast.otto, role=Role.ADMIN, by=cast.nils)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request, by=cast.otto)

    @pytest.mark.parametrize("end", ["remove", "guest", "inactive"])
    def test_former_admin_with_an_old_form_does_not_approve(
        self, cast: Cast, fire: Namespace, end: str
    ) -> None:
        request = ask(fire, cast.otto)
        if end == "remove":
            members.remove(membership=fire.memberships.get(person=cast.nils), by=cast.paula)
        elif end == "guest":
            User.objects.filter(pk=cast.nils.pk).update(level=Level.GUEST)
        else:
            User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request, by=cast.nils)

    def test_asker_whose_account_is_not_active_is_not_let_in(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            requests.approve(request=request, by=cast.nils)

    def test_asker_who_was_added_meanwhile_stays_what_they_are(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto, Role.ADMIN)
        members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="already"):
            requests.approve(request=request, by=cast.nils)


class TestDeny:
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_note_is_kept_for_the_asker(self, cast: Cast, fire: Namespace, who: str) -> None:
        by = getattr(cast, who)
        denied = requests.deny(request=ask(fire, cast.ana), note="Ask again in spring.", by=by)
        assert (denied.state, denied.note, denied.decided_by) == (
            Request.State.DENIED,
            "Ask again in spring.",
            by,
        )
        assert not Membership.objects.filter(person=cast.ana).exists()
        assert User.objects.get(pk=cast.ana.pk).level == Level.GUEST
        assert generation(fire) == fire.generation
        assert acts() == ["request.made", "request.denied"]

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_nobody_else_denies(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = ask(fire, factories.PersonFactory.create())
        with Unchanged(), pytest.raises(NotAllowed):
            requests.deny(request=request, note="", by=getattr(cast, who))

    def test_nobody_denies_their_own(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.olga)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.deny(request=request, note="", by=cast.olga)

    def test_former_admin_with_an_old_form_does_not_deny(self, cast: Cast, fire: Namespace) -> None:
        request = ask(fire, cast.otto)
        User.objects.filter(pk=cast.nils.pk).update(is_active=False)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.deny(request=request, note="", by=cast.nils)

    def test_note_of_the_decision_is_not_in_the_event(self, cast: Cast, fire: Namespace) -> None:
        """It speaks of a person, and events stay when a person goes."""
        requests.deny(request=ask(fire, cast.ana), note="Ana Kim left our group.", by=cast.nils)
        assert "Kim" not in str(list(Event.objects.values()))


class TestWithdraw:
    def test_asker_takes_it_back(self, cast: Cast, fire: Namespace) -> None:
        withdrawn = requests.withdraw(request=ask(fire, cast.ana), by=cast.ana)
        assert (withdrawn.state, withdrawn.decided_by) == (Request.State.WITHDRAWN, cast.ana)
        assert acts() == ["request.made", "request.withdrawn"]

    @pytest.mark.parametrize("who", ["nils", "olga", "otto"])
    def test_nobody_else_does(self, cast: Cast, fire: Namespace, who: str) -> None:
        request = ask(fire, cast.ana)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.withdraw(request=request, by=getattr(cast, who))


DECISIONS: dict[str, Callable[[Request, Cast], Request]] = {
    "approve": lambda request, cast: requests.approve(request=request, by=cast.paula),
    "deny": lambda request, cast: requests.deny(request=request, note="No.", by=cast.nils),
    "withdraw": lambda request, cast: requests.withdraw(request=request, by=cast.ana),
}


@pytest.mark.parametrize("second", DECISIONS)
@pytest.mark.parametrize("first", DECISIONS)
def test_first_decision_stands_and_the_second_is_told(
    cast: Cast, fire: Namespace, first: str, second: str
) -> None:
    request = ask(fire, cast.ana)
    stale = Request.objects.select_related("namespace").get(pk=request.pk)
    decided = DECISIONS[first](request, cast)
    with Unchanged(), pytest.raises(StateConflict) as told:
        DECISIONS[second](stale, cast)
    assert str(decided.get_state_display()) in told.value.message
    assert str(decided.decided_by) in told.value.message


@pytest.mark.parametrize("decision", DECISIONS)
def test_rollback_of_a_decision_leaves_nothing(
    cast: Cast, fire: Namespace, decision: str, django_capture_on_commit_callbacks: Callable[..., object]
) -> None:
    request = ask(fire, cast.ana)
    with django_capture_on_commit_callbacks() as callbacks, Unchanged(), transaction.atomic():  # type: ignore[attr-defined]
        DECISIONS[decision](request, cast)
        transaction.set_rollback(True)
    assert callbacks == []


def test_approval_knocks_after_the_commit(
    cast: Cast, fire: Namespace, django_capture_on_commit_callbacks: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    knocks: list[list[object]] = []
    monkeypatch.setattr("namespaces.tasks.knock", lambda ids, _lane: knocks.append(ids))
    request = ask(fire, cast.otto)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        requests.approve(request=request, by=cast.nils)
        assert knocks == []
    assert knocks == [[fire.pk]]
