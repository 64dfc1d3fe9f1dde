"""Admins who may be gone: the signs of it, asking who takes over, and deciding that."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import deletions, people, suspensions
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Identity, Level, User
from audit.models import Event
from namespaces import housekeeping, inbox, signs, waiting
from namespaces.access import Role
from namespaces.actions import ladder, members, merging, requests, succession, takeovers
from namespaces.models import Membership, Namespace, Request, Rung, Sign
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]
DAY = timedelta(days=1)
REASON = "Their laptop was stolen, with a session open on it."


def be_away(person: User, days: float = 181) -> None:
    User.objects.filter(pk=person.pk).update(last_seen_at=timezone.now() - days * DAY)


def suspend(person: User, cast: Cast) -> None:
    suspensions.suspend(person=person, reason=REASON, until=None, by=cast.olga)


def of(person: User, namespace: Namespace) -> Membership:
    return Membership.objects.current().get(namespace=namespace, person=person)


def role_of(person: User, namespace: Namespace) -> str:
    return of(person, namespace).role


def asked() -> list[tuple[str, str, str]]:
    found = Request.objects.filter(kind="takeover").select_related("person").order_by("created_at", "pk")
    return [(each.person.name, each.sign, each.state) for each in found]


def told(person: User) -> list[str]:
    return list(Delivery.objects.filter(person=person, channel="inbox").values_list("subject", flat=True))


@pytest.fixture
def request_about_nils(cast: Cast, fire: Namespace) -> Request:
    """Nils has not logged in for long, and the workers have asked."""
    be_away(cast.nils)
    takeovers.look()
    return Request.objects.select_related("namespace__cluster", "person").get()


class TestSigns:
    def test_nobody_who_is_here_shows_one(self, cast: Cast, fire: Namespace) -> None:
        assert takeovers.look() == (0, 0)
        assert not asked()

    @pytest.mark.parametrize(("days", "sign"), [(179, None), (181, Sign.AWAY)])
    def test_no_login_for_long(self, cast: Cast, fire: Namespace, days: int, sign: Sign | None) -> None:
        be_away(cast.nils, days)
        assert signs.of(of(cast.nils, fire)) == sign

    @pytest.mark.parametrize(("setting", "sign"), [(10, Sign.AWAY), (12, None), (0, None)])
    def test_how_long_is_a_setting(
        self, cast: Cast, fire: Namespace, settings: Settings, setting: int, sign: Sign | None
    ) -> None:
        settings.TAKEOVER_DAYS = setting
        be_away(cast.nils, 11)
        assert signs.of(of(cast.nils, fire)) == sign

    def test_first_login_counts_for_who_never_came_back(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.nils.pk).update(last_seen_at=None, created_at=timezone.now() - 200 * DAY)
        assert signs.of(of(cast.nils, fire)) == Sign.AWAY

    def test_suspended_weighs_more_than_away(self, cast: Cast, fire: Namespace) -> None:
        be_away(cast.nils)
        suspend(cast.nils, cast)
        assert signs.of(of(cast.nils, fire)) == Sign.SUSPENDED
        takeovers.look()
        assert asked() == [("Nils Berg", "suspended", "pending")]

    def test_guest(self, cast: Cast, fire: Namespace) -> None:
        people.set_level(person=cast.nils, level=Level.GUEST, by=cast.olga)
        assert signs.of(of(cast.nils, fire)) == Sign.GUEST

    def test_login_that_the_cluster_knew_is_retired(self, cast: Cast, fire: Namespace) -> None:
        other = factories.IdentityFactory.create(person=cast.nils, issuer="https://elsewhere.example.org")
        assert signs.of(of(cast.nils, fire)) is None
        cast.nils.identities.exclude(pk=other.pk).update(state=Identity.State.RETIRED)
        assert signs.of(of(cast.nils, fire)) == Sign.RETIRED
        factories.IdentityFactory.create(person=cast.nils)
        assert signs.of(of(cast.nils, fire)) is None

    def test_one_that_it_never_knew_is_no_loss(self, cast: Cast, fire: Namespace) -> None:
        cast.nils.identities.all().delete()
        for state in (Identity.State.RETIRED, Identity.State.ACTIVE):
            factories.IdentityFactory.create(
                person=cast.nils, issuer="https://elsewhere.example.org", state=state
            )
        assert signs.of(of(cast.nils, fire)) is None

    @pytest.mark.parametrize("sign", list(Sign))
    def test_only_of_admins(self, cast: Cast, fire: Namespace, sign: Sign) -> None:
        for person in (cast.eda, cast.vera):
            be_away(person)
            suspend(person, cast)
            person.identities.update(state=Identity.State.RETIRED)
        assert not signs.admins(sign).exists()
        assert signs.of(of(cast.eda, fire)) is None


class TestAsking:
    def test_the_other_admins_are_asked_and_the_one_in_question_is_told(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        assert list(inbox.to_decide(cast.paula)) == [request_about_nils]
        assert list(inbox.of_namespace(fire)) == [request_about_nils]
        for other in (cast.nils, cast.olga, cast.eda):
            assert not inbox.to_decide(other)
        assert not inbox.asked_by(cast.nils)
        assert told(cast.paula) == ["Who takes over avis-fire from Nils Berg?"]
        assert told(cast.nils) == ["Others are asked who takes over avis-fire from you"]
        assert not told(cast.olga)
        event = Event.objects.get()
        assert (event.act, event.actor, event.namespace_id, event.after) == (
            "request.made", "", str(fire.pk), {"sign": "away"},
        )  # fmt: skip

    def test_nothing_changes_by_it(self, cast: Cast, fire: Namespace) -> None:
        before = generation(fire)
        be_away(cast.nils)
        takeovers.look()
        assert generation(fire) == before
        assert role_of(cast.nils, fire) == Role.ADMIN

    def test_once(self, cast: Cast, request_about_nils: Request) -> None:
        with Unchanged():
            assert takeovers.look() == (0, 0)

    def test_about_each_admin_of_each_namespace(self, cast: Cast, fire: Namespace, hidden: Namespace) -> None:
        for person in (cast.nils, cast.paula):
            be_away(person)
        assert takeovers.look() == (0, 3)

    def test_operators_are_asked_at_once_where_no_other_admin_lives(
        self, cast: Cast, hidden: Namespace
    ) -> None:
        be_away(cast.paula)
        takeovers.look()
        assert list(inbox.to_decide(cast.olga)) == [Request.objects.get()]
        assert told(cast.olga) == ["Who takes over quiet-lab from Paula Ilić?"]

    def test_and_where_the_others_are_away_as_well(self, cast: Cast, fire: Namespace) -> None:
        for person in (cast.nils, cast.paula):
            be_away(person, 400)
        takeovers.look()
        assert inbox.to_decide(cast.olga).count() == 2

    def test_operators_have_it_in_time_where_nobody_answers(
        self, cast: Cast, request_about_nils: Request
    ) -> None:
        assert list(inbox.elsewhere(cast.olga)) == [request_about_nils]
        Request.objects.update(created_at=Now() - 15 * DAY)
        ladder.climb(timezone.now())
        assert Request.objects.get().rung == Rung.OPERATORS
        assert list(inbox.to_decide(cast.olga)) == [request_about_nils]
        assert "Still waiting: who takes over avis-fire from Nils Berg?" in told(cast.olga)

    def test_all_admins_are_reminded_but_for_the_one_in_question_and_no_pi(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        Namespace.objects.update(pi_name="Eda Kaya")
        Request.objects.update(created_at=Now() - 7 * DAY)
        ladder.climb(timezone.now())
        words = "Still waiting: who takes over avis-fire from Nils Berg?"
        assert words in told(cast.paula)
        assert words not in told(cast.nils)
        assert not told(cast.eda)

    def test_that_runs_out_is_asked_again_and_nobody_is_told_that_it_did(
        self, cast: Cast, request_about_nils: Request
    ) -> None:
        Request.objects.update(created_at=Now() - 30 * DAY, rung=Rung.OPERATORS)
        housekeeping.remind()
        assert asked() == [("Nils Berg", "away", "expired"), ("Nils Berg", "away", "pending")]
        assert not any("Nobody answered" in each for each in told(cast.nils))

    def test_stands_beside_a_request_of_the_same_person(self, cast: Cast, fire: Namespace) -> None:
        factories.RequestFactory.create(namespace=fire, person=cast.nils)
        be_away(cast.nils)
        assert takeovers.look() == (0, 1)

    def test_does_not_count_among_what_they_ask(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        requests.deny(request=request_about_nils, note="", by=cast.paula)
        assert waiting.pause_until(cast.nils, namespace=fire) is None
        for _index in range(requests.MOST_OPEN):
            factories.TakeoverFactory.create(person=cast.otto)
        requests.ask_to_join(namespace=fire, role=Role.VIEWER, reason="I work there.", by=cast.otto)

    def test_database_keeps_one_for_each_admin_and_a_sign(self, cast: Cast, fire: Namespace) -> None:
        factories.TakeoverFactory.create(namespace=fire, person=cast.nils)
        wrong: list[dict[str, object]] = [
            {"person": cast.nils},
            {"person": cast.paula, "sign": ""},
            {"person": cast.paula, "role": "admin"},
            {"person": cast.paula, "namespace": None},
            {"person": cast.paula, "kind": "join", "role": "admin"},
        ]
        for values in wrong:
            with pytest.raises(IntegrityError), transaction.atomic():
                factories.TakeoverFactory.create(**{"namespace": fire, **values})


class TestClosing:
    def close(self) -> None:
        assert takeovers.look() == (1, 0)
        assert Request.objects.get().state == Request.State.WITHDRAWN
        event = Event.objects.latest("id")
        assert (event.act, event.actor) == ("request.withdrawn", "")

    def test_when_they_log_in_again(self, cast: Cast, request_about_nils: Request) -> None:
        be_away(cast.nils, 0)
        self.close()

    def test_when_the_suspension_is_lifted(self, cast: Cast, fire: Namespace) -> None:
        suspend(cast.nils, cast)
        takeovers.look()
        suspensions.lift(person=cast.nils, by=cast.olga)
        self.close()

    def test_when_they_are_no_admin_any_more(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        members.set_role(membership=of(cast.nils, fire), role=Role.EDITOR, by=cast.paula)
        self.close()

    def test_when_they_are_out(self, cast: Cast, fire: Namespace, request_about_nils: Request) -> None:
        members.remove(membership=of(cast.nils, fire), by=cast.paula)
        self.close()

    def test_with_the_account(self, cast: Cast, request_about_nils: Request) -> None:
        deletions.ask(by=cast.nils)
        deletions.begin(person=cast.nils, by=cast.olga)
        assert Request.objects.get().state == Request.State.WITHDRAWN

    def test_when_the_account_is_merged_and_asked_again_if_need_be(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        merging.on_accounts_merged(User, kept=cast.otto, emptied=cast.nils, by=cast.olga)
        assert asked() == [("Otto Brandt", "away", "withdrawn")]
        be_away(cast.otto)
        takeovers.look()
        assert asked()[1:] == [("Otto Brandt", "away", "pending")]

    def test_not_while_another_sign_takes_its_place(self, cast: Cast, request_about_nils: Request) -> None:
        suspend(cast.nils, cast)
        assert takeovers.look() == (0, 0)
        assert asked() == [("Nils Berg", "suspended", "pending")]
        suspensions.lift(person=cast.nils, by=cast.olga)
        assert takeovers.look() == (0, 0)
        assert asked() == [("Nils Berg", "away", "pending")]


class TestDeciding:
    def test_successor_is_admin_and_the_one_who_is_gone_an_editor(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        before = generation(fire)
        decided = requests.approve(request=request_about_nils, successor=cast.eda, by=cast.paula)
        assert (role_of(cast.eda, fire), role_of(cast.nils, fire)) == (Role.ADMIN, Role.EDITOR)
        assert (decided.state, decided.decided_by, decided.successor) == ("approved", cast.paula, cast.eda)
        assert Request.objects.get().successor == cast.eda
        assert acts() == ["request.made", "request.approved", "member.took_over", "member.role"]
        assert Event.objects.get(act="member.took_over").after["instead_of"] == str(cast.nils.pk)
        assert generation(fire) > before
        assert "You are an admin of avis-fire now: you take over from Nils Berg" in told(cast.eda)
        assert "You are editor in avis-fire now" in told(cast.nils)
        assert not any("request" in each for each in told(cast.nils))
        assert takeovers.look() == (0, 0)

    def test_by_who_takes_over_themselves(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        requests.approve(request=request_about_nils, successor=cast.paula, by=cast.paula)
        assert (role_of(cast.paula, fire), role_of(cast.nils, fire)) == (Role.ADMIN, Role.EDITOR)

    def test_of_a_last_admin_who_is_suspended_by_an_operator(self, cast: Cast, fire: Namespace) -> None:
        suspend(cast.nils, cast)
        takeovers.look()
        requests.approve(request=Request.objects.get(), successor=cast.vera, by=cast.olga)
        assert (role_of(cast.vera, fire), role_of(cast.nils, fire)) == (Role.ADMIN, Role.EDITOR)
        suspensions.lift(person=cast.nils, by=cast.olga)
        assert role_of(cast.nils, fire) == Role.EDITOR

    def test_by_an_operator_where_no_member_is_left(self, cast: Cast, hidden: Namespace) -> None:
        be_away(cast.paula)
        takeovers.look()
        requests.approve(request=Request.objects.get(), successor=cast.olga, by=cast.olga)
        assert (role_of(cast.olga, hidden), role_of(cast.paula, hidden)) == (Role.ADMIN, Role.EDITOR)

    def test_what_they_had_named_is_over(self, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        be_away(cast.nils)
        takeovers.look()
        requests.approve(request=Request.objects.get(), successor=cast.eda, by=cast.paula)
        assert succession.named_in(fire) == []

    @pytest.mark.parametrize("who", ["nils", "eda", "vera", "otto", "ana"])
    def test_only_by_the_other_admins_and_operators(
        self, cast: Cast, request_about_nils: Request, who: str
    ) -> None:
        by = getattr(cast, who)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.approve(request=request_about_nils, successor=cast.eda, by=by)
        with Unchanged(), pytest.raises(NotAllowed):
            requests.deny(request=request_about_nils, note="", by=by)

    def test_not_withdrawn_nor_hurried_by_whom_it_is_about(
        self, cast: Cast, request_about_nils: Request
    ) -> None:
        Request.objects.update(created_at=Now() - 3 * DAY)
        for act in (requests.withdraw, requests.remind):
            with Unchanged(), pytest.raises(NotAllowed):
                act(request=request_about_nils, by=cast.nils)

    @pytest.mark.parametrize("who", ["nils", "otto"])
    def test_only_another_member_takes_over(self, cast: Cast, request_about_nils: Request, who: str) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="cannot take over"):
            requests.approve(request=request_about_nils, successor=getattr(cast, who), by=cast.paula)

    def test_nobody_is_no_choice(self, cast: Cast, request_about_nils: Request) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="Choose"):
            requests.approve(request=request_about_nils, by=cast.paula)

    def test_not_from_who_is_here_again(self, cast: Cast, request_about_nils: Request) -> None:
        be_away(cast.nils, 0)
        with Unchanged(), pytest.raises(StateConflict, match="here again"):
            requests.approve(request=request_about_nils, successor=cast.eda, by=cast.paula)

    def test_not_twice(self, cast: Cast, request_about_nils: Request) -> None:
        requests.approve(request=request_about_nils, successor=cast.eda, by=cast.paula)
        with Unchanged(), pytest.raises(StateConflict, match="decided already"):
            requests.approve(request=request_about_nils, successor=cast.vera, by=cast.paula)

    def test_is_taken_back_among_the_members(self, cast: Cast, request_about_nils: Request) -> None:
        decided = requests.approve(request=request_about_nils, successor=cast.eda, by=cast.paula)
        assert not requests.can_be_undone(decided, timezone.now())
        with Unchanged(), pytest.raises(StateConflict, match="Roles were changed"):
            requests.undo(request=decided, by=cast.paula)


class TestStaying:
    def test_changes_nothing_and_is_not_asked_again_for_the_same_sign_for_a_time(
        self, cast: Cast, fire: Namespace, request_about_nils: Request
    ) -> None:
        before = generation(fire)
        requests.deny(request=request_about_nils, note="On parental leave.", by=cast.paula)
        assert (generation(fire), role_of(cast.nils, fire)) == (before, Role.ADMIN)
        assert told(cast.nils) == ["Others are asked who takes over avis-fire from you"]
        assert takeovers.look() == (0, 0)
        Request.objects.update(decided_at=Now() - 91 * DAY)
        assert takeovers.look() == (0, 1)

    def test_another_sign_is_asked_about(self, cast: Cast, request_about_nils: Request) -> None:
        requests.deny(request=request_about_nils, note="", by=cast.paula)
        suspend(cast.nils, cast)
        assert takeovers.look() == (0, 1)

    def test_lesser_sign_is_not_asked_about_beside_it(self, cast: Cast, fire: Namespace) -> None:
        be_away(cast.nils)
        suspend(cast.nils, cast)
        takeovers.look()
        requests.deny(request=Request.objects.get(), note="", by=cast.paula)
        assert takeovers.look() == (0, 0)

    def test_so_is_another_admin(self, cast: Cast, fire: Namespace, request_about_nils: Request) -> None:
        requests.deny(request=request_about_nils, note="", by=cast.paula)
        be_away(cast.paula)
        assert takeovers.look() == (0, 1)

    def test_is_taken_back(self, cast: Cast, request_about_nils: Request) -> None:
        denied = requests.deny(request=request_about_nils, note="", by=cast.paula)
        assert requests.can_be_undone(denied, timezone.now())
        requests.undo(request=denied, by=cast.paula)
        assert asked() == [("Nils Berg", "away", "pending")]
        assert told(cast.nils) == ["Others are asked who takes over avis-fire from you"]


def test_workers_come_round(cast: Cast, fire: Namespace) -> None:
    be_away(cast.nils)
    housekeeping.remind()
    assert asked() == [("Nils Berg", "away", "pending")]
