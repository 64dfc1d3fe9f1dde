"""Patterns of user names, with one meaning in three places: here, in CEL expressions, and in the API server.

CEL and the API server match with RE2 (https://github.com/google/re2/wiki/Syntax), which runs in linear time;
Python's `re` knows more constructs and gives some a different meaning. A pattern may therefore use only what
both read alike, and no construct with which backtracking explodes. It always speaks of the whole name.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_MAX_LENGTH = 500
_QUANTIFIER = re.compile(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
_GROUP = re.compile(r"\(\?:|\(\?P<[A-Za-z_][A-Za-z0-9_]*>|\((?!\?)")
_CLASS_ESCAPES = "dDwW"
_MAX_REPEAT = 1000  # RE2 refuses more


class PatternError(ValueError):
    """The pattern is not one that RE2 and Python read alike; the text says what is wrong with it."""


@dataclass(frozen=True)
class Pattern:
    """A checked pattern: what it matches, and the fixed characters that every match begins with."""

    text: str
    literal_prefix: str
    compiled: re.Pattern[str] = field(repr=False, compare=False)

    def matches(self, name: str) -> bool:
        """Return whether the pattern matches the whole name."""
        return self.compiled.fullmatch(name) is not None


@functools.lru_cache(maxsize=256)
def parse(text: str) -> Pattern:
    """Check a pattern and return it; raise PatternError where RE2 would refuse it or read it differently."""
    scanner = _Scanner(text)
    scanner.run()
    try:
        compiled = re.compile("".join(scanner.translated), re.ASCII)
    except re.error as error:
        raise PatternError(str(error)) from error
    return Pattern(text, scanner.literal_prefix(), compiled)


def escape(text: str) -> str:
    """Return a pattern that matches exactly this text."""
    return "".join(c if c.isalnum() or c in "/:-_@=~%!#," else f"\\{c}" for c in text)


def glob(text: str) -> str:
    """Return the pattern for a name with `*` and `?` as wildcards; raise ValueError for other characters."""
    if not re.fullmatch(r"[a-z0-9*?-]+", text):
        raise ValueError(f"{text!r} is not a name of a namespace with the wildcards * and ?")
    return text.replace("*", ".*").replace("?", ".")


def whole(text: str) -> str:
    """Return the pattern anchored at both ends, as RE2 wants it where it searches."""
    return f"^(?:{text})$"


def cel_string(text: str) -> str:
    """Return the text as a CEL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    return f"'{escaped}'"


def cel_list(texts: Iterable[str]) -> str:
    """Return the texts as a CEL list of string literals."""
    return "[" + ", ".join(cel_string(text) for text in texts) + "]"


@dataclass
class _Group:
    """What an open group holds, so that repeating it can be judged."""

    repeats: bool = False
    alternatives: bool = False


class _Scanner:
    """One walk over a pattern: refuses what is not common ground, and translates `$` (see `_atom`)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.translated: list[str] = []
        self.groups = [_Group()]
        self.literals: list[str] = []
        self.literal_ended = False

    def run(self) -> None:
        if len(self.text) > _MAX_LENGTH:
            raise PatternError(f"it is longer than {_MAX_LENGTH} characters")
        if not self.text.isascii() or not self.text.isprintable():
            raise PatternError("it holds characters outside printable ASCII")
        while self.at < len(self.text):
            closed = self._atom()
            self._quantifier(closed)
        if len(self.groups) > 1:
            raise PatternError("a parenthesis is not closed")

    def literal_prefix(self) -> str:
        return "" if self.groups[0].alternatives else "".join(self.literals)

    def _atom(self) -> _Group | None:
        """Read one atom; return the group that it closed, if it closed one."""
        character = self.text[self.at]
        if character == ")":
            return self._close()
        if character == "(":
            self._open()
        elif character == "[":
            self._class()
        elif character == "\\":
            self._escape()
        elif character in "*+?{":
            raise PatternError(f"{character} repeats nothing (write [{character}] for the character itself)")
        elif character == "$":
            # Python's $ also matches before a line end at the end of the text, RE2's does not.
            self._take("$", r"\Z")
        elif character == "^":
            self._take("^", "^", ends_literal=bool(self.literals))
        elif character == "|":
            self.groups[-1].alternatives = True
            self._take("|", "|", ends_literal=True)
        elif character == ".":
            self._take(".", ".", ends_literal=True)
        else:
            self._literal(character, character)
        return None

    def _take(self, source: str, translated: str, *, ends_literal: bool = False) -> None:
        self.at += len(source)
        self.translated.append(translated)
        self.literal_ended = self.literal_ended or ends_literal

    def _literal(self, source: str, character: str) -> None:
        self._take(source, source)
        if not self.literal_ended:
            self.literals.append(character)

    def _open(self) -> None:
        found = _GROUP.match(self.text, self.at)
        if not found:
            raise PatternError(
                f"RE2 has no {self.text[self.at : self.at + 4]}… (only groups, (?:…) and (?P<name>…))"
            )
        self.groups.append(_Group())
        self._take(found[0], found[0], ends_literal=True)

    def _close(self) -> _Group:
        if len(self.groups) == 1:
            raise PatternError("a parenthesis is closed that was not opened")
        closed = self.groups.pop()
        self.groups[-1].repeats = self.groups[-1].repeats or closed.repeats
        self._take(")", ")")
        return closed

    def _escape(self) -> None:
        escaped = self.text[self.at + 1 : self.at + 2]
        if escaped in _CLASS_ESCAPES and escaped:
            self._take(f"\\{escaped}", f"\\{escaped}", ends_literal=True)
        elif escaped and not escaped.isalnum():
            self._literal(f"\\{escaped}", escaped)
        else:
            raise PatternError(f"RE2 and Python do not read \\{escaped} alike")

    def _class(self) -> None:
        end = self.at + 1
        while end < len(self.text) and self.text[end] != "]":
            end += 2 if self.text[end] == "\\" else 1
        source = self.text[self.at : end + 1]
        if end >= len(self.text) or source in {"[]", "[^]"}:
            raise PatternError("a bracket is not closed")
        self._check_class(source[1:-1])
        if len(source) == 3 and source[1] != "^":
            self._literal(source, source[1])
        else:
            self._take(source, source, ends_literal=True)

    @staticmethod
    def _check_class(inside: str) -> None:
        unescaped = re.sub(r"\\.", "", inside)
        if "[" in unescaped or re.search(r"--|&&|\|\||~~", unescaped):
            raise PatternError("brackets may hold only characters and ranges")
        for escaped in re.findall(r"\\(.)", inside):
            if escaped.isalnum() and escaped not in _CLASS_ESCAPES:
                raise PatternError(f"RE2 and Python do not read \\{escaped} alike")

    def _quantifier(self, closed: _Group | None) -> None:
        """Read the quantifier after an atom, if there is one."""
        found = _QUANTIFIER.match(self.text, self.at)
        if not found:
            return
        quantifier = found[0]
        if self.translated[-1] in {"^", r"\Z", "|"} or self.translated[-1].startswith("("):
            raise PatternError(f"{quantifier} repeats nothing")
        if any(int(bound) > _MAX_REPEAT for bound in re.findall(r"[0-9]+", quantifier)):
            raise PatternError(f"RE2 repeats at most {_MAX_REPEAT} times")
        if quantifier != "?":
            if closed and (closed.repeats or closed.alternatives):
                raise PatternError("a group that is repeated may hold no repetition and no alternatives")
            self.groups[-1].repeats = True
        if not self.literal_ended and self.literals:
            self.literals.pop()
        self._take(quantifier, quantifier, ends_literal=True)
        if self.text[self.at : self.at + 1] == "?":
            self._take("?", "?")
        if _QUANTIFIER.match(self.text, self.at):
            raise PatternError(f"RE2 has no {quantifier}{self.text[self.at]}")
