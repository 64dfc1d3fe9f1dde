"""What a namespace may be called, and what address a page may hold (product.md, section 5)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

NAME_MAX_LENGTH = 63
_CHARACTERS = re.compile(r"[a-z0-9-]+\Z")
_EMPTY_WORDS = frozenset(
    {
        "test",
        "tmp",
        "temp",
        "dev",
        "stage",
        "staging",
        "production",
        "example",
        "dummy",
        "fake",
        "my",
        "group",
    }
)


def hard_name_problems(name: str, reserved: Sequence[str]) -> list[str]:
    """Return why Kubernetes or Berth cannot have a namespace of this name; nobody overrides these."""
    problems = []
    if len(name) > NAME_MAX_LENGTH:
        problems.append(_("At most %(limit)d characters.") % {"limit": NAME_MAX_LENGTH})
    if not _CHARACTERS.match(name):
        problems.append(_("Only lower case letters a to z, digits and dashes."))
    if name.startswith("-") or name.endswith("-"):
        problems.append(_("No dash at the beginning or the end."))
    if name[:1].isdigit():
        problems.append(_("The first character is a letter."))
    if name.startswith("xn--"):
        problems.append(
            _("Names that begin with xn-- have a meaning of their own in the internet's name system.")
        )
    if any(fnmatchcase(name, pattern) for pattern in reserved):
        problems.append(_("This name is reserved for the cluster itself."))
    return problems


def style_name_problems(name: str) -> list[str]:
    """Return what makes this a poor name for a namespace; an operator may override these."""
    problems = []
    parts = [part for part in name.split("-") if part]
    if "--" in name:
        problems.append(_("No two dashes in a row."))
    if len(parts) < 2:
        problems.append(_("At least two parts joined by a dash, such as group-project."))
    if any(len(part) < 2 for part in parts):
        problems.append(_("Each part has at least two characters."))
    problems += [
        _("The part “%(part)s” says nothing about what the namespace is for.") % {"part": part}
        for part in dict.fromkeys(parts)
        if part in _EMPTY_WORDS
    ]
    return problems


def name_problems(name: str, *, reserved: Sequence[str], override_style: bool = False) -> list[str]:
    """Return every rule that the name breaks, as sentences; empty if it may be used."""
    return hard_name_problems(name, reserved) + ([] if override_style else style_name_problems(name))


def validate_link(value: str) -> None:
    """Accept absolute http and https addresses without user-info; raise ValidationError for everything else."""
    try:
        parts = urlsplit(value)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        valid = valid and parts.port != 0  # reading the port raises ValueError for one that is none
    except ValueError:
        valid = False
    if not valid or not value.isprintable() or " " in value or "\\" in value:
        raise ValidationError(_("Enter an address that begins with http:// or https://."), code="link")
