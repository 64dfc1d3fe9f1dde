"""Query parameters are enumerated, given once, and within their range."""

from __future__ import annotations

import pytest
from django.core.exceptions import BadRequest
from django.http import QueryDict

from namespaces.views import parameters

READERS = {
    "q": parameters.text(10),
    "sort": parameters.one_of(("name", "newest")),
}


def test_given_ones_are_read_and_the_others_left_out() -> None:
    assert parameters.read(QueryDict("q=%20Ana&sort=newest"), READERS) == {"q": "Ana", "sort": "newest"}


def test_empty_one_is_as_if_not_given() -> None:
    assert parameters.read(QueryDict("q=&sort="), READERS) == {}


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("x=1", "x"), ("q=a&q=b", "q"), ("q=&q=b", "q"), ("sort=Name", "sort"), ("q=12345678901", "q"),
        ("q=a%0Ab", "q"), ("q=%00", "q"), ("page=0", "page"), ("%3Cb%3E=1", "<b>"),
    ],
)  # fmt: skip
def test_impossible_one_is_named(query: str, named: str) -> None:
    with pytest.raises(BadRequest, match=f"“{named}”"):
        parameters.read(QueryDict(query), READERS)
