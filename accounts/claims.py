"""The only reader of claims: from what an identity provider says to a value that Berth trusts.

An allow-list: `sub`, `name`, `given_name`, `family_name`, `email`, `email_verified`, `idp`, `idp_name`, `auth_time`.
Everything else (`groups`, `is_staff`, whatever a provider may think of) is dropped unread. Claims identify
and describe; they grant nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.issuers import REFUSE, Issuer

NAME_MAX_LENGTH = 200
EMAIL_MAX_LENGTH = 254
CUT_MARK = "…"

# A subject becomes a Kubernetes user name. The API server itself takes nearly everything, `system:masters`
# included.
_SUBJECT = re.compile(r"\A[A-Za-z0-9:/._@+=~-]{1,255}\Z")
_RESERVED_PREFIX = "system:"
_ENTITY_ID = re.compile(r"\A[\x21-\x7e]{1,255}\Z")
_LONGEST_READ = 4096
# Characters that show nothing and that Unicode does not call control characters: fillers and selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class ClaimError(Exception):
    """What the provider says cannot be accepted. `code` names the reason and holds nothing of the claim."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Claims:
    """What Berth takes from a login, and nothing else.

    `issuer` and `subject` identify; `authenticated_at` is when the person showed the provider who they are, in seconds
    since 1970, None if it does not say; the rest is for display.
    """

    issuer: str
    subject: str
    name: str = ""
    email: str = ""
    email_verified: bool = False
    entity_id: str = ""
    institution: str = ""
    authenticated_at: int | None = None


def read(id_token: Mapping[str, Any], userinfo: Mapping[str, Any], issuer: Issuer) -> Claims:
    """Read the claims of a verified ID token and of a userinfo answer that speaks of the same person.

    Who it is comes from the ID token alone; for display the signed token wins over userinfo. Raises
    ClaimError.
    """
    entity_id, institution = _institution(_first("idp", id_token, userinfo), issuer)
    email, email_verified = _email(_first("email", id_token, userinfo))
    return Claims(
        issuer=issuer.issuer,
        subject=_subject(id_token.get("sub")),
        name=_name(id_token, userinfo),
        email=email,
        email_verified=email_verified,
        entity_id=entity_id,
        institution=institution,
        authenticated_at=_moment(id_token.get("auth_time")),
    )


def clean_name(value: object) -> str:
    """Return a name fit for display: one line, NFC, nothing invisible or turning, cut with a mark; else
    empty.
    """
    if not isinstance(value, str):
        return ""
    text = unicodedata.normalize("NFC", value[:_LONGEST_READ])
    kept = []
    for character in _INVISIBLE.sub("", text):
        if character.isspace():
            kept.append(" ")
        elif (
            unicodedata.category(character)[0] != "C"
        ):  # control, format (bidi, zero-width), surrogate, unassigned
            kept.append(character)
    name = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    if len(name) > NAME_MAX_LENGTH:
        name = name[: NAME_MAX_LENGTH - len(CUT_MARK)].rstrip() + CUT_MARK
    return name


def _first(name: str, *documents: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first document that has the claim: claims that belong together come from one source."""
    return next((document for document in documents if document.get(name) is not None), {})


def _subject(value: object) -> str:
    """Refuse, never repair: what is cut or trimmed could be somebody else."""
    if not isinstance(value, str) or not _SUBJECT.match(value) or value.startswith(_RESERVED_PREFIX):
        raise ClaimError("subject")
    if {".", ".."} & set(value.split("/")):
        raise ClaimError("subject")
    return value


def _moment(value: object) -> int | None:
    """Only the signed token is believed, and only a whole number (OpenID Connect Core 1.0, section 2)."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _name(*documents: Mapping[str, Any]) -> str:
    name = clean_name(_first("name", *documents).get("name"))
    if name:
        return name
    parts = (clean_name(_first(part, *documents).get(part)) for part in ("given_name", "family_name"))
    return clean_name(" ".join(part for part in parts if part))


def _email(document: Mapping[str, Any]) -> tuple[str, bool]:
    """Return an address to write to, as received, and whether the provider verified it: JSON `true`, nothing
    else.
    """
    email = document.get("email")
    if not isinstance(email, str) or len(email) > EMAIL_MAX_LENGTH or email.count("@") != 1:
        return "", False
    if not email.isascii() or not email.isprintable() or '"' in email:
        return "", False
    try:
        validate_email(email)
    except ValidationError:
        return "", False
    return email, document.get("email_verified") is True


def _institution(document: Mapping[str, Any], issuer: Issuer) -> tuple[str, str]:
    """Return EntityID and name of the institution.

    It follows from `idp` alone, never from an e-mail address.
    """
    if issuer.institution:
        return "", issuer.institution
    entity_id = document.get("idp")
    if not isinstance(entity_id, str) or not _ENTITY_ID.match(entity_id):
        entity_id = ""
    if issuer.institutions is None:
        return entity_id, (
            clean_name(document.get("idp_name")) or entity_id[:NAME_MAX_LENGTH]
        ) if entity_id else ""
    if known := issuer.institutions.get(entity_id):
        return entity_id, known.name
    if issuer.unknown_institutions == REFUSE:
        raise ClaimError("institution")
    return entity_id, ""
