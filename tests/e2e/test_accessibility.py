"""Every page, as every kind of person sees it, light and dark: nothing in anybody's way, and not too heavy."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e import places
from tests.e2e.places import PEOPLE, Place, Scenery
from tests.e2e.quality import html_problems, problems
from tests.e2e.windows import Windows


def test_every_address_is_looked_at_or_is_no_page() -> None:
    looked_at = {place.name for place in places.PLACES}
    assert looked_at | set(places.NO_PAGES) == places.names_in_urlconf()
    assert not looked_at & set(places.NO_PAGES)


def test_every_kind_of_person_is_looked_at() -> None:
    assert {kind for place in places.PLACES for kind in place.people} == set(PEOPLE)


@pytest.mark.parametrize(("place", "kind"), places.visits())
def test_page_is_in_nobodys_way(place: Place, kind: str, windows: Windows, scenery: Scenery) -> None:
    page = windows.open(PEOPLE[kind])
    response = page.goto(scenery.path(place, kind))
    assert response is not None
    assert response.status == place.status
    found = problems(page, response)
    assert not found, "\n".join(found)


def test_chosen_appearance_is_kept_and_made_by_the_server(windows: Windows) -> None:
    page = windows.open()
    page.goto("/namespaces/?q=python")
    page.get_by_role("button", name="Dark").click()
    expect(page).to_have_url(re.compile(r"/namespaces/\?q=python$"))
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    answer = page.request.get("/")
    assert 'data-bs-theme="dark"' in answer.text()
    assert not list(html_problems(answer.text()))
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
