"""The directory in memory: made again after each change that it shows, and only then."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.actions import people
from accounts.audience import Audience
from accounts.claims import Claims
from accounts.errors import NotAllowed
from accounts.models import Level, User
from namespaces import directory
from namespaces.access import Role
from namespaces.actions import members, namespaces
from namespaces.actions.namespaces import Page, PublicationEntry
from namespaces.directory import PAGE_SIZE, Key, Query, find
from namespaces.models import PARTS, Membership, Namespace, Software, Visibility
from namespaces.showing import Card
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _fresh() -> None:
    directory.forget()


def card(fire: Namespace) -> Card:
    return directory.current().by_id[fire.pk][Audience.MEMBERS]


def test_card_is_kept_while_nothing_changes(fire: Namespace) -> None:
    first = directory.current()
    with CaptureQueriesContext(connection) as queries:
        assert directory.current() is first
    assert len(queries) == 1


def test_only_the_cards_of_what_changed_are_made_again(
    cast: Cast, fire: Namespace, hidden: Namespace
) -> None:
    before = directory.current().by_id
    namespaces.edit_page(namespace=fire, page=Page(title="New"), version=1, by=cast.nils)
    after = directory.current().by_id
    assert after[hidden.pk] is before[hidden.pk]
    assert after[fire.pk] is not before[fire.pk]


def test_edited_page_is_shown_at_once(cast: Cast, fire: Namespace) -> None:
    assert card(fire).title == ""
    page = Page(title="New", software=("GDAL",), publications=(PublicationEntry("A"),))
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    assert (card(fire).title, card(fire).software, len(card(fire).publications)) == ("New", ("GDAL",), 1)


def test_hidden_namespace_leaves_the_public_cards_at_once(cast: Cast, fire: Namespace) -> None:
    assert [each.name for each in directory.current().cards()] == ["avis-fire"]
    page = Page(visibility=Visibility.MEMBERS)
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    assert directory.current().cards() == []
    assert directory.current().cards(own={fire.pk}) == [card(fire)]
    assert directory.current().cards(Audience.MEMBERS) == [card(fire)]


def test_new_namespace_is_shown_at_once(cast: Cast, fire: Namespace) -> None:
    assert len(directory.current().cards()) == 1
    namespaces.create(cluster=fire.cluster, name="avis-rip", page=Page(), by=cast.paula)
    assert len(directory.current().cards()) == 2


def test_new_admin_and_their_institution_are_shown_at_once(cast: Cast, fire: Namespace) -> None:
    otto = factories.person("Otilia Brandt", institution="UC Merced")
    assert card(fire).institutions == (("UC Santa Cruz", 4),)
    members.add(namespace=fire, person=otto, role=Role.ADMIN, by=cast.nils)
    assert card(fire).admins == ("Nils Berg", "Otilia Brandt", "Paula Ilić")
    assert card(fire).institutions == (("UC Santa Cruz", 4), ("UC Merced", 1))


def test_removed_admin_is_gone_at_once(cast: Cast, fire: Namespace) -> None:
    assert "Nils Berg" in card(fire).admins
    members.remove(membership=Membership.objects.get(namespace=fire, person=cast.nils), by=cast.paula)
    assert card(fire).admins == ("Paula Ilić",)


def test_admin_who_became_a_guest_is_gone_at_once(cast: Cast, fire: Namespace) -> None:
    assert "Nils Berg" in card(fire).admins
    people.set_level(person=cast.nils, level=Level.GUEST, by=cast.olga)
    assert card(fire).admins == ("Paula Ilić",)


def log_in(person: User, **changes: str) -> None:
    """Let somebody come back with what their provider says of them now."""
    identity = person.identities.get()
    said = {"name": person.name, "email": person.email, "institution": person.institution} | changes
    claims = Claims(identity.issuer, identity.subject, **said)  # type: ignore[arg-type]
    people.welcome_back(identity=identity, claims=claims)


def test_new_name_and_institution_of_a_person_are_shown_at_once(cast: Cast, fire: Namespace) -> None:
    assert "Nils Berg" in card(fire).admins
    log_in(cast.nils, name="Nils Berger", institution="UC Merced")
    assert "Nils Berger" in card(fire).admins
    assert ("UC Merced", 1) in card(fire).institutions


def test_login_that_changes_nothing_leaves_the_cards(cast: Cast, fire: Namespace) -> None:
    log_in(cast.nils)
    first = directory.current()
    log_in(cast.nils)
    assert directory.current() is first


@pytest.mark.parametrize("chosen", Audience)
def test_admin_is_named_to_whom_they_chose(cast: Cast, fire: Namespace, chosen: Audience) -> None:
    directory.current()
    people.set_named_to(person=cast.nils, audience=chosen, by=cast.nils)
    named = {
        audience: "Nils Berg" in card.admins for audience, card in directory.current().by_id[fire.pk].items()
    }
    assert named == {audience: audience.reads(chosen) for audience in Audience}


def test_admins_are_named_to_who_is_logged_in_unless_they_choose_otherwise(fire: Namespace) -> None:
    cards = directory.current().by_id[fire.pk]
    assert cards[Audience.PUBLIC].admins == ()
    assert cards[Audience.PUBLIC].has_admins
    assert cards[Audience.SIGNED_IN].admins == ("Nils Berg", "Paula Ilić")


def test_nobody_chooses_for_somebody_else(cast: Cast) -> None:
    with pytest.raises(NotAllowed):
        people.set_named_to(person=cast.nils, audience=Audience.PUBLIC, by=cast.olga)


VALUES: dict[str, object] = {
    "title": "Smoke", "description": "Plumes", "pi_name": "Alex Pang", "institution": "UC Merced", "field": "Ecology",
    "software": ("GDAL",), "publications": (PublicationEntry("A paper"),),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("written_for", Audience)
def test_part_of_a_page_is_read_by_its_audience_and_nobody_else(
    cast: Cast, fire: Namespace, part: str, written_for: Audience
) -> None:
    page = Page(**VALUES, audiences={part: written_for})  # type: ignore[arg-type]
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    for audience, shown in directory.current().by_id[fire.pk].items():
        for each in PARTS:
            assert bool(getattr(shown, each)) == (each != part or audience.reads(written_for))


def test_own_namespaces_are_told_apart_only_where_members_read_more(
    cast: Cast, fire: Namespace, hidden: Namespace
) -> None:
    known = directory.current()
    assert known.telling([fire.pk], Audience.SIGNED_IN) == set()
    assert known.telling([fire.pk, hidden.pk], Audience.SIGNED_IN) == {hidden.pk}
    page = Page(description="For us", audiences={"description": Audience.MEMBERS})
    namespaces.edit_page(namespace=fire, page=page, version=1, by=cast.nils)
    known = directory.current()
    assert known.telling([fire.pk], Audience.SIGNED_IN) == {fire.pk}
    assert [each.description for each in known.cards(Audience.SIGNED_IN)] == [""]
    assert [each.description for each in known.cards(Audience.SIGNED_IN, {fire.pk})] == ["For us"]


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
    assert shown(Query()) == ["a-older", "avis-fire"]
    assert shown(Query(sort="newest")) == ["avis-fire", "a-older"]


def shown(query: Query) -> list[str]:
    return [each.name for each in find(query, directory.current().cards()).cards]


@pytest.mark.parametrize("sort", ["name", "newest", "publications"])
def test_page_keeps_its_place_when_namespaces_come_and_go(cast: Cast, fire: Namespace, sort: str) -> None:
    factories.NamespaceFactory.create_batch(3 * PAGE_SIZE, cluster=fire.cluster)
    first = find(Query(sort=sort), directory.current().cards())
    second = find(Query(sort=sort, after=first.after), directory.current().cards())
    assert first.before is None
    assert second.numbers == (PAGE_SIZE + 1, 2 * PAGE_SIZE)
    assert find(Query(sort=sort, before=second.before), directory.current().cards()).cards == first.cards
    name = "a-first" if sort != "newest" else "zz-newest"
    factories.NamespaceFactory.create(cluster=fire.cluster, name=name)
    Namespace.objects.filter(pk=first.cards[-1].id).update(visibility="members", page_version=2)
    again = find(Query(sort=sort, after=first.after), directory.current().cards())
    assert again.cards == second.cards


def test_among_some_are_only_those_that_the_reader_may_know_of(fire: Namespace, hidden: Namespace) -> None:
    other = factories.NamespaceFactory.create(cluster=fire.cluster, name="other")
    known, some = directory.current(), [hidden.pk, uuid4(), other.pk]
    names = [
        [each.name for each in known.cards(audience, own, some)]
        for audience, own in (
            (Audience.SIGNED_IN, ()),
            (Audience.SIGNED_IN, {hidden.pk}),
            (Audience.MEMBERS, ()),
        )
    ]
    assert names == [["other"], ["quiet-lab", "other"], ["quiet-lab", "other"]]


def test_values_of_a_facet_that_differ_in_case_only_have_one_order(fire: Namespace) -> None:
    for software in (("ray", "Ray"), ("Ray", "ray")):
        for name in software:
            namespace = factories.NamespaceFactory.create(cluster=fire.cluster)
            Software.objects.create(namespace=namespace, name=name)
        cards = directory.current().cards()
        for order in (cards, cards[::-1]):
            assert [name for name, _number in find(Query(), order).facets["software"]] == ["Ray", "ray"]


def test_pages_together_hold_everything_once(fire: Namespace) -> None:
    factories.NamespaceFactory.create_batch(2 * PAGE_SIZE + 5, cluster=fire.cluster)
    known = directory.current().cards()
    seen: list[Card] = []
    page = find(Query(), known)
    while page.after:
        seen += page.cards
        page = find(Query(after=page.after), known)
    assert sorted((*seen, *page.cards), key=lambda card: card.name) == sorted(
        known, key=lambda card: card.name
    )
    assert page.numbers == (2 * PAGE_SIZE + 1, 2 * PAGE_SIZE + 6)


def test_place_after_the_end_is_an_empty_page_and_before_it_the_last(fire: Namespace) -> None:
    known, end = directory.current().cards(), Key(1.0, "zz", fire.pk)
    assert find(Query(after=end), known).cards == ()
    assert find(Query(before=end), known).cards == tuple(known)


@pytest.mark.parametrize(
    "text", ["", "~", "1~a~b", "x~a~" + "0" * 32, "nan~a~" + "0" * 32, "1~a~" + "0" * 32 + "~"]
)
def test_what_is_no_key_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Key.read(text)


def test_key_is_read_as_it_was_written(fire: Namespace) -> None:
    key = Key(-1764338400.123456, "avis-fire", fire.pk)
    assert Key.read(str(key)) == key
