"""What text a person may write: in one canonical form, of limited length, with nothing that a reader would not see."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

# Controls, surrogates, private use, unassigned, and the line and paragraph separators of Unicode.
_NO_TEXT = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
# What turns the direction of text (UAX #9, "Bidi_Control"), and what shows nothing at all.
_INVISIBLE = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff"
)


# Alphabets with letters that look like those of another, by the first word of the names that Unicode gives to them.
_LOOK_ALIKE: dict[str, str | Promise] = {
    "LATIN": gettext_lazy("Latin"),
    "CYRILLIC": gettext_lazy("Cyrillic"),
    "GREEK": gettext_lazy("Greek"),
    "ARMENIAN": gettext_lazy("Armenian"),
    "CHEROKEE": gettext_lazy("Cherokee"),
    "MATHEMATICAL": gettext_lazy("mathematical"),
    "FULLWIDTH": gettext_lazy("full-width"),
}


class Mixed(NamedTuple):
    """A word with letters of several alphabets, and which."""

    word: str
    alphabets: list[str]


def mixed_word(name: str) -> Mixed | None:
    """Return the first word of a name that could look like another: nobody writes one word in two of these alphabets,
    but whoever wants to be taken for somebody else.
    """
    for word in re.split(r"[\s-]+", name):
        first_words = {unicodedata.name(letter, "").partition(" ")[0] for letter in word if letter.isalpha()}
        found = [str(label) for alphabet, label in _LOOK_ALIKE.items() if alphabet in first_words]
        if len(found) > 1:
            return Mixed(word, found)
    return None


def clean_text(value: str, *, lines: bool = False) -> str:
    """Return the text in the one canonical form (NFC), or raise ValidationError.

    Control characters and the invisible ones that reorder text are refused, not repaired; `lines` allows line ends
    and tabs. Browsers send line ends as CR LF: they are stored as LF.
    """
    text = unicodedata.normalize("NFC", value.replace("\r\n", "\n"))
    allowed = {"\n", "\t"} if lines else set()
    for character in text:
        if character not in allowed and unicodedata.category(character) in _NO_TEXT:
            raise ValidationError(_("Control characters are not allowed here."), code="control")
        if character in _INVISIBLE:
            raise ValidationError(_("Invisible characters are not allowed here."), code="invisible")
    return text


def legible(value: str) -> str:
    """Return the text of a machine in one line and in the one canonical form, without what `clean_text` refuses."""
    kept = "".join(
        character if not character.isspace() else " "
        for character in value
        if character.isspace()
        or (unicodedata.category(character) not in _NO_TEXT and character not in _INVISIBLE)
    )
    return " ".join(unicodedata.normalize("NFC", kept).split())


class Text(forms.CharField):
    """Text in its one canonical form, of limited length.

    The browser is not told the limit: it would swallow the rest of what was pasted.
    """

    def __init__(self, *, limit: int, minimum: int = 0, lines: int = 0, **kwargs: Any) -> None:
        self.limit, self.minimum, self.lines = limit, minimum, lines
        if lines:
            kwargs["widget"] = forms.Textarea(attrs={"rows": lines})
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> str:
        """Check the length before anything else looks at the text."""
        text = str(value or "")
        if len(text.replace("\r\n", "\n")) > self.limit:
            raise ValidationError(
                _("At most %(limit)d characters; this has %(length)d.")
                % {"limit": self.limit, "length": len(text)},
                code="too_long",
            )
        cleaned = super().to_python(clean_text(text, lines=bool(self.lines))) or ""
        if cleaned and len(cleaned) < self.minimum:
            raise ValidationError(
                _("At least %(minimum)d characters; this has %(length)d.")
                % {"minimum": self.minimum, "length": len(cleaned)},
                code="too_short",
            )
        return cleaned
