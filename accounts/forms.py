"""Is the input about a person well formed?"""

from __future__ import annotations

import struct
from datetime import datetime, time
from typing import Any

from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm, ReauthenticateWebAuthnForm
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from django import forms
from django.conf import settings
from django.forms.utils import ErrorDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from accounts.actions import second_factor
from accounts.audience import Audience
from accounts.models import Level
from accounts.redirects import is_own_path
from accounts.text import Text

PASSKEY_MAX_LENGTH = 20_000
MOST_PASSKEYS = 20


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


class NamedToForm(forms.Form):
    """Who reads the name of somebody who is admin of a namespace."""

    named_to = forms.ChoiceField(
        label=gettext_lazy("Who reads there that you are one of its admins"),
        choices=(
            (Audience.PUBLIC, gettext_lazy("everybody, also in search engines")),
            (Audience.SIGNED_IN, gettext_lazy("people who are logged in here")),
            (Audience.MEMBERS, gettext_lazy("the members of that namespace")),
        ),
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "Operators see it in any case. Your e-mail address is shown to nobody by this."
        ),
        error_messages={
            "required": gettext_lazy("Choose who reads your name."),
            "invalid_choice": gettext_lazy("There is no such choice."),
        },
    )


class OperatorForm(forms.Form):
    """Whether somebody is to be an operator, and that this is meant."""

    operator = forms.ChoiceField(
        choices=(("yes", ""), ("no", "")), error_messages={"required": gettext_lazy("Say which.")}
    )
    sure = forms.BooleanField(
        label=gettext_lazy("I mean this."),
        error_messages={"required": gettext_lazy("Say that you mean it.")},
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


class AcceptForm(forms.Form):
    """Which version of the terms somebody accepts, and where they were going."""

    version = forms.IntegerField(min_value=1)
    agree = forms.BooleanField(
        label=gettext_lazy("I have read this and will keep to it."),
        error_messages={"required": gettext_lazy("Say that you will keep to the terms, or log out.")},
    )
    next = forms.CharField(required=False)


class TermsForm(forms.Form):
    """A new version of the terms."""

    text = Text(
        label=gettext_lazy("Text"),
        limit=50_000,
        lines=20,
        help_text=gettext_lazy("Plain text. An empty line begins a new paragraph."),
        error_messages={"required": gettext_lazy("Write the terms.")},
    )
    day = forms.DateField(
        label=gettext_lazy("Binds from"),
        input_formats=["%Y-%m-%d"],
        required=False,
        help_text=gettext_lazy(
            "A day, such as 2027-02-24. Empty: from now on. Before that day people can accept it."
        ),
        error_messages={"invalid": gettext_lazy("Give a day, such as 2027-02-24.")},
    )

    def clean(self) -> dict[str, Any]:
        """Return the moment as well: the beginning of that day here, or now."""
        cleaned = super().clean() or {}
        now, day = timezone.now(), cleaned.get("day")
        begins = timezone.make_aware(datetime.combine(day, time.min)) if day else now
        if day and begins < now:
            self.add_error("day", gettext_lazy("This day has begun already. Leave it empty for now."))
        return {**cleaned, "binds_from": begins}


class BreakGlassForm(forms.Form):
    """What a break-glass operator logs in with."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=200,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": gettext_lazy("Give the password.")},
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
        error_messages={"required": gettext_lazy("Give the code that the app shows now.")},
    )


class CodeForm(ReauthenticateForm):
    """A code of an app, or a recovery code; each shows once."""

    def clean_code(self) -> str:
        code: str = super().clean_code()
        is_app = self.authenticator.type == Authenticator.Type.TOTP
        if is_app and not second_factor.use_up(self.authenticator, code):
            raise forms.ValidationError(gettext_lazy("This code was used already. Wait for the next one."))
        return code


_UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError),
    *(struct.error, InvalidSignature, UnsupportedAlgorithm),
)
"""What parsers of JSON, CBOR and keys answer with to bytes that are none. A database that is away is another matter."""


class _Passkey(forms.Form):
    """What a browser says of a passkey is bytes from outside: whatever cannot be read is no passkey.

    allauth's forms let some of it through to the parser, which answers with errors of any kind.
    """

    def full_clean(self) -> None:
        try:
            if len(str(self.data.get("credential", ""))) > PASSKEY_MAX_LENGTH:
                raise ValueError("far longer than any passkey")
            super().full_clean()
        except _UNREADABLE:
            self.cleaned_data: dict[str, Any] = {}
            self._errors = ErrorDict()
            self.add_error(None, gettext_lazy("That is no passkey that Berth can read. Try again."))


class AddPasskeyForm(_Passkey, AddWebAuthnForm):
    """A new passkey, and the name that its owner gives it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"] = Text(
            label=gettext_lazy("Name"), limit=60, required=False, help_text=gettext_lazy("Such as: my phone.")
        )

    def clean(self) -> dict[str, Any]:
        """Return of the credential what a passkey consists of, and nothing that came along."""
        cleaned: dict[str, Any] = super().clean() or {}
        own = Authenticator.objects.filter(user=self.user, type=Authenticator.Type.WEBAUTHN)
        if own.count() >= MOST_PASSKEYS:
            raise forms.ValidationError(
                gettext_lazy("You have as many passkeys as one can have. Remove one first.")
            )
        if "credential" in cleaned:
            given = cleaned["credential"]
            if not given:  # JSON such as 0, which allauth would store without a look at it
                raise ValueError("no passkey at all")
            parts = {name: given["response"][name] for name in ("clientDataJSON", "attestationObject")}
            kept = {name: given[name] for name in ("id", "rawId", "type")}
            if not all(
                isinstance(text, str) and text.isascii() for text in (*parts.values(), *kept.values())
            ):
                raise ValueError("not as browsers write it")
            cleaned["credential"] = {**kept, "clientExtensionResults": {}, "response": parts}
        return cleaned


class ShowPasskeyForm(_Passkey, ReauthenticateWebAuthnForm):
    """A passkey that somebody shows."""
