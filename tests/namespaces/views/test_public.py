"""What programs read of the directory: the same for everybody, whoever asks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from pytest_django import Settings

from accounts.models import User
from namespaces import search
from namespaces.directory import PAGE_SIZE
from namespaces.models import PARTS, Namespace, Publication, Software
from tests import factories
from tests.conftest import Cast
from tests.namespaces.views.conftest import Browse

pytestmark = pytest.mark.django_db

FEED, LISTING, SITEMAP, ROBOTS = "/namespaces/new.atom", "/namespaces/all.json", "/sitemap.xml", "/robots.txt"
FIRE = "/namespaces/nautilus/avis-fire/"
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture(autouse=True)
def said(fire: Namespace, hidden: Namespace) -> None:
    """What avis-fire says, beside a namespace that is hidden and one that is not listed."""
    factories.NamespaceFactory.create(cluster=fire.cluster, name="half-hidden", visibility="unlisted")
    Namespace.objects.filter(pk=fire.pk).update(title="Wildfire & smoke", field="Ecology")
    Software.objects.create(namespace=fire, name="Python")
    Publication.objects.create(
        namespace=fire,
        title="Smoke plumes",
        link="https://doi.org/10.1/x",
        year=2024,
        authors="Pang, Alex; Kim, Ana",
    )
    User.objects.filter(name="Nils Berg").update(named_to="public")
    search.write_all()


@pytest.fixture
def get(browse: Browse, cast: Cast) -> Callable[..., str]:
    """Return a function that opens an address as somebody, and returns what is there."""

    def open_as(address: str, who: str = "") -> str:
        answer = browse(getattr(cast, who) if who else None).get(address)
        assert answer.status_code == 200
        return answer.content.decode()

    return open_as


def structured(page: str) -> dict[str, Any]:
    """Return what the page says in the words of schema.org."""
    [text] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    read: dict[str, Any] = json.loads(text)
    return read


def test_json_has_what_the_page_says(get: Callable[..., str], fire: Namespace) -> None:
    read = json.loads(get(LISTING))
    assert (read["total"], read["next"]) == (1, None)
    assert read["namespaces"] == [
        {
            "id": str(fire.pk), "url": f"http://localhost:8088{FIRE}", "cluster": "nautilus", "name": "avis-fire",
            "title": "Wildfire & smoke", "description": "What we do here.", "pi_name": "Alex Pang",
            "institution": "UC Santa Cruz", "field": "Ecology", "software": ["Python"],
            "publications": [
                {
                    "title": "Smoke plumes", "authors": ["Pang, Alex", "Kim, Ana"],
                    "link": "https://doi.org/10.1/x", "year": 2024,
                }
            ],
            "members_from": [{"institution": "UC Santa Cruz", "members": 4}], "admins": ["Nils Berg"],
            "created_at": fire.created_at.isoformat(), "logo": None, "institution_ror": None,
        }
    ]  # fmt: skip


def test_json_is_read_page_by_page_and_narrowed_like_the_page_for_people(
    get: Callable[..., str], fire: Namespace
) -> None:
    factories.NamespaceFactory.create_batch(2 * PAGE_SIZE, cluster=fire.cluster, field="Physics")
    seen, address = [], f"{LISTING}?field=Physics&sort=newest"
    while address:
        read = json.loads(get(address.removeprefix("http://localhost:8088")))
        seen += [each["name"] for each in read["namespaces"]]
        address = read["next"]
    assert len(seen) == len(set(seen)) == read["total"] == 2 * PAGE_SIZE
    assert [each["name"] for each in json.loads(get(f"{LISTING}?q=smoke"))["namespaces"]] == ["avis-fire"]


@pytest.mark.parametrize("query", ["?x=1", "?after=x", "?sort=rank"])
def test_json_refuses_what_the_page_refuses(browse: Browse, query: str) -> None:
    assert browse(None).get(LISTING + query).status_code == 400


def test_feed_has_the_new_namespaces_first(get: Callable[..., str], fire: Namespace) -> None:
    Namespace.objects.filter(pk=fire.pk).update(created_at="2020-01-01T00:00Z")
    newer = factories.NamespaceFactory.create(cluster=fire.cluster, name="avis-rip")
    feed = ElementTree.fromstring(get(FEED))
    entries = feed.findall(f"{ATOM}entry")
    assert [entry.findtext(f"{ATOM}title") for entry in entries] == [
        "avis-rip",
        "avis-fire: Wildfire & smoke",
    ]
    assert entries[0].findtext(f"{ATOM}id") == f"urn:uuid:{newer.pk}"
    assert entries[1].findtext(f"{ATOM}updated") == "2020-01-01T00:00:00+00:00"
    links = [link.get("href", "") for link in feed.iter(f"{ATOM}link")]
    assert f"http://localhost:8088{FEED}" in links
    assert f"http://localhost:8088{FIRE}" in links
    assert all(link.startswith("http://localhost:8088/") for link in links)


def test_sitemap_has_the_pages_that_are_for_everybody(get: Callable[..., str]) -> None:
    found = re.findall("<loc>(.*?)</loc>", get(SITEMAP))
    assert found == [f"http://localhost:8088{path}" for path in ("/", "/namespaces/", FIRE)]


def test_robots_are_told_where_the_sitemap_is_and_not_to_search(get: Callable[..., str]) -> None:
    assert get(ROBOTS).splitlines() == [
        "User-agent: *", "Disallow: /namespaces/?", "Disallow: /accounts/", "Sitemap: http://localhost:8088/sitemap.xml",
    ]  # fmt: skip


@pytest.mark.parametrize("address", [FEED, LISTING, SITEMAP, ROBOTS])
def test_whoever_asks_is_told_the_same(get: Callable[..., str], fire: Namespace, address: str) -> None:
    Namespace.objects.filter(pk=fire.pk).update(
        page_version=2, **dict.fromkeys((f"{part}_to" for part in PARTS), "members")
    )
    told = get(address)
    for who in ("ana", "eda", "paula", "olga"):
        assert get(address, who) == told
    for word in ("quiet-lab", "half-hidden", "Alex Pang", "Wildfire", "Paula"):
        assert word not in told


@pytest.mark.parametrize("address", [FEED, LISTING, SITEMAP, ROBOTS])
def test_who_has_it_already_is_told_so(browse: Browse, fire: Namespace, address: str) -> None:
    client = browse(None)
    first = client.get(address)
    assert first.headers["Cache-Control"] == "public, max-age=60"
    assert client.get(address, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    factories.NamespaceFactory.create(cluster=fire.cluster, name="avis-rip")
    again = client.get(address, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == (304 if address == ROBOTS else 200)


def test_page_of_a_namespace_describes_it_to_search_engines(get: Callable[..., str]) -> None:
    page = get(FIRE)
    read = structured(page)
    assert (read["@type"], read["name"], read["url"]) == (
        "ResearchProject", "Wildfire & smoke", f"http://localhost:8088{FIRE}",
    )  # fmt: skip
    assert {each["name"] for each in read["member"]} == {"Alex Pang", "Nils Berg", "UC Santa Cruz"}
    assert read["subjectOf"][0]["url"] == "https://doi.org/10.1/x"
    assert [each["name"] for each in read["subjectOf"][0]["author"]] == ["Pang, Alex", "Kim, Ana"]
    for line in (
        f'<link rel="canonical" href="http://localhost:8088{FIRE}">',
        f'<meta property="og:url" content="http://localhost:8088{FIRE}">',
        '<meta property="og:title" content="avis-fire: Wildfire &amp; smoke">',
        '<meta property="og:description" content="What we do here.">',
    ):
        assert line in page


def test_description_to_search_engines_is_the_public_one_for_members_too(
    get: Callable[..., str], fire: Namespace
) -> None:
    Namespace.objects.filter(pk=fire.pk).update(
        description_to="members", pi_name_to="signed_in", page_version=2
    )
    for who in ("", "eda", "olga"):
        page = get(FIRE, who)
        read = structured(page)
        assert "description" not in read
        assert [each["name"] for each in read["member"]] == ["Nils Berg", "UC Santa Cruz"]
        assert '<meta property="og:description" content="Wildfire &amp; smoke">' in page


def test_hidden_page_is_described_to_nobody(get: Callable[..., str]) -> None:
    page = get("/namespaces/nautilus/quiet-lab/", "paula")
    assert "ld+json" not in page
    assert "og:" not in page


def test_text_cannot_end_the_script_it_stands_in(get: Callable[..., str], fire: Namespace) -> None:
    text = "</script><script>alert(1)</script><!--\u2028"
    Namespace.objects.filter(pk=fire.pk).update(description=text, title=text, page_version=2)
    assert structured(get(FIRE))["description"] == text
    assert structured(get("/namespaces/"))["mainEntity"]["itemListElement"][0]["name"] == text
    assert "<script>alert" not in get(FIRE) + get("/namespaces/")


def test_directory_describes_itself_and_names_its_feeds(get: Callable[..., str]) -> None:
    for who in ("", "olga"):
        page = get("/namespaces/", who)
        [item] = structured(page)["mainEntity"]["itemListElement"]
        assert item["url"] == f"http://localhost:8088{FIRE}"
        assert 'type="application/atom+xml"' in page
        assert "og:title" in page


def test_start_page_has_a_social_preview(get: Callable[..., str]) -> None:
    assert '<meta property="og:url" content="http://localhost:8088/">' in get("/")


def test_addresses_are_those_of_the_installation_and_not_of_who_asks(
    get: Callable[..., str], settings: Settings
) -> None:
    settings.BASE_URL = "https://berth.example.org"
    for address in (FEED, LISTING, SITEMAP, ROBOTS):
        assert "https://berth.example.org/" in get(address)
        assert "localhost" not in get(address)
