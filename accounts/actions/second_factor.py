"""What is written down about second factors. Setting one up is allauth's work, on our pages."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from django.db import transaction

from accounts.models import User
from audit.record import record


@transaction.atomic
def forget(*, person: User, by: User | None, reason: str) -> int:
    """Take all factors and codes of somebody who lost them away; return how many. None: a command on the server did."""
    number: int = Authenticator.objects.filter(user=person).delete()[0]
    if number:
        record("second_factor.forgotten", by=by, about=person, reason=reason, after={"number": number})
    return number


@transaction.atomic
def seal_anew() -> int:
    """Seal every secret with the key of now, after which earlier keys may go; return of how many people.

    Raises ValidationError for one that no key opens.
    """
    sealed = (
        Authenticator.objects.select_for_update().exclude(type=Authenticator.Type.WEBAUTHN).order_by("pk")
    )
    people = set()
    for factor in sealed:
        name = "secret" if factor.type == Authenticator.Type.TOTP else "seed"
        factor.data[name] = encrypt(decrypt(factor.data[name]))
        factor.save(update_fields=["data"])
        people.add(factor.user_id)
    return len(people)
