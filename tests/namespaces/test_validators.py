"""What a namespace may be called, and what address a page may hold: every rule with its sentence."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from namespaces.validators import (
    NAME_MAX_LENGTH,
    hard_name_problems,
    name_problems,
    style_name_problems,
    validate_link,
)

RESERVED = settings.RESERVED_NAMESPACES
HUGE = 100_000

LENGTH = "At most 63 characters."
CHARACTERS = "Only lower case letters a to z, digits and dashes."
EDGES = "No dash at the beginning or the end."
FIRST = "The first character is a letter."
PUNYCODE = "Names that begin with xn-- have a meaning of their own in the internet's name system."
RESERVED_WORDS = "This name is reserved for the cluster itself."
DOUBLE = "No two dashes in a row."
PARTS = "At least two parts joined by a dash, such as group-project."
SHORT = "Each part has at least two characters."


def nothing(part: str) -> str:
    return f"The part “{part}” says nothing about what the namespace is for."


def problems(name: str, **options: bool) -> list[str]:
    return [str(problem) for problem in name_problems(name, reserved=RESERVED, **options)]


class TestGoodNames:
    @pytest.mark.parametrize(
        "name",
        [
            "avis-citizenscience", "avis-fire", "avis-rip", "creativecoding-forbes-lab", "jlab-nlp", "real-ucsc",
            "a1-b2", "ab-12", "lab-2024", f"lab-{'x' * (NAME_MAX_LENGTH - 4)}",
            "latest-testing", "mydata-developers", "stages-templates",  # words that only contain an empty one
            "system-biology-lab"[1:], "berthold-lab", "kubernetes-lab", "defaults-lab", "rooks-nest",
        ],
    )  # fmt: skip
    def test_are_accepted(self, name: str) -> None:
        assert problems(name) == []

    @given(
        st.lists(st.from_regex(r"[a-z0-9]{2,10}", fullmatch=True), min_size=1, max_size=4),
        st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True),
    )
    def test_whatever_is_accepted_is_a_name_for_kubernetes(self, rest: list[str], first: str) -> None:
        name = "-".join([first, *rest])
        if problems(name) == []:
            assert len(name) <= 63
            assert name.isascii()
            assert name == name.lower()
            assert "-" in name.strip("-")
            assert name[0].isalpha()


class TestHardRules:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            (f"lab-{'x' * (NAME_MAX_LENGTH - 3)}", LENGTH),
            ("Lab-fire", CHARACTERS),
            ("lab_fire", CHARACTERS),
            ("lab-fire.x", CHARACTERS),
            ("lab fire", CHARACTERS),
            ("lab-feuër", CHARACTERS),
            ("lab-fire/../x", CHARACTERS),
            ("", CHARACTERS),
            ("-lab-fire", EDGES),
            ("lab-fire-", EDGES),
            ("1lab-fire", FIRST),
            ("xn--lab-fire", PUNYCODE),
        ],
    )
    def test_each_has_its_sentence(self, name: str, sentence: str) -> None:
        assert sentence in problems(name)
        assert sentence in problems(name, override_style=True)

    @pytest.mark.parametrize(
        "name",
        [
            "lab-fire\n", "lab-fire\r\n", "lab-fire\x00", "\nlab-fire", "lab-fire ", "\tlab-fire", "lab\n-fire",
            "lab-fire\u2028", "lab-\u200bfire", "lab-\ufeffire", "lаb-fire", "lab-ﬁre", "lab-fire\u202e", "lab-١٢",
            "ｌab-fire", "lab‐fire", "lab–fire", "%6cab-fire", "lab-fire;id", "$(id)-lab", "lab-fire'--", "🔥🔥-lab",
        ],
    )  # fmt: skip
    def test_nothing_looks_like_a_good_name_and_is_none(self, name: str) -> None:
        assert CHARACTERS in problems(name, override_style=True)

    @given(st.text())
    def test_only_ascii_survives(self, name: str) -> None:
        if not hard_name_problems(name, RESERVED):
            assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
            assert 1 <= len(name) <= NAME_MAX_LENGTH

    @pytest.mark.parametrize(
        "name",
        [
            "default", "kube-system", "kube-public", "kube-node-lease", "kube-foo", "kube-", "openshift-x",
            "openshift-monitoring", "sys", "system", "sys-tem", "system-biology", "istio-system", "cattle-system",
            "cattle-x", "rook-ceph", "berth-system", "berth-x",
        ],
    )  # fmt: skip
    def test_reserved_names_stay_reserved_even_for_an_operator(self, name: str) -> None:
        assert RESERVED_WORDS in problems(name, override_style=True)

    def test_reserved_list_is_a_setting(self) -> None:
        assert [str(each) for each in name_problems("lab-fire", reserved=["lab-*"])] == [RESERVED_WORDS]


class TestStyleRules:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("lab--fire", DOUBLE),
            ("gandalf", PARTS),
            ("lab-x", SHORT),
            ("x-lab", SHORT),
            ("lab-x-fire", SHORT),
        ],
    )
    def test_each_has_its_sentence(self, name: str, sentence: str) -> None:
        assert problems(name) == [sentence]

    @pytest.mark.parametrize(
        "part",
        [
            "test", "tmp", "temp", "dev", "stage", "staging", "production", "example", "dummy", "fake", "my",
            "group",
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("pattern", ["{}-lab", "lab-{}", "lab-{}-fire"])
    def test_part_that_says_nothing_is_named(self, part: str, pattern: str) -> None:
        assert problems(pattern.format(part)) == [nothing(part)]

    @pytest.mark.parametrize("name", ["gandalf", "scipp", "lab--fire", "lab-x", "my-lab", "test"])
    def test_operator_overrides_them(self, name: str) -> None:
        assert problems(name)
        assert problems(name, override_style=True) == []

    def test_every_broken_rule_is_told_at_once(self) -> None:
        assert problems("1My--x-") == [CHARACTERS, EDGES, FIRST, DOUBLE, SHORT]

    def test_each_sentence_is_said_once(self) -> None:
        assert style_name_problems("my-my-my") == [nothing("my")]


class TestHugeInput:
    """A hundred thousand characters are answered like ten: nobody's page or server grows with them."""

    @pytest.mark.parametrize("piece", ["a", "-", "a-", "my-", "1", "xn--", "é", "\n", "test-dev-", "\ud83d"])
    def test_name_is_judged_in_a_few_sentences(self, piece: str) -> None:
        found = problems(piece * (HUGE // len(piece)))
        assert LENGTH in found
        assert sum(map(len, found)) < 2000

    @pytest.mark.parametrize("pattern", ["*a*b", "?*-*-*-*x", "kube-*"])
    def test_reserved_pattern_does_not_make_it_slow(self, pattern: str) -> None:
        assert RESERVED_WORDS not in name_problems("a-" * (HUGE // 2), reserved=[pattern])

    @pytest.mark.parametrize("piece", ["a", "/", "?", "#", "@", "[", ":", "a.", "\\", " "])
    def test_link_is_judged(self, piece: str) -> None:
        accepted = piece in {"a", "a."}
        link = "http://" + piece * (HUGE // len(piece))
        if accepted:
            validate_link(link)
        else:
            with pytest.raises(ValidationError):
                validate_link(link)


class TestLink:
    @pytest.mark.parametrize(
        "link",
        [
            "https://doi.org/10.1145/3442188", "http://example.edu", "https://example.edu:8443/a?b=c#d",
            "HTTPS://EXAMPLE.EDU/", "https://[2001:db8::1]/x", "https://example.edu/~pang/", "https://bücher.example/é",
            "https://example.edu/?to=javascript:alert(1)",
        ],
    )  # fmt: skip
    def test_absolute_addresses_are_accepted(self, link: str) -> None:
        validate_link(link)

    @pytest.mark.parametrize(
        "link",
        [
            "", "example.edu", "/path", "//example.edu", "http:", "http://", "http:///path", "http:example.edu",
            "http:/example.edu", "http://?x", "http://#x", "https://:443/",
            "javascript:alert(1)", "JaVaScRiPt:alert(1)", "javascript://example.edu/%0aalert(1)",
            " javascript:alert(1)",
            "java\tscript:alert(1)", "data:text/html,<script>", "vbscript:x", "file:///etc/passwd",
            "ftp://example.edu", "mailto:a@example.edu", "blob:https://example.edu/x",
            "https://user@example.edu", "https://user:secret@example.edu", "https://example.edu@evil.example",
            "https://@example.edu", "https://example.edu\\@evil.example", "https:\\\\example.edu",
            "https://example.edu/a b", "https://example.edu\n", "\nhttps://example.edu", "https://exa\tmple.edu",
            "https://example.edu/\x00", "https://example.edu/\x7f", "https://example.edu/\u202egpj", "https://[::1",
            "https://example.edu:port/", "https://example.edu:99999/", "https://example.edu/\u2028",
            "https://example.edu/\u00a0",
        ],
    )  # fmt: skip
    def test_everything_else_is_refused(self, link: str) -> None:
        with pytest.raises(ValidationError) as refused:
            validate_link(link)
        assert refused.value.code == "link"

    @given(st.text())
    def test_no_text_is_an_error_of_ours(self, text: str) -> None:
        try:
            validate_link("https://" + text)
        except ValidationError:
            return
        assert text.isprintable()
        assert "@" not in text.split("/", 1)[0]
