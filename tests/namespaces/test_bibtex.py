"""What is written as BibTeX is read by others as it was meant."""

from __future__ import annotations

import re
from typing import Any

import pytest
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares import LatexDecodingMiddleware, SeparateCoAuthors, SplitNameParts
from hypothesis import given
from hypothesis import strategies as st
from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db

from accounts.text import legible
from namespaces.bibtex import export
from namespaces.crossref import ET_AL
from namespaces.showing import Paper

PLUMES = Paper("Smoke plumes", "https://doi.org/10.1000/xyz", 2024, "Pang, Alex; Lin, Hou-I")


# What LaTeX defines and the decoder does not know, or takes for an accent.
_MACROS = {"textbraceleft": "{", "textbraceright": "}", "textasciicircum": "^"}
_CONTEXT = get_default_latex_context_db()
_CONTEXT.add_context_category(
    "braces", prepend=True, macros=[MacroTextSpec(name, text) for name, text in _MACROS.items()]
)


def read(text: str, *, names: bool = False, decode: bool = True) -> list[dict[str, object]]:
    """Return the entries as another program reads them."""
    middlewares: list[Any] = [SeparateCoAuthors(), SplitNameParts()] if names else []
    if decode:
        middlewares.append(LatexDecodingMiddleware(decoder=LatexNodes2Text(latex_context=_CONTEXT)))
    library = parse_string(text, append_middleware=middlewares)
    assert not library.failed_blocks
    return [
        {"key": entry.key, "type": entry.entry_type, **{field.key: field.value for field in entry.fields}}
        for entry in library.entries
    ]


def value(entry: dict[str, object], name: str) -> str:
    return str(entry[name])


def test_entry_has_what_is_known() -> None:
    [entry] = read(export([PLUMES]))
    assert entry["type"] == "misc"
    assert re.fullmatch(r"pang2024-[0-9a-f]{6}", str(entry["key"]))
    assert value(entry, "title") == "Smoke plumes"
    assert value(entry, "author") == "Pang, Alex and Lin, Hou-I"
    assert value(entry, "year") == "2024"
    assert value(entry, "doi") == "10.1000/xyz"
    assert value(entry, "url") == "https://doi.org/10.1000/xyz"


def test_what_is_not_known_is_left_out() -> None:
    [entry] = read(export([Paper("Smoke", "", None)]))
    assert set(entry) == {"key", "type", "title"}
    [entry] = read(export([Paper("Smoke", "https://example.org/smoke", None)]))
    assert "doi" not in entry


def test_nothing_is_written_where_there_is_nothing() -> None:
    assert export([]) == ""


@pytest.mark.parametrize(
    "title",
    [
        "Fire & smoke: 50 % of #1", "Costs $5_000", "A ~ b ^ c", "{braces} and }more{", "back\\slash \\input{x}",
        "@misc{evil,",
        "\"quoted\" 'text'", "Ä Ö ß é ł 火", "a } b", "a { b", "1 < 2 > 0", "ends with \\",
    ],
)  # fmt: skip
def test_title_is_read_as_it_was_written(title: str) -> None:
    [entry] = read(export([Paper(title, "", None)]))
    assert value(entry, "title") == title


@pytest.mark.parametrize(
    ("authors", "parts"),
    [
        ("Pang, Alex", [("Pang", "Alex")]),
        ("Pang, Alex; Kim, Ana", [("Pang", "Alex"), ("Kim", "Ana")]),
        ("Ilić, Paula", [("Ilić", "Paula")]),
        ("Fire and Smoke Group", [("Fire and Smoke Group", "")]),
        ("One, Two, Three, Four", [("One, Two, Three, Four", "")]),
        (f"Pang, Alex; {ET_AL}", [("Pang", "Alex"), ("others", "")]),
    ],
)
def test_authors_are_parted_as_they_are(authors: str, parts: list[tuple[str, str]]) -> None:
    [entry] = read(export([Paper("Smoke", "", None, authors)]), names=True)
    names: Any = entry["author"]
    assert [(" ".join(name.last).strip("{}"), " ".join(name.first)) for name in names] == parts


def test_key_is_unique_and_stays_when_others_come() -> None:
    papers = [Paper(f"Smoke {number}", "", 2024, "Pang, Alex") for number in range(100)]
    keys = [str(entry["key"]) for entry in read(export(papers))]
    assert len(set(keys)) == 100
    assert [str(entry["key"]) for entry in read(export(papers[50:]))] == keys[50:]


@pytest.mark.parametrize(
    ("authors", "start"),
    [("Müller-Łuk, J", "mullerluk"), ("李, 明", "anonymous"), ("", "anonymous"), ("O'Neil, T", "oneil")],
)
def test_key_is_of_plain_letters(authors: str, start: str) -> None:
    [entry] = read(export([Paper("Smoke", "", None, authors)]))
    assert re.fullmatch(rf"{start}-[0-9a-f]{{6}}", str(entry["key"]))


def test_address_with_braces_does_not_end_the_entry() -> None:
    [entry, after] = read(export([Paper("Smoke", "https://example.org/}{", None), PLUMES]), decode=False)
    assert value(entry, "url") == "https://example.org/%7D%7B"
    assert value(after, "title") == "{Smoke plumes}"


TEXT = st.text(max_size=60).map(legible)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=4, unique=True))
def test_any_text_leaves_the_other_entries_alone(texts: list[tuple[str, str]]) -> None:
    papers = [Paper(title or "x", "", 2024, authors) for title, authors in texts]
    entries = read(export([*papers, PLUMES]))
    assert len(entries) == len(papers) + 1
    assert value(entries[-1], "title") == "Smoke plumes"
