"""Patterns that RE2 and Python read alike, and refusals of all others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusters import patterns

CILOGON = "^http://cilogon[.]org/server[A-Z]/users/[0-9]+$"


def matches(pattern: str, name: str) -> bool:
    return patterns.parse(pattern).matches(name)


@pytest.mark.parametrize("pattern", [CILOGON, CILOGON.strip("^$")])
def test_pattern_speaks_of_the_whole_name_with_or_without_anchors(pattern: str) -> None:
    name = "http://cilogon.org/serverA/users/1"
    assert matches(pattern, name)
    for other in (f"x{name}", f"{name}x", f"{name}\n", f"\n{name}", name.replace(".", "x"), ""):
        assert not matches(pattern, other)


def test_a_dollar_does_not_match_before_a_line_end() -> None:
    assert not matches(r"a$(?:b|[^b])?", "a\n")


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        (r"a|bc", "bc"),
        (r"(?:dev|prod)-\d{2,3}", "dev-123"),
        (r"\w+@example\.edu", "ann@example.edu"),
        (r"(?P<who>[a-z]+)/x?", "ann/"),
        (r"[^\\\]!]+", "abc"),
        (r"x{3}y{1,}", "xxxyy"),
        (r"a+?b*?", "aab"),
    ],
)
def test_what_both_know_is_accepted(pattern: str, name: str) -> None:
    assert matches(pattern, name)
    assert not matches(pattern, f"{name}\n!")


def test_classes_mean_ascii_only_as_in_re2() -> None:
    assert not matches(r"\d+", "٣")
    assert not matches(r"\w+", "é")


@pytest.mark.parametrize(
    "pattern",
    [
        "(?=a)a", "(?!a)b", "(?<=a)b", "(?<!a)b", r"(a)\1", "(?P<n>a)(?P=n)", "(?>a)", "a++", "a*+", "(?i)a",
        "(?#note)a", "(a)(?(1)b|c)", r"a\Z", r"\bA", r"\sx", r"\x41", r"\u0041", r"\N{DIGIT ONE}", r"\pL",
        "[[:alpha:]]",
        "[a&&b]", "[a--b]", "[a||b]", "[a~~b]", "a{,3}", "a{1001}", "a{2,1}", "a**", "*a", "+", "(*a)", "a|*", "^*a",
        "(a", "a)", "[a", "[]", "[^]", "[z-a]", "a\\", "é", "a\n", "(?P<1>a)", "(?P<n>a)(?P<n>b)", r"[\s]", r"[\b]",
        "a{", "{", "x" * 501,
    ],
)  # fmt: skip
def test_what_re2_lacks_or_reads_differently_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError):
        patterns.parse(pattern)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a*)*", "(?:a|a)*b", "(?:a+){2,5}", "((a+)b)*"])
def test_what_python_could_take_for_ever_over_is_refused(pattern: str) -> None:
    with pytest.raises(patterns.PatternError, match="repeated"):
        patterns.parse(pattern)


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (CILOGON, "http://cilogon.org/server"),
        ("example:.*", "example:"),
        (r"a\.b[x]c+d", "a.bx"),
        ("ab?c", "a"),
        ("ab*", "a"),
        ("a|b", ""),
        ("(ab)c", ""),
        ("^", ""),
        ("[^a]b", ""),
        ("abc", "abc"),
    ],
)
def test_fixed_beginning(pattern: str, prefix: str) -> None:
    assert patterns.parse(pattern).literal_prefix == prefix


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
def test_every_match_begins_with_the_fixed_beginning(text: str) -> None:
    pattern = patterns.parse(patterns.escape(text))
    assert pattern.matches(text)
    assert text.startswith(pattern.literal_prefix)
    assert not pattern.matches(f"{text}x")


@pytest.mark.parametrize(
    ("name", "text", "matching"),
    [
        ("kube-*", "kube-system", True),
        ("kube-*", "xkube-system", False),
        ("sys*", "sys", True),
        ("team-?", "team-a", True),
        ("team-?", "team-ab", False),
        ("default", "default", True),
    ],
)
def test_glob(name: str, text: str, *, matching: bool) -> None:
    assert matches(patterns.glob(name), text) is matching


@pytest.mark.parametrize("name", ["", "Kube-*", "a.b", "[ab]", "a b", "kube-*|x"])
def test_glob_refuses_what_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="wildcards"):
        patterns.glob(name)


def test_cel_strings_cannot_be_left() -> None:
    assert patterns.cel_string("a'b\\c\nd") == r"'a\'b\\c\nd'"
    assert patterns.cel_list(["a", "b'"]) == r"['a', 'b\'']"
