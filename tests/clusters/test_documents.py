"""YAML that is written from data and read back as the same data, by old readers and new ones."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from clusters.documents import dump

TEXTS = st.text(max_size=40)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(TEXTS, DATA, max_size=5), min_size=1, max_size=3))
def test_what_is_written_is_read_back(documents: list[dict[str, object]]) -> None:
    assert list(yaml.safe_load_all(dump(documents))) == documents


@pytest.mark.parametrize(
    "text",
    [
        "1e3", "0x10", "0o7", "1_000", "12:30", "yes", "No", "on", "OFF", "y", "null", "~", "", ".inf", "2026-01-01",
        "=", "- a", "a: b", "a #b", "{a}", "[a]", "&a", "*a", "!a", "%a", "@a", "`a`", "'a'", '"a"', " a", "a ",
    ],
)  # fmt: skip
def test_text_that_somebody_could_read_as_something_else_is_quoted(text: str) -> None:
    written = dump([{"a": text}])
    assert written == f"a: {yaml.safe_dump(text, default_style=chr(34)).strip()}\n"


def test_lines_stay_readable() -> None:
    assert dump([{"hint": "one\n  two\n"}]) == "hint: |\n  one\n    two\n"


def test_equal_parts_are_written_out() -> None:
    part = {"a": ["b"]}
    assert "&" not in dump([{"one": part, "two": part}])


def test_documents_are_separated() -> None:
    assert dump([{"a": 1}, {"b": 2}]) == "a: 1\n---\nb: 2\n"
