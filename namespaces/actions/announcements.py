"""Writing to the members of a namespace: through the portal, so that nobody needs a list of addresses."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from accounts.actions import people
from accounts.errors import NotAllowed, StateConflict, TooMany
from accounts.models import User
from audit.record import record
from namespaces import messages
from namespaces.access import Permission, Role
from namespaces.actions.members import lock
from namespaces.models import Announcement, Membership, Namespace
from namespaces.policy import permits

MOST_A_DAY = 5
"""How often the members of one namespace are written to in a day."""
MOST_A_DAY_BY_ONE = 10
"""How often one person writes in a day, in all namespaces together."""
_DAY = timedelta(days=1)


@transaction.atomic
def announce(
    *, namespace: Namespace, subject: str, text: str, role: Role | None = None, by: User
) -> Announcement:
    """Tell the other members something, or those of one role; their answers go to `by`.

    Raises NotAllowed, StateConflict where nobody would read it, and TooMany.
    """
    people.lock(by)
    lock(namespace)
    if not permits(people.as_stored(by), Permission.MANAGE_MEMBERS, namespace):
        raise NotAllowed(_("Only the admins of this namespace write to its members."))
    today = Announcement.objects.filter(created_at__gt=Now() - _DAY)
    if today.filter(namespace=namespace).count() >= MOST_A_DAY:
        raise TooMany(
            _("The members were written to %(most)d times within a day. Wait until tomorrow.")
            % {"most": MOST_A_DAY}
        )
    if today.filter(created_by=by).count() >= MOST_A_DAY_BY_ONE:
        raise TooMany(
            _("You wrote %(most)d times within a day. Wait until tomorrow.") % {"most": MOST_A_DAY_BY_ONE}
        )
    found = list(readers(namespace, role, by=by))
    if not found:
        raise StateConflict(_("Nobody would read it."))
    made = Announcement.objects.create(
        namespace=namespace, role=role or "", subject=subject, text=text, recipients=len(found), created_by=by
    )
    record(
        "announcement.made", by=by, about=made, namespace_id=namespace.pk,
        after={"role": made.role, "recipients": made.recipients},
    )  # fmt: skip
    messages.announced(made, found)
    return made


def readers(namespace: Namespace, role: Role | None, *, by: User) -> QuerySet[User]:
    """Return whom an announcement reaches: the members with effect but for who writes."""
    members = Membership.objects.with_effect().filter(namespace=namespace).exclude(person=by)
    if role is not None:
        members = members.filter(role=role)
    return User.objects.filter(pk__in=members.values("person")).order_by("pk")
