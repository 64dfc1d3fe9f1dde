"""Text fields: length first, then the one canonical form."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from accounts.text import Text
from namespaces.forms import JoinForm, PageForm, PublicationForm


def test_length_is_checked_before_anything_looks_at_the_text() -> None:
    with pytest.raises(ValidationError) as caught:
        Text(limit=10).clean("\0" * 11)
    assert caught.value.error_list[0].code == "too_long"


def test_line_ends_of_browsers_count_once() -> None:
    assert Text(limit=5, lines=2).clean("ab\r\ncd") == "ab\ncd"


def test_text_is_composed() -> None:
    assert Text(limit=10).clean("e\u0301") == "é"


@pytest.mark.parametrize("text", ["a\0", "a\x1b[0m", "a\u202eb", "a\u200bb", "a\nb", "a\ud800"])
def test_characters_that_deceive_are_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Text(limit=100).clean(text)


def test_browser_is_not_told_to_swallow_what_is_too_long() -> None:
    assert "maxlength" not in str(JoinForm()["reason"])


@pytest.mark.parametrize("form", [JoinForm, PageForm, PublicationForm])
def test_huge_input_is_refused_by_every_field(form: type[JoinForm]) -> None:
    huge = MultiValueDict({name: ["9" * 100_000] for name in form.base_fields})
    assert set(form(huge).errors) == set(form.base_fields)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("10.1000/xyz", "https://doi.org/10.1000/xyz"), ("doi:10.1000/xyz", "https://doi.org/10.1000/xyz"),
        ("DOI: 10.1000/XYZ", "https://doi.org/10.1000/XYZ"), ("https://doi.org/10.1000/x", "https://doi.org/10.1000/x"),
        ("http://example.org/a", "http://example.org/a"), ("", ""),
    ],
)  # fmt: skip
def test_doi_becomes_a_link(typed: str, stored: str) -> None:
    form = PublicationForm({"title": "A", "link": typed})
    assert form.is_valid()
    assert form.cleaned_data["link"] == stored
