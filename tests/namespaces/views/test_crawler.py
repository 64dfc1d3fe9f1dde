"""A crawler follows every link from the start page, feed, JSON and sitemap, and finds nothing that it may not read."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from django.test import Client

from accounts.models import Identity, Level, User
from clusters.models import Cluster
from namespaces import search
from namespaces.access import Role
from namespaces.directory import PAGE_SIZE
from namespaces.models import PARTS, Namespace, Publication, Software
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

STARTS = ("/", "/namespaces/", "/namespaces/new.atom", "/namespaces/all.json", "/sitemap.xml", "/robots.txt")
BASE = "http://localhost:8088"
LINK = re.compile(
    r"""(?:href|src|action|hx-get)="([^"]*)"|<loc>([^<]*)</loc>|"(?:next|url)": "([^"]*)"|Sitemap: (\S+)"""
)
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
MOST_PAGES = 600
AUDIENCES = ("public", "signed_in", "members")


def word(audience: str, part: str, number: int = 0) -> str:
    """Return a word that occurs in one part of one page, and nowhere else."""
    return f"w{audience.replace('_', '')}{part.replace('_', '')}{number}w"


@dataclass
class World:
    """A well-filled portal. By what they are: `secrets` are what nobody may read who is no member, `signed_in` what is
    for whoever is logged in, `public` what is for everybody."""

    secrets: dict[str, str] = field(default_factory=dict)
    signed_in: dict[str, str] = field(default_factory=dict)
    public: dict[str, str] = field(default_factory=dict)

    def of(self, audience: str) -> dict[str, str]:
        return {"public": self.public, "signed_in": self.signed_in, "members": self.secrets}[audience]


@pytest.fixture
def world(cluster: Cluster, cast: Cast) -> World:
    """Namespaces of each visibility, with each part for each audience, with admins who are named to each."""
    made = World()
    for number in range(PAGE_SIZE + 3):
        factories.NamespaceFactory.create(cluster=cluster, name=f"plain-{number}", created_by=cast.paula)
    for number, written_for in enumerate(AUDIENCES):
        texts = {part: word(written_for, part) for part in PARTS}
        namespace = _namespace(cluster, f"shown-{number}", texts, dict.fromkeys(PARTS, written_for))
        institution = texts["institutions"]
        _member(namespace, f"Editor{number} Nobody", Role.EDITOR, institution=institution, level=Level.USER)
        for audience in AUDIENCES:
            name = f"Admin{number}{audience.replace('_', '')} Named"
            _member(namespace, name, Role.ADMIN, named_to=audience)
            made.of(audience)[f"admin of {written_for}, named to {audience}"] = name
        made.of(written_for).update({f"{part} for {written_for}": text for part, text in texts.items()})
        made.secrets[f"member {number}"] = f"Editor{number} Nobody"
    for visibility in ("unlisted", "members"):
        texts = {part: word(visibility, part, 7) for part in PARTS}
        namespace = _namespace(cluster, f"dark-{visibility}", texts, {}, visibility)
        _member(
            namespace,
            f"Admin {visibility} Dark",
            Role.ADMIN,
            institution=texts["institutions"],
            named_to="public",
        )
        made.secrets |= {f"{part} of {visibility}": text for part, text in texts.items()}
        made.secrets |= {
            f"name of {visibility}": namespace.name,
            f"admin of {visibility}": f"Admin {visibility} Dark",
        }
    search.write_all()
    for person in User.objects.all():
        made.secrets[f"address of {person.name}"] = person.email
    for identity in Identity.objects.all():
        made.secrets[f"subject of {identity.person.name}"] = identity.subject
    return made


def _namespace(
    cluster: Cluster, name: str, texts: dict[str, str], audiences: dict[str, str], visibility: str = "listed"
) -> Namespace:
    columns = {
        part: text for part, text in texts.items() if part not in ("software", "publications", "institutions")
    }
    made = factories.NamespaceFactory.create(
        cluster=cluster, name=name, visibility=visibility, **columns,
        **{f"{part}_to": audience for part, audience in audiences.items()},
    )  # fmt: skip
    Software.objects.create(namespace=made, name=texts["software"])
    Publication.objects.create(namespace=made, title=texts["publications"], link="https://example.org/paper")
    return made


def _member(namespace: Namespace, name: str, role: Role, **values: str) -> None:
    person = factories.person(name, **{"institution": "UC Santa Cruz", **values})
    factories.MembershipFactory.create(namespace=namespace, person=person, role=role)


@dataclass
class Page:
    address: str
    status: int
    said: str


def crawl(client: Client, world: World) -> Iterator[Page]:
    """Follow every link, and ask for every secret by search; yield what is answered, headers and all."""
    asked = [quote(text) for text in (*world.secrets.values(), *world.signed_in.values())]
    waiting = deque([*STARTS, *(f"/namespaces/?q={text}" for text in asked), "/namespaces/all.json?q=plain"])
    seen: set[str] = set(waiting)
    while waiting:
        address = waiting.popleft()
        answer = client.get(address)
        headers = "\n".join(f"{name}: {value}" for name, value in answer.headers.items())
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content  # type: ignore[attr-defined]
        page = Page(address, answer.status_code, f"{headers}\n{body.decode(errors='replace')}")
        yield page
        for link in _links(page):
            # Of a page that was searched or narrowed, only the next: else each facet is combined with each other.
            is_wide = "?" in link and "?" in address and "after=" not in link
            if link not in seen and not is_wide and "/logout/" not in link:
                seen.add(link)
                waiting.append(link)
        assert len(seen) < MOST_PAGES, "the crawl does not end"


def _links(page: Page) -> Iterator[str]:
    location = re.findall(r"^Location: (\S+)", page.said, re.MULTILINE)
    for link in (*location, *("".join(found) for found in LINK.findall(page.said))):
        parts = urlsplit(urljoin(BASE + page.address, unescape(link)))
        if f"{parts.scheme}://{parts.netloc}" == BASE and not parts.path.startswith("/static/"):
            yield parts.path + (f"?{parts.query}" if parts.query else "")


def tells(page: Page, text: str) -> bool:
    """Whether a page tells something; what the crawler itself asked for does not count as an answer."""
    asked = unquote(unquote(unquote(page.address)))  # the way to log in and back here has it in itself
    said = unescape(page.said)
    return text not in asked and (text in said or quote(text, safe="") in said)


def leaks(pages: list[Page], secrets: dict[str, str]) -> list[str]:
    """Return which pages tell which secrets."""
    return [
        f"{page.address}: {what}" for page in pages for what, text in secrets.items() if tells(page, text)
    ]


def unread(pages: list[Page], texts: dict[str, str]) -> set[str]:
    """Return what no page tells."""
    return {what for what, text in texts.items() if not any(tells(page, text) for page in pages)}


def addresses(pages: list[Page]) -> list[str]:
    """Return the e-mail addresses on pages, whosever they are."""
    found = ((page, each) for page in pages for each in ADDRESS.findall(unquote(unescape(page.said))))
    return [f"{page.address}: {each}" for page, each in found if each not in unquote(unquote(page.address))]


def test_who_is_not_logged_in_reads_what_is_public_and_no_more(world: World) -> None:
    pages = list(crawl(Client(), world))
    secrets = world.secrets | world.signed_in
    assert leaks(pages, secrets) == []
    assert addresses(pages) == []
    found = {page.address for page in pages}
    assert unread(pages, world.public) == set()
    assert [page.address for page in pages if page.status >= 400 and page.status != 405] == []
    assert found >= {"/namespaces/nautilus/shown-2/", "/namespaces/nautilus/plain-26/", "/terms/"}


def test_guest_reads_what_is_for_who_is_logged_in_and_no_more(world: World, cast: Cast) -> None:
    client = Client()
    client.force_login(cast.ana)
    identity = cast.ana.identities.get()
    own = {cast.ana.email, identity.subject}
    secrets = {what: text for what, text in world.secrets.items() if text not in own}
    pages = list(crawl(client, world))
    assert leaks(pages, secrets) == []
    assert unread(pages, world.public | world.signed_in) == set()


def test_member_reads_all_of_their_own(world: World, cast: Cast) -> None:
    for namespace in Namespace.objects.filter(name__in=("shown-2", "dark-members", "dark-unlisted")):
        factories.MembershipFactory.create(namespace=namespace, person=cast.otto, role=Role.VIEWER)
    client = Client()
    client.force_login(cast.otto)
    mine = {what: text for what, text in world.secrets.items() if not what.startswith(("address", "subject"))}
    assert unread(list(crawl(client, world)), mine) == {  # of where they are no member
        "admin of public, named to members", "admin of signed_in, named to members", "member 0", "member 1",
    }  # fmt: skip


def test_address_that_an_admin_writes_is_read_by_who_is_logged_in_only(world: World, cast: Cast) -> None:
    for part in ("title", "description", "pi_name", "institution", "field"):
        Namespace.objects.filter(name="plain-26").update(
            **{part: f"Ask ana.kim@{part.replace('_', '')}.edu now"}
        )
    plain = Namespace.objects.get(name="plain-26")
    Software.objects.create(namespace=plain, name="tool@software.edu")
    Publication.objects.create(
        namespace=plain, title="By me@paper.edu", link="https://example.org/me@paper.edu"
    )
    _member(plain, "admin@name.edu", Role.ADMIN, named_to="public", institution="b@place.edu")
    search.write(plain.pk)
    pages = list(crawl(Client(), world))
    assert addresses(pages) == []
    assert any("address for who is logged in" in page.said for page in pages)
    client = Client()
    client.force_login(cast.ana)
    page = client.get("/namespaces/nautilus/plain-26/").content.decode()
    for place in (
        "title",
        "description",
        "piname",
        "institution",
        "field",
        "software",
        "paper",
        "name",
        "place",
    ):
        assert f"@{place}.edu" in page


@pytest.mark.parametrize("leak", ["subject", "hidden name", "for members", "for who is logged in"])
def test_crawler_finds_a_leak(world: World, cast: Cast, leak: str) -> None:
    """The test itself is tested: what is put in is found."""
    secret = {
        "subject": cast.nils.identities.get().subject,
        "hidden name": "dark-members",
        "for members": world.secrets["pi_name for members"],
        "for who is logged in": world.signed_in["software for signed_in"],
    }[leak]
    Namespace.objects.filter(name="plain-26").update(page_version=2, description=f"Ask {secret}")
    assert leaks(list(crawl(Client(), world)), world.secrets | world.signed_in)


def test_crawler_finds_an_address(world: World, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("namespaces.showing._masked", str)
    Namespace.objects.filter(name="plain-26").update(page_version=2, description=f"Ask {cast.nils.email}")
    pages = list(crawl(Client(), world))
    assert addresses(pages)
    assert leaks(pages, world.secrets)
