"""Who takes over when the last admin of a namespace is suspended, or becomes a guest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.actions import deletions
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Level, Suspension, User
from audit.models import Event
from namespaces.access import Role
from namespaces.actions import succession
from namespaces.actions.succession import Successors
from namespaces.models import Membership, Namespace
from tests import factories
from tests.conftest import Cast
from tests.namespaces.actions.changes import Unchanged, acts, generation

pytestmark = pytest.mark.django_db
REASON = "Their laptop was stolen, with a session open on it."
Act = Callable[[User, User, Successors], object]


def suspend(person: User, by: User, successors: Successors) -> object:
    return succession.suspend(person=person, reason=REASON, until=None, by=by, successors=successors)


def demote(person: User, by: User, successors: Successors) -> object:
    return succession.set_level(person=person, level=Level.GUEST, by=by, successors=successors)


@pytest.fixture(params=[suspend, demote])
def act(request: pytest.FixtureRequest) -> Act:
    function: Act = request.param
    return function


@pytest.fixture
def alone(cast: Cast, fire: Namespace) -> Namespace:
    """The namespace avis-fire, with Nils as its only admin."""
    Membership.objects.filter(namespace=fire, person=cast.paula).update(role=Role.EDITOR)
    return fire


def role_of(person: User, namespace: Namespace) -> str:
    return Membership.objects.current().get(namespace=namespace, person=person).role


def test_successor_becomes_admin(cast: Cast, alone: Namespace, act: Act) -> None:
    before = generation(alone)
    act(cast.nils, cast.olga, {alone.pk: cast.eda})
    assert role_of(cast.eda, alone) == Role.ADMIN
    assert role_of(cast.nils, alone) == Role.ADMIN  # without effect
    assert acts()[0] == "member.took_over"
    event = Event.objects.earliest("id")
    assert (event.actor, event.before, event.after) == (
        str(cast.olga.pk), {"role": "editor"},
        {"role": "admin", "person": str(cast.eda.pk), "instead_of": str(cast.nils.pk)},
    )  # fmt: skip
    assert generation(alone) > before
    cast.nils.refresh_from_db()
    assert (cast.nils.is_active, cast.nils.level) in [(False, Level.USER), (True, Level.GUEST)]


def test_operator_takes_over_where_nobody_else_is(cast: Cast, hidden: Namespace, act: Act) -> None:
    act(cast.paula, cast.olga, {hidden.pk: cast.olga})
    assert role_of(cast.olga, hidden) == Role.ADMIN
    assert acts()[0] == "member.added"


def test_without_one_for_each_nothing_changes(
    cast: Cast, alone: Namespace, cluster: object, act: Act
) -> None:
    second = factories.NamespaceFactory.create(cluster=alone.cluster, name="avis-rip")
    factories.MembershipFactory.create(namespace=second, person=cast.nils, role=Role.ADMIN)
    with Unchanged(), pytest.raises(StateConflict, match="is the last admin of avis-rip"):
        act(cast.nils, cast.olga, {alone.pk: cast.eda})


def test_deletion_names_all_that_lack_one(cast: Cast, alone: Namespace) -> None:
    for name in ("avis-rip", "avis-sea"):
        namespace = factories.NamespaceFactory.create(cluster=alone.cluster, name=name)
        factories.MembershipFactory.create(namespace=namespace, person=cast.nils, role=Role.ADMIN)
    deletions.ask(by=cast.nils)
    with Unchanged(), pytest.raises(StateConflict, match="is the last admin of avis-rip, avis-sea"):
        succession.delete(person=cast.nils, by=cast.olga, successors={alone.pk: cast.eda})


@pytest.mark.parametrize("change", [{"is_active": False}, {"level": Level.GUEST}])
def test_successor_who_does_not_count_any_more_is_refused(
    cast: Cast, alone: Namespace, act: Act, change: dict[str, object]
) -> None:
    User.objects.filter(pk=cast.eda.pk).update(**change)
    with Unchanged(), pytest.raises(StateConflict, match="Eda Kaya cannot take over avis-fire any more"):
        act(cast.nils, cast.olga, {alone.pk: cast.eda})


@pytest.mark.parametrize("who", ["otto", "nils"])
def test_who_is_no_other_member_is_refused_where_members_are_left(
    cast: Cast, alone: Namespace, act: Act, who: str
) -> None:
    with Unchanged(), pytest.raises(StateConflict, match="cannot take over avis-fire"):
        act(cast.nils, cast.olga, {alone.pk: getattr(cast, who)})


def test_nobody_but_the_operator_takes_over_where_no_member_counts(
    cast: Cast, hidden: Namespace, act: Act
) -> None:
    factories.MembershipFactory.create(namespace=hidden, person=cast.ana)  # a guest
    for person in (cast.ana, cast.otto):
        with Unchanged(), pytest.raises(StateConflict, match="cannot take over quiet-lab"):
            act(cast.paula, cast.olga, {hidden.pk: person})


def test_choice_for_a_namespace_that_has_another_admin_is_passed_over(
    cast: Cast, fire: Namespace, act: Act
) -> None:
    act(cast.nils, cast.olga, {fire.pk: cast.eda})
    assert role_of(cast.eda, fire) == Role.EDITOR


def test_without_a_choice_whom_they_named_takes_over_and_a_choice_counts_more(
    cast: Cast, alone: Namespace, act: Act
) -> None:
    succession.name(namespace=alone, successor=cast.eda, by=cast.nils)
    second = factories.NamespaceFactory.create(cluster=alone.cluster, name="avis-rip")
    for person, role in ((cast.nils, Role.ADMIN), (cast.eda, Role.VIEWER), (cast.vera, Role.VIEWER)):
        factories.MembershipFactory.create(namespace=second, person=person, role=role)
    succession.name(namespace=second, successor=cast.eda, by=cast.nils)
    act(cast.nils, cast.olga, {second.pk: cast.vera})
    assert role_of(cast.eda, alone) == Role.ADMIN
    assert (role_of(cast.vera, second), role_of(cast.eda, second)) == (Role.ADMIN, Role.VIEWER)


def test_other_levels_ask_for_no_successor(cast: Cast, hidden: Namespace) -> None:
    succession.set_level(person=cast.paula, level=Level.USER, by=cast.olga, successors={})
    assert User.objects.get(pk=cast.paula.pk).level == Level.USER


@pytest.mark.parametrize("who", ["paula", "eda", "otto"])
def test_only_operators_do(cast: Cast, alone: Namespace, act: Act, who: str) -> None:
    with Unchanged(), pytest.raises(NotAllowed, match="Only operators"):
        act(cast.nils, getattr(cast, who), {alone.pk: cast.eda})
    assert not Suspension.objects.exists()
