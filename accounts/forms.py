"""Is the input about a person well formed?"""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy

from accounts.models import Level


class LevelForm(forms.Form):
    """The level that an operator gives somebody."""

    level = forms.ChoiceField(
        label=gettext_lazy("Level"),
        choices=Level.choices,
        error_messages={
            "required": gettext_lazy("Choose a level."),
            "invalid_choice": gettext_lazy("There is no such level."),
        },
    )
