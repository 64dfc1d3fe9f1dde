"""Inviting people into a namespace: one by a link, or everybody of a course, and what becomes of it.

Every action here holds the namespace, so an invitation needs no lock of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, F, Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.encoding import punycode
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.claims import EMAIL_MAX_LENGTH
from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import Identity, User
from accounts.policy import may_vouch
from audit.models import Event
from audit.record import draft, record, record_all
from namespaces import messages
from namespaces.access import Permission, Role
from namespaces.actions.members import (
    ended_event,
    forget_successors,
    grant_membership,
    lock,
    lock_all,
    lock_to_let_in,
)
from namespaces.lanes import REVOCATIONS
from namespaces.models import Invitation, InvitationQuerySet, Membership, Namespace
from namespaces.policy import may_grant, permits
from namespaces.tasks import request_reconcile
from notifications.kinds import Kind
from notifications.models import Delivery

EXPIRES_AFTER = timedelta(days=14)
"""How long an invitation can be accepted where nothing else is said."""
LONGEST = timedelta(days=180)
"""How long an invitation can be accepted at most, and how far the end of a course may be."""
MOST_PLACES = 500
MOST_OPEN = 300
"""How many invitations of single people, and how many of courses, a namespace may have open."""
MOST_A_DAY = 500
"""To how many addresses one person may have mails sent in a day: Berth is no way to write to strangers."""
MOST_TO_ONE = 5
"""How many of these go to one address, whatever became of the invitations: nobody is bothered by one that is taken back
and made again."""
AGAIN_AFTER = timedelta(hours=1)
FORGOTTEN_AFTER = timedelta(days=30)
"""How long it stays whom an invitation was for that nobody has come by."""


@dataclass(frozen=True)
class Course:
    """What a course is invited with; `institutions` are the entity ids people must come from, none for any."""

    title: str
    role: Role
    places: int
    expires_at: datetime
    access_ends_at: datetime
    institutions: Sequence[str] = ()


@transaction.atomic
def invite(
    *,
    namespace: Namespace,
    role: Role,
    address: str = "",
    title: str = "",
    expires_at: datetime | None = None,
    access_ends_at: datetime | None = None,
    by: User,
) -> Invitation:
    """Invite one person: by a mail to `address`, or whoever accepts the link first. Where the address is invited
    already, that invitation is renewed.

    It says nothing of whether anybody has that address. Raises NotAllowed, BadInput (address, expires, until), TooMany.
    """
    _hold(namespace, role, by=by)
    if address and not (address := as_named(address)):
        raise BadInput("address", _("No institution names an address such as this one."))
    expires_at = expires_at or timezone.now() + EXPIRES_AFTER
    _must_be_near(expires_at)
    _must_last(access_ends_at, until=expires_at)
    asked = {"role": role, "expires_at": expires_at, "access_ends_at": access_ends_at, "title": title}
    waiting = namespace.invitations.standing().filter(accepted_at=None).exclude(address="")
    earlier = waiting.filter(address__iexact=address).first()
    if earlier is None or earlier.is_over:
        _must_have_room(namespace, Invitation.Kind.PERSON)
    if earlier is not None:
        for name, value in asked.items():
            setattr(earlier, name, value)
        return _renew(earlier, by=by)
    made = Invitation(namespace=namespace, address=address, created_by=by, **asked)
    return _write([made], by=by)[0]


def invite_all(
    *, namespace: Namespace, entries: Sequence[tuple[str, Role, datetime | None]], by: User
) -> list[Invitation]:
    """Invite people by addresses that nobody is invited by yet, each with a role and perhaps an end of access: for
    other actions, after their own checks, in their transaction. Raises TooMany."""
    _must_have_room(namespace, Invitation.Kind.PERSON, len(entries))
    usual = timezone.now() + EXPIRES_AFTER
    made = [
        Invitation(
            namespace=namespace, address=address, role=role, access_ends_at=ends_at, created_by=by,
            expires_at=min(usual, ends_at) if ends_at else usual,
        )
        for address, role, ends_at in entries
    ]  # fmt: skip
    return _write(made, by=by)


def as_named(address: str) -> str:
    """Return an address as logins name it, its domain in ASCII, or nothing for one that no login names: nobody could
    accept by it (see `accounts.claims`)."""
    name, _at, domain = address.rpartition("@")
    try:
        named = f"{name}@{punycode(domain)}"
        validate_email(named)
    except (UnicodeError, ValidationError):
        return ""
    is_plain = named.isascii() and named.isprintable() and '"' not in named and named.count("@") == 1
    return named if is_plain and len(named) <= EMAIL_MAX_LENGTH else ""


def _write(made: Sequence[Invitation], *, by: User) -> list[Invitation]:
    """Store invitations and send their mails."""
    _must_not_flood(by, [each.address for each in made if each.address])
    written = Invitation.objects.bulk_create(made)
    record_all([_made_event(each, by) for each in written])
    for each in written:
        if each.address:
            messages.invited(each)
    return written


@transaction.atomic
def open_course(*, namespace: Namespace, course: Course, by: User) -> Invitation:
    """Make a link by which everybody of a course comes in, until its places are taken.

    Raises NotAllowed, BadInput (role, places, expires, until), TooMany.
    """
    _hold(namespace, course.role, by=by)
    if course.role not in Invitation.COURSE_ROLES:
        raise BadInput("role", _("Nobody becomes an admin by the link of a course."))
    if not 1 <= course.places <= MOST_PLACES:
        raise BadInput("places", _("A course has 1 to %(most)d places.") % {"most": MOST_PLACES})
    _must_be_near(course.expires_at)
    _must_last(course.access_ends_at, until=course.expires_at)
    if course.access_ends_at > timezone.now() + LONGEST + timedelta(days=1):
        raise BadInput("until", _("Give a day within the next %(days)d days.") % {"days": LONGEST.days})
    _must_have_room(namespace, Invitation.Kind.COURSE)
    made = Invitation(
        namespace=namespace, kind=Invitation.Kind.COURSE, title=course.title, role=course.role, places=course.places,
        expires_at=course.expires_at, access_ends_at=course.access_ends_at, institutions=list(course.institutions),
        created_by=by,
    )  # fmt: skip
    return _write([made], by=by)[0]


@transaction.atomic
def renew(*, invitation: Invitation, by: User) -> Invitation:
    """Make a new link in place of the old one, which opens nothing any more, and send it where there is an address.

    Whoever renews it answers for it from now on. Raises NotAllowed, TooMany, and StateConflict where it is over.
    """
    _hold(invitation.namespace, Role(invitation.role), by=by)
    current = _standing(invitation)
    if current.is_course and current.is_over:
        raise StateConflict(_("This invitation is over."))
    if current.is_over:
        _must_have_room(current.namespace, Invitation.Kind.PERSON)
    if not current.is_course:
        if current.access_ends_at and current.access_ends_at <= timezone.now():
            raise StateConflict(_("The last day of access is over. Invite anew."))
        longer = max(current.expires_at, timezone.now() + EXPIRES_AFTER)
        current.expires_at = min(longer, current.access_ends_at) if current.access_ends_at else longer
    return _renew(current, by=by)


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User) -> Invitation:
    """Take an invitation back: nobody comes in by it any more. Who came by it stays.

    Raises NotAllowed, and StateConflict where it is over.
    """
    lock(invitation.namespace)
    if not permits(people.as_stored(by), Permission.MANAGE_MEMBERS, invitation.namespace):
        raise NotAllowed(_("Only the admins of this namespace take invitations back."))
    return _end(_standing(invitation), by=by)


@transaction.atomic
def accept(*, invitation: Invitation, serial: int, by: User) -> Membership | None:
    """Become a member by an invitation. None for a guest whom the inviter may not vouch for: it is kept for them until
    they are a user.

    Raises NotAllowed for whom it is not meant, and StateConflict where nobody comes in by it.
    """
    lock_to_let_in(invitation.namespace, by, invitation.created_by)
    current = Invitation.objects.select_related("namespace__cluster", "created_by").get(pk=invitation.pk)
    if not people.as_stored(by).is_active:
        raise StateConflict(_("This account is not active."))
    inviter = people.as_stored(current.created_by)
    if problem := why_not(current, serial):
        raise StateConflict(problem)
    if not may_grant(inviter, Role(current.role), current.namespace):
        raise StateConflict(
            _("Whoever invited you cannot let anybody in any more. Ask for another invitation.")
        )
    _must_be_meant(current, by)
    if current.memberships.filter(person=by).exists():
        raise StateConflict(_("You came in by this invitation before. Ask an admin of the namespace."))
    if _removed_since(current, by):
        raise StateConflict(
            _("You were removed after this invitation was made. Ask an admin of the namespace for a new one.")
        )
    if used(current) >= current.places:
        raise StateConflict(_("All places are taken. Ask whoever gave you the link."))
    if by.is_guest and not may_vouch(inviter):
        _keep_for(current, by)
        return None
    membership = grant_membership(
        namespace=current.namespace, person=by, role=Role(current.role), ends_at=current.access_ends_at, by=inviter,
        invitation=current,
    )  # fmt: skip
    if not current.is_course:
        current.person, current.accepted_at, current.address, current.title = by, Now(), "", ""
        current.save(update_fields=["person", "accepted_at", "address", "title"])
        messages.invitation_accepted(current, membership)
    _record("accepted", current, by=by)
    return membership


@transaction.atomic
def end_course(*, invitation: Invitation, by: User) -> list[Membership]:
    """Close the link of a course and end the memberships of exactly those who came by it; return these.

    Somebody who became an admin since stays if nobody else would be one. Raises NotAllowed.
    """
    namespace = invitation.namespace
    lock(namespace)
    if not permits(people.as_stored(by), Permission.MANAGE_MEMBERS, namespace):
        raise NotAllowed(_("Only the admins of this namespace end a course."))
    current = Invitation.objects.select_related("namespace__cluster").get(pk=invitation.pk)
    if not current.ended_at:
        _end(current, by=by)
    ending = list(came_by(current))
    others = (
        Membership.objects.admins().filter(namespace=namespace).exclude(pk__in=[each.pk for each in ending])
    )
    if not others.exists():
        ending = [each for each in ending if each.role != Role.ADMIN]
    Membership.objects.filter(pk__in=[each.pk for each in ending]).update(ended_at=Now(), ended_by=by)
    record_all([ended_event(each, by, invitation=str(current.pk)) for each in ending])
    if ending:
        forget_successors(*ending, by=by)
        request_reconcile(namespace.pk, lane=REVOCATIONS)
        messages.course_ended(current, ending, by)
    return ending


def came_by(invitation: Invitation) -> list[Membership]:
    """Return the memberships of those who came by it and are still in, by name."""
    current = Membership.objects.current().filter(invitation=invitation)
    return list(current.select_related("person", "namespace__cluster").order_by("person__name", "pk"))


def shown(namespace: Namespace) -> InvitationQuerySet:
    """Return the invitations that its admins see, newest first, with the places that are `used`: those that wait, or
    ran out not long ago, and courses whose people are in."""
    waits = Q(kind=Invitation.Kind.PERSON, accepted_at=None, ended_at=None)
    lasts = Q(kind=Invitation.Kind.COURSE, access_ends_at__gt=Now())
    chosen = Invitation.objects.filter(waits | lasts, namespace=namespace)
    return chosen.select_related("created_by", "person").annotate(
        used=Count("memberships__person", distinct=True)
    )


def used(invitation: Invitation) -> int:
    """Return how many of its places are taken: by who came by it, whatever became of them since."""
    return int(invitation.memberships.aggregate(people=Count("person", distinct=True))["people"])


def forget() -> int:
    """Take back invitations that ran out long ago, and forget whom they were for; return how many."""
    old = Invitation.objects.standing().filter(
        kind=Invitation.Kind.PERSON, accepted_at=None, expires_at__lte=Now() - FORGOTTEN_AFTER
    )
    withdrawn = Invitation.objects.filter(
        kind=Invitation.Kind.PERSON, ended_at__lte=Now() - FORGOTTEN_AFTER
    ).exclude(address="", title="")
    return old.update(ended_at=Now(), address="", title="") + withdrawn.update(address="", title="")


def on_person_leaves(sender: type[User], person: User, by: User, **_kwargs: object) -> None:
    """An account is being deleted: what is kept for it is taken back, and tells no more whom it was for, in the same
    transaction."""
    kept = Invitation.objects.standing().filter(person=person, accepted_at=None)
    own = Membership.objects.current().filter(person=person)  # which end next, see `lock_all`
    lock_all({*kept.values_list("namespace", flat=True), *own.values_list("namespace", flat=True)})
    for invitation in kept:
        _end(invitation, by=by)
        Invitation.objects.filter(pk=invitation.pk).update(address="", title="")


def why_not(invitation: Invitation, serial: int) -> str:
    """Return why nobody comes in by this invitation, whoever it is, or nothing; its places are not looked at."""
    if invitation.accepted_at:
        return _("This invitation was accepted already. It lets one person in, once.")
    if invitation.ended_at:
        return _("This invitation was taken back.")
    if serial != invitation.serial:
        return _("There is a newer link for this invitation. Ask whoever gave you this one.")
    if not Invitation.objects.open().filter(pk=invitation.pk).exists():
        return _("This invitation is over. Ask whoever gave you the link.")
    return ""


def _removed_since(invitation: Invitation, person: User) -> bool:
    """Whether somebody else ended a membership of this person after the link was made, which is no way back in then.

    The end of a whole course is meant for nobody in particular.
    """
    ended = Membership.objects.filter(
        namespace=invitation.namespace, person=person, ended_at__gt=invitation.sent_at, ended_by__isnull=False
    ).exclude(ended_by=person)
    with_course = Q(invitation__kind=Invitation.Kind.COURSE, invitation__ended_at__lte=F("ended_at"))
    return ended.exclude(with_course).exists()


def _must_be_meant(invitation: Invitation, person: User) -> None:
    if person.pk == invitation.created_by_id:
        raise NotAllowed(_("Nobody accepts their own invitation."))
    if invitation.person_id not in (None, person.pk):
        raise NotAllowed(_("Somebody else took this invitation. It lets one person in."))
    own = Identity.objects.filter(person=person, state=Identity.State.ACTIVE)
    if invitation.address and not own.filter(email__iexact=invitation.address).exists():
        raise NotAllowed(
            _(
                "This invitation is for the address it was sent to, and your institution names another one as yours."
                " Ask to be invited by a link that is bound to no address."
            )
        )
    if invitation.institutions and not own.filter(entity_id__in=invitation.institutions).exists():
        raise NotAllowed(
            _("This link is for people of certain institutions, and none of your logins is from there.")
        )


def _keep_for(invitation: Invitation, guest: User) -> None:
    """Bind it to a guest who has to be made a user first. Raises StateConflict for a course, which is not kept."""
    if invitation.is_course:
        raise StateConflict(
            _(
                "You are a guest. A person of level admin or an operator has to vouch for you; then open it again."
            )
        )
    if invitation.person_id is None:
        invitation.person = guest
        invitation.save(update_fields=["person"])
        _record("kept", invitation, by=guest)


def _hold(namespace: Namespace, role: Role, *, by: User) -> None:
    """Hold who invites, whose mails are counted in all namespaces together, and the namespace."""
    people.lock(by)
    lock(namespace)
    if not may_grant(people.as_stored(by), role, namespace):
        raise NotAllowed(_("Only the admins of this namespace invite people."))


def _standing(invitation: Invitation) -> Invitation:
    current = Invitation.objects.standing().filter(pk=invitation.pk, accepted_at=None)
    found = current.select_related("namespace__cluster").first()
    if found is None:
        raise StateConflict(_("This invitation is over."))
    return found


def _renew(invitation: Invitation, *, by: User) -> Invitation:
    if invitation.address:
        if invitation.sent_at > timezone.now() - AGAIN_AFTER:
            raise TooMany(
                _("It was sent less than an hour ago. Perhaps it is among what they take for junk.")
            )
        _must_not_flood(by, [invitation.address])
    messages.invitation_over(invitation)
    invitation.serial, invitation.sent_at, invitation.created_by = invitation.serial + 1, timezone.now(), by
    invitation.save()
    _record("renewed", invitation, by=by)
    if invitation.address:
        messages.invited(invitation)
    return invitation


def _end(invitation: Invitation, *, by: User) -> Invitation:
    invitation.ended_at, invitation.ended_by = timezone.now(), by
    invitation.save(update_fields=["ended_at", "ended_by"])
    messages.invitation_over(invitation)
    _record("withdrawn", invitation, by=by)
    return invitation


def _must_be_near(expires_at: datetime) -> None:
    now = timezone.now()
    if expires_at <= now:
        raise BadInput("expires", _("Give a day that is still to come."))
    if expires_at > now + LONGEST + timedelta(days=1):
        raise BadInput("expires", _("Give a day within the next %(days)d days.") % {"days": LONGEST.days})


def _must_last(access_ends_at: datetime | None, *, until: datetime) -> None:
    if access_ends_at is not None and access_ends_at < until:
        raise BadInput("until", _("Access must not end before the invitation does."))


def _must_have_room(namespace: Namespace, kind: Invitation.Kind, further: int = 1) -> None:
    if further and namespace.invitations.open().filter(kind=kind).count() + further > MOST_OPEN:
        raise TooMany(
            _("This namespace has %(most)d open invitations. Take some back.") % {"most": MOST_OPEN}
        )


def _must_not_flood(by: User, further: Sequence[str]) -> None:
    """Raise TooMany where somebody would have written to more addresses in a day than they may, or to one more often.
    It counts their own mails only, so it says nothing of what others sent. They are held, see `_hold`."""
    day = Now() - timedelta(days=1)
    mails = Delivery.objects.filter(by=by, kind=Kind.INVITATIONS, created_at__gt=day)
    to_each = Counter(address.casefold() for address in mails.values_list("address", flat=True))
    if any(to_each[address.casefold()] >= MOST_TO_ONE for address in further):
        raise TooMany(
            _("One address gets at most %(most)d invitations by you in a day. Wait until tomorrow.")
            % {"most": MOST_TO_ONE}
        )
    sent = Invitation.objects.filter(created_by=by, sent_at__gt=day).exclude(address="", accepted_at=None)
    if further and sent.count() + len(further) > MOST_A_DAY:
        raise TooMany(_("At most %(most)d people are invited by mail in a day.") % {"most": MOST_A_DAY})


def _made_event(invitation: Invitation, by: User) -> Event:
    after: dict[str, object] = {
        "kind": invitation.kind,
        "role": invitation.role,
        "expires": invitation.expires_at.isoformat(),
    }
    if invitation.is_course:
        after |= {"places": invitation.places}
    return draft(
        "invitation.made", by=by, about=invitation, namespace_id=invitation.namespace_id, after=after
    )


def _record(act: str, invitation: Invitation, *, by: User) -> None:
    record(
        f"invitation.{act}", by=by, about=invitation, namespace_id=invitation.namespace_id,
        after={"role": invitation.role},
    )  # fmt: skip
