"""The form for adding many people at once: lines that were pasted, from a mail or a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.days import end_of
from accounts.text import Text
from namespaces.access import Role
from namespaces.actions.adding import MOST, Entry
from namespaces.forms import RoleForm, UntilForm

_HEADINGS = frozenset({"email", "e-mail", "mail", "address", "identity", "subject"})
_SEPARATORS = "\t;,"
FILE_MAX_BYTES = 160_000


class AddManyForm(RoleForm, UntilForm):
    """A line for each person: a whole e-mail address or an identity and, if wanted, a role and a last day after it."""

    field_order = ("people", "file", "role", "until", "inviting", "together")

    people = Text(
        label=gettext_lazy("People"),
        limit=40_000,
        lines=8,
        required=False,
        help_text=gettext_lazy(
            "One line for each, at most 200: the whole e-mail address or the identity. Columns of a table may follow,"
            " with another role and last day than below: ana@ou.example, viewer, 2027-02-24"
        ),
    )
    file = forms.FileField(
        label=gettext_lazy("Or a file with a table (CSV)"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".csv,.tsv,.txt,text/csv,text/plain"}),
        help_text=gettext_lazy(
            "With the same columns, as spreadsheets save it. You see its lines before anything is done."
        ),
    )
    inviting = forms.BooleanField(
        label=gettext_lazy("Invite by mail who has not logged in here yet"), required=False
    )
    together = forms.BooleanField(label=gettext_lazy("Add nobody if one line cannot be done"), required=False)

    def clean_file(self) -> str:
        """Return the text of the file. Raises ValidationError for what is none, or too long."""
        given = self.cleaned_data["file"]
        if given is None:
            return ""
        if given.size > FILE_MAX_BYTES:
            raise ValidationError(_("A list of 200 lines is shorter than this file."))
        try:
            text = given.read().decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValidationError(
                _("This file is no text in UTF-8. Save the table as CSV in UTF-8.")
            ) from None
        return str(self.fields["people"].clean(text))

    def pasted(self) -> QueryDict:
        """Return what was sent, with the lines of the file as if they had been pasted: a file is not sent twice."""
        typed = cast(QueryDict, self.data).copy()
        typed["people"] = self.cleaned_data["people"]
        return typed

    def clean(self) -> dict[str, Any]:
        """Read the lines once role and last day are known. Adds an error where there are too many."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        if cleaned["file"] and cleaned["people"]:
            self.add_error("file", _("Write lines, or choose a file; not both."))
            return cleaned
        cleaned["people"] = cleaned["people"] or cleaned["file"]
        entries = list(self._entries())
        if len(entries) > MOST:
            text = _("At most %(most)d lines; these are %(number)d.")
            self.add_error("people", text % {"most": MOST, "number": len(entries)})
        elif not entries:
            self.add_error("people", _("Write at least one line."))
        cleaned["entries"] = entries
        return cleaned

    def _entries(self) -> Iterator[Entry]:
        for number, text in enumerate(self.cleaned_data["people"].splitlines(), start=1):
            separator = next((each for each in _SEPARATORS if each in text), ",")
            cells = [cell.strip() for cell in next(csv.reader([text], delimiter=separator), [])]
            if any(cells) and not (number == 1 and cells[0].casefold() in _HEADINGS):
                yield self._entry(number, cells)

    def _entry(self, number: int, cells: list[str]) -> Entry:
        address, role, day, *more = [*cells, "", ""]
        who = address.rpartition("<")[2].partition(">")[0].strip()
        usual = Entry(number, who, Role(self.cleaned_data["role"]), self.cleaned_data["until"])
        if not who:
            return replace(usual, problem=_("No address."))
        if any(more):
            return replace(usual, problem=_("More than address, role and last day."))
        try:
            return replace(
                usual,
                role=_role(role) if role else usual.role,
                ends_at=_day(day) if day else usual.ends_at,
            )
        except ValidationError as error:
            return replace(usual, problem=error.messages[0])


def _role(text: str) -> Role:
    for role in Role:
        if text.casefold() in (role.value, str(role.label).casefold()):
            return role
    raise ValidationError(_("There is no role “%(text)s”.") % {"text": text[:40]})


def _day(text: str) -> datetime:
    try:
        return end_of(date.fromisoformat(text))
    except ValueError:
        raise ValidationError(_("“%(text)s” is no day such as 2027-02-24.") % {"text": text[:40]}) from None
