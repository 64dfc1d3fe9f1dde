"""Who is in a namespace: adding, changing the role of, removing, leaving."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.days import in_words, last_before
from accounts.errors import BadInput, NotAllowed, StateConflict
from accounts.models import Level, User
from accounts.policy import may_vouch
from audit.models import Event
from audit.record import draft, record, record_all
from namespaces import messages, search
from namespaces.access import Permission, Role
from namespaces.lanes import REVOCATIONS
from namespaces.models import Invitation, Membership, MembershipQuerySet, Namespace
from namespaces.policy import may_grant, permits
from namespaces.roster import UNDO_WITHIN
from namespaces.tasks import request_reconcile

EXTENSION = timedelta(days=90)
"""How much longer a membership lasts after one click: about a term."""


@transaction.atomic
def add(
    *, namespace: Namespace, person: User, role: Role, ends_at: datetime | None = None, by: User
) -> Membership:
    """Give a person a role, perhaps until a moment. A guest is vouched for by this, if `by` may vouch.

    Raises NotAllowed, BadInput (until), and StateConflict if the person is a member already or cannot be one.
    """
    lock_to_let_in(namespace, person)
    if not may_grant(people.as_stored(by), role, namespace):
        raise NotAllowed(_("Only the admins of this namespace add members."))
    if by.pk == person.pk and not by.is_operator:
        raise NotAllowed(_("Nobody adds themselves."))
    _must_come(ends_at)
    return grant_membership(namespace=namespace, person=person, role=role, ends_at=ends_at, by=by)


def grant_membership(
    *,
    namespace: Namespace,
    person: User,
    role: Role,
    ends_at: datetime | None = None,
    by: User,
    request_id: UUID | None = None,
    invitation: Invitation | None = None,
) -> Membership:
    """Make the membership, vouching if needed: for other actions, after their own checks, in their transaction.

    `request_id` is that of the request which is approved by this, `invitation` what they accepted.
    """
    person.refresh_from_db()
    if not person.is_active:
        raise StateConflict(_("This account is not active."))
    if Membership.objects.current().filter(namespace=namespace, person=person).exists():
        raise StateConflict(
            _("%(person)s is a member of %(namespace)s already.") % {"person": person, "namespace": namespace}
        )
    if person.level == Level.GUEST:
        if not may_vouch(by):
            raise NotAllowed(
                _("%(person)s is a guest. Only people of level admin and operators may vouch for a guest.")
                % {"person": person}
            )
        people.vouch(person=person, by=by, request_id=request_id)
    membership = Membership.objects.create(
        namespace=namespace, person=person, role=role, ends_at=ends_at, added_by=by, invitation=invitation
    )
    record_all([added_event(membership, by)])
    request_reconcile(namespace.pk)
    if request_id is None and invitation is None:  # else they know it, or are told of what they asked for
        messages.members_added(namespace, [membership], by)
    return membership


def added_event(membership: Membership, by: User) -> Event:
    """Return the event of a membership that was made, for `record_all`."""
    after = {"role": membership.role, "person": str(membership.person_id), **_until(membership.ends_at)}
    if membership.invitation_id:
        after |= {"invitation": str(membership.invitation_id)}
    return draft("member.added", by=by, about=membership, namespace_id=membership.namespace_id, after=after)


def ended_event(membership: Membership, by: User, **after: str) -> Event:
    """Return the event of a membership that somebody ended, for `record_all`."""
    return draft(
        "member.left" if membership.person_id == by.pk else "member.removed", by=by, about=membership,
        namespace_id=membership.namespace_id,
        before={"role": membership.role, "person": str(membership.person_id)}, after=after,
    )  # fmt: skip


@transaction.atomic
def set_role(*, membership: Membership, role: Role, by: User) -> Membership:
    """Change a member's role. Raises NotAllowed, and StateConflict for an ended membership or the last admin."""
    namespace = membership.namespace
    lock(namespace)
    if not may_grant(people.as_stored(by), role, namespace):
        raise NotAllowed(_("Only the admins of this namespace change roles."))
    current = _current(membership)
    if current.role == role:
        return current
    if current.role == Role.ADMIN:
        keep_an_admin(namespace, without=current.person, by=by)
        forget_successors(current, by=by)
    _give("member.role", current, role, by=by)
    messages.role_changed(current, by)
    return current


def take_over(membership: Membership, *, instead_of: User, by: User | None) -> None:
    """Make a member an admin in place of another: for other actions, after their own checks, in their transaction, with
    the namespace held. `by` is None where Berth itself does it."""
    if membership.role == Role.ADMIN:
        return
    _give("member.took_over", membership, Role.ADMIN, by=by, instead_of=str(instead_of.pk))
    messages.took_over(membership, instead_of, by)


def _give(act: str, membership: Membership, role: Role, *, by: User | None, **more: str) -> None:
    before = membership.role
    membership.role, membership.changed_at = role, Now()
    membership.save(update_fields=["role", "changed_at"])
    record(
        act, by=by, about=membership, namespace_id=membership.namespace_id,
        before={"role": before}, after={"role": role, "person": str(membership.person_id), **more},
    )  # fmt: skip
    request_reconcile(membership.namespace_id, lane=REVOCATIONS)


@transaction.atomic
def remove(*, membership: Membership, by: User) -> Membership:
    """End somebody's membership, or one's own (leave). Raises NotAllowed, and StateConflict for the last admin."""
    namespace = membership.namespace
    lock(namespace)
    own = membership.person_id == by.pk
    if not permits(people.as_stored(by), Permission.LEAVE if own else Permission.MANAGE_MEMBERS, namespace):
        raise NotAllowed(_("Only the admins of this namespace remove members."))
    return end_membership(membership, by=by)


def end_membership(membership: Membership, *, by: User) -> Membership:
    """End a membership: for other actions, after their own checks, in their transaction, with the namespace held.

    Raises StateConflict for one that has ended, and for the last admin.
    """
    current = _current(membership)
    own = current.person_id == by.pk
    if current.role == Role.ADMIN:
        keep_an_admin(current.namespace, without=current.person, by=by)
    current.ended_at, current.ended_by = Now(), by
    current.save(update_fields=["ended_at", "ended_by"])
    forget_successors(current, by=by)
    record_all([ended_event(current, by)])
    request_reconcile(current.namespace_id, lane=REVOCATIONS)
    if own:
        messages.member_left(current)
    else:
        messages.member_removed(current, by)
    return current


@transaction.atomic
def restore(*, membership: Membership, by: User) -> Membership:
    """Undo within a day that somebody was removed: let them in again as they were.

    Raises NotAllowed, and StateConflict where they left by themselves, it is too late, or they are in again; also where
    they would be out by now: nobody gets more by this than they had.
    """
    namespace = membership.namespace
    lock_to_let_in(namespace, membership.person)
    ended = Membership.objects.select_related("person").get(pk=membership.pk)
    if not may_grant(people.as_stored(by), Role(ended.role), namespace):
        raise NotAllowed(_("Only the admins of this namespace add members."))
    recent = Membership.objects.filter(pk=ended.pk, ended_at__gt=Now() - UNDO_WITHIN)
    is_newest = not Membership.objects.filter(
        namespace=namespace, person=ended.person, created_at__gt=ended.created_at, ended_at__isnull=False
    ).exists()
    if ended.ended_by_id in (None, ended.person_id) or not recent.exists() or not is_newest:
        raise StateConflict(_("Only a removal can be undone, for a day. Add them again."))
    if ended.ends_at and ended.ends_at <= timezone.now():
        raise StateConflict(_("It has come to its end since. Add them again."))
    restored = grant_membership(
        namespace=namespace, person=ended.person, role=Role(ended.role), ends_at=ended.ends_at, by=by
    )
    if ended.invitation_id:
        restored.invitation_id = ended.invitation_id  # or the end of a course would not be theirs
        restored.save(update_fields=["invitation"])
    return restored


@transaction.atomic
def set_end(*, membership: Membership, ends_at: datetime | None, by: User) -> Membership:
    """Let a membership end at a moment, or at none. Raises NotAllowed, also for who would stay longer by their own word
    while another admin could give it, BadInput (until), and StateConflict for an ended membership, and for an end of
    the last admin that comes sooner than theirs, but where a successor is named."""
    namespace = membership.namespace
    lock(namespace)
    if not permits(people.as_stored(by), Permission.MANAGE_MEMBERS, namespace):
        raise NotAllowed(_("Only the admins of this namespace say how long members stay."))
    current = _current(membership)
    _must_come(ends_at)
    if current.ends_at == ends_at:
        return current
    is_longer = ends_at is None or (current.ends_at is not None and ends_at > current.ends_at)
    if (
        is_longer
        and current.person_id == by.pk
        and not by.is_operator
        and namespace not in without_another_admin(by)
    ):
        raise NotAllowed(_("Nobody lets their own membership last longer. Another admin can."))
    if not is_longer and current.role == Role.ADMIN and successor_of(current) is None:
        keep_an_admin(namespace, without=current.person, by=by)
    before, current.ends_at = current.ends_at, ends_at
    current.save(update_fields=["ends_at"])
    record(
        "member.until", by=by, about=current, namespace_id=namespace.pk,
        before=_until(before), after={"person": str(current.person_id), **_until(ends_at)},
    )  # fmt: skip
    messages.end_set(current, by)
    return current


@transaction.atomic
def extend(*, membership: Membership, ends_at: datetime | None, by: User) -> Membership:
    """Let a membership that ends at this moment last EXTENSION longer, counted by days. Raises as `set_end`, and
    StateConflict for one that does not end by itself, or at another moment: two who extend it once extend it once."""
    lock(membership.namespace)
    current = _current(membership)
    if current.ends_at is None:
        raise StateConflict(_("This membership does not end by itself."))
    if current.ends_at != ends_at:
        raise StateConflict(
            _("It was changed meanwhile: it lasts until %(day)s.")
            % {"day": in_words(last_before(current.ends_at))}
        )
    try:
        longer = extended(current.ends_at)
    except OverflowError:
        raise StateConflict(_("The calendar does not go on for that long.")) from None
    return set_end(membership=current, ends_at=longer, by=by)


def extended(ends_at: datetime) -> datetime:
    """Return the end that one click leads to: the same time of the day, EXTENSION later."""
    return localtime(ends_at) + EXTENSION


def _must_come(ends_at: datetime | None) -> None:
    if ends_at is not None and ends_at <= timezone.now():
        raise BadInput("until", _("Give a day that is still to come."))


def _until(ends_at: datetime | None) -> dict[str, str]:
    """Return an end as events say it."""
    return {"until": ends_at.isoformat()} if ends_at else {}


def on_person_changed(
    sender: type[User],
    person: User,
    *,
    by: User | None = None,
    counts_as_before: bool = False,
    **_kwargs: object,
) -> None:
    """A person's level or suspension changed: every namespace they are in follows, in the same transaction, and whom
    they named takes over where nobody else is an admin.

    Raises StateConflict, with all of them, if namespaces would be left without an admin who counts.
    """
    concerned = list(Membership.objects.current().filter(person=person).values_list("namespace", flat=True))
    lock_all(concerned)
    counts = counts_as_before or (person.is_active and not person.is_guest)
    if not counts:
        pass_on(person, without_another_admin(person), by=by)
    if person.is_guest:
        forget_successors(*Membership.objects.current().filter(person=person), by=by)
    request_reconcile(*concerned, lane=REVOCATIONS)


def on_name_changed(sender: type[User], person: User, **_kwargs: object) -> None:
    """What others read of a person changed: so do the pages of the namespaces they are in, in the same transaction."""
    concerned = list(Membership.objects.current().filter(person=person).values_list("namespace", flat=True))
    search.write(*concerned)


def on_person_leaves(sender: type[User], person: User, by: User, **_kwargs: object) -> None:
    """An account is being deleted: its memberships end as by any removal, in the same transaction."""
    own = Membership.objects.current().filter(person=person).select_related("namespace")
    for membership in own.order_by("namespace_id"):
        remove(membership=membership, by=by)


def lock(namespace: Namespace) -> None:
    """Take the row lock of the namespace: rules over several rows ("the last admin") hold under it.

    `no_key`: rows that only point at the namespace are not held up, nor can they and we wait for each other.
    """
    Namespace.objects.select_for_update(no_key=True).filter(pk=namespace.pk).values("pk").get()


def lock_to_let_in(namespace: Namespace, *joining: User) -> None:
    """Hold people who join, who may just be merged into another account, and the namespace; with every other one that a
    guest among them is in: being vouched for concerns them all, and they are taken in the same order."""
    people.lock(*joining)
    guests = Membership.objects.current().filter(person__in=joining, person__level=Level.GUEST)
    lock_all({namespace.pk, *guests.values_list("namespace", flat=True)})


def lock_all(namespaces: Iterable[UUID]) -> None:
    """Take the row locks of several namespaces, in one order for everybody: of two who need some of the same, none
    waits for the other while the other waits for them. Also those that are only to be marked as changed."""
    rows = Namespace.objects.select_for_update(no_key=True).filter(pk__in=list(namespaces))
    list(rows.order_by("pk").values("pk"))


def _current(membership: Membership) -> Membership:
    current = (
        Membership.objects.current()
        .select_related("person", "namespace__cluster")
        .filter(pk=membership.pk)
        .first()
    )
    if current is None:
        raise StateConflict(_("This membership has ended already."))
    return current


def without_another_admin(person: User) -> list[Namespace]:
    """Return the namespaces in which nobody else is an admin who counts, by name."""
    admins = Membership.objects.current().filter(role=Role.ADMIN)
    others = Membership.objects.admins().exclude(person=person)
    own = admins.filter(person=person).exclude(namespace__in=others.values("namespace"))
    return list(
        Namespace.objects.filter(pk__in=own.values("namespace")).select_related("cluster").order_by("name")
    )


def keep_an_admin(namespace: Namespace, *, without: User, by: User | None) -> None:
    """See to it that an admin is left: where nobody else is one who counts, whom they named takes over. Raises
    StateConflict where that is nobody. With the namespace held."""
    pass_on(without, [each for each in without_another_admin(without) if each == namespace], by=by)


def pass_on(person: User, namespaces: Iterable[Namespace], *, by: User | None) -> None:
    """Let those whom somebody has named take over as admins of these namespaces, which are held.

    Raises StateConflict, with all of those for which nobody is named who counts.
    """
    wanted = list(namespaces)
    named = {each.namespace_id: each for each in successors_of(person)}
    if missing := [namespace for namespace in wanted if namespace.pk not in named]:
        raise last_admin(person, missing)
    for namespace in wanted:
        take_over(named[namespace.pk], instead_of=person, by=by)


def successors_of(person: User) -> MembershipQuerySet:
    """Return the memberships of those whom somebody has named to take over from them, as far as all of it still counts:
    one for each namespace at most."""
    naming = Membership.objects.current().filter(person=person, role=Role.ADMIN)
    named = Membership.objects.with_effect().filter(pk__in=naming.values("successor"))
    return named.select_related("person", "namespace__cluster")


def successor_of(membership: Membership) -> Membership | None:
    """Return the membership of whom this admin has named here, if they still count."""
    return successors_of(membership.person).filter(namespace=membership.namespace_id).first()


def forget_successors(*memberships: Membership, by: User | None) -> None:
    """End what was named by or for these memberships: who is named again counts again, and nobody else."""
    naming = Q(pk__in=[each.pk for each in memberships]) | Q(successor__in=memberships)
    for membership in Membership.objects.filter(naming, successor__isnull=False).select_related("successor"):
        name_successor(membership, None, by=by)


def name_successor(membership: Membership, successor: Membership | None, *, by: User | None) -> None:
    """Write down whom an admin names, or that it is nobody any more: for other actions, in their transaction."""
    before, membership.successor = membership.successor, successor
    membership.save(update_fields=["successor"])
    record(
        "successor.named" if successor else "successor.ended", by=by, about=membership,
        namespace_id=membership.namespace_id, before=_named(before), after=_named(successor),
    )  # fmt: skip


def _named(successor: Membership | None) -> dict[str, str]:
    """Return whom somebody named, as events say it."""
    return {"successor": str(successor.person_id)} if successor else {}


def last_admin(person: User, namespaces: list[Namespace]) -> StateConflict:
    """Return the refusal of what would leave these namespaces without an admin."""
    names = ", ".join(map(str, namespaces))
    return StateConflict(
        _("%(person)s is the last admin of %(namespaces)s. Make somebody else an admin first.")
        % {"person": person, "namespaces": names}
    )
