"""Whom a verified login belongs to. The table of identities is the truth; allauth's accounts follow it."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.db import IntegrityError, transaction

from accounts.actions import people
from accounts.claims import Claims
from accounts.models import Identity, User, account_uid
from accounts.provider.errors import NotAdmitted, Refused


def check(claims: Claims) -> None:
    """Refuse before anything is written: a retired identity, an inactive person, an account of nobody or of
    another.

    Raises NotAdmitted or Refused.
    """
    identity = _find(claims)
    if identity is not None and identity.state != Identity.State.ACTIVE:
        raise NotAdmitted("identity_retired", identity)
    if identity is not None and not identity.person.is_active:
        raise NotAdmitted(_why(identity.person), identity)
    expected = identity.person_id if identity is not None else None
    accounts = SocialAccount.objects.filter(uid=account_uid(claims.issuer, claims.subject))
    if any(owner != expected for owner in accounts.values_list("user_id", flat=True)):
        raise Refused("account_without_identity")


def _why(person: User) -> str:
    """Return the code of why somebody is kept out."""
    if person.is_leaving:
        return "person_leaving"
    return "person_suspended" if person.suspension else "person_inactive"


def welcome_back(login: SocialLogin, claims: Claims) -> Identity | None:
    """Take the login of a known identity to its person, and return it; do nothing for an identity that is new."""
    identity = _find(claims)
    if identity is None:
        return None
    with transaction.atomic():
        people.welcome_back(identity=identity, claims=claims)
        _attach(login, identity)
    return identity


def register(login: SocialLogin, claims: Claims) -> Identity | None:
    """Store person, identity, account and audit event of a first login together, or nothing.

    Of two first logins of one identity at the same moment the second finds what the first stored.
    """
    try:
        with transaction.atomic():
            identity = people.register(person=login.user, claims=claims)
            _attach(login, identity)
    except IntegrityError:
        if _find(claims) is None:
            raise
        check(claims)
        return welcome_back(login, claims)
    return identity


def _find(claims: Claims) -> Identity | None:
    identities = Identity.objects.select_related("person")
    return identities.filter(issuer=claims.issuer, subject=claims.subject).first()


def _attach(login: SocialLogin, identity: Identity) -> None:
    """Give the login its person, and store allauth's account if there is none (stored people may have none
    yet).
    """
    account = login.account
    login.user = account.user = identity.person
    if account.pk is None:
        login.account, _ = SocialAccount.objects.get_or_create(
            provider=account.provider, uid=account.uid, defaults={"user": identity.person, "extra_data": {}}
        )
