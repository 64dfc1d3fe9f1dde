"""What tests of the second factor share: a person who has one, a browser, and the pages by their names."""

from __future__ import annotations

import base64
import secrets
import time
from datetime import timedelta

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from tests import otp

INDEX, SHOW, ADD_APP, CODES = (
    reverse(name)
    for name in ("mfa_index", "mfa_reauthenticate", "mfa_activate_totp", "mfa_view_recovery_codes")
)


def give_app(person: User) -> str:
    """Let somebody have an app with codes; return its secret."""
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    Authenticator.objects.create(user=person, type=Authenticator.Type.TOTP, data={"secret": encrypt(secret)})
    return secret


def browser(person: User, *, shown_minutes_ago: int | None = None) -> Client:
    """Open a browser in which somebody logged in an hour ago, and last showed their provider who they are so long ago,
    if at all."""
    client = Client()
    client.force_login(person)
    session = client.session
    an_hour_ago = timezone.now() - timedelta(hours=1)
    session["opened"] = {**session["opened"], "at": an_hour_ago.isoformat()}
    if shown_minutes_ago is not None:
        identity = person.identities.get()
        session["fresh_login"] = {
            "identity": str(identity.pk),
            "at": int(time.time()) - 60 * shown_minutes_ago,
        }
    session.save()
    return client


def show(client: Client, secret: str, *, next_page: str = "") -> None:
    """Show the app in this browser."""
    answer = client.post(SHOW, {"code": otp.code(secret), "next": next_page})
    assert answer.status_code == 302, answer.content.decode()
