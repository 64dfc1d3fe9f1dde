"""The directory in memory: made again after each change that it shows, and only then."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actions import people
from accounts.models import Level, User
from namespaces import directory
from namespaces.access import Role
from namespaces.actions import members, namespaces
from namespaces.actions.namespaces import Page, PublicationEntry
from namespaces.directory import Card, Query, find, fold
from namespaces.models import Membership, Namespace, Visibility
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    directory.forget()


def card(fire: Namespace) -> Card:
    return directory.current().by_id[fire.pk]


def test_card_is_kept_while_nothing_changes(fire: Namespace) -> None:
    first = directory.current()
    with CaptureQueriesContext(connection) as queries:
        assert directory.current() is first
    assert len(queries) == 1


def test_edited_page_is_shown_at_once(cast: Cast, fire: Namespace) -> None:
    assert card(fire).title == ""
    page = Page(title="New", software=("GDAL",), publications=(PublicationEntry("A"),))
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    assert (card(fire).title, card(fire).software, card(fire).publications) == ("New", ("GDAL",), 1)


def test_hidden_namespace_leaves_the_public_cards_at_once(cast: Cast, fire: Namespace) -> None:
    assert directory.current().cards() == [card(fire)]
    page = Page(visibility=Visibility.MEMBERS)
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    assert directory.current().cards() == []
    assert directory.current().cards(hidden={fire.pk}) == [card(fire)]
    assert directory.current().cards(everything=True) == [card(fire)]


def test_new_namespace_is_shown_at_once(cast: Cast, fire: Namespace) -> None:
    assert len(directory.current().cards()) == 1
    namespaces.create(cluster=fire.cluster, name="avis-rip", page=Page(), by=cast.paula)
    assert len(directory.current().cards()) == 2


def test_new_admin_and_their_institution_are_shown_at_once(cast: Cast, fire: Namespace) -> None:
    otto = factories.person("Otilia Brandt", institution="UC Merced")
    assert card(fire).institutions == ("UC Santa Cruz",)
    members.add(namespace=fire, person=otto, role=Role.ADMIN, by=cast.nils)
    assert card(fire).admins == ("Nils Berg", "Otilia Brandt", "Paula Ilić")
    assert card(fire).institutions == ("UC Merced", "UC Santa Cruz")


def test_removed_admin_is_gone_at_once(cast: Cast, fire: Namespace) -> None:
    assert "Nils Berg" in card(fire).admins
    members.remove(membership=Membership.objects.get(namespace=fire, person=cast.nils), by=cast.paula)
    assert card(fire).admins == ("Paula Ilić",)


def test_admin_who_became_a_guest_is_gone_at_once(cast: Cast, fire: Namespace) -> None:
    assert "Nils Berg" in card(fire).admins
    people.set_level(person=cast.nils, level=Level.GUEST, by=cast.olga)
    assert card(fire).admins == ("Paula Ilić",)


def test_new_name_of_a_person_is_shown_once_the_cards_are_old(
    cast: Cast, fire: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Nils Berg" in card(fire).admins
    User.objects.filter(pk=cast.nils.pk).update(name="Nils Berger")
    assert "Nils Berg" in card(fire).admins
    monkeypatch.setattr(directory, "NAMES_MAX_AGE", 0.0)
    assert "Nils Berger" in card(fire).admins


def test_answers_are_kept_with_the_cards_and_dropped_with_them(cast: Cast, fire: Namespace) -> None:
    made: list[int] = []
    for _ in range(2):
        directory.current().remember("key", lambda: made.append(1))
    assert made == [1]
    namespaces.edit_page(namespace=fire, page=Page(title="New"), version=1, by=cast.nils)
    directory.current().remember("key", lambda: made.append(1))
    assert made == [1, 1]


def test_kept_answers_do_not_pile_up(fire: Namespace) -> None:
    known = directory.current()
    for number in range(3 * directory.ANSWERS_KEPT):
        assert known.remember(number, lambda number=number: number) == number  # type: ignore[misc]
    assert len(known.answers) <= directory.ANSWERS_KEPT


def test_cards_are_sorted_newest_first_when_asked(cast: Cast, fire: Namespace) -> None:
    older = factories.NamespaceFactory.create(cluster=fire.cluster, name="a-older")
    Namespace.objects.filter(pk=older.pk).update(created_at="2020-01-01T00:00Z")
    known = directory.current().cards()
    assert [each.name for each in find(Query(), known).cards] == ["a-older", "avis-fire"]
    assert [each.name for each in find(Query(sort="newest"), known).cards] == ["avis-fire", "a-older"]


def test_search_ignores_case_and_accents() -> None:
    assert fold("Ilić MÜLLER") == "ilic muller"
