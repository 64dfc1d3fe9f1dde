"""What becomes of memberships and requests when an account takes over another."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import User
from audit.record import record
from namespaces import access
from namespaces.actions import absences, ladder, requests
from namespaces.actions.members import lock_all
from namespaces.lanes import REVOCATIONS
from namespaces.models import Invitation, Membership, Request
from namespaces.tasks import request_reconcile


def on_accounts_merged(sender: type[User], kept: User, emptied: User, by: User, **_kwargs: object) -> None:
    """Hand memberships over, the higher role where both have one, requests and invitations; in the same transaction."""
    current = Membership.objects.current().filter(person=emptied).select_related("namespace")
    both = Membership.objects.current().filter(person__in=(kept, emptied))
    invitations = Invitation.objects.filter(Q(person=emptied) | Q(created_by=emptied))
    places = (found.values_list("namespace", flat=True) for found in (both, invitations))
    lock_all({namespace for found in places for namespace in found})
    memberships = list(current.order_by("namespace_id"))
    for membership in memberships:
        _hand_over(membership, kept, by)
    ladder.expire(Request.objects.filter(person__in=(kept, emptied)))  # or one that has run out is in the way
    member_of = Membership.objects.current().filter(person=kept).values("namespace")
    asked = Request.objects.filter(person=kept, state=Request.State.PENDING).values("namespace")
    theirs = Request.objects.filter(person=emptied)
    doubled = Q(namespace__in=member_of) | Q(namespace__in=asked)
    for kind in (Request.Kind.PROMOTION, Request.Kind.NAMESPACE):  # of each one at a time
        if Request.objects.filter(person=kept, state=Request.State.PENDING, kind=kind).exists():
            doubled |= Q(kind=kind)
    for needless in theirs.filter(doubled, state=Request.State.PENDING):
        requests.end(needless, Request.State.WITHDRAWN, "", by)
    theirs.update(person=kept)
    Invitation.objects.filter(person=emptied).update(person=kept)
    Invitation.objects.filter(created_by=emptied).update(created_by=kept)
    absences.end_of(kept, emptied, by=by)
    request_reconcile(*(membership.namespace_id for membership in memberships), lane=REVOCATIONS)


def is_in_use(sender: type[User], person: User, **_kwargs: object) -> bool:
    """Whether the person is or was a member of anything, or asked for anything."""
    return Membership.objects.filter(person=person).exists() or Request.objects.filter(person=person).exists()


def _hand_over(membership: Membership, kept: User, by: User) -> None:
    own = Membership.objects.current().filter(namespace=membership.namespace, person=kept).first()
    before = {"person": str(membership.person_id), "role": membership.role}
    if own is None:
        Membership.objects.filter(pk=membership.pk).update(person=kept)
        after = {"person": str(kept.pk), "role": membership.role}
    else:
        Membership.objects.filter(pk=membership.pk).update(ended_at=Now(), ended_by=by)
        Membership.objects.filter(successor=membership).exclude(pk=own.pk).update(successor=own)
        if _gives_more(membership, own):
            named = None if membership.successor_id == own.pk else membership.successor_id
            Membership.objects.filter(pk=own.pk).update(
                role=membership.role,
                ends_at=membership.ends_at,
                invitation=membership.invitation_id,
                changed_at=Now(),
                successor=named,
            )
            own.role = membership.role
        after = {"person": str(kept.pk), "role": own.role}
    record(
        "member.merged",
        by=by,
        about=membership,
        namespace_id=membership.namespace_id,
        before=before,
        after=after,
    )


def _gives_more(one: Membership, other: Membership) -> bool:
    """Whether a membership gives a higher role than the other, or the same for longer. Role, end and invitation stay
    together: who is an admin until May and a viewer for ever does not become an admin for ever, and a course ends only
    what it gave.
    """
    if one.role != other.role:
        return access.rank(one.role) > access.rank(other.role)
    return other.ends_at is not None and (one.ends_at is None or one.ends_at > other.ends_at)
