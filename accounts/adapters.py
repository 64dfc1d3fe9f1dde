"""Where allauth asks Berth: who may enter, what is stored, where to go next."""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from accounts import fresh, second_factor, sessions
from accounts.actions import people
from accounts.claims import Claims
from accounts.models import Identity, User
from accounts.provider import admission, refusals
from accounts.redirects import is_own_path, with_next
from audit.record import record

STATE_BYTES = 32
PROVIDER = "openid_connect"


class AccountAdapter(DefaultAccountAdapter):
    """There are no local accounts: no sign-up, no password, no message of allauth's."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Close allauth's own sign-up; a first login through an issuer does not ask this."""
        return False

    def is_safe_url(self, url: str) -> bool:
        """Let `next` lead to a path of this site only; allauth would also take other hosts that it trusts."""
        return is_own_path(url)

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing after login: the page that follows shows who is logged in."""

    def login(self, request: HttpRequest, user: User) -> None:
        """Open the session and record it.

        Under the lock of the person: whoever suspends them, or retires the identity, either finds this session and ends
        it, or has done so before, and then there is none.
        """
        with transaction.atomic():
            people.lock(user)
            if not _may_enter(user, sessions.opens_with(request)):
                raise ImmediateHttpResponse(redirect("account_inactive"))
            super().login(request, user)
            request.session.save()
            record("person.logged_in", by=user, about=user)

    def post_login(
        self, request: HttpRequest, user: User, *, signal_kwargs: dict[str, Any] | None, **kwargs: Any
    ) -> HttpResponse:
        """Remember when the person showed the provider who they are: the session is a new one by now.

        Whoever owes a second factor is asked for it at once: who is asked only at a form has typed it for nothing.
        """
        claims: Claims = (signal_kwargs or {})["sociallogin"].claims
        if identity := sessions.opens_with(request):
            fresh.note(request, identity, claims)
        answer: HttpResponse = super().post_login(request, user, signal_kwargs=signal_kwargs, **kwargs)
        if second_factor.is_owed(request):
            return redirect(with_next(reverse("mfa_reauthenticate"), answer.headers.get("Location")))
        return answer

    def get_login_stages(self) -> list[str]:
        """Ask for the second factor in the session, not before it is opened: nobody is kept from reading."""
        return [stage for stage in super().get_login_stages() if not stage.startswith("allauth.mfa.")]

    def get_reauthentication_methods(self, user: User) -> list[dict[str, str]]:
        """Which pages show a second factor of this person. A password shows nothing here, and has no page."""
        kinds = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
        pages = (
            ("mfa_reauthenticate_webauthn", _("Use a passkey"), {"webauthn"}),
            ("mfa_reauthenticate", _("Use a code"), {"totp", "recovery_codes"}),
        )
        return [
            {"id": name, "description": words, "url": reverse(name)}
            for name, words, shown_there in pages
            if kinds & shown_there
        ]


def _may_enter(person: User, identity: Identity | None) -> bool:
    if not people.as_stored(person).is_active:
        return False
    return identity is None or Identity.objects.filter(pk=identity.pk, state=Identity.State.ACTIVE).exists()


class SecondFactorAdapter(DefaultMFAAdapter):
    """How second factors are kept, and what apps and browsers are told about this site."""

    def encrypt(self, text: str) -> str:
        """Keep secrets of apps and codes sealed: whoever reads the database or a backup gets none."""
        return _seal().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Open what `encrypt` sealed. Raises ValidationError if that was done with a key that is gone."""
        try:
            return _seal().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise ValidationError(
                _(
                    "Berth cannot read your second factor any more: its key was changed. The operators can help."
                )
            ) from None

    def get_totp_issuer(self) -> str:
        """Return the name under which an app lists the codes; allauth would take the Host header."""
        return str(settings.SITE_NAME)

    def get_totp_label(self, user: User) -> str:
        """Return the name of the person: two people may share a phone."""
        return str(user)

    def generate_authenticator_name(self, user: User, type: str) -> str:
        """Return what a passkey is called unless its owner says better."""
        number: int = Authenticator.objects.filter(user=user, type=type).count() + 1
        return _("Passkey %(number)d") % {"number": number}

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Bind passkeys to our own address; allauth would take the Host header."""
        return {"id": urlsplit(settings.BASE_URL).hostname or "", "name": settings.SITE_NAME}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Say who the person is, without an address of theirs."""
        return {"id": str(user.pk).encode(), "display_name": str(user), "name": str(user)}


def _seal() -> MultiFernet:
    """Return what seals with the secret key, and opens with the earlier ones as well."""
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    digests = (
        salted_hmac("accounts.second_factor", "", secret=key, algorithm="sha256").digest() for key in keys
    )
    return MultiFernet([Fernet(urlsafe_b64encode(digest)) for digest in digests])


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """A login through an issuer of the file: registered or welcomed by our actions, or refused with words."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """Everybody whom an issuer of the file names may become a guest."""
        return True

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        """Return the issuers of the file, never rows of allauth's table."""
        return [
            SocialApp(
                provider=PROVIDER,
                provider_id=issuer.id,
                name=issuer.name,
                client_id=issuer.client_id,
                secret=issuer.client_secret,
                settings={"server_url": issuer.issuer},
            )
            for issuer in settings.ISSUERS
            if provider in (None, PROVIDER, issuer.id) and client_id in (None, issuer.client_id)
        ]

    def generate_state_param(self, state: Mapping[str, Any]) -> str:
        """Return 256 random bits; allauth's own state has about 95."""
        return secrets.token_urlsafe(STATE_BYTES)

    def get_requests_session(self) -> requests.Session:
        """Nothing in Berth calls a provider past `accounts.provider.calls`; whatever allauth adds must not
        either.
        """
        raise NotImplementedError("calls to providers go through accounts.provider.calls")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Take a known identity to its person."""
        identity = admission.welcome_back(sociallogin, sociallogin.claims)
        sessions.will_open_with(request, identity)

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User | None:
        """Store a new identity with its person."""
        identity = admission.register(sociallogin, sociallogin.claims)
        sessions.will_open_with(request, identity)
        person: User | None = sociallogin.user
        return person

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: Mapping[str, Any] | None = None,
    ) -> None:
        """Answer a failed login with our page, except when the person cancelled it: allauth redirects to ours
        then.
        """
        if error == AuthError.CANCELLED:
            return
        state = (extra_context or {}).get("state")
        raise ImmediateHttpResponse(refusals.respond(request, provider.issuer, error=exception, state=state))
