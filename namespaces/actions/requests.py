"""Asking to join a namespace, and deciding it."""

from __future__ import annotations

from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import User
from audit.record import record
from namespaces.access import Permission, Role
from namespaces.actions.members import grant_membership, lock
from namespaces.models import Membership, Namespace, Request
from namespaces.policy import may_decide, permits

MOST_OPEN = 10
MOST_A_DAY = 20


@transaction.atomic
def ask_to_join(*, namespace: Namespace, role: Role, reason: str, by: User) -> Request:
    """Ask to be let in. Raises NotAllowed, StateConflict (member already, asked already), TooMany."""
    people.lock(by)  # the limits hold under it
    if not permits(people.as_stored(by), Permission.ASK_TO_JOIN, namespace):
        raise NotAllowed(_("Log in to ask to join."))
    if Membership.objects.current().filter(namespace=namespace, person=by).exists():
        raise StateConflict(_("You are a member of %(namespace)s already.") % {"namespace": namespace})
    own = Request.objects.filter(person=by)
    if own.filter(state=Request.State.PENDING).count() >= MOST_OPEN:
        raise TooMany(
            _("You have %(limit)d open requests. Wait for an answer, or withdraw one.") % {"limit": MOST_OPEN}
        )
    if own.filter(created_at__gt=timezone.now() - timedelta(days=1)).count() >= MOST_A_DAY:
        raise TooMany(_("At most %(limit)d requests a day. Try again tomorrow.") % {"limit": MOST_A_DAY})
    try:
        with transaction.atomic():
            request = Request.objects.create(namespace=namespace, person=by, role=role, reason=reason)
    except IntegrityError:
        raise StateConflict(_("You have asked already; your request is waiting for an answer.")) from None
    record("request.made", by=by, about=request, namespace_id=namespace.pk, after={"role": role})
    return request


@transaction.atomic
def approve(*, request: Request, note: str = "", by: User) -> Request:
    """Let the asker in with the role asked for, and vouch for a guest.

    Raises NotAllowed, StateConflict if decided already, or for a role that only a newer version knows.
    """
    people.lock(request.person)  # first, or it could wait for the asker while the asker waits for us
    lock(request.namespace)
    _may_decide(request, by)
    if request.role not in Role.values:
        raise StateConflict(
            _("This version of Berth does not know the role %(role)s.") % {"role": request.role}
        )
    decided = _decide(request, Request.State.APPROVED, note, by)
    grant_membership(namespace=decided.namespace, person=decided.person, role=Role(decided.role), by=by)
    return decided


@transaction.atomic
def deny(*, request: Request, note: str, by: User) -> Request:
    """Say no, with a note that the asker reads. Raises NotAllowed, StateConflict if decided already."""
    _may_decide(request, by)
    return _decide(request, Request.State.DENIED, note, by)


@transaction.atomic
def withdraw(*, request: Request, by: User) -> Request:
    """Take one's own request back. Raises NotAllowed, StateConflict if decided already."""
    if request.person_id != by.pk:
        raise NotAllowed(_("Only who asked can withdraw a request."))
    return _decide(request, Request.State.WITHDRAWN, "", by)


def _may_decide(request: Request, by: User) -> None:
    if not may_decide(people.as_stored(by), request):
        raise NotAllowed(
            _("Only the admins of this namespace decide its requests, and nobody decides their own.")
        )


def _decide(request: Request, state: Request.State, note: str, by: User) -> Request:
    """Move a pending request to its end; the first of two who try at once wins, the second gets StateConflict."""
    pending = Request.objects.filter(pk=request.pk, state=Request.State.PENDING)
    won = pending.update(state=state, decided_at=Now(), decided_by=by, note=note)
    decided = Request.objects.select_related("namespace__cluster", "person", "decided_by").get(pk=request.pk)
    if not won:
        raise StateConflict(
            _("This request was decided already: %(state)s by %(who)s.")
            % {"state": decided.get_state_display(), "who": decided.decided_by}
        )
    record(
        f"request.{state}", by=by, about=decided, namespace_id=decided.namespace_id,
        before={"state": Request.State.PENDING}, after={"state": state, "role": decided.role},
    )  # fmt: skip
    return decided
