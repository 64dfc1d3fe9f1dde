"""The directory page: search, facets, sorting, pages, and what must not be seen or asked."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Level, User
from namespaces import search
from namespaces.access import Role
from namespaces.directory import PAGE_SIZE
from namespaces.models import Namespace, Publication, Software
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db


def names(browse: Browse, query: str = "") -> list[str]:
    """Return the names on the cards that an anonymous reader gets, in order."""
    return re.findall(r'href="/namespaces/[a-z0-9-]+/([a-z0-9-]+)/"', text(browse, query))


def text(browse: Browse, query: str = "") -> str:
    return browse(None).get(f"/namespaces/{query}").content.decode()


@pytest.fixture
def named(fire: Namespace) -> None:
    """Everybody agreed to be named."""
    User.objects.update(named_to="public")
    search.write_all()


@pytest.fixture
def rip(fire: Namespace) -> Namespace:
    made = factories.NamespaceFactory.create(
        name="avis-rip", cluster=fire.cluster, description="Finding rip currents", field="Oceanography",
        pi_name="Jürgen Müller", institution="UC Merced",
    )  # fmt: skip
    Software.objects.create(namespace=made, name="Tensorflow")
    Publication.objects.create(namespace=made, title="Rip currents", year=2022)
    search.write_all()
    return made


def test_card_says_what_is_public(browse: Browse, named: None, fire: Namespace, rip: Namespace) -> None:
    page = text(browse)
    for word in ("avis-fire", "Alex Pang", "UC Santa Cruz", "Nils Berg", "Paula Ilić", "Tensorflow"):
        assert word in page


def test_card_names_no_member_who_is_not_an_admin(browse: Browse, fire: Namespace) -> None:
    assert "Eda Kaya" not in text(browse)


def test_institution_of_a_guest_is_not_one_of_the_members(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    factories.MembershipFactory.create(namespace=fire, person=cast.ana)
    assert "University of Oklahoma" not in text(browse)


@pytest.mark.parametrize(
    "query", ["rip", "CURRENTS", "müller", "muller", "tensor", "merced", "oceanography", "finding+tensorflow"]
)
def test_every_word_finds_in_every_field(browse: Browse, rip: Namespace, query: str) -> None:
    assert names(browse, f"?q={query}") == ["avis-rip"]


def test_admin_who_agreed_is_found_by_name(
    browse: Browse, named: None, fire: Namespace, rip: Namespace
) -> None:
    assert names(browse, "?q=nils") == ["avis-fire"]


def test_member_who_is_not_an_admin_is_not_found_by_name(browse: Browse, fire: Namespace) -> None:
    assert names(browse, "?q=eda+kaya") == []


def test_all_words_must_be_found(browse: Browse, rip: Namespace) -> None:
    assert names(browse, "?q=rip+wildfire") == []


def test_nothing_found_says_what_to_do(browse: Browse, fire: Namespace) -> None:
    page = text(browse, "?q=zzz")
    assert "Nothing fits." in page
    assert "Show all namespaces" in page


def test_facet_narrows_and_counts_what_the_others_leave(browse: Browse, rip: Namespace) -> None:
    assert names(browse, "?institution=UC+Merced") == ["avis-rip"]
    assert names(browse, "?institution=UC+Merced&software=Python") == []
    page = text(browse, "?software=Tensorflow")
    assert "institution=UC+Merced&amp;software=Tensorflow" in page
    assert "institution=UC+Santa+Cruz" not in page


def test_sort_by_publications_puts_the_most_first(browse: Browse, fire: Namespace, rip: Namespace) -> None:
    assert names(browse) == ["avis-fire", "avis-rip"]
    assert names(browse, "?sort=publications") == ["avis-rip", "avis-fire"]


def test_pages_hold_few_and_the_last_page_the_rest(browse: Browse, fire: Namespace) -> None:
    factories.NamespaceFactory.create_batch(PAGE_SIZE, cluster=fire.cluster)
    assert len(names(browse)) == PAGE_SIZE
    [following] = re.findall(r'rel="next" href="/namespaces/([^"]+)"', text(browse))
    assert len(names(browse, html.unescape(following))) == 1
    assert "25 to 25" in text(browse, html.unescape(following))


def test_search_is_sorted_by_relevance_until_asked_otherwise(
    browse: Browse, fire: Namespace, rip: Namespace
) -> None:
    Namespace.objects.filter(pk=fire.pk).update(description="No rip currents here")
    search.write_all()
    assert names(browse, "?q=rip") == ["avis-rip", "avis-fire"]
    assert names(browse, "?q=rip&sort=name") == ["avis-fire", "avis-rip"]
    assert names(browse, "?sort=relevance") == ["avis-fire", "avis-rip"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("?x=1", "x"), ("?q=a&q=b", "q"), ("?page=2", "page"), ("?after=x", "after"), ("?before=1~a~b", "before"),
        ("?after=1~a~{id}&before=1~a~{id}", "after"), ("?sort=rank", "sort"), ("?q=" + "a" * 201, "q"),
        ("?software=%00", "software"), ("?field=%E2%80%AE", "field"), ("?institution=a&institution=b", "institution"),
    ],
)  # fmt: skip
def test_impossible_parameter_is_refused_by_its_name(
    browse: Browse, fire: Namespace, query: str, named: str
) -> None:
    answer = browse(None).get(f"/namespaces/{query.replace('{id}', fire.pk.hex)}")
    assert answer.status_code == 400
    assert f"“{named}”" in answer.content.decode()


def test_hidden_namespace_is_seen_by_its_members_and_operators_only(
    browse: Browse, cast: Cast, hidden: Namespace
) -> None:
    seen = {
        who: b"quiet-lab" in browse(getattr(cast, who) if who else None).get("/namespaces/").content
        for who in ("", "ana", "otto", "paula", "olga")
    }
    assert seen == {"": False, "ana": False, "otto": False, "paula": True, "olga": True}


def test_hidden_namespace_counts_in_no_facet_of_others(browse: Browse, cast: Cast, hidden: Namespace) -> None:
    Namespace.objects.filter(pk=hidden.pk).update(field="Secret science")
    assert b"Secret science" in browse(cast.paula).get("/namespaces/").content
    assert b"Secret science" not in browse(cast.otto).get("/namespaces/").content


def test_member_who_became_a_guest_no_longer_sees_the_hidden_one(
    browse: Browse, cast: Cast, hidden: Namespace
) -> None:
    factories.MembershipFactory.create(namespace=hidden, person=cast.otto, role=Role.VIEWER)
    client = browse(cast.otto)
    assert b"quiet-lab" in client.get("/namespaces/").content
    cast.otto.level = Level.GUEST
    cast.otto.save(update_fields=["level"])
    assert b"quiet-lab" not in client.get("/namespaces/").content


@pytest.mark.parametrize("count", [3, 40])
def test_number_of_queries_does_not_grow_with_the_directory(
    browse: Browse, fire: Namespace, count: int
) -> None:
    for namespace in factories.NamespaceFactory.create_batch(count, cluster=fire.cluster):
        factories.MembershipFactory.create(namespace=namespace, role=Role.ADMIN)
        Software.objects.create(namespace=namespace, name="Python")
    search.write_all()
    with CaptureQueriesContext(connection) as cold:
        text(browse)
    with CaptureQueriesContext(connection) as warm:
        text(browse)
    assert len(cold) == 7  # the stamp, the versions, four for the cards, the banners
    assert len(warm) == 2
    with CaptureQueriesContext(connection) as searched:
        text(browse, "?q=python")
    assert len(searched) == 3  # the stamp, the search, the banners
    with CaptureQueriesContext(connection) as mistyped:
        text(browse, "?q=pythonn")
    assert len(mistyped) in {
        5,
        6,
    }  # the words that there are, if others have changed them, and the search again


def test_text_of_a_page_is_escaped(browse: Browse, fire: Namespace) -> None:
    Namespace.objects.filter(pk=fire.pk).update(
        description="<script>alert(1)</script>{{ 7 }}", page_version=2
    )
    page = text(browse)
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page


def test_admin_who_did_not_agree_is_neither_named_nor_found_without_a_login(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    search.write_all()
    assert "Nils Berg" not in text(browse)
    assert names(browse, "?q=nils") == []
    assert b"Nils Berg" in browse(cast.ana).get("/namespaces/?q=nils").content


def test_member_reads_of_their_own_what_others_do_not(browse: Browse, cast: Cast, fire: Namespace) -> None:
    Namespace.objects.filter(pk=fire.pk).update(pi_name_to="members")
    seen = {
        who: b"Alex Pang" in browse(getattr(cast, who)).get("/namespaces/").content
        for who in ("otto", "vera", "olga")
    }
    assert seen == {"otto": False, "vera": True, "olga": True}


def test_namespace_that_is_not_listed_is_for_its_members_and_operators(
    browse: Browse, cast: Cast, hidden: Namespace
) -> None:
    Namespace.objects.filter(pk=hidden.pk).update(visibility="unlisted")
    seen = {
        who: b"quiet-lab" in browse(getattr(cast, who) if who else None).get("/namespaces/").content
        for who in ("", "otto", "paula", "olga")
    }
    assert seen == {"": False, "otto": False, "paula": True, "olga": True}
