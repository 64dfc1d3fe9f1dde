"""`make pictures`: a picture of every page for every kind of person, light and dark, wide and narrow, to be looked at.

They go to build/pictures, with an index.html that shows them side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from tests.e2e.places import PEOPLE, PLACES, Scenery
from tests.e2e.windows import Windows
from tests.stack import ROOT

FOLDER = ROOT / "build" / "pictures"
SHAPES = ((1280, "light"), (1280, "dark"), (360, "light"), (360, "dark"))


def name(title: str, kind: str, width: int, scheme: str) -> str:
    """Return the name of a picture's file."""
    return f"{title}--{kind}--{width}-{scheme}.png"


@pytest.fixture(scope="session", autouse=True)
def index() -> Iterator[None]:
    """Forget the pictures of an earlier run; in the end, list those of this one."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.png"):
        old.unlink()
    yield
    sections = "".join(
        f"<h2>{escape(place.title)} · {escape(kind)}</h2><p>{_images(place.title, kind)}</p>"
        for place in PLACES
        for kind in place.people
    )
    style = "body{font:1rem system-ui;background:#888}img{vertical-align:top;margin:.5rem;max-height:60rem}"
    (FOLDER / "index.html").write_text(
        f'<!DOCTYPE html><meta charset="utf-8"><title>Berth</title><style>{style}</style>{sections}\n'
    )


def _images(title: str, kind: str) -> str:
    files = [name(title, kind, width, scheme) for width, scheme in SHAPES]
    return "".join(
        f'<img src="{each}" alt="{each}" loading="lazy">' for each in files if (FOLDER / each).exists()
    )


@pytest.mark.parametrize("kind", PEOPLE)
def test_pictures_are_taken(kind: str, windows: Windows, scenery: Scenery) -> None:
    taken: set[Path] = set()
    page = windows.open(PEOPLE[kind])
    for place in (place for place in PLACES if kind in place.people):
        page.goto(scenery.path(place, kind))
        for width, scheme in SHAPES:
            page.set_viewport_size({"width": width, "height": 900 if width > 500 else 740})
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            path = FOLDER / name(place.title, kind, width, scheme)
            page.screenshot(path=path, full_page=True)
            taken.add(path)
    assert len(taken) == 4 * sum(kind in place.people for place in PLACES)
