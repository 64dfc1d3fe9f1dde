"""The rows of the people tables."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from namespaces import roster
from namespaces.models import Grant, Membership, Namespace
from tests import factories
from tests.conftest import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.database]


def ended(fire: Namespace, cast: Cast, ago: timedelta, state: str) -> None:
    Membership.objects.filter(namespace=fire, person=cast.eda).update(ended_at=timezone.now() - ago)
    identity = cast.eda.identities.get()
    Grant.objects.create(
        namespace=fire, identity=identity, membership=Membership.objects.get(namespace=fire, person=cast.eda),
        role="editor", username=identity.subject, binding_name="b", state=state, binding_uid="uid",
        proved_at=timezone.now(),
    )  # fmt: skip


def people(fire: Namespace) -> roster.Roster:
    """Return everybody on one page."""
    return roster.of(fire, list(roster.members(fire)), now=timezone.now())


def names(rows: list[roster.Row]) -> list[str]:
    return [row.person.name for row in rows]


def test_admins_come_first_then_names(fire: Namespace) -> None:
    found = people(fire)
    assert names(found.current) == ["Nils Berg", "Paula Ilić", "Eda Kaya", "Vera Lind"]
    assert found.former == []


@pytest.mark.parametrize(
    ("days", "state", "shown"),
    [(1, "revoked", True), (8, "revoked", False), (8, "revoking", True), (1, "revoking", True)],
)
def test_who_left_stays_until_proved_and_a_week(
    cast: Cast, fire: Namespace, days: int, state: str, shown: bool
) -> None:
    ended(fire, cast, timedelta(days=days), state)
    found = people(fire)
    assert names(found.former) == (["Eda Kaya"] if shown else [])
    assert "Eda Kaya" not in names(found.current)


def test_who_came_back_is_current_alone(cast: Cast, fire: Namespace) -> None:
    ended(fire, cast, timedelta(days=1), "revoked")
    factories.MembershipFactory.create(namespace=fire, person=cast.eda, role="viewer")
    found = people(fire)
    assert "Eda Kaya" in names(found.current)
    assert found.former == []


def test_table_is_final_when_every_row_is(cast: Cast, fire: Namespace) -> None:
    assert not people(fire).is_final
    Membership.objects.filter(namespace=fire).exclude(person=cast.eda).delete()
    ended(fire, cast, timedelta(days=1), "revoked")
    assert people(fire).is_final


def test_who_works_with_several_identities_is_shown_with_their_institutions(
    cast: Cast, fire: Namespace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    second = factories.IdentityFactory.create(person=cast.eda, institution="UC Merced")
    factories.IdentityFactory.create(person=cast.vera, institution="UC Merced", state="retired")
    found = people(fire)
    several = {row.person.name: row.institutions for row in found.current if row.institutions}
    assert several == {"Eda Kaya": ("UC Santa Cruz", second.institution)}
    with django_assert_num_queries(8):
        people(fire)


def test_of_many_who_left_the_newest_are_shown_and_the_others_counted(
    fire: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "FORMER_SHOWN", 2)
    for hours in range(4):
        gone = factories.MembershipFactory.create(namespace=fire, person__name=f"Gone {hours}")
        Membership.objects.filter(pk=gone.pk).update(ended_at=timezone.now() - timedelta(hours=hours))
    found = people(fire)
    assert (names(found.former), found.former_beside) == (["Gone 0", "Gone 1"], 2)


def test_last_of_several_ended_memberships_stands_for_them(fire: Namespace) -> None:
    first = factories.MembershipFactory.create(namespace=fire, role="viewer")
    Membership.objects.filter(pk=first.pk).update(ended_at=timezone.now() - timedelta(days=2))
    last = factories.MembershipFactory.create(namespace=fire, person=first.person, role="admin")
    Membership.objects.filter(pk=last.pk).update(ended_at=timezone.now() - timedelta(days=1))
    assert [row.membership.pk for row in people(fire).former] == [last.pk]
