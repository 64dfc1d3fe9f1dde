"""Publishing a version of the terms of use, and accepting one."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import policy, terms
from accounts.actions import people
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Acceptance, Terms, User
from audit.record import record


@transaction.atomic
def publish(*, text: str, binds_from: datetime, by: User) -> Terms:
    """Publish a new version that binds from a moment on. Raises NotAllowed: operators only."""
    if not policy.is_operator(people.as_stored(by)):
        raise NotAllowed(_("Only operators publish the terms of use."))
    published = Terms.objects.create(text=text, binds_from=binds_from, published_by=by)
    record("terms.published", by=by, about=published, after={"binds_from": binds_from.isoformat()})
    return published


@transaction.atomic
def accept(*, version: int, by: User) -> Acceptance:
    """Accept a version: the newest, or the one that binds now. Accepting it again changes nothing.

    Raises StateConflict if a newer one was published since the page was made.
    """
    if version not in {each.pk for each in (terms.newest(), terms.in_force()) if each}:
        raise StateConflict(_("A newer version was published while you read. Read that one."))
    accepted, made = Acceptance.objects.get_or_create(person=by, terms_id=version)
    if made:
        record("terms.accepted", by=by, about=by, after={"version": version})
    return accepted
