"""DOIs are found in whatever people paste."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from namespaces.dois import address_of, alone, find
from namespaces.validators import validate_link

SICI = "10.1002/(SICI)1097-0258(19980815/30)17:15/16<1661::AID-SIM968>3.0.CO;2-2"


@pytest.mark.parametrize(
    ("text", "dois"),
    [
        ("10.1000/xyz", ["10.1000/xyz"]),
        ("doi:10.1000/xyz", ["10.1000/xyz"]),
        ("DOI: 10.1000/xyz", ["10.1000/xyz"]),
        ("https://doi.org/10.1000/xyz", ["10.1000/xyz"]),
        ("http://dx.doi.org/10.1000/XYZ", ["10.1000/XYZ"]),
        ("https://www.doi.org/10.1000/xyz", ["10.1000/xyz"]),
        ("doi.org/10.1000/xyz", ["10.1000/xyz"]),
        ("https://doi.org/10.1002/%28SICI%291%3C2%3E3", ["10.1002/(SICI)1<2>3"]),
        ("https://journals.plos.org/plosone/article?id=10.1371/journal.pone.0123&rev=2", ["10.1371/journal.pone.0123"]),
        ("https://www.science.org/doi/10.1126/science.abc1234?cookieSet=1#top", ["10.1126/science.abc1234"]),
        ("Pang A (2024) Smoke. J Smoke 3:14. https://doi.org/10.1000/xyz.", ["10.1000/xyz"]),
        ("Pang, A. (2024). Smoke (doi:10.1000/xyz).", ["10.1000/xyz"]),
        ("[10.1000/xyz], <https://doi.org/10.1000/abc>; “10.1000/q”", ["10.1000/xyz", "10.1000/abc", "10.1000/q"]),
        ("10.1000/a,10.1000/b;10.1000/c", ["10.1000/a", "10.1000/b", "10.1000/c"]),
        ("https://doi.org/10.1000/a,https://doi.org/10.1000/b", ["10.1000/a", "10.1000/b"]),
        ("10.1000/a\n10.1000/b\r\n\t10.1000/A", ["10.1000/a", "10.1000/b"]),
        (SICI, [SICI]),
        ("10.1016/S0140-6736(05)12345-6", ["10.1016/S0140-6736(05)12345-6"]),
        ("(10.1016/S0140-6736(05)12345-6)", ["10.1016/S0140-6736(05)12345-6"]),
        ("10.1000.10/123456", ["10.1000.10/123456"]),
        ("10.5281/zenodo.6347574!", ["10.5281/zenodo.6347574"]),
        ("10.1000/a:b;c_d-e", ["10.1000/a:b;c_d-e"]),
        ("", []), ("no DOI", []), ("10.1000", []), ("10.1000/", []), ("10.1000/.", []), ("10.12/x", []),
        ("110.1000/x", []), ("1.10.1000/x", []), ("10.1000 /x", []), ("version 10.2 of 3/4", []),
        ("10.1000/" + "x" * 400, []),
    ],
)  # fmt: skip
def test_doi_is_found(text: str, dois: list[str]) -> None:
    assert find(text) == dois


@pytest.mark.parametrize(
    ("text", "doi"),
    [
        ("10.1000/xyz", "10.1000/xyz"), (" doi: 10.1000/xyz ", "10.1000/xyz"), ("doi:10.1000/xyz", "10.1000/xyz"),
        ("https://doi.org/10.1000/xyz", "10.1000/xyz"), ("http://dx.doi.org/10.1000/xyz", "10.1000/xyz"),
        ("dx.doi.org/10.1000/xyz", "10.1000/xyz"), ("https://example.org/10.1000/xyz", ""), ("see 10.1000/xyz", ""),
        ("10.1000/xyz and more", ""), ("10.1000/a,10.1000/b", ""), ("", ""),
    ],
)  # fmt: skip
def test_doi_that_stands_alone_is_told_from_a_text_with_one(text: str, doi: str) -> None:
    assert alone(text) == doi


@pytest.mark.parametrize("doi", ["10.1000/xyz", SICI, "10.1000/a%b", "10.1000/ä#?x", "10.1000/{x}\\y"])
def test_address_leads_to_the_same_doi_and_may_be_a_link(doi: str) -> None:
    assert alone(address_of(doi)) == doi
    validate_link(address_of(doi))


SUFFIX = st.text(st.sampled_from("abcXYZ019._-()/:"), min_size=1, max_size=40).map(lambda text: f"q{text}z")
AROUND = st.sampled_from(["", " ", "(", "see ", "doi:", "https://doi.org/", "\n", "“", "<"])
AFTER = st.sampled_from(["", " ", ".", ",", ";", "\n", "”", ". And more", "!", " 10.999/"])


@given(st.integers(1000, 999_999_999), SUFFIX, AROUND, AFTER)
@example(1000, "q(z", "(", "")
def test_doi_is_found_whatever_stands_around_it(prefix: int, suffix: str, before: str, after: str) -> None:
    if suffix.count("(") != suffix.count(")"):
        suffix = suffix.translate({ord("("): None, ord(")"): None})
    assert find(f"{before}10.{prefix}/{suffix}{after}") == [f"10.{prefix}/{suffix}"]


@given(st.text(max_size=300))
def test_whatever_is_found_is_in_the_text_and_is_found_again(text: str) -> None:
    for doi in find(text):
        assert find(doi) == [doi]
        assert find(address_of(doi)) == [doi]


@pytest.mark.parametrize(
    "text", ["10.1000/" * 2500, "10.1000/" + ")" * 20_000, ("10.1000/" + ")" * 590 + " ") * 33, "10." * 7000,
             "https://10.1000/" + "%" * 20_000, "10.1000/," * 2200, "1" * 20_000],
)  # fmt: skip
def test_long_text_takes_no_time(text: str) -> None:
    started = time.process_time()
    find(text)
    assert time.process_time() - started < 0.5
