"""Is the input about a person well formed?"""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext_lazy

from accounts.models import Level
from accounts.redirects import is_own_path


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


class IssuerForm(forms.Form):
    """Which issuer somebody who is logged in goes to now, and where from there."""

    issuer = forms.CharField(error_messages={"required": gettext_lazy("Choose an identity provider.")})
    next = forms.CharField(required=False)

    def clean_issuer(self) -> str:
        """Return the id of an issuer of the file."""
        given: str = self.cleaned_data["issuer"]
        if given not in {issuer.id for issuer in settings.ISSUERS}:
            raise forms.ValidationError(gettext_lazy("There is no such identity provider."))
        return given

    def clean_next(self) -> str:
        """Return a path of this site, the profile if what was given is none."""
        given = self.cleaned_data["next"]
        return given if is_own_path(given) else reverse("profile")
