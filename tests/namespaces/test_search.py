"""Finding namespaces by words: the same on both databases, and never by what the reader may not read."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.actions import people, suspensions
from accounts.audience import Audience
from accounts.claims import Claims
from accounts.errors import Refusal
from accounts.models import Level, User
from namespaces import search, showing
from namespaces.access import Role
from namespaces.actions import members, namespaces
from namespaces.actions.namespaces import Page, PublicationEntry
from namespaces.models import PARTS, Membership, Namespace, SearchDocument, Visibility
from namespaces.search import matching
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

PAGES = {
    "avis-fire": Page(
        title="Wildfire analysis", description="Where a fire started and its smoke went. Machine learning at night.",
        pi_name="Alex Pang", institution="UC Santa Cruz", field="Environmental science",
        software=("Python", "GDAL"), publications=(PublicationEntry("Smoke plumes in mountain-top cameras"),),
    ),
    "avis-rip": Page(
        title="Strömungen am Strand", description="Finding rip currents in beach videos; fire is no topic.",
        pi_name="Jürgen Müller-Straßer", institution="Universität Zürich", field="Oceanography",
        software=("Tensorflow", "Python"),
    ),
    "gandalf": Page(
        title="Écoulement des galaxies", description="Galaxy formation, and nothing that the others do.",
        pi_name="Zoë Żółć-Sørensen", institution="Université de Liège", field="Astronomy", software=("C++", "MPI"),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def written(cast: Cast, fire: Namespace) -> dict[str, Namespace]:
    """Three namespaces, with their documents."""
    search.forget()
    found = {"avis-fire": fire}
    for name in ("avis-rip", "gandalf"):
        found[name] = factories.NamespaceFactory.create(cluster=fire.cluster, name=name)
    for name, page in PAGES.items():
        namespaces.edit_page(namespace=found[name], page=page, version=1, by=cast.olga)
    return found


def found(text: str, audience: Audience = Audience.PUBLIC, own: set[object] | None = None) -> list[str]:
    """Return the names of what is found, the best first."""
    ranks = matching(text, audience, own or set())  # type: ignore[arg-type]
    names = dict(Namespace.objects.values_list("pk", "name"))
    return [names[key] for key in sorted(ranks, key=lambda key: (-ranks[key], names[key]))]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        # a word of each part, whatever its case and accents
        ("wildfire", ["avis-fire"]), ("SMOKE", ["avis-fire"]), ("pang", ["avis-fire"]), ("gdal", ["avis-fire"]),
        ("oceanography", ["avis-rip"]), ("zurich", ["avis-rip"]), ("Zürich", ["avis-rip"]), ("plumes", ["avis-fire"]),
        ("strömung", ["avis-rip"]), ("stromungen", ["avis-rip"]), ("STRASSER", ["avis-rip"]), ("straßer", ["avis-rip"]),
        ("ecoulement", ["gandalf"]), ("Écoulement", ["gandalf"]), ("liege", ["gandalf"]), ("zoe", ["gandalf"]),
        ("Zołc", ["gandalf"]), ("sorensen", ["gandalf"]), ("Żółć", ["gandalf"]),
        # names with dashes, whole and in parts
        ("avis-rip", ["avis-rip"]), ("rip", ["avis-rip"]), ("mountain-top", ["avis-fire"]),
        ("avis", ["avis-fire", "avis-rip"]),
        # the beginning of a word, not its middle
        ("tensor", ["avis-rip"]), ("gal", ["gandalf"]), ("wild smo", ["avis-fire"]), ("ensorflow", ["avis-rip"]),
        ("andalf", ["gandalf"]), ("urrent", []),
        # every word must be found, wherever it stands
        ("fire santa python", ["avis-fire"]), ("python galaxy", []), ("galaxy galaxy galaxy", ["gandalf"]),
        ("rip tensorflow muller", ["avis-rip"]),
        # typing errors
        ("tensorflwo", ["avis-rip"]), ("Sciense", ["avis-fire"]), ("galxy", ["gandalf"]), ("muler", ["avis-rip"]),
        ("envirnomental", ["avis-fire"]), ("python wildfier", ["avis-fire"]), ("qwertz", []), ("xy", []),
        # no operators, whatever it looks like
        ("NOT fire", []), ("fire AND smoke", ["avis-fire"]), ("fire OR galaxy", []), ("gandalf*", ["gandalf"]),
        ('"rip currents"', ["avis-rip"]), ("'fire'", ["avis-fire", "avis-rip"]), ("gandalf c++", ["gandalf"]),
        ("fire & !rip", ["avis-rip"]), ("title:fire", []), ("heading : wildfire", []),
        ("-fire", ["avis-fire", "avis-rip"]),
        ("(fire", ["avis-fire", "avis-rip"]), ("<-> fire", ["avis-fire", "avis-rip"]),
        ("fire:A*", ["avis-fire", "avis-rip"]),
        ("NEAR(rip currents)", []), ("{rip}^2", []), ("rip^", ["avis-rip"]), ("'; DROP TABLE x; --", []), ("%", []),
        # nothing to look for
        ("", []), (" \t\n", []), ("\0", []), ("\U0001f525", []), ("&|!()<>:*'\"\\", []), ("_ - .", []),
        ("the", ["gandalf"]), ("and that", ["gandalf"]), ("fire\0smoke", ["avis-fire"]),
        ("rip \U0001f30a", ["avis-rip"]), ("x" * 2000, []), ("fire " * 400, ["avis-fire", "avis-rip"]),
        ("\ud800", []), ("日本語", []), ("١٢٣", []),
    ],
)  # fmt: skip
def test_words_find(text: str, names: list[str]) -> None:
    assert sorted(found(text)) == names


def test_what_a_page_is_called_counts_more_than_who_leads_it_and_that_more_than_what_it_tells(
    written: dict[str, Namespace], cast: Cast
) -> None:
    for name, page in (
        ("avis-fire", Page(description="Heron")),
        ("avis-rip", Page(pi_name="Heron", description="Long legs")),
        ("gandalf", Page(title="Heron", description="Long grey legs in still water")),
    ):
        namespaces.edit_page(namespace=written[name], page=page, version=2, by=cast.olga)
    assert found("heron") == ["gandalf", "avis-rip", "avis-fire"]


def test_whole_word_counts_more_than_the_beginning_of_one(written: dict[str, Namespace], cast: Cast) -> None:
    for name, software in (("avis-fire", "Ruby"), ("avis-rip", "R"), ("gandalf", "Rust")):
        page = Page(software=(software,))
        namespaces.edit_page(namespace=written[name], page=page, version=2, by=cast.olga)
    assert found("r")[0] == "avis-rip"


def test_short_word_that_begins_many_is_found_as_itself_first() -> None:
    assert found("c++")[0] == "gandalf"


@pytest.mark.parametrize("written_for", Audience)
@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("title", "wildfire"), ("description", "machine"), ("pi_name", "pang"), ("institution", "cruz"),
        ("field", "environmental"), ("software", "gdal"), ("publications", "plumes"), ("institutions", "oklahoma"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("typed", ["", "typing error"])
def test_nobody_finds_by_what_they_may_not_read(
    written: dict[str, Namespace], cast: Cast, part: str, text: str, written_for: Audience, typed: str
) -> None:
    fire = written["avis-fire"]
    User.objects.update(institution="")
    User.objects.filter(pk=cast.vera.pk).update(institution="University of Oklahoma")
    page = PAGES["avis-fire"]
    changed = Page(**{**vars(page), "audiences": {part: written_for}})
    namespaces.edit_page(namespace=fire, page=changed, version=2, by=cast.olga)
    text = text.replace("u", "uu").replace("i", "ii", 1) if typed else text
    readers = {audience: "avis-fire" in found(text, audience) for audience in Audience}
    assert readers == {audience: audience.reads(written_for) for audience in Audience}
    assert "avis-fire" in found(text, Audience.PUBLIC, {fire.pk})


@pytest.mark.parametrize("visibility", [Visibility.UNLISTED, Visibility.MEMBERS])
def test_what_is_not_listed_is_found_by_members_and_operators_only(
    written: dict[str, Namespace], cast: Cast, visibility: Visibility
) -> None:
    fire = written["avis-fire"]
    namespaces.edit_page(
        namespace=fire, page=Page(title="Wildfire", visibility=visibility), version=2, by=cast.olga
    )
    for text in ("wildfire", "wildfier"):
        assert found(text, Audience.PUBLIC) == found(text, Audience.SIGNED_IN) == []
        assert found(text, Audience.SIGNED_IN, {written["gandalf"].pk}) == []
        assert found(text, Audience.SIGNED_IN, {fire.pk}) == found(text, Audience.MEMBERS) == ["avis-fire"]


@pytest.mark.parametrize("chosen", Audience)
def test_admin_is_found_by_whom_they_are_named_to(cast: Cast, chosen: Audience) -> None:
    people.set_named_to(person=cast.nils, audience=chosen, by=cast.nils)
    readers = {audience: "avis-fire" in found("nils berg", audience) for audience in Audience}
    assert readers == {audience: audience.reads(chosen) for audience in Audience}


def test_member_who_is_no_admin_is_found_by_nobody() -> None:
    assert found("eda kaya", Audience.MEMBERS) == []


def stored() -> dict[tuple[object, str], tuple[str, ...]]:
    rows = SearchDocument.objects.values_list("namespace", "audience", *SearchDocument.TEXTS)
    return {(namespace, audience): tuple(texts) for namespace, audience, *texts in rows}


def fresh() -> dict[tuple[object, str], tuple[str, ...]]:
    """Return what the documents should say."""
    return {
        (card.id, audience.value): search._texts(card)
        for cards in showing.cards(Namespace.objects.all())
        for audience, card in cards.items()
        if card.is_listed or audience == Audience.MEMBERS
    }


@pytest.mark.parametrize("seed", range(6))
def test_documents_say_what_the_rows_say_after_whatever_was_done(
    written: dict[str, Namespace], cast: Cast, seed: int
) -> None:
    chance = random.Random(seed)
    everybody = list(vars(cast).values())
    names = ("Ana Silva", "Ben Okafor", "Chen Ng", "")

    def edit() -> None:
        namespace = Namespace.objects.order_by("?").first() or written["gandalf"]
        page = Page(
            title=chance.choice(names), description=chance.choice(names), software=(chance.choice(("R", "Julia")),),
            visibility=chance.choice(list(Visibility)),
            audiences={part: chance.choice(list(Audience)) for part in PARTS},
        )  # fmt: skip
        namespaces.edit_page(namespace=namespace, page=page, version=namespace.page_version, by=cast.olga)

    def add() -> None:
        namespace = chance.choice(list(written.values()))
        members.add(
            namespace=namespace, person=chance.choice(everybody), role=chance.choice(list(Role)), by=cast.olga
        )

    def one() -> Membership:
        return chance.choice(
            list(Membership.objects.current().select_related("namespace", "person").order_by("pk"))
        )

    def remove() -> None:
        members.remove(membership=one(), by=cast.olga)

    def change_role() -> None:
        members.set_role(membership=one(), role=chance.choice(list(Role)), by=cast.olga)

    def set_level() -> None:
        people.set_level(person=chance.choice(everybody), level=chance.choice(list(Level)), by=cast.olga)

    def suspend() -> None:
        until = timezone.now() + timedelta(days=1)
        suspensions.suspend(
            person=chance.choice(everybody), reason="Because of this test.", until=until, by=cast.olga
        )

    def lift() -> None:
        suspensions.lift(person=chance.choice(everybody), by=cast.olga)

    def rename() -> None:
        identity = chance.choice(everybody).identities.get()
        claims = Claims(
            identity.issuer, identity.subject, chance.choice(names), institution=chance.choice(names)
        )
        people.welcome_back(identity=identity, claims=claims)

    def choose() -> None:
        person = chance.choice(everybody)
        people.set_named_to(person=person, audience=chance.choice(list(Audience)), by=person)

    done = 0
    for _number in range(60):
        act = chance.choice((edit, add, remove, change_role, set_level, suspend, lift, rename, choose))
        try:
            act()
        except Refusal:
            continue
        done += 1
        assert stored() == fresh(), act.__name__
    assert done > 20


def test_documents_that_are_missing_or_wrong_are_written_by_hand(
    written: dict[str, Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    before = fresh()
    SearchDocument.objects.filter(namespace=written["gandalf"]).delete()
    search.write_missing()
    assert stored() == before
    Namespace.objects.filter(pk=written["avis-fire"].pk).update(title="Behind its back")
    assert stored() != fresh()
    call_command("refresh_search")
    assert stored() == fresh()
    assert "1 of 3" in capsys.readouterr().out
    call_command("refresh_search")
    assert "0 of 3" in capsys.readouterr().out
