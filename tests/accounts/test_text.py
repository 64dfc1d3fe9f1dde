"""What text a person may write: every rule with its sentence."""

from __future__ import annotations

import unicodedata

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from accounts.text import clean_text, legible, mixed_word

HUGE = 100_000


@pytest.mark.parametrize("piece", ["a", "é", "e\u0301", "\r\n", "\n\t", "🔥"])
def test_text_is_cleaned_however_long(piece: str) -> None:
    assert clean_text(piece * (HUGE // len(piece)), lines=True)


class TestText:
    @pytest.mark.parametrize(
        "text", ["Alex Pang", "Ilić", "Ł", "山田", "עברית", "Ünï", "a “quoted” – dash", "x\u200dy", ""]
    )
    def test_what_people_write_is_kept(self, text: str) -> None:
        assert clean_text(text) == unicodedata.normalize("NFC", text)

    def test_one_canonical_form(self) -> None:
        assert clean_text("Ilic\u0301") == clean_text("Ili\u0107") == "Ili\u0107"

    def test_form_is_canonical_already_when_cleaned_again(self) -> None:
        text = clean_text("A\u030a \u1112\u1161\u11ab ﬁ")
        assert clean_text(text) == text

    @pytest.mark.parametrize("lines", [False, True])
    @pytest.mark.parametrize(
        "character",
        [chr(code) for code in (*range(0x09), *range(0x0B, 0x20), *range(0x7F, 0xA0)) if chr(code) != "\n"],
        ids=lambda character: f"{ord(character):02x}",
    )
    def test_control_characters_are_refused_not_repaired(self, character: str, lines: bool) -> None:
        with pytest.raises(ValidationError) as refused:
            clean_text(f"Alex{character}Pang", lines=lines)
        assert refused.value.code == "control"

    @pytest.mark.parametrize("character", ["\n", "\t", "\u2028", "\u2029", "\x0b", "\x0c", "\x85"])
    def test_one_line_has_no_line_ends_and_tabs(self, character: str) -> None:
        with pytest.raises(ValidationError):
            clean_text(f"Alex{character}Pang")
        with pytest.raises(ValidationError):
            clean_text(f"Alex Pang{character}")

    def test_several_lines_may_have_line_ends_and_tabs(self) -> None:
        assert clean_text("one\n\ttwo\r\nthree\n", lines=True) == "one\n\ttwo\nthree\n"

    @pytest.mark.parametrize("text", ["one\rtwo", "one\r\r\ntwo"])
    def test_carriage_return_alone_is_no_line_end(self, text: str) -> None:
        with pytest.raises(ValidationError):
            clean_text(text, lines=True)

    @pytest.mark.parametrize("lines", [False, True])
    @pytest.mark.parametrize(
        "character",
        [
            *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069",  # embeddings, overrides, isolates
            *"\u061c\u200e\u200f",  # marks of direction
            *"\u200b\u2060\ufeff",  # nothing at all
        ],
        ids=lambda character: f"{ord(character):04x}",
    )
    def test_invisible_characters_that_turn_or_hide_text_are_refused(
        self, character: str, lines: bool
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            clean_text(f"Alex{character}Pang", lines=lines)
        assert refused.value.code == "invisible"

    @pytest.mark.parametrize("code", [0xD800, 0xDFFF, 0xE000, 0xFDD0, 0x10FFFF])
    def test_what_is_no_character_is_refused(self, code: int) -> None:
        with pytest.raises(ValidationError):
            clean_text(f"Alex{chr(code)}Pang", lines=True)

    @given(st.text())
    def test_what_is_kept_can_be_stored_and_shown_in_one_line(self, text: str) -> None:
        try:
            kept = clean_text(text)
        except ValidationError:
            return
        kept.encode()
        assert len(kept.splitlines()) <= 1
        assert "\x00" not in kept


class TestMixedWord:
    @pytest.mark.parametrize(
        ("name", "word", "alphabets"),
        [
            ("P\u0430ula Ilić", "P\u0430ula", ["Latin", "Cyrillic"]),
            ("Paula Ili\u0441", "Ili\u0441", ["Latin", "Cyrillic"]),
            ("Paula-\u039fla", "\u039fla", ["Latin", "Greek"]),
            ("\u039flga Reyes", "\u039flga", ["Latin", "Greek"]),
            ("Nils B\u0435\u0307rg", "B\u0435\u0307rg", ["Latin", "Cyrillic"]),
            ("Ot\U0001d42do Brandt", "Ot\U0001d42do", ["Latin", "mathematical"]),
            ("Ott\uff4f Brandt", "Ott\uff4f", ["Latin", "full-width"]),
        ],
    )
    def test_letters_of_several_alphabets_in_one_word_are_found(
        self, name: str, word: str, alphabets: list[str]
    ) -> None:
        found = mixed_word(name)
        assert found is not None
        assert (found.word, found.alphabets) == (word, alphabets)

    @pytest.mark.parametrize(
        "name",
        [
            "Paula Ilić", "Łukasz Żółć", "Ünal Øst", "Иван Петров", "Ольга Smith", "Anna-Мария", "Νίκος", "山田太郎",
            "山田タロウ", "김민수 Kim", "עברית", "O'Brien 2nd", "Kaʻiulani", "Արամ", "deleted 3f2a", "", "🔥",
        ],
    )  # fmt: skip
    def test_names_as_people_have_them_are_not(self, name: str) -> None:
        assert mixed_word(name) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" one\n\ttwo\u2028three\u00a0 ", "one two three"), ("Smo\u202eke\x00\ufeff", "Smoke"),
        ("e\u200b\u0301", "\u00e9"), ("\x1b[31mred", "[31mred"), ("\x00", ""),
    ],
)  # fmt: skip
def test_text_of_a_machine_is_made_legible(text: str, said: str) -> None:
    assert legible(text) == said


@given(st.text())
def test_legible_text_is_one_that_a_person_may_write(text: str) -> None:
    assert clean_text(legible(text)) == legible(text) == legible(legible(text))
