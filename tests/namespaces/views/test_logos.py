"""The logo of a namespace: choosing it, taking it away, and who sees it where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image
from pytest_django import Settings

from accounts.models import Terms
from audit.models import Event
from namespaces import directory
from namespaces.models import Logo, Namespace
from tests import factories
from tests.conftest import Cast
from tests.drawings import PLACE, drawn, png_that_claims, with_exif
from tests.namespaces.views.conftest import Browse

pytestmark = [pytest.mark.django_db, pytest.mark.database]

FIRE = "/namespaces/nautilus/avis-fire/"
ADDRESS = f"{FIRE}settings/logo/"


def give(client: Client, data: bytes, name: str = "logo.png", shown: str = "", **more: str) -> Any:
    """Choose a picture, as a browser sends it."""
    return client.post(ADDRESS, {"picture": SimpleUploadedFile(name, data), "shown": shown, **more})


def address(fire: Namespace) -> str:
    return f"{FIRE}logo/{fire.logo_digest}.webp"


@pytest.fixture
def drawn_fire(fire: Namespace) -> Namespace:
    factories.LogoFactory.create(namespace=fire)
    return fire


@pytest.mark.parametrize(("who", "status"), [("otto", 403), ("eda", 403), ("nils", 200), ("olga", 200)])
def test_logo_is_chosen_by_admins_and_operators(
    browse: Browse, cast: Cast, fire: Namespace, who: str, status: int
) -> None:
    client = browse(getattr(cast, who))
    assert client.get(ADDRESS).status_code == status
    assert give(client, drawn()).status_code == (302 if status == 200 else status)
    assert Logo.objects.exists() == (status == 200)


def test_picture_is_made_anew_kept_and_audited_by_its_hash(
    browse: Browse, cast: Cast, fire: Namespace
) -> None:
    give(browse(cast.nils), with_exif("JPEG"), "holiday.jpg")
    kept = Logo.objects.get(namespace=fire)
    assert Image.open(BytesIO(bytes(kept.content))).format == "WEBP"
    assert PLACE.encode() not in bytes(kept.content)
    event = Event.objects.get(act="namespace.logo")
    assert (event.actor, event.namespace_id) == (str(cast.nils.pk), str(fire.pk))
    assert (event.before, event.after) == ({"logo": ""}, {"logo": kept.digest})
    for said in Event.objects.filter(pk=event.pk).values_list()[0]:
        assert "holiday" not in str(said)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "This file is empty."), (b"<svg/>", "this file is none"), (b"<script>", "this file is none"),
        (b"x" * (512 * 1024 + 1), "At most 512 KiB; this file has 512.0"), (b"x" * 3_000_000, "this file has 2.9"),
        (png_that_claims(20_000, 20_000), "At most 4 megapixels; this picture has 20000 × 20000."),
        (drawn()[:-20], "This picture is broken"),
    ],
)  # fmt: skip
def test_what_is_no_logo_is_refused_with_words_at_the_field(
    browse: Browse, cast: Cast, fire: Namespace, data: bytes, words: str
) -> None:
    answer = give(browse(cast.nils), data)
    page = answer.content.decode().replace("\xa0", " ")
    assert answer.status_code == 400
    assert 'href="#id_picture"' in page
    assert words in page.split('id="id_picture_error"')[1]
    assert not Logo.objects.exists()


def test_form_without_a_picture_is_refused(browse: Browse, cast: Cast, fire: Namespace) -> None:
    answer = browse(cast.nils).post(ADDRESS, {"picture": "logo.png", "shown": ""})
    assert answer.status_code == 400
    assert "Choose a picture." in answer.content.decode()


def test_form_that_is_far_too_large_is_not_read(browse: Browse, cast: Cast, fire: Namespace) -> None:
    assert give(browse(cast.nils), bytes(9_000_000)).status_code == 413


def test_same_picture_again_changes_nothing(browse: Browse, cast: Cast, fire: Namespace) -> None:
    for _again in range(2):
        assert give(browse(cast.nils), drawn()).status_code == 302
    assert Event.objects.filter(act="namespace.logo").count() == 1


def test_logo_is_taken_away(browse: Browse, cast: Cast, drawn_fire: Namespace) -> None:
    client, picture = browse(cast.nils), address(drawn_fire)
    assert client.get(picture).status_code == 200
    before = drawn_fire.logo_digest
    assert client.post(ADDRESS, {"remove": "1", "shown": before}).status_code == 302
    assert not Logo.objects.exists()
    assert Event.objects.get(act="namespace.logo").before == {"logo": before}
    assert client.get(picture).status_code == 404
    assert "<img" not in client.get(FIRE).content.decode()


def test_second_of_two_who_choose_is_told(browse: Browse, cast: Cast, fire: Namespace) -> None:
    give(browse(cast.paula), drawn(color="red"))
    first = fire.logo_digest
    answer = give(browse(cast.nils), drawn(color="blue"))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody else changed the logo meanwhile." in page
    assert "Choose a picture." not in page
    assert f'name="shown" value="{first}"' in page
    assert fire.logo_digest == first
    assert browse(cast.nils).post(ADDRESS, {"remove": "1", "shown": ""}).status_code == 409
    assert give(browse(cast.nils), drawn(color="blue"), shown=first).status_code == 302


def test_two_pictures_chosen_in_one_form_are_two_forms(browse: Browse, cast: Cast, fire: Namespace) -> None:
    """Who goes back and chooses another is not told that they had sent it already."""
    client = browse(cast.nils)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(ADDRESS).content.decode())[-1]
    give(client, drawn(color="red"), csrfmiddlewaretoken=token)
    first = fire.logo_digest
    # It was not shown the first, so that it is refused, and not taken for it.
    assert give(client, drawn(color="blue"), csrfmiddlewaretoken=token).status_code == 409
    assert fire.logo_digest == first
    assert Event.objects.filter(act="namespace.logo").count() == 1
    client.post(ADDRESS, {"remove": "1", "shown": first, "csrfmiddlewaretoken": token})
    assert not Logo.objects.exists()


# --- The picture itself --------------------------------------------------------------------------------------------


def test_picture_is_told_as_what_it_is_and_kept_for_a_year(browse: Browse, drawn_fire: Namespace) -> None:
    answer = browse(None).get(address(drawn_fire))
    assert answer.status_code == 200
    assert answer.content == bytes(drawn_fire.logo.content)
    headers = answer.headers
    assert headers["Content-Type"] == "image/webp"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == 'inline; filename="avis-fire.webp"'
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "default-src 'none'" in headers["Content-Security-Policy"]


def test_only_their_own_browser_keeps_it_for_who_is_logged_in(
    browse: Browse, cast: Cast, drawn_fire: Namespace
) -> None:
    answer = browse(cast.ana).get(address(drawn_fire))
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"


@pytest.mark.parametrize(
    ("who", "status"), [("", 404), ("ana", 404), ("otto", 404), ("paula", 200), ("olga", 200)]
)
def test_picture_of_what_is_hidden_is_for_those_who_know_of_it(
    browse: Browse, cast: Cast, hidden: Namespace, who: str, status: int
) -> None:
    digest = factories.LogoFactory.create(namespace=hidden).digest
    client = browse(getattr(cast, who) if who else None)
    answer = client.get(f"/namespaces/nautilus/quiet-lab/logo/{digest}.webp")
    assert answer.status_code == status
    if status == 200:
        assert answer.headers["Cache-Control"] == "no-store"


def test_picture_has_the_address_of_its_own_namespace_and_content_only(
    browse: Browse, cast: Cast, drawn_fire: Namespace, hidden: Namespace
) -> None:
    factories.LogoFactory.create(namespace=hidden, content=b"another")
    for digest in ("0" * 64, hidden.logo_digest, "x"):
        assert browse(cast.paula).get(f"{FIRE}logo/{digest}.webp").status_code == 404


def test_picture_is_one_for_who_has_not_accepted_the_terms(
    browse: Browse, cast: Cast, drawn_fire: Namespace
) -> None:
    Terms.objects.create(text="Be kind.", binds_from=timezone.now())
    assert browse(cast.otto).get(FIRE).status_code == 302
    assert browse(cast.otto).get(address(drawn_fire)).status_code == 200


# --- Where it is shown ---------------------------------------------------------------------------------------------


def test_logo_stands_on_card_and_page_in_a_tile_of_known_size(browse: Browse, drawn_fire: Namespace) -> None:
    client = browse(None)
    card = client.get("/namespaces/").content.decode()
    page = client.get(FIRE).content.decode()
    for text, alt in ((card, ""), (page, "Logo of avis-fire")):
        [tile] = re.findall(r"<img [^>]*>", text)
        assert f'src="{address(drawn_fire)}"' in tile
        assert 'width="40" height="40"' in tile
        assert f'alt="{alt}"' in tile


def test_two_letters_stand_where_there_is_none(browse: Browse, fire: Namespace) -> None:
    for place in ("/namespaces/", FIRE):
        page = browse(None).get(place).content.decode()
        assert "<img" not in page
        assert ">AF</text>" in page


def test_new_logo_is_shown_at_once(browse: Browse, cast: Cast, fire: Namespace) -> None:
    client = browse(cast.nils)
    assert "<img" not in client.get("/namespaces/").content.decode()
    give(client, drawn())
    assert address(fire) in client.get("/namespaces/").content.decode()


def test_programs_are_told_the_whole_address(
    browse: Browse, drawn_fire: Namespace, settings: Settings
) -> None:
    settings.BASE_URL = "https://berth.example.org"
    whole, client = f"https://berth.example.org{address(drawn_fire)}", browse(None)
    page = client.get(FIRE).content.decode()
    [said] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page)
    assert json.loads(said)["logo"] == whole
    assert f'<meta property="og:image" content="{whole}">' in page
    assert '<meta property="og:image:alt" content="Logo of avis-fire">' in page
    [entry] = client.get("/namespaces/all.json").json()["namespaces"]
    assert entry["logo"] == whole


def test_programs_are_told_that_there_is_none(browse: Browse, fire: Namespace) -> None:
    assert browse(None).get("/namespaces/all.json").json()["namespaces"][0]["logo"] is None
    assert "og:image" not in browse(None).get(FIRE).content.decode()


def test_settings_lead_to_the_logo(browse: Browse, cast: Cast, drawn_fire: Namespace) -> None:
    page = browse(cast.nils).get(f"{FIRE}settings/").content.decode()
    assert f'href="{ADDRESS}"' in page
    assert address(drawn_fire) in page


def test_lists_do_not_read_the_pictures(
    browse: Browse, cast: Cast, drawn_fire: Namespace, make_many: Callable[[int], None]
) -> None:
    make_many(5)
    directory.forget()
    with CaptureQueriesContext(connection) as queries:
        browse(None).get("/namespaces/")
    assert len(queries) == 7
    assert not [query for query in queries if '"namespaces_logo"."content"' in query["sql"]]


@pytest.fixture
def make_many(fire: Namespace) -> Callable[[int], None]:
    def make(count: int) -> None:
        for namespace in factories.NamespaceFactory.create_batch(count, cluster=fire.cluster):
            factories.LogoFactory.create(namespace=namespace)

    return make
