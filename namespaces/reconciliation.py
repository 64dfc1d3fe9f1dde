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

from audit.models import Event
from audit.record import record
from clusters.api import (
    ClusterError,
)
from clusters.config import ClusterConfig
from clusters.models import Cluster
from clusters.registry import configured_clusters
from namespaces import anchor, contact, desired_state, drift, pruning, seen_limits, verdicts
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.reconciler import quotas
from namespaces.reconciler.diff import Drift, Obstacle, Seen, compare, gives_the_same, keys_of_others
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked, Rows, observe
from namespaces.reconciler.reconcile import reconcile as reconcile_in
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec

logger = structlog.get_logger(__name__)

ENDS = ("binding.ended", "binding.gone", "binding.repaired", "binding.reverted", pruning.PRUNED)
MOST_ROUNDS = 3
LATE_CREATES_FOR = timedelta(minutes=10)
"""How long after an end a namespace is looked at in each sweep, if a create of it was never answered."""


def reconcile(namespace_id: UUID, *, prune: frozenset[str] = frozenset()) -> bool:
    """Make one namespace as decided, unless another worker is at it. Never raises a ClusterError.

    `prune` are uids of bindings that may go although no row explains their end, as `pruning` or an operator allowed.

    A change made while we work leaves the row out of date: we look again at once, a few times. Return whether it was
    changed once more then: those who knocked meanwhile were sent away, so that somebody must be called.
    """
    for _round in range(MOST_ROUNDS):
        namespace = Namespace.objects.select_related("cluster").filter(pk=namespace_id).first()
        if namespace is None:
            return False
        lease = _take_lease(namespace)
        if lease is None:
            return False
        _pass(namespace, lease, prune)
        if not Namespace.objects.filter(pk=namespace_id).exclude(generation=namespace.generation).exists():
            return False
    return True


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


def _pass(namespace: Namespace, lease: UUID, prune: frozenset[str]) -> None:
    try:
        config = contact.config_of(namespace.cluster)
        api = contact.connect(config)
        anchor.claim(api, namespace.cluster)
        spec = desired_state.namespace_spec(namespace, config)
        spec = replace(spec, condemned=spec.condemned | prune)
        outcome = reconcile_in(api, spec, _rows(namespace, config))
    except ClusterError as error:
        contact.note(namespace.cluster, error)
        _store_failure(namespace, lease, error)
        return
    contact.note(namespace.cluster, None)
    _store(namespace, lease, spec, outcome, prune)


def _take_lease(namespace: Namespace) -> UUID | None:
    """Claim the namespace for one pass. A lease, not a lock: whoever dies with it loses it after LEASE_SECONDS."""
    NamespaceStatus.objects.get_or_create(namespace=namespace)
    lease = uuid.uuid4()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    won = NamespaceStatus.objects.filter(free, pk=namespace.pk).update(
        lease_holder=lease, lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS)
    )
    return lease if won else None


def _rows(namespace: Namespace, config: ClusterConfig) -> Rows:
    """Let a pass ask the rows again before it creates, and record what it is about to create."""

    @transaction.atomic
    def operation(binding: BindingSpec, replaced: Seen | None) -> str:
        grant, _created = Grant.objects.get_or_create(
            namespace=namespace,
            identity_id=UUID(binding.identity_id),
            role=binding.role,
            defaults=_grant_values(binding),
        )
        if replaced is not None:
            _record_replaced(namespace, binding, replaced)
            if grant.binding_uid:
                _record_end(grant, grant.binding_uid, "binding.gone")
            grant.binding_uid = ""
            grant.save(update_fields=["binding_uid"])
        same = str(grant.membership_id) == binding.membership_id
        if grant.state == Grant.State.PENDING and same and str(grant.operation) in grant.open_operations:
            return str(grant.operation)  # the answer to an earlier create of it may have been lost
        renewed = uuid.uuid4()
        # The uid of one that is not replaced stays: that a list lacked it is no proof that it is gone.
        Grant.objects.filter(pk=grant.pk).update(
            state=Grant.State.PENDING,
            since=Now(),
            error_message="",
            operation=renewed,
            unanswered=[*grant.open_operations, str(renewed)][-Grant.MOST_UNANSWERED :],
            **_grant_values(binding),
        )
        return str(renewed)

    return Rows(
        is_wanted=lambda binding: desired_state.is_wanted(namespace.pk, binding, config),
        operation=operation,
    )


def _renewed(grant: Grant) -> dict[str, object]:
    """Return a new operation for a grant whose binding is gone: a copy of that carries the old one, and is not ours.

    The old one is remembered if nobody has seen the answer to its create: that may still come late.
    """
    return {"operation": uuid.uuid4(), "binding_uid": "", "unanswered": grant.open_operations}


def _grant_values(binding: BindingSpec) -> dict[str, object]:
    return {
        "membership_id": UUID(binding.membership_id),
        "username": binding.username,
        "binding_name": binding.name,
    }


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
    for binding, seen in outcome.drift.replace:
        granted = outcome.granted.get(binding.name)
        if granted is None or granted.uid != seen.uid:  # the old one was deleted
            _record_replaced(namespace, binding, seen)
    by_name = {binding.name: binding for binding in spec.bindings}
    for name, granted in outcome.granted.items():
        _store_granted(namespace, by_name[name], granted)
    ended = {seen.name: seen for seen in outcome.drift.delete if _was_deleted(seen, outcome)}
    for seen in ended.values():
        decided = seen.uid in spec.condemned - prune
        act = "binding.reverted" if decided else pruning.PRUNED if seen.uid in prune else "binding.ended"
        _record_deleted(namespace, seen, act)
    for name, revoked in outcome.revoked.items():
        _store_revoked(namespace, name, revoked, deleted=ended.get(name))
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
        attempts=0 if complete else F("attempts") + 1,
        attempted_generation=spec.generation,
        observed_generation=spec.generation if complete else F("observed_generation"),
        cluster_uid=spec.uid if outcome.drift.obstacle else outcome.namespace_uid or spec.uid,
        seen_uid=outcome.seen_uid,
        limits_version=spec.limits_version if outcome.are_limits_made else F("limits_version"),
        reconciled_at=Now(),
        next_reconcile_at=Now() + min(verdict.wait, _most_wait(namespace)),
        lease_holder=None,
        lease_until=None,
    )


def _most_wait(namespace: Namespace) -> timedelta:
    """Return how long to wait at most: until the next sweep if a worker that stood still may yet make what has ended.

    Half of the pause between sweeps, so that the next one finds it due.
    """
    ended = Grant.objects.filter(namespace=namespace, state__in=(Grant.State.REVOKING, Grant.State.REVOKED))
    recent = ended.filter(since__gt=Now() - LATE_CREATES_FOR).exclude(unanswered=[])
    return timedelta(seconds=settings.SWEEP_SECONDS / 2) if recent.exists() else timedelta.max


def _store_granted(namespace: Namespace, binding: BindingSpec, granted: Granted) -> None:
    if granted.is_proved:
        state, message = Grant.State.ACTIVE, ""
    elif granted.error is not None and not verdicts.is_passing(granted.error):
        state, message = Grant.State.FAILING, granted.error.message
    else:
        state, message = (
            Grant.State.PENDING,
            granted.doubt or (granted.error.message if granted.error else ""),
        )
    key = {"namespace": namespace, "identity_id": UUID(binding.identity_id), "role": binding.role}
    grant, _created = Grant.objects.get_or_create(**key, defaults=_grant_values(binding))
    grants = Grant.objects.filter(**key)
    grants.exclude(state=state).update(since=Now())
    grants.update(state=state, error_message=message[:500], **_grant_values(binding))
    if granted.uid and granted.uid != grant.binding_uid:
        if grant.binding_uid:  # the name was free for another one
            _record_end(grant, grant.binding_uid, "binding.gone")
        answered = [each for each in grant.unanswered if each != str(grant.operation)]
        grants.update(binding_uid=granted.uid, unanswered=answered)
        _record_made(grant, granted.uid)
    if granted.is_proved:
        grants.update(proved_at=Now())


def _record_made(grant: Grant, uid: str) -> None:
    """Record that a binding was made, once, however often it was lost from sight and found again."""
    made = {"role": grant.role, "uid": uid, "operation": str(grant.operation)}
    told = Event.objects.filter(object_id=str(grant.pk), act="binding.made", after__uid=uid)
    if not told.exists():
        record("binding.made", by=None, about=grant, namespace_id=grant.namespace_id, after=made)


def _was_deleted(seen: Seen, outcome: Outcome) -> bool:
    result = outcome.revoked.get(seen.name)
    return result is None or result.gone


def _store_revoked(namespace: Namespace, name: str, revoked: Revoked, *, deleted: Seen | None) -> None:
    """Store what became of a right that is over; `deleted` is the binding that this pass deleted, if it did.

    Residual access is stored as revoking without a uid: our binding is gone, and somebody else lets the person in.

    Where an answer is missing that is not claimed, and what was known stays.
    """
    grants = Grant.objects.filter(namespace=namespace, binding_name=name)
    if revoked.error is not None:
        held = grants.exclude(binding_uid="")
        held.exclude(state=Grant.State.REVOKING).update(state=Grant.State.REVOKING, since=Now())
        grants.update(error_message=revoked.error.message[:500])
        return
    state = Grant.State.REVOKED if revoked.is_proved else Grant.State.REVOKING
    for grant in grants:
        if grant.binding_uid and (deleted is None or deleted.uid != grant.binding_uid):
            # Whoever tried before may have done it, and the answer was lost. Else somebody else was here.
            ours = grant.state in (Grant.State.PENDING, Grant.State.REVOKING)
            _record_end(grant, grant.binding_uid, "binding.ended" if ours else "binding.gone")
        Grant.objects.filter(pk=grant.pk).update(**_renewed(grant))
    grants.exclude(state=state).update(since=Now())
    grants.update(state=state, error_message=revoked.residual[:500])
    if revoked.is_proved:
        grants.update(proved_at=Now())


def _record_end(grant: Grant, uid: str, act: str) -> None:
    if _is_told(grant, uid):
        return
    ended = {"role": grant.role, "uid": uid}
    record(act, by=None, about=grant, namespace_id=grant.namespace_id, before=ended)


def _is_told(about: Grant | Namespace, uid: str) -> bool:
    """Whether the end of a binding is recorded already, however often it is found to be gone."""
    return Event.objects.filter(object_id=str(about.pk), act__in=ENDS, before__uid=uid).exists()


def _record_deleted(namespace: Namespace, seen: Seen, act: str) -> None:
    """Record the end of a binding that this pass deleted, by its row if there is one."""
    grant = Grant.objects.filter(namespace=namespace, binding_name=seen.name).first()
    if grant is not None:
        _record_end(grant, seen.uid, act)
        return
    before = {"binding": seen.name, "uid": seen.uid, "role": seen.role}
    record(act, by=None, about=namespace, namespace_id=namespace.pk, before=before)


def _record_replaced(namespace: Namespace, binding: BindingSpec, seen: Seen) -> None:
    """Record the end of a binding that another one took the place of, and whether somebody had changed it by hand."""
    grant = Grant.objects.filter(namespace=namespace, binding_name=binding.name).first()
    if _is_told(grant or namespace, seen.uid):
        return
    changed = seen.written.by or not gives_the_same(seen, binding)
    before = {"role": binding.role, "uid": seen.uid}
    if changed:
        before |= {"found": seen.role, "written_by": seen.written.by, "written_at": seen.written.at}
    record(
        "binding.repaired" if changed else "binding.ended",
        by=None,
        about=grant or namespace,
        namespace_id=namespace.pk,
        before=before,
    )


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
        next_reconcile_at=Now() + verdict.wait,
        lease_holder=None,
        lease_until=None,
    )
