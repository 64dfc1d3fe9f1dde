"""What became of a person, from the audit events, in words: what operators read on the person's page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import Deletion, Identity, Level, Merge, User
from audit.models import Event
from namespaces.access import Role
from namespaces.models import Absence, Invitation, Membership, Namespace, Request

MOST = 50
EVERYDAY = (
    "person.logged_in",
    "identity.refreshed",
    "session.ended",
    "second_factor.shown",
    "terms.accepted",
)
"""What happens at each visit: it would hide everything else."""
WORDS: dict[str, str | Promise] = {
    "person.registered": _("first login"),
    "person.vouched": _("became a user: somebody vouched for them"),
    "person.level": _("level set"),
    "person.suspended": _("suspended"),
    "person.suspension_ended": _("suspension over"),
    "person.named_to": _("chose who reads their name"),
    "person.merged": _("took over another account"),
    "operator.first": _("became the first operator"),
    "operator.made": _("became an operator"),
    "operator.ended": _("is no operator any more"),
    "identity.linked": _("linked an identity"),
    "identity.retired": _("retired an identity"),
    "second_factor.added": _("set up a second factor"),
    "second_factor.removed": _("removed a second factor"),
    "second_factor.codes": _("made new recovery codes"),
    "second_factor.forgotten": _("second factors taken away"),
    "break_glass.made": _("made to break the glass"),
    "break_glass.used": _("logged in to break the glass"),
    "break_glass.ended": _("break-glass operator ended"),
    "member.added": _("became a member"),
    "member.role": _("got another role"),
    "member.took_over": _("took over as admin"),
    "successor.named": _("named who takes over from them"),
    "successor.ended": _("named nobody any more to take over from them"),
    "member.left": _("left"),
    "member.removed": _("removed"),
    "member.until": _("membership got another end"),
    "member.ended": _("membership came to its end"),
    "member.kept": _("stayed for now, as the last admin"),
    "member.merged": _("membership taken over from another account"),
    "invitation.made": _("invited"),
    "invitation.renewed": _("invited again"),
    "invitation.withdrawn": _("invitation taken back"),
    "invitation.kept": _("invitation kept for them until they are a user"),
    "invitation.accepted": _("accepted an invitation"),
    "request.made": _("asked"),
    "request.approved": _("request approved"),
    "request.denied": _("request denied"),
    "request.withdrawn": _("request withdrawn"),
    "request.expired": _("request expired"),
    "request.climbed": _("nobody answered: others were reminded"),
    "request.reminded": _("reminded those with whom the request lies"),
    "request.undone": _("decision taken back"),
    "absence.begun": _("named a deputy for an absence"),
    "absence.ended": _("absence ended early"),
    "merge.asked": _("asked for two accounts to be merged"),
    "merge.done": _("merge of two accounts approved"),
    "merge.denied": _("merge of two accounts denied"),
    "merge.withdrawn": _("merge of two accounts withdrawn"),
    "deletion.asked": _("asked to be deleted"),
    "deletion.withdrawn": _("asks no more to be deleted"),
    "deletion.begun": _("deletion begun"),
    "deletion.done": _("deleted"),
}


@dataclass(frozen=True)
class Entry:
    """One thing that became of the person. `by` is None where Berth itself or a command on the server did it."""

    at: datetime
    what: str
    detail: str
    namespace: Namespace | None
    by: User | None


def of_person(person: User) -> Sequence[Entry]:
    """Return the latest MOST entries, the newest first; a constant number of queries. What was refused is none: nothing
    became of the person by it."""
    events = list(
        Event.objects.filter(object_id__in=_keys(person), outcome=Event.Outcome.DONE)
        .exclude(act__in=EVERYDAY)
        .order_by("-id")[:MOST]
    )
    people = User.objects.in_bulk({UUID(event.actor) for event in events if event.actor})
    places = {UUID(event.namespace_id) for event in events if event.namespace_id}
    namespaces = Namespace.objects.select_related("cluster").in_bulk(places)
    return [
        Entry(
            at=event.at,
            what=str(WORDS.get(event.act, event.act)),
            detail=_detail(event),
            namespace=namespaces.get(UUID(event.namespace_id)) if event.namespace_id else None,
            by=people.get(UUID(event.actor)) if event.actor else None,
        )
        for event in events
    ]


def _keys(person: User) -> list[str]:
    """Return the keys of the person and of everything that events about them are about."""
    of = (
        Identity.objects.filter(person=person),
        Membership.objects.filter(person=person),
        Invitation.objects.filter(person=person),
        Request.objects.filter(person=person),
        Absence.objects.filter(person=person),
        Merge.objects.filter(kept=person),
        Deletion.objects.filter(person=person),
    )
    return [str(person.pk), *(str(key) for rows in of for key in rows.values_list("pk", flat=True))]


def _detail(event: Event) -> str:
    """Return the role or level that it led to."""
    role, level = event.after.get("role"), event.after.get("level")
    return str(dict(Role.choices).get(role) or dict(Level.choices).get(level) or "")
