"""Adding many people to a namespace at once: each line of a list is judged, and what can be done is done in one act."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.days import last_before
from accounts.errors import NotAllowed, StateConflict
from accounts.models import Identity, User
from accounts.policy import may_vouch
from audit.record import record_all
from namespaces import messages
from namespaces.access import Role
from namespaces.actions import invitations
from namespaces.actions.members import added_event, lock_to_let_in
from namespaces.models import Membership, Namespace
from namespaces.policy import may_grant
from namespaces.tasks import request_reconcile

MOST = 200
"""How many lines a list may have."""


@dataclass(frozen=True)
class Entry:
    """A line of a list: a whole e-mail address or a subject, the role, and until when.

    `problem` says what is wrong with how it is written.
    """

    number: int
    who: str
    role: Role
    ends_at: datetime | None = None
    problem: str = ""

    @property
    def last_day(self) -> datetime | None:
        """A moment of the last day, where there is one."""
        return self.ends_at and last_before(self.ends_at)


@dataclass(frozen=True)
class Line:
    """What would become of an entry: a `person` is added, unless there is a `problem`, or they are in already; whoever
    has not logged in yet may be invited."""

    entry: Entry
    person: User | None = None
    problem: str = ""
    is_member: bool = False
    is_invited: bool = False

    @property
    def is_added(self) -> bool:
        """Whether adding the list adds somebody by this line."""
        return self.person is not None and not self.problem and not self.is_member


def judge(*, namespace: Namespace, entries: Sequence[Entry], inviting: bool = False, by: User) -> list[Line]:
    """Return what adding this list would do, in a constant number of queries; `inviting` invites by mail who has not
    logged in yet."""
    known = _Known(entries)
    here = Membership.objects.current().filter(namespace=namespace, person__in=known.people)
    members = set(here.values_list("person", flat=True))
    vouching, now = may_vouch(by), timezone.now()
    lines: list[Line] = []
    first: dict[object, int] = {}
    invited = _open_addresses(namespace) if inviting else set()
    for entry in entries:
        meant = known.of(entry)
        person = meant[0] if len(meant) == 1 else None
        problem = entry.problem
        if problem or (entry.ends_at and entry.ends_at <= now):
            problem = problem or _("The last day is over.")
        elif len(meant) > 1:
            problem = _("Several people have this address. Write the identity of the one you mean.")
        elif (key := person.pk if person else _written(entry)) in first:
            problem = _("The same person as in line %(number)d.") % {"number": first[key]}
        elif person is None:
            problem = (
                _not_invited(entry, invited)
                if inviting
                else _("Nobody with this address or identity has logged in here yet.")
            )
        elif person.pk == by.pk and not by.is_operator:
            problem = _("Nobody adds themselves.")
        elif person.is_guest and not vouching:
            problem = _("A guest: a person of level admin or an operator has to vouch for them first.")
        first.setdefault(person.pk if person else _written(entry), entry.number)
        is_member = person is not None and person.pk in members
        is_invited = inviting and not meant and not problem
        lines.append(
            Line(entry, person, "" if is_member and not entry.problem else problem, is_member, is_invited)
        )
    return lines


def _written(entry: Entry) -> str:
    """Return who is meant by an entry, in the one way in which that is written."""
    return (invitations.as_named(entry.who) or entry.who).casefold()


def _not_invited(entry: Entry, invited: set[str]) -> str:
    """Return why somebody unknown cannot be invited by mail, or nothing."""
    address = invitations.as_named(entry.who)
    if not address:
        return _("Nobody with this identity has logged in here yet, and only an address can be invited.")
    return _("Invited already, and has not come yet.") if address.casefold() in invited else ""


def _open_addresses(namespace: Namespace) -> set[str]:
    standing = namespace.invitations.standing().filter(accepted_at=None).exclude(address="")
    return {address.casefold() for address in standing.values_list("address", flat=True)}


@transaction.atomic
def add(
    *, namespace: Namespace, entries: Sequence[Entry], together: bool, inviting: bool = False, by: User
) -> list[Line]:
    """Add everybody whose line can be done, vouching for guests; `together` adds nobody if one cannot, `inviting`
    invites who has not logged in yet.

    Returns what became of each line. Raises NotAllowed, StateConflict where nobody is added, and TooMany.
    """
    lock_to_let_in(namespace, by, *_Known(entries).people)
    people.as_stored(by)
    if not all(may_grant(by, role, namespace) for role in {entry.role for entry in entries}):
        raise NotAllowed(_("Only the admins of this namespace add members."))
    lines = judge(namespace=namespace, entries=entries, inviting=inviting, by=by)
    added = [line for line in lines if line.is_added]
    strangers = [line.entry for line in lines if line.is_invited]
    if together and any(line.problem for line in lines):
        raise StateConflict(_("Nobody was added: not every line can be done."))
    if not added and not strangers:
        raise StateConflict(_("Nobody was added: no line can be done."))
    made = []
    for line in added:
        assert line.person is not None  # noqa: S101 - what is_added says
        if line.person.is_guest:
            people.vouch(person=line.person, by=by)
        entry = line.entry
        made.append(
            Membership(
                namespace=namespace, person=line.person, role=entry.role, ends_at=entry.ends_at, added_by=by
            )
        )
    Membership.objects.bulk_create(made)
    record_all([added_event(membership, by) for membership in made])
    if made:
        request_reconcile(namespace.pk)
        messages.members_added(namespace, made, by)
    invitations.invite_all(
        namespace=namespace,
        entries=[(invitations.as_named(each.who), each.role, each.ends_at) for each in strangers],
        by=by,
    )
    return lines


class _Known:
    """Who is meant by the addresses, in whatever case, and the subjects of a list: people who are not kept out."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        written = {entry.who for entry in entries if not entry.problem}
        addresses = {who.casefold() for who in written}
        active = User.objects.filter(is_active=True).order_by("pk")
        self._by_address: dict[str, list[User]] = defaultdict(list)
        for person in active.alias(address=Lower("email")).filter(address__in=addresses):
            self._by_address[person.email.casefold()].append(person)
        self._by_subject: dict[str, list[User]] = defaultdict(list)
        identities = Identity.objects.filter(
            subject__in=written, state=Identity.State.ACTIVE, person__is_active=True
        )
        for identity in identities.select_related("person").order_by("pk"):
            self._by_subject[identity.subject].append(identity.person)

    def of(self, entry: Entry) -> list[User]:
        """Return who may be meant, each once."""
        found = [*self._by_address.get(entry.who.casefold(), ()), *self._by_subject.get(entry.who, ())]
        return list({person.pk: person for person in found}.values())

    @property
    def people(self) -> list[User]:
        """Everybody who may be meant."""
        return [
            person
            for some in (self._by_address, self._by_subject)
            for each in some.values()
            for person in each
        ]
