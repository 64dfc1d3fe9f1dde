"""Admins name in advance who takes over from them, and whatever ends their part lets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.actions import deletions, dormancy, people, suspensions
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Level, User
from audit.models import Event
from namespaces import policy
from namespaces.access import Role
from namespaces.actions import ends, members, merging, succession
from namespaces.models import Membership, Namespace
from notifications.models import Delivery
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = [pytest.mark.django_db, pytest.mark.database]
REASON = "Their laptop was stolen, with a session open on it."
Act = Callable[[Membership, Cast], object]


@pytest.fixture
def alone(cast: Cast, fire: Namespace) -> Namespace:
    """The namespace avis-fire, with Nils as its only admin."""
    Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
    return fire


@pytest.fixture
def named(cast: Cast, alone: Namespace) -> Namespace:
    """The same, and Nils has named Eda."""
    succession.name(namespace=alone, successor=cast.eda, by=cast.nils)
    return alone


def current(namespace: Namespace, person: User) -> Membership:
    found = Membership.objects.current().select_related("person", "namespace__cluster")
    return found.get(namespace=namespace, person=person)


def role_of(person: User, namespace: Namespace) -> str:
    return current(namespace, person).role


def is_named(namespace: Namespace) -> list[tuple[str, str]]:
    return [
        (str(each.person), str(each.successor and each.successor.person))
        for each in succession.named_in(namespace)
    ]


def told(person: User) -> list[str]:
    return list(Delivery.objects.filter(person=person, channel="inbox").values_list("subject", flat=True))


class TestNaming:
    def test_is_told_and_recorded_and_gives_no_right(self, cast: Cast, alone: Namespace) -> None:
        before, may = generation(alone), policy.permissions(cast.eda, alone)
        succession.name(namespace=alone, successor=cast.eda, by=cast.nils)
        assert is_named(alone) == [("Nils Berg", "Eda Kaya")]
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id, event.after) == (
            "successor.named", str(cast.nils.pk), str(current(alone, cast.nils).pk),
            {"successor": str(cast.eda.pk)},
        )  # fmt: skip
        assert told(cast.eda) == ["Nils Berg has named you to take over avis-fire"]
        assert policy.permissions(cast.eda, alone) == may
        assert generation(alone) == before

    def test_again_replaces_the_first_who_is_told(self, cast: Cast, named: Namespace) -> None:
        succession.name(namespace=named, successor=cast.vera, by=cast.nils)
        assert is_named(named) == [("Nils Berg", "Vera Lind")]
        assert "You do not take over avis-fire from Nils Berg any more" in told(cast.eda)
        assert told(cast.vera) == ["Nils Berg has named you to take over avis-fire"]

    def test_is_taken_back(self, cast: Cast, named: Namespace) -> None:
        succession.name(namespace=named, successor=None, by=cast.nils)
        assert is_named(named) == []
        assert acts() == ["successor.named", "successor.ended"]
        assert "You do not take over avis-fire from Nils Berg any more" in told(cast.eda)
        with pytest.raises(StateConflict, match="last admin"):
            members.remove(membership=current(named, cast.nils), by=cast.nils)

    def test_same_again_says_nothing(self, cast: Cast, named: Namespace) -> None:
        with Unchanged():
            succession.name(namespace=named, successor=cast.eda, by=cast.nils)

    def test_each_admin_names_their_own(self, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        succession.name(namespace=fire, successor=cast.nils, by=cast.paula)
        assert is_named(fire) == [("Nils Berg", "Eda Kaya"), ("Paula Ilić", "Nils Berg")]

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana", "olga"])
    def test_only_by_an_admin_for_themselves(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            succession.name(namespace=fire, successor=cast.vera, by=getattr(cast, who))

    @pytest.mark.parametrize("change", [{"is_active": False}, {"level": Level.GUEST}])
    def test_not_by_an_admin_who_does_not_count(
        self, cast: Cast, fire: Namespace, change: dict[str, object]
    ) -> None:
        User.objects.filter(pk=cast.nils.pk).update(**change)
        with Unchanged(), pytest.raises(NotAllowed):
            succession.name(namespace=fire, successor=cast.vera, by=cast.nils)

    @pytest.mark.parametrize("who", ["nils", "otto", "ana"])
    def test_only_another_member_who_counts(self, cast: Cast, fire: Namespace, who: str) -> None:
        factories.MembershipFactory.create(namespace=fire, person=cast.ana)  # a guest
        with Unchanged(), pytest.raises(StateConflict, match="no member who could take over"):
            succession.name(namespace=fire, successor=getattr(cast, who), by=cast.nils)

    def test_not_somebody_who_is_suspended(self, cast: Cast, fire: Namespace) -> None:
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)
        with Unchanged(), pytest.raises(StateConflict):
            succession.name(namespace=fire, successor=cast.eda, by=cast.nils)

    def test_database_lets_nobody_name_themselves(self, cast: Cast, fire: Namespace) -> None:
        nils = current(fire, cast.nils)
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.filter(pk=nils.pk).update(successor=nils)


class TestEndOfNaming:
    @pytest.mark.parametrize("who", ["nils", "eda"])
    @pytest.mark.parametrize(
        "act",
        [
            pytest.param(lambda each, cast: members.remove(membership=each, by=cast.paula), id="removed"),
            pytest.param(lambda each, _cast: members.remove(membership=each, by=each.person), id="left"),
            pytest.param(
                lambda each, cast: people.set_level(person=each.person, level=Level.GUEST, by=cast.olga),
                id="guest",
            ),
            pytest.param(lambda each, _cast: come_to_its_end(each), id="ended"),
        ],
    )
    def test_it_ends_by_itself_and_does_not_come_back(
        self, cast: Cast, fire: Namespace, who: str, act: Act
    ) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        person = getattr(cast, who)
        act(current(fire, person), cast)
        assert is_named(fire) == []
        assert "successor.ended" in acts()
        if Membership.objects.current().filter(namespace=fire, person=person).exists():
            people.set_level(person=person, level=Level.USER, by=cast.olga)
        else:
            members.add(namespace=fire, person=person, role=Role.ADMIN, by=cast.paula)
        assert is_named(fire) == []

    def test_with_the_role_of_who_named(self, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        for role in (Role.EDITOR, Role.ADMIN):
            members.set_role(membership=current(fire, cast.nils), role=role, by=cast.paula)
            assert is_named(fire) == []

    def test_not_with_a_merge_that_one_of_them_is_kept_in(self, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        merging.on_accounts_merged(User, kept=cast.vera, emptied=cast.eda, by=cast.olga)
        assert is_named(fire) == [("Nils Berg", "Vera Lind")]
        factories.MembershipFactory.create(namespace=fire, person=cast.otto, role=Role.VIEWER)
        merging.on_accounts_merged(User, kept=cast.otto, emptied=cast.nils, by=cast.olga)
        assert is_named(fire) == [("Otto Brandt", "Vera Lind")]
        merging.on_accounts_merged(User, kept=cast.vera, emptied=cast.otto, by=cast.olga)
        assert is_named(fire) == []

    def test_not_with_a_suspension_that_is_lifted(self, cast: Cast, fire: Namespace) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)
        assert is_named(fire) == []
        suspensions.lift(person=cast.eda, by=cast.olga)
        assert is_named(fire) == [("Nils Berg", "Eda Kaya")]


def come_to_its_end(membership: Membership) -> None:
    past = timezone.now() - timedelta(seconds=1)
    Membership.objects.filter(pk=membership.pk).update(ends_at=past)
    ends.end_due()


def delete(membership: Membership, cast: Cast) -> None:
    deletions.ask(by=membership.person)
    deletions.begin(person=membership.person, by=cast.olga)


ACTS = [
    pytest.param(lambda each, _cast: members.remove(membership=each, by=each.person), id="leaves"),
    pytest.param(lambda each, cast: members.remove(membership=each, by=cast.olga), id="removed"),
    pytest.param(
        lambda each, _cast: members.set_role(membership=each, role=Role.EDITOR, by=each.person),
        id="steps down",
    ),
    pytest.param(
        lambda each, cast: suspensions.suspend(person=each.person, reason=REASON, until=None, by=cast.olga),
        id="suspended",
    ),
    pytest.param(
        lambda each, cast: people.set_level(person=each.person, level=Level.GUEST, by=cast.olga), id="guest"
    ),
    pytest.param(lambda each, _cast: come_to_its_end(each), id="ends"),
    pytest.param(delete, id="deleted"),
]


class TestTakingOver:
    @pytest.mark.parametrize("act", ACTS)
    def test_named_one_becomes_admin_and_is_told(self, cast: Cast, named: Namespace, act: Act) -> None:
        before = generation(named)
        act(current(named, cast.nils), cast)
        assert role_of(cast.eda, named) == Role.ADMIN
        assert Membership.objects.admins().filter(namespace=named).get().person == cast.eda
        event = Event.objects.get(act="member.took_over")
        assert (event.before, event.after) == (
            {"role": "editor"},
            {"role": "admin", "person": str(cast.eda.pk), "instead_of": str(cast.nils.pk)},
        )
        assert "You are an admin of avis-fire now: you take over from Nils Berg" in told(cast.eda)
        assert generation(named) > before

    @pytest.mark.parametrize("act", ACTS)
    def test_nobody_does_while_there_is_another_admin(self, cast: Cast, fire: Namespace, act: Act) -> None:
        succession.name(namespace=fire, successor=cast.eda, by=cast.nils)
        act(current(fire, cast.nils), cast)
        assert role_of(cast.eda, fire) == Role.EDITOR
        assert "member.took_over" not in acts()

    @pytest.mark.parametrize("act", [act for act in ACTS if act.id != "ends"])
    def test_one_who_is_suspended_does_not(self, cast: Cast, named: Namespace, act: Act) -> None:
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)
        with pytest.raises(StateConflict, match="last admin of avis-fire"), transaction.atomic():
            act(current(named, cast.nils), cast)
        assert Membership.objects.admins().filter(namespace=named).get().person == cast.nils

    def test_where_the_end_comes_and_the_named_one_is_suspended_the_admin_stays(
        self, cast: Cast, named: Namespace
    ) -> None:
        suspensions.suspend(person=cast.eda, reason=REASON, until=None, by=cast.olga)
        come_to_its_end(current(named, cast.nils))
        assert role_of(cast.nils, named) == Role.ADMIN
        assert acts()[-1] == "member.kept"

    def test_all_namespaces_without_one_are_named_and_nothing_changes(
        self, cast: Cast, named: Namespace
    ) -> None:
        second = factories.NamespaceFactory.create(cluster=named.cluster, name="avis-rip")
        factories.MembershipFactory.create(namespace=second, person=cast.nils, role=Role.ADMIN)
        with Unchanged(), pytest.raises(StateConflict, match="is the last admin of avis-rip"):
            suspensions.suspend(person=cast.nils, reason=REASON, until=None, by=cast.olga)

    def test_dormant_admin_is_suspended(self, cast: Cast, named: Namespace, settings: Settings) -> None:
        settings.SUSPEND_DORMANT, settings.DORMANT_DAYS, settings.DORMANT_WARNING_DAYS = True, 100, 10
        now = timezone.now()
        User.objects.filter(pk=cast.nils.pk).update(
            last_seen_at=now - timedelta(days=200), warned_at=now - timedelta(days=20)
        )
        assert dormancy.warn_and_suspend()[1] == 1
        assert role_of(cast.eda, named) == Role.ADMIN
        assert Event.objects.get(act="member.took_over").actor == ""

    def test_end_of_a_last_admin_may_be_set_where_one_is_named(self, cast: Cast, named: Namespace) -> None:
        nils = current(named, cast.nils)
        members.set_end(membership=nils, ends_at=timezone.now() + timedelta(days=3), by=cast.nils)
        assert nils.ends_at is None
        assert current(named, cast.nils).ends_at is not None
        succession.name(namespace=named, successor=None, by=cast.nils)
        sooner = timezone.now() + timedelta(days=2)
        with Unchanged(), pytest.raises(StateConflict, match="last admin"):
            members.set_end(membership=current(named, cast.nils), ends_at=sooner, by=cast.nils)

    def test_undone_removal_makes_two_admins(self, cast: Cast, named: Namespace) -> None:
        nils = current(named, cast.nils)
        members.remove(membership=nils, by=cast.olga)
        members.restore(membership=nils, by=cast.olga)
        assert {role_of(person, named) for person in (cast.nils, cast.eda)} == {Role.ADMIN}


class TestHandingOver:
    def test_successor_is_admin_and_they_are_out(self, cast: Cast, alone: Namespace) -> None:
        succession.hand_over_and_leave(namespace=alone, successor=cast.vera, by=cast.nils)
        assert role_of(cast.vera, alone) == Role.ADMIN
        assert not Membership.objects.current().filter(namespace=alone, person=cast.nils).exists()
        assert acts() == ["member.took_over", "member.left"]

    def test_also_where_there_is_another_admin(self, cast: Cast, fire: Namespace) -> None:
        succession.hand_over_and_leave(namespace=fire, successor=cast.vera, by=cast.nils)
        assert role_of(cast.vera, fire) == Role.ADMIN

    def test_to_another_admin_is_leaving(self, cast: Cast, fire: Namespace) -> None:
        succession.hand_over_and_leave(namespace=fire, successor=cast.paula, by=cast.nils)
        assert acts() == ["member.left"]

    @pytest.mark.parametrize("who", ["nils", "otto"])
    def test_not_to_who_cannot_take_over(self, cast: Cast, alone: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(StateConflict):
            succession.hand_over_and_leave(namespace=alone, successor=getattr(cast, who), by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "olga"])
    def test_only_by_an_admin(self, cast: Cast, alone: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            succession.hand_over_and_leave(namespace=alone, successor=cast.paula, by=getattr(cast, who))
