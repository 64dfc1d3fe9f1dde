"""Asking to join a namespace or for a level, and deciding it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import BadInput, NotAllowed, StateConflict, TooMany
from accounts.models import Level, User
from accounts.policy import may_vouch
from audit.record import record
from clusters.models import Cluster
from namespaces import messages, signs, waiting
from namespaces.access import Permission, Role
from namespaces.actions import ladder, namespaces, succession
from namespaces.actions.members import end_membership, grant_membership, lock, lock_to_let_in, set_role
from namespaces.models import Membership, Namespace, Request
from namespaces.policy import may_ask_for_namespace, may_decide, may_take_back, permits
from namespaces.roster import UNDO_WITHIN

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
    _may_ask(by, namespace=namespace)
    return _ask(Request(person=by, namespace=namespace, role=role, reason=reason))


@transaction.atomic
def ask_for_level(
    *, level: Level, reason: str, institution: str = "", purpose: str = "", by: User
) -> Request:
    """Ask for the level after one's own; for level admin with the institution, and what for.

    Raises NotAllowed, StateConflict (has it already, would skip one, asked already), TooMany.
    """
    people.lock(by)
    own = Level(people.as_stored(by).level)
    if not by.is_active:
        raise NotAllowed(_("This account is not active."))
    if level.rank <= own.rank:
        raise StateConflict(_("You have this level already: you are %(level)s.") % {"level": own.label})
    if level != own.following:
        raise StateConflict(_("One level after the other: as a guest you ask to become a user first."))
    _may_ask(by, level=level)
    about = {"institution": institution, "purpose": purpose} if level == Level.ADMIN else {}
    return _ask(Request(kind=Request.Kind.PROMOTION, person=by, level=level, reason=reason, **about))


@transaction.atomic
def ask_for_namespace(
    *, cluster: Cluster, name: str, pi_name: str, institution: str, size: str, reason: str, by: User
) -> Request:
    """Ask for a namespace of one's own, with what for, who leads the group, and how much it needs.

    Raises NotAllowed (guests), BadInput (name), StateConflict (the name is taken, asked already), TooMany.
    """
    people.lock(by)
    if not may_ask_for_namespace(people.as_stored(by)):
        raise NotAllowed(_("Guests do not ask for namespaces. Ask to become a user first."))
    if problems := namespaces.problems_of_name(name):
        raise BadInput("name", " ".join(problems))
    if Namespace.objects.filter(cluster=cluster, name=name).exists():
        raise BadInput("name", _("A namespace of this name exists already."))
    _may_ask(by, name=name)
    about = {"cluster": cluster, "name": name, "pi_name": pi_name, "institution": institution, "size": size}
    return _ask(Request(kind=Request.Kind.NAMESPACE, person=by, reason=reason, **about))


@transaction.atomic
def approve(
    *,
    request: Request,
    note: str = "",
    changed: namespaces.Wanted | None = None,
    successor: User | None = None,
    by: User,
) -> Request:
    """Give what was asked for: let the asker in, and vouch for a guest, give them the level, make them a namespace, or
    let `successor` take over.

    `changed` is what is made instead of the namespace that was asked for.

    Raises NotAllowed, StateConflict if it is over already, or for what only a newer version knows; for a namespace as
    `namespaces.create`.
    """
    if request.is_takeover:
        return _hand_over(request, successor, by)
    if request.is_for_namespace:
        _lock_asker(
            request, by
        )  # who makes a namespace is held as well: of two who do it for each other, none waits
        return _make_namespace(request, note, changed, by)
    _lock_asker(request)
    if request.namespace is None:
        return _promote(request, note, by)
    lock_to_let_in(request.namespace, request.person)
    _may_decide(request, by)
    if request.role not in Role.values:
        raise StateConflict(
            _("This version of Berth does not know the role %(role)s.") % {"role": request.role}
        )
    decided = _decide(request, Request.State.APPROVED, note, by)
    grant_membership(
        namespace=request.namespace,
        person=decided.person,
        role=Role(decided.role),
        by=by,
        request_id=decided.pk,
    )
    return decided


def _hand_over(request: Request, successor: User | None, by: User) -> Request:
    """Make somebody an admin in place of one who may be gone, and that one an editor: their work may still run."""
    if successor is None or request.namespace is None:
        raise StateConflict(_("Choose who takes over."))
    _lock_asker(request, successor, by)
    lock(request.namespace)
    _may_decide(request, by)
    decided = _decide(request, Request.State.APPROVED, "", by)
    namespace, person = request.namespace, decided.person
    gone = Membership.objects.current().select_related("person", "namespace__cluster")
    membership = gone.filter(namespace=namespace, person=person).first()
    if membership is None or signs.of(membership) is None:
        raise StateConflict(
            _("%(person)s is here again, or no admin any more. Nobody has to take over.") % {"person": person}
        )
    succession.take_over(namespace, successor, instead_of=person, by=by)
    set_role(membership=membership, role=Role.EDITOR, by=by)
    Request.objects.filter(pk=decided.pk).update(successor=successor)
    decided.successor = successor
    return decided


def _make_namespace(request: Request, note: str, changed: namespaces.Wanted | None, by: User) -> Request:
    """Make the namespace, with who asked as its admin."""
    _may_decide(request, by)
    decided = _decide(request, Request.State.APPROVED, note, by, is_told=False)
    person = decided.person
    if not person.is_active or person.is_guest:
        raise StateConflict(_("%(person)s cannot be the admin of a namespace now.") % {"person": person})
    page = namespaces.Page(pi_name=decided.pi_name, institution=decided.institution)
    wanted = changed or namespaces.Wanted(decided.name, page)
    if decided.cluster is None:
        raise StateConflict(_("This version of Berth does not know which cluster is meant."))
    made = namespaces.create(
        cluster=decided.cluster, name=wanted.name, page=wanted.page, admin=person, by=by,
        override_style=wanted.override_style,
    )  # fmt: skip
    Request.objects.filter(pk=decided.pk).update(namespace=made)
    decided.namespace = made
    messages.request_decided(decided)
    return decided


def _promote(request: Request, note: str, by: User) -> Request:
    """Give somebody the level they asked for, as far as it is still the one after theirs."""
    _may_decide(request, by)
    decided = _decide(request, Request.State.APPROVED, note, by)
    person = decided.person
    level = Level(person.level).following
    if not person.is_active:
        raise StateConflict(_("This account is not active."))
    if level is None or level != decided.level:
        texts = {"person": person, "level": person.get_level_display()}
        raise StateConflict(_("%(person)s is %(level)s now, so this cannot be approved any more.") % texts)
    if level == Level.USER:
        people.vouch(person=person, by=by, request_id=decided.pk)
    else:
        people.set_level(person=person, level=level, by=by, request_id=decided.pk)
    return decided


def on_person_changed(sender: type[User], person: User, by: User | None = None, **_kwargs: object) -> None:
    """A person's level changed: a request for what they have now is thereby approved, in the same transaction."""
    promotions = Request.objects.open().filter(person=person, kind=Request.Kind.PROMOTION)
    reached = [level for level in Level if level.rank <= Level(person.level).rank]
    for request in promotions.filter(level__in=reached):
        end(request, Request.State.APPROVED, "", by)  # or somebody has just decided it


def on_person_leaves(sender: type[User], person: User, by: User, **_kwargs: object) -> None:
    """An account is being deleted: what it waits for is withdrawn, in the same transaction."""
    for request in Request.objects.open().filter(person=person):
        end(request, Request.State.WITHDRAWN, "", by)


@transaction.atomic
def deny(*, request: Request, note: str, by: User) -> Request:
    """Say no, with a note that the asker reads. Raises NotAllowed, StateConflict if it is over already."""
    _may_decide(request, by)
    return _decide(request, Request.State.DENIED, note, by)


@transaction.atomic
def withdraw(*, request: Request, by: User) -> Request:
    """Take one's own request back. Raises NotAllowed, StateConflict if it is over already."""
    if request.person_id != by.pk or request.is_takeover:
        raise NotAllowed(_("Only who asked can withdraw a request."))
    return _decide(request, Request.State.WITHDRAWN, "", by)


@transaction.atomic
def remind(*, request: Request, by: User) -> None:
    """Remind whoever one's own request lies with. Raises NotAllowed, TooMany within a day of asking or of the last
    time, StateConflict if it is over already."""
    if request.person_id != by.pk or request.is_takeover:
        raise NotAllowed(_("Only who asked can remind somebody of a request."))
    rested = Now() - waiting.REMIND_EVERY
    due = Request.objects.open().filter(
        Q(reminded_at__isnull=True) | Q(reminded_at__lte=rested), pk=request.pk, created_at__lte=rested
    )
    reminded = due.update(reminded_at=Now())
    now = _with_people(request)
    if not reminded:
        if not now.is_pending:
            raise StateConflict(_("This request is over: %(state)s.") % {"state": now.state_label})
        moment = _moment(waiting.next_reminder(now))
        raise TooMany(_("You can remind them once a day, again from %(moment)s on.") % {"moment": moment})
    record("request.reminded", by=by, about=now, namespace_id=now.namespace_id or "", after=_what(now))
    messages.asker_reminds(now)


@transaction.atomic
def undo(*, request: Request, by: User) -> Request:
    """Take a yes or no back within a day: what it gave goes, and the request waits again. For who may decide it; a
    deputy only takes back what they decided themselves.

    Raises NotAllowed, and StateConflict if it is too late, was not decided, or something else has changed since.
    """
    _lock_asker(request)
    if request.namespace is not None:
        lock(request.namespace)
    _may_decide(request, by)
    decided = _with_people(request)
    if not may_take_back(by, decided):
        raise NotAllowed(_("A deputy takes back only what they have decided themselves."))
    young = Request.objects.filter(
        pk=request.pk, decided_by__isnull=False, decided_at__gt=Now() - UNDO_WITHIN,
        created_at__gt=Now() - Request.EXPIRES_AFTER, state__in=(Request.State.APPROVED, Request.State.DENIED),
    )  # fmt: skip
    if not young.exists():
        raise StateConflict(_("A decision can be taken back for a day, while the request has not run out."))
    if decided.state == Request.State.APPROVED:
        if decided.is_takeover:
            raise StateConflict(_("Roles were changed. Change them among the members."))
        if decided.is_for_namespace:
            raise StateConflict(_("The namespace is made. It is ended on its own page."))
        _take_back(decided, by)
    else:
        _could_be_approved(decided)
    try:
        with transaction.atomic():
            young.update(state=Request.State.PENDING, decided_at=None, decided_by=None, note="")
    except IntegrityError:
        raise StateConflict(_("%(person)s has asked again since.") % {"person": decided.person}) from None
    record(
        "request.undone", by=by, about=decided, namespace_id=decided.namespace_id or "",
        before={"state": decided.state}, after={"state": Request.State.PENDING, **_what(decided)},
    )  # fmt: skip
    reopened = _with_people(request)
    if not reopened.is_takeover:
        messages.request_reopened(reopened, by)
    return reopened


def can_be_undone(request: Request, now: datetime) -> bool:
    """Whether a page offers to take the decision back; the action judges it by the clock of the database."""
    takes_back = [Request.State.DENIED]
    if not (request.is_for_namespace or request.is_takeover):
        takes_back.append(Request.State.APPROVED)
    if request.state not in takes_back or not request.decided_by_id or request.decided_at is None:
        return False
    return now < min(request.decided_at + UNDO_WITHIN, request.expires_at)


def _take_back(approved: Request, by: User) -> None:
    """Take what an approval gave: the membership, and the level if it came with it, is needed for nothing else, and
    `by` has a say over it."""
    person = approved.person
    if approved.namespace is not None:
        end_membership(_made_by(approved), by=by)
        if _needs_level(person) or not may_vouch(by):
            return
    elif approved.level == Level.USER and _needs_level(person):
        raise StateConflict(
            _("Much has changed since: %(person)s was let in somewhere, or is an operator.")
            % {"person": person}
        )
    people.take_level_back(person=person, request_id=approved.pk, by=by, is_needed=approved.namespace is None)


def _made_by(approved: Request) -> Membership:
    """Return the membership that an approval made, as it made it. Raises StateConflict where it ended or changed since:
    one that somebody gave later is not ours to take."""
    later = Membership.objects.filter(
        namespace=approved.namespace, person=approved.person, created_at__gte=approved.decided_at
    )
    first = later.order_by("created_at").values("pk")[:1]
    made = Membership.objects.current().filter(pk__in=first, role=approved.role, changed_at=F("created_at"))
    membership = made.select_related("person", "namespace__cluster").first()
    if membership is None:
        raise StateConflict(_("The membership has changed since. Change it among the members."))
    return membership


def _needs_level(person: User) -> bool:
    """Whether somebody would lose more than a level if they were a guest again."""
    return person.is_superuser or Membership.objects.current().filter(person=person).exists()


def _could_be_approved(denied: Request) -> None:
    """Raise StateConflict for what the asker has by now: it would wait for nothing."""
    person, namespace = denied.person, denied.namespace
    if denied.is_takeover:
        return
    if denied.is_promotion:
        if Level(person.level).following != denied.level:
            texts = {"person": person, "level": person.get_level_display()}
            raise StateConflict(
                _("%(person)s is %(level)s now, so this cannot be approved any more.") % texts
            )
    elif namespace and Membership.objects.current().filter(namespace=namespace, person=person).exists():
        texts = {"person": person, "namespace": namespace}
        raise StateConflict(_("%(person)s is a member of %(namespace)s already.") % texts)


def _lock_asker(request: Request, *others: User) -> None:
    """Hold who asked, and others in the same order. It comes first, or it could wait for the asker while the asker
    waits for us. Raises StateConflict where that is somebody else by now."""
    people.lock(request.person, *others)
    if not Request.objects.filter(pk=request.pk, person=request.person).exists():
        raise StateConflict(_("The account that asked was merged into another. Look at the request again."))


def _with_people(request: Request) -> Request:
    return Request.objects.select_related("namespace__cluster", "person", "decided_by").get(pk=request.pk)


def _may_ask(by: User, *, namespace: Namespace | None = None, level: str = "", name: str = "") -> None:
    """Raise TooMany where somebody asks again too soon, or for too much at once."""
    own = Request.objects.asked().filter(person=by)
    ladder.expire(own)  # or one that has run out would be in the way
    if pause := waiting.pause_until(by, namespace=namespace, level=level, name=name):
        raise TooMany(
            _("This was denied recently. You can ask again after %(moment)s.") % {"moment": _moment(pause)}
        )
    if own.open().count() >= MOST_OPEN:
        raise TooMany(
            _("You have %(limit)d open requests. Wait for an answer, or withdraw one.") % {"limit": MOST_OPEN}
        )
    if own.filter(created_at__gt=Now() - timedelta(days=1)).count() >= MOST_A_DAY:
        raise TooMany(_("At most %(limit)d requests a day. Try again tomorrow.") % {"limit": MOST_A_DAY})


def _ask(request: Request) -> Request:
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError:
        raise StateConflict(_("You have asked already; your request is waiting for an answer.")) from None
    record(
        "request.made",
        by=request.person,
        about=request,
        namespace_id=request.namespace_id or "",
        after=_what(request),
    )
    messages.request_made(request)
    return request


def _may_decide(request: Request, by: User) -> None:
    if may_decide(people.as_stored(by), request):
        return
    if request.is_for_namespace:
        raise NotAllowed(_("Only operators decide this, and nobody decides their own request."))
    if request.namespace is not None:
        raise NotAllowed(
            _("Only the admins of this namespace decide its requests, and nobody decides their own.")
        )
    if request.level == Level.USER:
        raise NotAllowed(
            _(
                "Only people of level admin and operators make a guest a user, and nobody decides their own request."
            )
        )
    raise NotAllowed(_("Only operators give level admin, and nobody decides their own request."))


def _decide(request: Request, state: Request.State, note: str, by: User, *, is_told: bool = True) -> Request:
    """Move a pending request to its end; the first of two who try at once wins, the second gets StateConflict."""
    won = end(request, state, note, by)
    decided = _with_people(request)
    if won:
        if state != Request.State.WITHDRAWN and is_told and not decided.is_takeover:
            messages.request_decided(decided)
        return decided
    if decided.state in (Request.State.PENDING, Request.State.EXPIRED):
        raise StateConflict(
            _("This request expired on %(moment)s: nobody had decided it within %(days)d days.")
            % {"moment": _moment(decided.expires_at), "days": Request.EXPIRES_AFTER.days}
        )
    raise StateConflict(
        _("This request was decided already: %(state)s by %(who)s.")
        % {"state": decided.get_state_display(), "who": decided.decided_by}
    )


def end(request: Request, state: Request.State, note: str, by: User | None) -> bool:
    """Move a request that is still open to its end, with its event; return whether it was.

    For other actions, after their own checks, in their transaction.
    """
    still_open = Request.objects.open().filter(pk=request.pk)
    if not still_open.update(state=state, decided_at=Now(), decided_by=by, note=note):
        return False
    record(
        f"request.{state}", by=by, about=request, namespace_id=request.namespace_id or "",
        before={"state": Request.State.PENDING}, after={"state": state, **_what(request)},
    )  # fmt: skip
    return True


def _what(request: Request) -> dict[str, str]:
    """Return what was asked for, as events say it."""
    if request.is_for_namespace:
        return {"name": request.name}
    if request.is_takeover:
        return {"sign": request.sign}
    return {"level": request.level} if request.is_promotion else {"role": request.role}


def _moment(moment: datetime) -> str:
    return date_format(localtime(moment), "j M Y, H:i T")
