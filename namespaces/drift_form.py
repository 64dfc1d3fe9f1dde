"""The forms in which operators say what becomes of something that is not as decided."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.text import Text
from namespaces.access import Role
from namespaces.actions.drift import LONGEST, problem_of_end
from namespaces.forms import role_choices


class ReasonForm(forms.Form):
    """Why: it is kept with the decision."""

    reason = Text(
        label=gettext_lazy("Why"),
        limit=2000,
        lines=3,
        help_text=gettext_lazy("This is kept with the decision, for those who ask later."),
        error_messages={"required": gettext_lazy("Say why: others will ask.")},
    )


class AdoptForm(ReasonForm):
    """Which role the person gets, and why."""

    role = forms.ChoiceField(
        label=gettext_lazy("Role"),
        choices=role_choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": gettext_lazy("Choose a role."),
            "invalid_choice": gettext_lazy("There is no such role."),
        },
    )
    field_order = ("role", "reason")


class LeaveForm(ReasonForm):
    """Until when something is left alone, and why."""

    until = forms.DateField(
        label=gettext_lazy("Until the end of"),
        input_formats=["%Y-%m-%d"],
        help_text=gettext_lazy("Afterwards it is asked about again. At most a year from now."),
        error_messages={
            "required": gettext_lazy("Give the last day."),
            "invalid": gettext_lazy("Give a day, such as 2027-02-24."),
        },
    )
    field_order = ("until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        today = timezone.localdate()
        bounds = {"min": str(today + timedelta(days=1)), "max": str(today + LONGEST)}
        self.fields["until"].widget = forms.DateInput(format="%Y-%m-%d", attrs={"type": "date", **bounds})

    def clean_until(self) -> date:
        """Return the day. Raises ValidationError for one that is past, or too far away."""
        until: date = self.cleaned_data["until"]
        if problem := problem_of_end(until):
            raise ValidationError(problem)
        return until


class ConfirmForm(ReasonForm):
    """Which namespace was looked at, and why Berth may go on with it."""

    uid = forms.CharField(max_length=64, widget=forms.HiddenInput)


def role_of(cluster_role: str) -> str:
    """Return the role of Berth that a binding gives (`ClusterRole berth:editor`), empty for any other."""
    name = cluster_role.rpartition(":")[2]
    return name if cluster_role.startswith("ClusterRole berth:") and name in Role.values else ""
