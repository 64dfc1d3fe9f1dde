"""What every page of the frame is given."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from namespaces.models import Namespace
from portal.context import version
from tests import factories
from tests.conftest import Cast

pytestmark = pytest.mark.django_db
Login = Callable[[User], Client]
MENU = {
    "Namespaces": "/namespaces/", "Manage": "/manage/", "Requests": "/requests/", "Get config": "/config/",
    "People": "/users/",
}  # fmt: skip


def test_version_is_the_one_of_the_project() -> None:
    text = (Path(django_settings.BASE_DIR) / "pyproject.toml").read_text(encoding="utf-8")
    assert version() == tomllib.loads(text)["project"]["version"]


@pytest.mark.parametrize(
    ("who", "items"),
    [("", 1), ("ana", 4), ("nils", 4), ("paula", 5), ("olga", 5)],
)
def test_menu_holds_what_the_reader_can_use(cast: Cast, fire: Namespace, who: str, items: int) -> None:
    client = Client()
    if who:
        client.force_login(getattr(cast, who))
    page = client.get("/namespaces/").content.decode()
    shown = [address for address in MENU.values() if f'class="nav-item" href="{address}"' in page]
    assert shown == list(MENU.values())[:items]


def test_page_one_is_on_is_marked(login: Login, cast: Cast) -> None:
    page = login(cast.olga).get("/manage/").content.decode()
    assert 'href="/manage/" aria-current="page"' in page
    assert page.count("aria-current=") == 2  # the menu of the desktop and the one of the phone


def test_count_in_the_menu_is_what_waits_for_the_reader(login: Login, cast: Cast, fire: Namespace) -> None:
    factories.RequestFactory.create_batch(3, namespace=fire)
    assert "Requests (3)" in login(cast.nils).get("/namespaces/").content.decode()
    assert "Requests (" not in login(cast.eda).get("/namespaces/").content.decode()


def test_site_name_and_support_link_come_from_the_settings(client: Client, settings: Settings) -> None:
    settings.SITE_NAME, settings.SUPPORT_URL = "Harbour <1>", "https://help.example.org/"
    page = client.get("/").content.decode()
    assert "Harbour &lt;1&gt;" in page
    assert 'href="https://help.example.org/"' in page


def test_no_link_to_support_where_there_is_none(client: Client, settings: Settings) -> None:
    settings.SUPPORT_URL = ""
    assert "Help and contact" not in client.get("/").content.decode()


def test_login_leads_back_here(client: Client, fire: Namespace) -> None:
    page = client.get("/namespaces/?q=fire").content.decode()
    assert "/accounts/login/?next=%2Fnamespaces%2F%3Fq%3Dfire" in page


def test_page_that_a_form_led_to_is_not_come_back_to(login: Login, cast: Cast, fire: Namespace) -> None:
    page = login(cast.otto).post("/namespaces/nautilus/avis-fire/join/").content.decode()
    assert 'name="next" value="/"' in " ".join(page.split())


def test_frame_has_no_inline_script_and_no_inline_style(login: Login, cast: Cast, fire: Namespace) -> None:
    page = login(cast.nils).get("/namespaces/nautilus/avis-fire/").content.decode()
    assert "<script>" not in page
    assert "<style" not in page
    assert " style=" not in page
    assert " onclick=" not in page
