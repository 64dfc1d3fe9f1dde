"""The forms for inviting somebody, and everybody of a course."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.days import LastDay
from accounts.models import Identity, User
from accounts.text import Text
from namespaces.access import Role
from namespaces.actions.invitations import EXPIRES_AFTER, MOST_PLACES, Course
from namespaces.forms import RoleForm, UntilForm
from namespaces.models import Invitation, Membership, Namespace

INSTITUTIONS_MAX_COUNT = 50
_ENTITY_ID = re.compile(r"[\x21-\x7e]{1,255}\Z")


def _today_plus(days: timedelta) -> Any:
    return lambda: timezone.localdate() + days


def _expires() -> LastDay:
    return LastDay(
        label=gettext_lazy("Can be accepted until the end of"),
        initial=_today_plus(EXPIRES_AFTER),
        help_text=gettext_lazy("At most 180 days from now."),
    )


class InviteForm(RoleForm, UntilForm):
    """One person: how the invitation reaches them, what they become, and until when."""

    ADDRESS, FIRST = "address", "first"

    bound = forms.ChoiceField(
        label=gettext_lazy("Whom the invitation lets in"),
        choices=(
            (ADDRESS, gettext_lazy("who has this e-mail address: we send them the link")),
            (FIRST, gettext_lazy("who accepts the link first: you pass it on yourself")),
        ),
        initial=ADDRESS,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose whom it lets in.")},
    )
    address = forms.EmailField(
        label=gettext_lazy("E-mail address"),
        required=False,
        help_text=gettext_lazy(
            "The one that their institution knows them by; with another one they cannot accept."
        ),
    )
    title = Text(
        label=gettext_lazy("For whom it is (optional)"),
        limit=120,
        required=False,
        help_text=gettext_lazy("For your list only, such as a name."),
    )
    expires = _expires()
    field_order = ("bound", "address", "title", "role", "expires", "until")

    def clean(self) -> dict[str, Any]:
        """Ask for the address where it is bound to one, and forget it where it is not."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("bound") == self.FIRST:
            cleaned["address"] = ""
        elif "address" in cleaned and not cleaned["address"]:
            self.add_error("address", _("Write the address, or let in who accepts first."))
        return cleaned


class CourseForm(forms.Form):
    """A course or workshop: who may come, how many, and until when."""

    title = Text(
        label=gettext_lazy("Name of the course"), limit=120,
        help_text=gettext_lazy("Those who open the link read it."),
    )  # fmt: skip
    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=[(role.value, role.label) for role in Invitation.COURSE_ROLES],
        initial=Role.EDITOR,
        error_messages={"invalid_choice": gettext_lazy("There is no such role for a course.")},
    )
    places = forms.IntegerField(
        label=gettext_lazy("Places"), min_value=1, max_value=MOST_PLACES, initial=30,
        help_text=gettext_lazy("When they are taken, the link lets nobody in any more."),
    )  # fmt: skip
    expires = _expires()
    until = LastDay(
        label=gettext_lazy("Access ends at the end of"),
        help_text=gettext_lazy(
            "At most 180 days from now. Then everybody who came by the link is out again."
        ),
    )
    known = forms.MultipleChoiceField(
        label=gettext_lazy("Only from these institutions (optional)"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Those of the members. None chosen and none written below: from everywhere."),
        error_messages={"invalid_choice": gettext_lazy("Choose from the list.")},
    )
    others = Text(
        label=gettext_lazy("Other institutions (optional)"),
        limit=10_000,
        lines=3,
        required=False,
        help_text=gettext_lazy(
            "One line for each: the entity id of its login, such as urn:mace:incommon:ucsc.edu. Domains of mail"
            " addresses say nothing of where somebody works, so they are no rule."
        ),
    )

    def __init__(self, *args: Any, namespace: Namespace, by: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = institutions_of(namespace, by)
        self.fields["until"].initial = timezone.localdate() + timedelta(days=90)
        if choices:
            self.fields["known"].choices = choices  # type: ignore[attr-defined]
        else:
            del self.fields["known"]

    def clean_others(self) -> list[str]:
        """Return the entity ids. Raises ValidationError, naming the line."""
        lines = [line.strip() for line in self.cleaned_data["others"].splitlines()]
        for number, line in enumerate(lines, start=1):
            if line and not _ENTITY_ID.match(line):
                raise ValidationError(_("Line %(number)d is no entity id.") % {"number": number})
            if (line and "@" in line) or (":" not in line and line):
                raise ValidationError(
                    _("Line %(number)d is no entity id: those begin as addresses do, or with urn:.")
                    % {"number": number}
                )
        return [line for line in lines if line]

    def clean(self) -> dict[str, Any]:
        """Put the institutions together. Adds an error where there are too many."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        together = list(dict.fromkeys([*cleaned.get("known", ()), *cleaned.get("others", ())]))
        if len(together) > INSTITUTIONS_MAX_COUNT:
            self.add_error("others", _("At most %(most)d institutions.") % {"most": INSTITUTIONS_MAX_COUNT})
        cleaned["institutions"] = together
        return cleaned

    def course(self) -> Course:
        """Return what was filled in."""
        given = self.cleaned_data
        return Course(
            title=given["title"], role=Role(given["role"]), places=given["places"], expires_at=given["expires"],
            access_ends_at=given["until"], institutions=given["institutions"],
        )  # fmt: skip


def institutions_of(namespace: Namespace, by: User) -> list[tuple[str, str]]:
    """Return entity id and name of where the members, and who asks, come from, by name."""
    members = Membership.objects.current().filter(namespace=namespace)
    people = [by.pk, *members.values_list("person", flat=True)[:500]]
    known = Identity.objects.filter(person__in=people, state=Identity.State.ACTIVE).exclude(entity_id="")
    names = dict(known.order_by("pk").values_list("entity_id", "institution"))
    return sorted(((key, name or key) for key, name in names.items()), key=lambda pair: pair[1])[
        :INSTITUTIONS_MAX_COUNT
    ]


def names_of(entity_ids: list[str]) -> list[str]:
    """Return the names of institutions that a rule lists, as far as somebody has come from there."""
    known = Identity.objects.filter(entity_id__in=entity_ids).exclude(institution="")
    names = dict(known.order_by("pk").values_list("entity_id", "institution"))
    return [names.get(entity_id, entity_id) for entity_id in entity_ids]
