"""From rows to what should be in the cluster: the one place that says who has which binding, and the last with Django.

Whatever ends a right ends it here, for every identity: an ended membership, another role, a guest, an account that is
not active, a retired identity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from accounts.models import Identity, Level
from clusters.config import ClusterConfig
from clusters.models import ClusterStatus
from clusters.roles import ROLES, binding_name
from namespaces import epoch
from namespaces.models import (
    DriftDecision,
    Grant,
    Limit,
    Membership,
    MembershipQuerySet,
    Namespace,
    NamespaceStatus,
)
from namespaces.reconciler.spec import BindingSpec, KnownBinding, LimitSpec, NamespaceSpec

AT_ONCE = 500
"""For so many namespaces the rows are read at once: what is read of their members does not grow with the cluster."""


def namespace_spec(namespace: Namespace, config: ClusterConfig) -> NamespaceSpec:
    """Return what one namespace should be, read from the rows now."""
    return next(namespace_specs([namespace], config))


def namespace_specs(namespaces: Iterable[Namespace], config: ClusterConfig) -> Iterator[NamespaceSpec]:
    """Yield what each of these namespaces of one cluster should be, in a constant number of queries per portion."""
    rows = list(namespaces)
    for first in range(0, len(rows), AT_ONCE):
        yield from _specs(rows[first : first + AT_ONCE], config)


def _specs(rows: list[Namespace], config: ClusterConfig) -> Iterator[NamespaceSpec]:
    ids = [namespace.pk for namespace in rows]
    statuses = NamespaceStatus.objects.filter(pk__in=ids).values_list("pk", "cluster_uid", "limits_version")
    made = {namespace: (uid, version) for namespace, uid, version in statuses}
    bindings = _bindings(ids, config)
    unknown_roles = _unknown_roles(ids)
    known = _known(ids)
    limits = _limits(ids)
    decided = _decisions(ids)
    barred = dict(ClusterStatus.objects.values_list("cluster", "barred"))
    barred_here = epoch.barred()
    acts = DriftDecision.Act
    for namespace in rows:
        uid, limits_version = made.get(namespace.pk, ("", 0))
        limits_made = limits_version == namespace.limits_version
        yield NamespaceSpec(
            name=namespace.name,
            namespace_id=str(namespace.pk),
            installation_id=str(namespace.cluster.installation_id),
            generation=namespace.generation,
            uid=uid,
            bindings=tuple(bindings[namespace.pk]),
            known=known[namespace.pk],
            limits=tuple(limits[namespace.pk]),
            confirmed=frozenset(decided[namespace.pk, acts.CONFIRM]),
            condemned=frozenset(decided[namespace.pk, acts.REVERT]),
            barred=barred.get(namespace.cluster_id, {}) | barred_here,
            unknown_roles=frozenset(unknown_roles[namespace.pk]),
            limits_version=namespace.limits_version,
            limits_made=limits_made,
            limits_settled=settings.LIMITS_DRIFT == "ask" and limits_made,
        )


def wanted(
    namespace_id: UUID, bindings: Sequence[BindingSpec], config: ClusterConfig
) -> frozenset[BindingSpec]:
    """Return those of these bindings that the rows want at this moment."""
    memberships = Membership.objects.filter(pk__in=[binding.membership_id for binding in bindings])
    now = _bindings([namespace_id], config, memberships)[namespace_id]
    return frozenset(bindings).intersection(now)


def _bindings(
    ids: list[UUID], config: ClusterConfig, among: MembershipQuerySet | None = None
) -> dict[UUID, list[BindingSpec]]:
    """Return what is wanted in each of these namespaces, by all memberships or those among some."""
    found: dict[UUID, list[BindingSpec]] = defaultdict(list)
    among = Membership.objects.all() if among is None else among
    memberships = (
        among.filter(namespace__in=ids)
        .with_effect()
        .filter(role__in=ROLES, person__identities__state=Identity.State.ACTIVE)
    )
    columns = (
        "namespace",
        "pk",
        "role",
        "person__identities",
        "person__identities__issuer",
        "person__identities__subject",
    )
    for namespace, membership, role, identity, issuer, subject in memberships.values_list(*columns):
        username = config.username(issuer, subject)
        if username is not None:
            name = binding_name(role, issuer, subject)
            found[namespace].append(BindingSpec(name, role, username, issuer, str(identity), str(membership)))
    return found


def _unknown_roles(ids: list[UUID]) -> dict[UUID, set[str]]:
    """Return the roles that somebody was given and that only a newer version of Berth knows."""
    found: dict[UUID, set[str]] = defaultdict(set)
    memberships = Membership.objects.with_effect().filter(namespace__in=ids).exclude(role__in=ROLES)
    for namespace, role in memberships.values_list("namespace", "role"):
        found[namespace].add(role)
    return found


def _limits(ids: list[UUID]) -> dict[UUID, list[LimitSpec]]:
    found: dict[UUID, list[LimitSpec]] = defaultdict(list)
    for limit in Limit.objects.filter(namespace__in=ids):
        found[limit.namespace_id].append(limit.key.spec(limit.amount))
    return found


def _decisions(ids: list[UUID]) -> dict[tuple[UUID, str], list[str]]:
    found: dict[tuple[UUID, str], list[str]] = defaultdict(list)
    current = DriftDecision.objects.filter(namespace__in=ids, ended_at__isnull=True)
    for namespace, act, uid in current.values_list("namespace", "act", "uid"):
        found[namespace, act].append(uid)
    return found


FRESH = timedelta(minutes=5)
"""How old the proof of a right may be that nobody asks for again, because nothing of it changed."""

OVER = (
    Q(membership__ended_at__isnull=False)
    | ~Q(membership__role=F("role"))
    | Q(membership__person__level=Level.GUEST)
    | Q(membership__person__is_active=False)
    | ~Q(identity__state=Identity.State.ACTIVE)
)
"""Of a grant: the rows say positively that it is over. A missing row, or a changed file, says nothing."""


def _is_fresh() -> Q:
    """Of a grant: whether its proof is of minutes ago, and of the membership as it is now."""
    return Q(
        state=Grant.State.ACTIVE,
        error_message="",
        proved_at__gt=Now() - FRESH,
        proved_at__gte=F("membership__changed_at"),
    )


def _known(ids: list[UUID]) -> dict[UUID, dict[str, KnownBinding]]:
    found: dict[UUID, dict[str, KnownBinding]] = defaultdict(dict)
    over, fresh = (ExpressionWrapper(each, output_field=BooleanField()) for each in (OVER, _is_fresh()))
    grants = Grant.objects.filter(namespace__in=ids).annotate(is_over=over, is_fresh=fresh)
    for grant in grants:
        revoked = grant.is_over
        found[grant.namespace_id][grant.binding_name] = KnownBinding(
            uid=grant.binding_uid,
            operations=frozenset(grant.unanswered),
            role=grant.role,
            username=grant.username,
            revoked=revoked,
            # That it was seen to work proves nothing about its end, nor the other way round.
            proved=grant.state == (Grant.State.REVOKED if revoked else Grant.State.ACTIVE),
            fresh=grant.is_fresh and not revoked,
        )
    return found
