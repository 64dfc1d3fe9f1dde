"""What can be done about people: first login, later logins, vouching, levels, the first operator."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import messages, policy
from accounts.audience import Audience
from accounts.claims import Claims
from accounts.errors import NotAllowed, StateConflict
from accounts.models import BreakGlass, Identity, Level, LevelChange, User
from accounts.signals import name_changed, person_changed
from audit.record import record

FIRST_OPERATOR = "operator.first"
IDENTITY_FIELDS = ("entity_id", "institution", "name", "email", "email_verified")
"""What an identity keeps of a login, for display; the claims have the same names."""


@transaction.atomic
def register(*, person: User, claims: Claims) -> Identity:
    """First login of an identity: store the person as a guest and the identity with it.

    `person` is new and not yet saved. Whatever else was set on it, it becomes a guest with no rights.
    """
    person.level = Level.GUEST
    person.is_superuser = False
    person.is_active = True
    person.name, person.email, person.institution = claims.name, claims.email, claims.institution
    person.last_seen_at = timezone.now()
    person.set_unusable_password()
    person.save(force_insert=True)
    identity = Identity.objects.create(
        person=person,
        issuer=claims.issuer,
        subject=claims.subject,
        last_login_at=person.last_seen_at,
        **{name: getattr(claims, name) for name in IDENTITY_FIELDS},
    )
    record(
        "person.registered",
        by=person,
        about=person,
        after={"level": Level.GUEST, "identity": str(identity.pk)},
    )
    return identity


@transaction.atomic
def welcome_back(*, identity: Identity, claims: Claims) -> None:
    """A later login: take over what the provider says now. Changes no right."""
    values = {name: getattr(claims, name) for name in IDENTITY_FIELDS}
    changed = [name for name, value in values.items() if getattr(identity, name) != value]
    now = timezone.now()
    known = Identity.objects.filter(
        pk=identity.pk, subject=identity.subject
    )  # or they were deleted meanwhile
    known.update(last_login_at=now, **values)
    person = User.objects.filter(pk=identity.person_id, deleted_at=None)
    same = person.filter(name=claims.name, institution=claims.institution).exists()
    person.update(name=claims.name, email=claims.email, institution=claims.institution, last_seen_at=now)
    if not same:
        name_changed.send(sender=User, person=identity.person)
    if changed:
        record("identity.refreshed", by=identity.person, about=identity, after={"changed": changed})


@transaction.atomic
def set_named_to(*, person: User, audience: Audience, by: User) -> None:
    """Set who reads the name of a person who is admin of a namespace. Raises NotAllowed for anybody but themselves."""
    if by.pk != person.pk:
        raise NotAllowed(_("Everybody chooses this for themselves."))
    lock(person)
    before = User.objects.values_list("named_to", flat=True).get(pk=person.pk)
    if before == audience:
        return
    User.objects.filter(pk=person.pk).update(named_to=audience)
    record("person.named_to", by=by, about=person, before={"named_to": before}, after={"named_to": audience})
    name_changed.send(sender=User, person=person)


def lock(*people: User) -> None:
    """Hold the rows of people until the transaction ends, in one order for everybody: of two who need the same, none
    waits for the other while the other waits for them. It comes before the lock of any namespace.

    `no_key`: rows that only point at a person are not held up.
    """
    rows = User.objects.select_for_update(no_key=True).filter(pk__in=[person.pk for person in people])
    list(rows.order_by("pk").values("pk"))


def as_stored(person: User) -> User:
    """Return the person with what decides about rights read anew: every action judges who acts by the rows of its own
    transaction, not by what was true when a page was made."""
    person.refresh_from_db(fields=("level", "is_superuser", "is_active"))
    return person


@transaction.atomic
def vouch(*, person: User, by: User, request_id: UUID | None = None) -> User:
    """Make a guest a user; `by` answers for it. Somebody who is a user already stays what they are.

    `request_id` is that of the request that is approved by this, if there is one.

    Raises NotAllowed when `by` may not vouch, or vouches for themselves, and StateConflict for an account that is not
    active: nobody answers for somebody who is suspended.
    """
    if not policy.may_vouch(as_stored(by)) or by.pk == person.pk:
        raise NotAllowed(_("Only people of level admin and operators may vouch for a guest."))
    lock(person)
    if not as_stored(person).is_active:
        raise StateConflict(_("This account is not active."))
    if User.objects.filter(pk=person.pk, level=Level.GUEST).update(level=Level.USER):
        _note(LevelChange.Act.VOUCHED, person, (Level.GUEST, Level.USER), by=by, request_id=request_id)
        person.refresh_from_db()
        person_changed.send(sender=User, person=person, by=by)
        if request_id is None:  # else they are told that what they asked for was approved
            messages.vouched_for(person, by=by)
    return person


@transaction.atomic
def set_level(*, person: User, level: Level, by: User, request_id: UUID | None = None) -> User:
    """Set a person's level. Operators only, nobody their own. `request_id` as in `vouch`.

    Raises NotAllowed, and StateConflict for an account that was merged; listeners may raise it as well.
    """
    if not policy.may_set_level(as_stored(by), person):
        raise NotAllowed(_("Only operators set levels, and nobody sets their own."))
    lock(person)
    before = User.objects.get(pk=person.pk)
    if before.merged_into_id is not None:
        raise StateConflict(_("This account was merged into another. Set the level of that one."))
    if before.is_leaving:
        raise StateConflict(_("This account is being deleted, or was."))
    if before.level == level:
        return before
    User.objects.filter(pk=person.pk).update(level=level)
    person.refresh_from_db()
    _note(LevelChange.Act.SET, person, (Level(before.level), Level(level)), by=by, request_id=request_id)
    person_changed.send(sender=User, person=person, by=by)
    messages.level_set(person, by=by, was_asked_for=request_id is not None)
    return person


def take_level_back(*, person: User, request_id: UUID, by: User, is_needed: bool) -> None:
    """Undo the change of level that a request led to: for the action that takes its approval back, after its checks, in
    its transaction, with the person's row held.

    Where the level did not change by it, or has changed again since, raises StateConflict if `is_needed`, or does
    nothing. Listeners may raise StateConflict.
    """
    last = LevelChange.objects.filter(person=person).order_by("-id").first()
    if last is None or last.request_id != request_id:
        if is_needed:
            raise StateConflict(_("The level of %(person)s has changed since.") % {"person": person})
        return
    User.objects.filter(pk=person.pk).update(level=last.before)
    person.refresh_from_db()
    levels = (Level(last.after), Level(last.before))
    _note(LevelChange.Act.SET, person, levels, by=by, request_id=request_id)
    person_changed.send(sender=User, person=person, by=by)


def other_operators(person: User) -> QuerySet[User]:
    """Return who runs the platform besides this person, but for one who was made to break the glass."""
    return User.objects.operators().filter(break_glass=None).exclude(pk=person.pk)


def keep_an_operator(*, without: User, by: User) -> None:
    """Refuse what a break-glass operator does to the last operator besides: after what any other one does, they are
    left themselves. Under the lock of both. Raises StateConflict."""
    breaks_glass = BreakGlass.objects.filter(person=by.pk, is_current=True).exists()
    if breaks_glass and as_stored(without).is_superuser and not other_operators(without).exists():
        raise StateConflict(_("They are the last operator, but for the one who breaks the glass."))


@transaction.atomic
def set_operator(*, person: User, is_operator: bool, by: User) -> User:
    """Make somebody an operator, or end that. Operators only, and nobody themselves: so one is always left.

    Raises NotAllowed, and StateConflict for a guest and for an account that is not active.
    """
    lock(person, by)  # of two operators who end each other, the second finds that they are none any more
    if not policy.may_set_operator(as_stored(by), person):
        raise NotAllowed(_("Only operators make and end operators, and nobody themselves."))
    before = User.objects.get(pk=person.pk)
    if before.is_superuser == is_operator:
        return before
    if is_operator and (before.is_guest or not before.is_active):
        raise StateConflict(_("Only somebody who is in, and a user at least, can become an operator."))
    if BreakGlass.objects.filter(person=person.pk).exists():
        raise StateConflict(_("A break-glass operator is made and ended on the server."))
    keep_an_operator(without=person, by=by)
    User.objects.filter(pk=person.pk).update(is_superuser=is_operator)
    person.refresh_from_db()
    record(
        "operator.made" if is_operator else "operator.ended", by=by, about=person,
        before={"is_superuser": before.is_superuser}, after={"is_superuser": is_operator},
    )  # fmt: skip
    person_changed.send(sender=User, person=person, by=by, counts_as_before=True)
    messages.operator_set(person, by=by)
    return person


@transaction.atomic
def make_first_operator(*, identity: Identity) -> User:
    """Make the person of this identity the first operator. Works once, for ever: the audit event is the marker.

    Raises StateConflict when it was done before, even if every operator is gone since.
    """
    person = User.objects.get(pk=identity.person_id)
    try:
        with transaction.atomic():
            record(FIRST_OPERATOR, by=None, about=person, after={"identity": str(identity.pk)})
    except IntegrityError:
        raise StateConflict(
            _("The first operator was made already; operators are made by operators.")
        ) from None
    User.objects.filter(pk=person.pk).update(is_superuser=True, level=Level.ADMIN)
    if person.level != Level.ADMIN:
        LevelChange.objects.create(
            person=person, act=LevelChange.Act.FIRST_OPERATOR, before=person.level, after=Level.ADMIN
        )
    person.refresh_from_db()
    person_changed.send(sender=User, person=person, by=None)
    return person


_EVENTS = {LevelChange.Act.VOUCHED: "person.vouched", LevelChange.Act.SET: "person.level"}


def _note(
    act: LevelChange.Act, person: User, levels: tuple[Level, Level], *, by: User, request_id: UUID | None
) -> None:
    """Add a change of level to the person's history and to the audit events."""
    before, after = levels
    LevelChange.objects.create(
        person=person, act=act, before=before, after=after, by=by, request_id=request_id
    )
    why = {"request": str(request_id)} if request_id else {}
    record(_EVENTS[act], by=by, about=person, before={"level": before}, after={"level": after, **why})
