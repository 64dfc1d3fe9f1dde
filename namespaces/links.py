"""The links of invitations: what opens one is computed from the key of the installation and stored nowhere."""

from __future__ import annotations

from uuid import UUID

from django.core.signing import BadSignature, Signer
from django.urls import reverse

from namespaces.models import Invitation

_SALT = "namespaces.invitation"


def path(invitation: Invitation) -> str:
    """Return the path of the link that is good now."""
    return complete(unsigned_path(invitation))


def unsigned_path(invitation: Invitation) -> str:
    """Return the path without what proves that somebody was given it, as messages store it."""
    return f"/invitations/{invitation.pk}/{invitation.serial}/"


def complete(unsigned: str) -> str:
    """Return the path of a link from the one that messages store."""
    _, _, key, serial, _ = unsigned.split("/")
    return reverse("invitation", args=(key, serial, Signer(salt=_SALT).signature(f"{key}:{serial}")))


def is_genuine(key: UUID, serial: int, proof: str) -> bool:
    """Whether this installation made a link, with its key or one of those before it."""
    try:
        Signer(salt=_SALT).unsign(f"{key}:{serial}:{proof}")
    except BadSignature:
        return False
    return True
