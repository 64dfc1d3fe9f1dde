"""The signs that an admin of a namespace may be gone: suspended, a guest, without a login, or not seen for long."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Q

from accounts.actions.dormancy import dormant
from accounts.models import Identity, Level
from clusters.registry import configured_clusters
from namespaces.access import Role
from namespaces.models import Membership, MembershipQuerySet, Sign


def admins(sign: Sign) -> MembershipQuerySet:
    """Return the memberships of admins that may show this sign: whether they do, `of` says."""
    found = Membership.objects.current().filter(role=Role.ADMIN)
    return found.filter(_condition(sign)).select_related("person", "namespace__cluster").order_by("pk")


def of(membership: Membership) -> Sign | None:
    """Return the weightiest sign that this admin may be gone, by the clock of the database; None where there is none,
    or they are no admin."""
    return next((sign for sign in Sign if _shows(membership, sign)), None)


def _shows(membership: Membership, sign: Sign) -> bool:
    found = admins(sign).filter(pk=membership.pk).first()
    return found is not None and (sign != Sign.RETIRED or _lost_their_login(found))


def _condition(sign: Sign) -> Q:
    if sign == Sign.SUSPENDED:
        return Q(person__is_active=False)
    if sign == Sign.GUEST:
        return Q(person__level=Level.GUEST)
    if sign == Sign.RETIRED:
        retired = Identity.objects.filter(state=Identity.State.RETIRED)
        return Q(person__in=retired.values("person"))
    if not settings.TAKEOVER_DAYS:
        return Q(pk__in=())
    return Q(person__in=dormant(settings.TAKEOVER_DAYS).values("pk"))


def _lost_their_login(membership: Membership) -> bool:
    """Whether an identity that the cluster knew is retired, and none that it knows is left."""
    config = configured_clusters().get(membership.namespace.cluster.name)
    if config is None:
        return False
    known = [
        identity.state
        for identity in membership.person.identities.all()
        if config.username(identity.issuer, identity.subject)
    ]
    return bool(known) and Identity.State.ACTIVE not in known
