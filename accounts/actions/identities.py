"""A person's identities: link a further one, retire one. Each active one has the same rights in the clusters."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import messages, sessions
from accounts.actions import people
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Identity, User
from accounts.signals import identity_changed, person_changed
from audit.record import record


@transaction.atomic
def link(*, claims: Claims, by: User) -> Identity:
    """Make a further identity the person's, or one that they had retired active again.

    `claims` are of a login that the person has just made with it. Raises NotAllowed if they were suspended meanwhile,
    StateConflict if the identity is theirs already, or anybody else's: in the same words whoever that is.
    """
    people.lock(by)
    if not people.as_stored(by).is_active:
        raise NotAllowed(_("Your account is not active."))
    known = Identity.objects.filter(issuer=claims.issuer, subject=claims.subject).first()
    if known is not None and known.person_id != by.pk:
        raise in_use()
    if known is not None and known.state == Identity.State.ACTIVE:
        raise StateConflict(_("This identity is linked already."))
    described = {name: getattr(claims, name) for name in people.IDENTITY_FIELDS}
    now = timezone.now()
    described |= {"state": Identity.State.ACTIVE, "last_login_at": now}
    if known is None:
        known = _store(claims, by, described)
    else:
        Identity.objects.filter(pk=known.pk).update(**described)
        known.refresh_from_db()
    User.objects.filter(pk=by.pk).update(last_seen_at=now)
    record("identity.linked", by=by, about=known, after={"person": str(by.pk)})
    _announce(known)
    return known


@transaction.atomic
def retire(*, identity: Identity, by: User) -> Identity:
    """End an identity: no login with it, no session opened with it, no rights of it in any cluster. What it was stays
    on record.

    Raises NotAllowed for somebody else's, StateConflict if it is retired already or the last way in.
    """
    people.lock(by)
    if identity.person_id != by.pk or not people.as_stored(by).is_active:
        raise NotAllowed(_("Only the person whose identity it is retires it."))
    if not may_be_retired(identity):
        raise StateConflict(
            _("Nobody retires the last identity that they can log in with. Link another first.")
        )
    if not Identity.objects.filter(pk=identity.pk, state=Identity.State.ACTIVE).update(
        state=Identity.State.RETIRED
    ):
        raise StateConflict(_("This identity was retired already."))
    identity.refresh_from_db()
    _show_as(by, without=identity)
    ended = sessions.end(by, identity=identity)
    record(
        "identity.retired", by=by, about=identity, before={"person": str(by.pk)}, after={"sessions": ended}
    )
    _announce(identity)
    return identity


def _announce(identity: Identity) -> None:
    """Let everybody know that an identity is the person's now, or is not any more."""
    by = identity.person
    person_changed.send(sender=User, person=by, by=by, counts_as_before=True)
    identity_changed.send(sender=Identity, identity=identity)
    if identity.state == Identity.State.ACTIVE:
        messages.identity_linked(identity)
    else:
        messages.identity_retired(identity)


def may_be_retired(identity: Identity) -> bool:
    """Whether the person can still log in without it: with an active identity of an issuer of the file."""
    others = Identity.objects.filter(person=identity.person_id, state=Identity.State.ACTIVE)
    usable = [issuer.issuer for issuer in settings.ISSUERS]
    return others.exclude(pk=identity.pk).filter(issuer__in=usable).exists()


def _store(claims: Claims, person: User, described: dict[str, Any]) -> Identity:
    """Store a new identity; somebody may just be logging in with it for the first time."""
    try:
        with transaction.atomic():
            return Identity.objects.create(
                person=person, issuer=claims.issuer, subject=claims.subject, **described
            )
    except IntegrityError:
        raise in_use() from None


def in_use() -> StateConflict:
    """Return the refusal of an identity of anybody else, in the same words whoever that is."""
    return StateConflict(_("This identity is in use with another account here, so it cannot be linked."))


def _show_as(person: User, *, without: Identity) -> None:
    """Let pages show the person as the identity that they used last, not as the one that they have left."""
    others = Identity.objects.filter(person=person, state=Identity.State.ACTIVE).exclude(pk=without.pk)
    newest = max(others, key=lambda each: each.last_login_at or each.created_at)
    shown = {name: getattr(newest, name) for name in ("name", "email", "institution")}
    User.objects.filter(pk=person.pk).update(**shown)
