"""The way from rows to the cluster and back: lease, rows, pass, status. The only writer of status and grants.

Cluster errors are caught here and nowhere else: stored, shown, tried again.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.record import record
from clusters.api import ClusterError, Throttled
from clusters.config import ClusterConfig
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import anchor, contact, desired_state, drift, grants, seen_limits, verdicts
from namespaces.lanes import CHANGES, REVOCATIONS
from namespaces.models import DriftDecision, Grant, Namespace, NamespaceStatus
from namespaces.reconciler import quotas
from namespaces.reconciler.diff import Drift, Obstacle, compare, keys_of_others
from namespaces.reconciler.reconcile import Outcome, Rows, observe
from namespaces.reconciler.reconcile import reconcile as reconcile_in
from namespaces.reconciler.spec import NamespaceSpec
from namespaces.verdicts import Verdict

logger = structlog.get_logger(__name__)

MOST_ROUNDS = 3
LATE_CREATES_FOR = timedelta(minutes=10)
"""How long after an end a namespace is looked at in each sweep, if a create of it was never answered."""


def reconcile(namespace_id: UUID, *, hurry: bool = False, prune: frozenset[str] = frozenset()) -> str | None:
    """Make one namespace as decided, unless another worker is at it. Never raises a ClusterError.

    In a `hurry`, the proofs of what changed are owed afterwards. `prune` are uids of bindings that may go although no
    row explains their end, as `pruning` or an operator allowed.

    A change made while we work leaves the row out of date: we look again at once, a few times, and prove at the last
    one, or steady changes would put the proofs off for ever. Return the lane in which somebody must be called again, if
    any: for the proofs, or since it was changed once more, while those who knocked were sent away; what changed may be
    the end of a right.
    """
    for round_ in range(MOST_ROUNDS):
        namespace = Namespace.objects.select_related("cluster").filter(pk=namespace_id).first()
        if namespace is None:
            return None
        lease = _take_lease(namespace)
        if lease is None:
            return None
        owes_proofs = _pass(namespace, lease, prune, hurry=hurry and round_ + 1 < MOST_ROUNDS)
        if not Namespace.objects.filter(pk=namespace_id).exclude(generation=namespace.generation).exists():
            return CHANGES if owes_proofs else None
    return REVOCATIONS


def look(namespace: Namespace) -> Drift:
    """Return what differs between what was decided for a namespace and its cluster now. The cluster is not written to.

    Raises ClusterError when that could not be seen whole.
    """
    config = contact.config_of(namespace.cluster)
    api = contact.connect(config)
    Cluster.objects.sync(configured_clusters())
    anchor.check(api, namespace.cluster)
    spec = desired_state.namespace_spec(namespace, config)
    return compare(spec, observe(api, namespace.name, with_limits=True))


def _pass(namespace: Namespace, lease: UUID, prune: frozenset[str], *, hurry: bool) -> bool:
    """Make one pass; return whether it owes the proofs."""
    try:
        config = contact.config_of(namespace.cluster)
        api = contact.connect(config)
        anchor.claim(api, namespace.cluster)
        spec = desired_state.namespace_spec(namespace, config)
        spec = replace(spec, condemned=spec.condemned | prune)
        outcome = reconcile_in(api, spec, _rows(namespace, config), hurry=hurry)
    except ClusterError as error:
        # First, so that the return of the cluster finds the wait that it is to end.
        _store_failure(namespace, lease, error)
        contact.note(namespace.cluster, error)
        return False
    contact.note(namespace.cluster, None)
    for slowed_by in (error for error in outcome.errors if isinstance(error, Throttled)):
        contact.note(namespace.cluster, slowed_by)
    _store(namespace, lease, spec, outcome, prune)
    return outcome.owes_proofs


def _take_lease(namespace: Namespace) -> UUID | None:
    """Claim the namespace for one pass. A lease, not a lock: whoever dies with it loses it after LEASE_SECONDS."""
    lease, until = uuid.uuid4(), Now() + timedelta(seconds=settings.LEASE_SECONDS)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    statuses = NamespaceStatus.objects.filter(pk=namespace.pk)
    won = statuses.filter(free).update(lease_holder=lease, lease_until=until)
    if not won and NamespaceStatus.objects.get_or_create(namespace=namespace)[1]:
        won = statuses.filter(free).update(lease_holder=lease, lease_until=until)
    return lease if won else None


def _rows(namespace: Namespace, config: ClusterConfig) -> Rows:
    """Let a pass ask the rows again before it creates, and write down what it is about to create."""
    return Rows(
        wanted=lambda bindings: desired_state.wanted(namespace.pk, bindings, config),
        intend=lambda bindings: grants.intend(namespace, bindings),
    )


@transaction.atomic
def _store(
    namespace: Namespace, lease: UUID, spec: NamespaceSpec, outcome: Outcome, prune: frozenset[str]
) -> None:
    """Write what the pass saw, unless the lease was lost: then somebody else has seen something newer."""
    status = NamespaceStatus.objects.select_for_update().filter(pk=namespace.pk, lease_holder=lease).first()
    if status is None:
        logger.warning("lease lost; the pass is not recorded", namespace_id=str(namespace.pk))
        if outcome.writes:  # what we wrote late, nobody else has seen: look again soon
            NamespaceStatus.objects.filter(pk=namespace.pk).update(next_reconcile_at=Now())
        return
    if outcome.namespace_uid and outcome.namespace_uid != spec.uid:
        made = {"uid": outcome.namespace_uid}
        record("namespace.made", by=None, about=namespace, namespace_id=namespace.pk, after=made)
    if outcome.namespace_uid and spec.confirmed:  # an operator's word holds for what it was said of, and once
        said_of = DriftDecision.objects.filter(namespace=namespace, act=DriftDecision.Act.CONFIRM)
        done = said_of.filter(uid__in=(spec.uid, outcome.namespace_uid), ended_at__isnull=True)
        done.update(ended_at=Now())
    grants.store(namespace, spec, outcome, prune)
    if outcome.drift.obstacle in (None, Obstacle.MISSING):  # what is gone holds nothing
        drift.store({namespace.pk: outcome.drift.strays})
    if len(outcome.limits) == len(quotas.KINDS):
        drift.store_keys({namespace.pk: keys_of_others(spec, outcome.limits)})
        seen_limits.store({namespace.pk: [item for found in outcome.limits.values() for item in found]})
    verdict = verdicts.of_outcome(outcome, name=namespace.name, attempts=status.attempts)
    complete = verdict.state == NamespaceStatus.State.READY
    NamespaceStatus.objects.filter(pk=namespace.pk, lease_holder=lease).update(
        state=verdict.state,
        error_code=verdict.code,
        error_message=verdict.message[:500],
        attempts=0 if complete else F("attempts") + (0 if outcome.owes_proofs else 1),
        attempted_generation=spec.generation,
        observed_generation=spec.generation if complete else F("observed_generation"),
        cluster_uid=spec.uid if outcome.drift.obstacle else outcome.namespace_uid or spec.uid,
        seen_uid=outcome.seen_uid,
        limits_version=spec.limits_version if outcome.are_limits_made else F("limits_version"),
        reconciled_at=Now(),
        next_reconcile_at=Now() + _wait(namespace, verdict),
        lease_holder=None,
        lease_until=None,
    )


def _wait(namespace: Namespace, verdict: Verdict) -> timedelta:
    """Return how long to wait: no longer than until the next sweep if a worker that stood still may yet make what has
    ended, or if the API server asked for a pause while a right is to end.

    Half of the pause between sweeps, so that the next one finds it due.
    """
    soon = timedelta(seconds=settings.SWEEP_SECONDS / 2)
    if verdict.wait <= soon:
        return verdict.wait
    grants = Grant.objects.filter(namespace=namespace)
    ended = grants.filter(state__in=(Grant.State.REVOKING, Grant.State.REVOKED))
    is_urgent = ended.filter(since__gt=Now() - LATE_CREATES_FOR).exclude(unanswered=[]).exists()
    if verdict.code == Throttled.code:
        is_urgent |= grants.filter(desired_state.OVER).exclude(state=Grant.State.REVOKED).exists()
    return soon if is_urgent else verdict.wait


def _store_failure(namespace: Namespace, lease: UUID, error: ClusterError) -> None:
    """Nothing could be observed: what was known stays, the reason is stored, and we come again."""
    held = NamespaceStatus.objects.filter(pk=namespace.pk, lease_holder=lease)
    status = held.first()
    if status is None:
        return
    verdict = verdicts.of_error(error, attempts=status.attempts)
    held.update(
        state=verdict.state,
        error_code=verdict.code,
        error_message=verdict.message[:500],
        attempts=F("attempts") + 1,
        attempted_generation=namespace.generation,
        next_reconcile_at=Now() + _wait(namespace, verdict),
        lease_holder=None,
        lease_until=None,
    )
