"""Adding, changing the role of, removing, leaving: the rules, the events, the generation, the knock."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction
from pytest_django import Settings

from accounts.actions import identities, people, suspensions
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.issuers import Issuer
from accounts.models import Level, Suspension, User
from audit.models import Event
from clusters.models import Cluster
from namespaces.access import Role
from namespaces.actions import members, namespaces
from namespaces.actions.namespaces import Page
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, generation

pytestmark = pytest.mark.django_db


def membership(namespace: Namespace, person: User) -> Membership:
    return Membership.objects.current().get(namespace=namespace, person=person)


def is_member(namespace: Namespace, person: User) -> bool:
    return Membership.objects.current().filter(namespace=namespace, person=person).exists()


class TestAdd:
    @pytest.mark.parametrize("role", list(Role))
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_admin_or_operator_adds_a_user(self, cast: Cast, fire: Namespace, who: str, role: Role) -> None:
        by = getattr(cast, who)
        made = members.add(namespace=fire, person=cast.otto, role=role, by=by)
        assert membership(fire, cast.otto) == made
        assert made.role == role
        assert generation(fire) == fire.generation + 1
        event = Event.objects.get()
        assert (event.act, event.actor, event.object_id) == ("member.added", str(by.pk), str(made.pk))
        assert event.after == {"role": role, "person": str(cast.otto.pk)}
        assert event.namespace_id == str(fire.pk)

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_nobody_else_adds_anybody(self, cast: Cast, fire: Namespace, who: str) -> None:
        other = factories.PersonFactory.create()
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=other, role=Role.VIEWER, by=getattr(cast, who))

    def test_admin_of_another_namespace_adds_nobody_here(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=hidden, person=cast.otto, role=Role.VIEWER, by=cast.nils)

    def test_level_admin_alone_adds_nobody(self, cast: Cast, fire: Namespace) -> None:
        level_admin = factories.PersonFactory.create(level=Level.ADMIN)
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=level_admin)

    def test_nobody_adds_themselves(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=cast.nils, role=Role.ADMIN, by=cast.nils)

    def test_operator_adds_himself_and_it_is_recorded(self, cast: Cast, fire: Namespace) -> None:
        members.add(namespace=fire, person=cast.olga, role=Role.VIEWER, by=cast.olga)
        assert Event.objects.get().actor == str(cast.olga.pk)

    def test_member_is_not_added_again(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(StateConflict, match="member of avis-fire already"):
            members.add(namespace=fire, person=cast.eda, role=Role.ADMIN, by=cast.nils)

    def test_former_member_comes_back_with_a_new_membership(self, cast: Cast, fire: Namespace) -> None:
        old = members.remove(membership=membership(fire, cast.eda), by=cast.nils)
        new = members.add(namespace=fire, person=cast.eda, role=Role.VIEWER, by=cast.nils)
        assert new.pk != old.pk
        assert Membership.objects.get(pk=old.pk).ended_at is not None

    def test_account_that_is_not_active_is_not_added(self, cast: Cast, fire: Namespace) -> None:
        User.objects.filter(pk=cast.otto.pk).update(is_active=False)
        with Unchanged(), pytest.raises(StateConflict, match="not active"):
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)

    @pytest.mark.parametrize("who", ["paula", "olga"])
    def test_adding_a_guest_vouches_for_them(self, cast: Cast, fire: Namespace, who: str) -> None:
        members.add(namespace=fire, person=cast.ana, role=Role.EDITOR, by=getattr(cast, who))
        assert User.objects.get(pk=cast.ana.pk).level == Level.USER
        assert list(Event.objects.values_list("act", flat=True)) == ["person.vouched", "member.added"]

    def test_admin_of_level_user_adds_no_guest(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(NotAllowed, match="vouch"):
            members.add(namespace=fire, person=cast.ana, role=Role.VIEWER, by=cast.nils)

    def test_guest_is_judged_by_the_row_not_by_the_page(self, cast: Cast, fire: Namespace) -> None:
        """The form was made when Ana was a user."""
        stale = User.objects.get(pk=cast.otto.pk)
        User.objects.filter(pk=cast.otto.pk).update(level=Level.GUEST)
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=stale, role=Role.VIEWER, by=cast.nils)

    @pytest.mark.parametrize("change", [{"level": Level.GUEST}, {"is_active": False}])
    def test_admin_switched_off_since_the_page_was_loaded_adds_nobody(
        self, cast: Cast, fire: Namespace, change: dict[str, object]
    ) -> None:
        User.objects.filter(pk=cast.nils.pk).update(**change)
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)

    def test_admin_removed_since_the_page_was_loaded_adds_nobody(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=membership(fire, cast.nils), by=cast.paula)
        with Unchanged(), pytest.raises(NotAllowed):
            members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils)

    def test_role_that_does_not_exist_is_refused_by_the_database(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(DatabaseError), transaction.atomic():
            members.add(namespace=fire, person=cast.otto, role="owner", by=cast.nils)  # type: ignore[arg-type]


class TestSetRole:
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_admin_or_operator_changes_a_role(self, cast: Cast, fire: Namespace, who: str) -> None:
        before = membership(fire, cast.eda)
        changed = members.set_role(membership=before, role=Role.ADMIN, by=getattr(cast, who))
        assert changed.pk == before.pk
        after = membership(fire, cast.eda)
        assert after.role == Role.ADMIN
        assert after.changed_at > before.changed_at
        assert generation(fire) == fire.generation + 1
        event = Event.objects.get()
        assert (event.act, event.object_id) == ("member.role", str(before.pk))
        assert (event.before["role"], event.after["role"]) == ("editor", "admin")

    @pytest.mark.parametrize("who", ["eda", "vera", "otto", "ana"])
    def test_nobody_else_changes_one_and_nobody_raises_themselves(
        self, cast: Cast, fire: Namespace, who: str
    ) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.set_role(membership=membership(fire, cast.eda), role=Role.ADMIN, by=getattr(cast, who))

    def test_admin_of_another_namespace_does_not(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        """The check is made in the membership's own namespace, whatever the page was about."""
        with Unchanged(), pytest.raises(NotAllowed):
            members.set_role(membership=membership(hidden, cast.paula), role=Role.VIEWER, by=cast.nils)

    def test_same_role_again_is_no_change(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged():
            members.set_role(membership=membership(fire, cast.eda), role=Role.EDITOR, by=cast.nils)

    def test_ended_membership_has_no_role_to_change(self, cast: Cast, fire: Namespace) -> None:
        old = membership(fire, cast.eda)
        members.remove(membership=old, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="ended"):
            members.set_role(membership=old, role=Role.VIEWER, by=cast.nils)

    def test_last_admin_stays_admin(self, cast: Cast, hidden: Namespace) -> None:
        for by in (cast.paula, cast.olga):
            with Unchanged(), pytest.raises(StateConflict, match="last admin of quiet-lab"):
                members.set_role(membership=membership(hidden, cast.paula), role=Role.EDITOR, by=by)

    def test_one_of_two_admins_steps_down(self, cast: Cast, fire: Namespace) -> None:
        members.set_role(membership=membership(fire, cast.nils), role=Role.VIEWER, by=cast.nils)
        assert membership(fire, cast.nils).role == Role.VIEWER

    @pytest.mark.parametrize("other", [{"level": Level.GUEST}, {"is_active": False}])
    def test_admin_without_effect_is_not_the_other_admin(
        self, cast: Cast, hidden: Namespace, other: dict[str, object]
    ) -> None:
        factories.MembershipFactory.create(
            namespace=hidden, person=factories.PersonFactory.create(**other), role=Role.ADMIN
        )
        with Unchanged(), pytest.raises(StateConflict):
            members.set_role(membership=membership(hidden, cast.paula), role=Role.VIEWER, by=cast.paula)

    def test_role_that_does_not_exist_is_refused_by_the_database(self, cast: Cast, fire: Namespace) -> None:
        with Unchanged(), pytest.raises(DatabaseError), transaction.atomic():
            members.set_role(
                membership=membership(fire, cast.eda),
                role="owner",  # type: ignore[arg-type]
                by=cast.nils,
            )


class TestRemove:
    @pytest.mark.parametrize("who", ["nils", "paula", "olga"])
    def test_admin_or_operator_removes_a_member(self, cast: Cast, fire: Namespace, who: str) -> None:
        old = membership(fire, cast.eda)
        members.remove(membership=old, by=getattr(cast, who))
        assert not is_member(fire, cast.eda)
        assert generation(fire) == fire.generation + 1
        event = Event.objects.get()
        assert (event.act, event.object_id) == ("member.removed", str(old.pk))
        assert event.before == {"role": "editor", "person": str(cast.eda.pk)}

    def test_ended_membership_stays_as_a_tombstone(self, cast: Cast, fire: Namespace) -> None:
        old = membership(fire, cast.eda)
        members.remove(membership=old, by=cast.nils)
        kept = Membership.objects.get(pk=old.pk)
        assert (kept.role, kept.person, kept.namespace) == (Role.EDITOR, cast.eda, fire)
        assert kept.ended_at is not None

    @pytest.mark.parametrize("who", ["vera", "otto", "ana"])
    def test_nobody_else_removes_anybody(self, cast: Cast, fire: Namespace, who: str) -> None:
        with Unchanged(), pytest.raises(NotAllowed):
            members.remove(membership=membership(fire, cast.eda), by=getattr(cast, who))

    def test_admin_of_another_namespace_does_not(
        self, cast: Cast, fire: Namespace, hidden: Namespace
    ) -> None:
        factories.MembershipFactory.create(namespace=hidden, person=cast.otto)
        with Unchanged(), pytest.raises(NotAllowed):
            members.remove(membership=membership(hidden, cast.otto), by=cast.nils)

    @pytest.mark.parametrize("who", ["eda", "vera", "nils"])
    def test_member_leaves(self, cast: Cast, fire: Namespace, who: str) -> None:
        person = getattr(cast, who)
        members.remove(membership=membership(fire, person), by=person)
        assert not is_member(fire, person)
        event = Event.objects.get()
        assert (event.act, event.actor) == ("member.left", str(person.pk))

    def test_admin_removes_another_admin_even_the_creator(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=membership(fire, cast.paula), by=cast.nils)
        assert not is_member(fire, cast.paula)

    def test_last_admin_neither_leaves_nor_is_removed(self, cast: Cast, hidden: Namespace) -> None:
        for by in (cast.paula, cast.olga):
            with Unchanged(), pytest.raises(StateConflict, match="last admin of quiet-lab"):
                members.remove(membership=membership(hidden, cast.paula), by=by)

    def test_last_two_admins_cannot_both_go(self, cast: Cast, fire: Namespace) -> None:
        members.remove(membership=membership(fire, cast.nils), by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict):
            members.remove(membership=membership(fire, cast.paula), by=cast.paula)

    @pytest.mark.parametrize("other", [{"level": Level.GUEST}, {"is_active": False}])
    def test_admin_without_effect_is_not_the_other_admin(
        self, cast: Cast, hidden: Namespace, other: dict[str, object]
    ) -> None:
        factories.MembershipFactory.create(
            namespace=hidden, person=factories.PersonFactory.create(**other), role=Role.ADMIN
        )
        with Unchanged(), pytest.raises(StateConflict):
            members.remove(membership=membership(hidden, cast.paula), by=cast.paula)

    def test_removed_twice_is_told_and_recorded_once(self, cast: Cast, fire: Namespace) -> None:
        old = membership(fire, cast.eda)
        members.remove(membership=old, by=cast.nils)
        with Unchanged(), pytest.raises(StateConflict, match="ended"):
            members.remove(membership=old, by=cast.paula)


class TestPersonChanged:
    def test_guest_who_is_the_last_admin_is_refused_whoever_asks(self, cast: Cast, hidden: Namespace) -> None:
        User.objects.filter(pk=cast.paula.pk).update(level=Level.GUEST)
        cast.paula.refresh_from_db()
        with pytest.raises(StateConflict):
            members.on_person_changed(User, person=cast.paula)

    def test_account_that_is_not_active_counts_as_little(self, cast: Cast, hidden: Namespace) -> None:
        cast.paula.is_active = False
        with pytest.raises(StateConflict):
            members.on_person_changed(User, person=cast.paula)

    def test_person_without_memberships_touches_nothing(self, cast: Cast, fire: Namespace) -> None:
        members.on_person_changed(User, person=cast.otto)
        assert generation(fire) == fire.generation


ACTS: dict[str, Callable[[Cast, Namespace], object]] = {
    "add": lambda cast, fire: members.add(namespace=fire, person=cast.otto, role=Role.VIEWER, by=cast.nils),
    "set_role": lambda cast, fire: members.set_role(
        membership=membership(fire, cast.eda), role=Role.VIEWER, by=cast.nils
    ),
    "remove": lambda cast, fire: members.remove(membership=membership(fire, cast.eda), by=cast.nils),
    "leave": lambda cast, fire: members.remove(membership=membership(fire, cast.eda), by=cast.eda),
}


@pytest.mark.parametrize("act", ACTS)
class TestEveryAct:
    def test_knocks_once_and_only_after_the_commit(
        self, cast: Cast, fire: Namespace, act: str, django_capture_on_commit_callbacks: Callable[..., object],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:  # fmt: skip
        knocks: list[tuple[list[object], str]] = []
        monkeypatch.setattr("namespaces.tasks.knock", lambda ids, lane: knocks.append((ids, lane)))
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
            ACTS[act](cast, fire)
            assert knocks == []
        assert knocks == [([fire.pk], CHANGES if act == "add" else REVOCATIONS)]

    def test_writes_one_event(self, cast: Cast, fire: Namespace, act: str) -> None:
        ACTS[act](cast, fire)
        assert Event.objects.count() == 1

    def test_raises_the_generation_by_one_and_notes_when(self, cast: Cast, fire: Namespace, act: str) -> None:
        ACTS[act](cast, fire)
        after = Namespace.objects.get(pk=fire.pk)
        assert after.generation == fire.generation + 1
        assert after.changed_at > fire.changed_at

    def test_leaves_nothing_behind_when_its_transaction_is_rolled_back(
        self, cast: Cast, fire: Namespace, act: str, django_capture_on_commit_callbacks: Callable[..., object]
    ) -> None:
        with django_capture_on_commit_callbacks() as callbacks, Unchanged(), transaction.atomic():  # type: ignore[attr-defined]
            ACTS[act](cast, fire)
            transaction.set_rollback(True)
        assert callbacks == []

    def test_does_not_write_other_columns_back(self, cast: Cast, fire: Namespace, act: str) -> None:
        """Objects read earlier hold an old generation; saving them whole would lose somebody else's change."""
        held = membership(fire, cast.eda)
        held.namespace.generation  # noqa: B018 - the old row is in memory now
        Namespace.objects.filter(pk=fire.pk).update(generation=41, title="New title")
        ACTS[act](cast, fire)
        after = Namespace.objects.get(pk=fire.pk)
        assert (after.generation, after.title) == (42, "New title")


def test_who_is_an_admin_without_effect_links_and_retires_and_comes_in_again(
    cast: Cast, cluster: Cluster, settings: Settings
) -> None:
    """An operator who is a guest creates a namespace: nothing that takes nothing away fails for that."""
    issuer = cast.olga.identities.get().issuer
    settings.ISSUERS = (Issuer(id="one", name="One", issuer=issuer, client_id="c", client_secret="s"),)
    oskar = factories.person("Oskar", is_superuser=True)
    people.set_level(person=cast.olga, level=Level.GUEST, by=oskar)
    namespaces.create(cluster=cluster, name="lab-fire", page=Page(title="Lab"), by=cast.olga)
    linked = identities.link(claims=Claims(issuer=issuer, subject="second"), by=cast.olga)
    identities.retire(identity=linked, by=cast.olga)
    with pytest.raises(StateConflict, match="last admin"):
        suspensions.suspend(person=cast.olga, reason="Out.", until=None, by=oskar)
    User.objects.filter(pk=cast.olga.pk).update(is_active=False)
    Suspension.objects.create(person=cast.olga, reason="Out.", by=oskar)
    suspensions.lift(person=cast.olga, by=oskar)
    assert people.as_stored(cast.olga).is_active
