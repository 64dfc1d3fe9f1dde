"""What is written down about second factors. Setting one up is allauth's work, on our pages."""

from __future__ import annotations

import secrets
import time

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction
from django.utils.crypto import salted_hmac

from accounts import messages, sessions
from accounts.actions import people
from accounts.models import User
from audit.record import record

SEED_BYTES = 40
USED_SECONDS = app_settings.TOTP_PERIOD * (2 * app_settings.TOTP_TOLERANCE + 2)


@transaction.atomic
def forget(*, person: User, by: User | None, reason: str) -> int:
    """Take all factors and codes of somebody who lost them away, and end their sessions; return how many there were.
    `by` is None for a command on the server."""
    number: int = Authenticator.objects.filter(user=person).delete()[0]
    sessions.end(person)  # whoever showed what was stolen is not to go on
    if number:
        record("second_factor.forgotten", by=by, about=person, reason=reason, after={"number": number})
        messages.second_factor_changed(person, is_added=False)
    return number


@transaction.atomic
def new_codes(person: User) -> None:
    """Make new recovery codes; the earlier ones end. The row stays: what they showed in a session goes on counting."""
    people.lock(person)
    data = {"seed": encrypt(secrets.token_hex(SEED_BYTES)), "used_mask": 0}
    Authenticator.objects.update_or_create(
        user=person, type=Authenticator.Type.RECOVERY_CODES, defaults={"data": data}
    )
    record("second_factor.codes", by=person, about=person)


@transaction.atomic
def use_up(app: Authenticator, code: str) -> bool:
    """Note that a code, which is right, was given; return False if it was before (RFC 6238, section 5.2).

    allauth remembers it in the cache, for one period, while codes of neighbouring periods are taken as well.
    """
    row = Authenticator.objects.select_for_update().get(pk=app.pk)
    now, digits = time.time(), "".join(filter(str.isdigit, code))
    mark = salted_hmac("accounts.second_factor.used", digits).hexdigest()
    used = [[each, at] for each, at in row.data.get("used", []) if now - at < USED_SECONDS]
    if any(each == mark for each, _at in used):
        return False
    row.data["used"] = [*used, [mark, now]]
    row.save(update_fields=["data"])
    app.data = row.data
    return True


@transaction.atomic
def seal_anew() -> int:
    """Seal every secret with the key of now, after which earlier keys may go; return of how many people.

    Raises ValidationError for one that no key opens.
    """
    sealed = (
        Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk")
    )
    owners = set()
    for factor in sealed:
        name = "secret" if factor.type == Authenticator.Type.TOTP else "seed"
        factor.data[name] = encrypt(decrypt(factor.data[name]))
        factor.save(update_fields=["data"])
        owners.add(factor.user_id)
    return len(owners)
