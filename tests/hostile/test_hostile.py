"""Two thousand hostile requests, or as many as HOSTILE_REQUESTS says (`make hostile`); HOSTILE_SEED chooses others."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator

import pytest

from tests.hostile import corpus
from tests.hostile.world import ROUND, TEXTS, World, scripts_in
from tests.portal.forms import FORMS
from tests.portal.grounds import undone

REQUESTS, SEED = int(os.environ.get("HOSTILE_REQUESTS", "2000")), int(os.environ.get("HOSTILE_SEED", "1"))
MOST_TOLD = 10
NOT_SHOWN = {
    "drift_confirm",
    "drift_limits_adopt",
    "drift_limits_revert",
}  # the reason is in the record alone


@pytest.fixture
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.django_db
def test_hostile_requests_make_no_error_store_no_script_and_change_nothing_by_reading(quiet: None) -> None:
    world, begun = World(SEED), time.monotonic()
    while world.tally.sent < REQUESTS and len(world.errors) < MOST_TOLD:
        world.round(min(ROUND, REQUESTS - world.tally.sent))
    seconds = time.monotonic() - begun
    print(f"seed {SEED}: {world.tally.told()}, {world.tally.sent / seconds:.0f} requests a second")
    print(f"HOSTILE {json.dumps([world.tally.statuses, world.tally.read, world.tally.stored])}")
    assert world.errors[:MOST_TOLD] == []
    assert world.tally.stored > 0
    assert {200, 302, 400, 403, 404, 405} <= set(world.tally.statuses)


@pytest.mark.django_db
def test_every_text_that_is_stored_is_read_afterwards(quiet: None) -> None:
    world, missed = World(SEED), set()
    todo = {name for name in TEXTS if FORMS[name].status == 302}
    while todo:  # those that exclude each other one after the other
        with undone():
            sent = {
                name: texts
                for name in sorted(todo)
                if (texts := {field: f"canary {name} {field}, long enough" for field in TEXTS[name]})
                and world.send(world.form(name, texts)).status_code == 302
            }
            pages = world.read_everything()
        missed |= {name for name, texts in sent.items() if not all(text in pages for text in texts.values())}
        assert sent, todo
        todo -= set(sent)
    assert missed == NOT_SHOWN


@pytest.mark.parametrize("markup", [one for one in corpus.MARKUP if "<" in one and "&lt;" not in one])
def test_markup_that_is_not_escaped_is_found(markup: str) -> None:
    assert scripts_in(f"<main><p>{markup}</p></main>")


@pytest.mark.parametrize("markup", ['" onmouseover="canary()', "' onfocus='canary()' autofocus='"])
def test_markup_that_leaves_its_attribute_is_found(markup: str) -> None:
    quote = markup[0]
    assert scripts_in(f"<input value={quote}{markup}{quote}>")


@pytest.mark.parametrize("address", [one for one in corpus.MARKUP if one.lower().startswith("java")])
def test_address_that_is_a_script_is_found(address: str) -> None:
    assert scripts_in(f'<a href="{address}">x</a>')


@pytest.mark.parametrize("text", ["</script><script>canary()</script>", "<!--<script>canary()", '"canary'])
def test_text_that_leaves_a_block_of_data_is_found(text: str) -> None:
    block = '<script type="application/ld+json">{"name": "%s"}</script>'
    assert scripts_in(block % text)
    escaped = text.replace("<", "\\u003C").replace('"', '\\"')
    assert scripts_in(block % escaped) == []


def test_script_of_another_type_is_found() -> None:
    assert scripts_in('<script type="module">"canary"</script>')


@pytest.mark.parametrize("text", corpus.MARKUP)
def test_text_that_is_escaped_is_none(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    escaped = escaped.replace("'", "&#x27;")
    assert scripts_in(f'<p title="{escaped}">{escaped}</p><input value="{escaped}">') == []
