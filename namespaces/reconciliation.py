"""The way from rows to the cluster and back: lease, rows, pass, status. The only writer of status and grants.

Cluster errors are caught here and nowhere else: stored, shown, tried again.
"""

from __future__ import annotations

import random
import time
import uuid
from collections import defaultdict
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    ClusterApi,
    ClusterError,
    Forbidden,
    Manifest,
    Throttled,
    Unauthorized,
    Unavailable,
)
from clusters.config import ClusterConfig
from clusters.models import Cluster, ClusterStatus
from clusters.names import CANARY_BINDING, SYSTEM_NAMESPACE
from clusters.registry import configured_clusters
from namespaces import desired_state
from namespaces.models import Grant, Namespace, NamespaceStatus
from namespaces.reconciler.diff import Observed, Obstacle, compare
from namespaces.reconciler.reconcile import Granted, Outcome, Revoked, Rows, obstacle_words, reconcile as reconcile_in
from namespaces.reconciler.spec import BindingSpec, NamespaceSpec

logger = structlog.get_logger(__name__)

PROOF_AGE = timedelta(minutes=10)
DEGRADED_WAIT = timedelta(minutes=5)
WAITING_WAIT = timedelta(seconds=30)
BACKOFF_BASE_SECONDS = 5
BACKOFF_LIMIT_SECONDS = 60
MOST_ROUNDS = 3
MOST_SECONDS_AT_ONCE = 25


class ForeignCluster(ClusterError):
    """The cluster at this address is not the one it was: nothing is written."""

    code = "foreign"


def reconcile(namespace_id: UUID) -> None:
    """Make one namespace as decided, unless another worker is at it. Never raises a ClusterError.

    A change made while we work leaves the row out of date: we look again at once, a few times.
    """
    for _round in range(MOST_ROUNDS):
        namespace = Namespace.objects.select_related("cluster").filter(pk=namespace_id).first()
        if namespace is None:
            return
        lease = _take_lease(namespace)
        if lease is None:
            return
        _pass(namespace, lease)
        if not Namespace.objects.filter(pk=namespace_id).exclude(generation=namespace.generation).exists():
            return


def due() -> QuerySet[Namespace]:
    """Return the namespaces that a worker should look at now: changed since the last attempt, or due again."""
    return Namespace.objects.filter(
        Q(status__isnull=True)
        | ~Q(status__attempted_generation=F("generation"))
        | Q(status__next_reconcile_at__lte=Now())
    ).order_by("changed_at")


def reconcile_due() -> None:
    """Make right what is out of date, cluster by cluster. One that does not answer is asked once, not once a namespace."""
    deadline = time.monotonic() + MOST_SECONDS_AT_ONCE
    Cluster.objects.sync(configured_clusters())
    for cluster in Cluster.objects.all():
        waiting = due().filter(cluster=cluster)
        was_down = ClusterStatus.objects.filter(cluster=cluster).exclude(state=ClusterStatus.State.REACHABLE).exists()
        if was_down:
            if not _contact(cluster):
                continue
            waiting = Namespace.objects.filter(cluster=cluster).filter(
                Q(pk__in=due().values("pk")) | ~Q(status__observed_generation=F("generation"))
            )
        for namespace_id in list(waiting.values_list("pk", flat=True)):
            if time.monotonic() > deadline:
                return  # the next call goes on; one task stays below its time limit
            reconcile(namespace_id)


def sweep_clusters() -> None:
    """Compare every cluster as a whole with the rows, and reconcile the namespaces that differ."""
    for cluster in Cluster.objects.all():
        try:
            differing = sweep(cluster)
        except ClusterError as error:
            _note_cluster(cluster, error)
            continue
        for namespace_id in differing:
            reconcile(namespace_id)


def sweep(cluster: Cluster) -> list[UUID]:
    """Return the namespaces whose objects differ from the rows: a few paged lists, whatever their number; no writes.

    Raises ClusterError when the lists could not be had whole: then nothing is known.
    """
    config = configured_clusters()[cluster.name]
    api = _connect(config)
    _check_identity(api, cluster)
    namespaces = {item["metadata"]["name"]: item for page in api.list_pages(NAMESPACE) for item in page.items}
    bindings: dict[str, list[Manifest]] = defaultdict(list)
    canary = False
    for page in api.list_pages(ROLE_BINDING):
        for item in page.items:
            metadata = item["metadata"]
            bindings[metadata["namespace"]].append(item)
            canary |= metadata["namespace"] == SYSTEM_NAMESPACE and metadata["name"] == CANARY_BINDING
    if not canary:
        raise Unavailable("The list of RoleBindings lacks one that is always there: it was filtered on its way.")
    rows = Namespace.objects.filter(cluster=cluster).select_related("cluster").order_by("name")
    differing = [
        UUID(spec.namespace_id)
        for spec in desired_state.namespace_specs(rows.iterator(chunk_size=2000), config)
        if not compare(spec, Observed(namespaces.get(spec.name), bindings.get(spec.name, ()))).is_empty
    ]
    ClusterStatus.objects.filter(cluster=cluster).update(swept_at=Now())
    return differing


def _pass(namespace: Namespace, lease: UUID) -> None:
    config = configured_clusters().get(namespace.cluster.name)
    try:
        if config is None:
            raise Unavailable(f"The clusters file names no cluster {namespace.cluster.name}.")
        api = _connect(config)
        _check_identity(api, namespace.cluster)
        spec = desired_state.namespace_spec(namespace, config)
        outcome = reconcile_in(api, spec, _rows(namespace, config))
    except ClusterError as error:
        _note_cluster(namespace.cluster, error)
        _store_failure(namespace, lease, error)
        return
    _note_cluster(namespace.cluster, None)
    _store(namespace, lease, spec, outcome)


def _connect(config: ClusterConfig) -> ClusterApi:
    connect = import_string(settings.CLUSTER_CONNECT)
    api: ClusterApi = connect(config, "worker")
    return api


def _check_identity(api: ClusterApi, cluster: Cluster) -> None:
    """Refuse to work with another cluster than the one first met under this name (its kube-system has another uid)."""
    uid = api.get(NAMESPACE, "kube-system")["metadata"]["uid"]
    status = ClusterStatus.objects.get(cluster=cluster)
    if not status.kube_system_uid:
        ClusterStatus.objects.filter(cluster=cluster, kube_system_uid="").update(kube_system_uid=uid)
    elif status.kube_system_uid != uid:
        raise ForeignCluster("The cluster at this address is not the one it was. Nothing is written to it.")


def _contact(cluster: Cluster) -> bool:
    """Ask a cluster that was down whether it is back."""
    config = configured_clusters().get(cluster.name)
    if config is None:
        return False
    try:
        _check_identity(_connect(config), cluster)
    except ClusterError as error:
        _note_cluster(cluster, error)
        return False
    _note_cluster(cluster, None)
    return True


def _take_lease(namespace: Namespace) -> UUID | None:
    """Claim the namespace for one pass. A lease, not a lock: whoever dies with it loses it after LEASE_SECONDS."""
    NamespaceStatus.objects.get_or_create(namespace=namespace)
    lease = uuid.uuid4()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    won = (
        NamespaceStatus.objects.filter(free, pk=namespace.pk)
        .update(lease_holder=lease, lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS))
    )
    return lease if won else None


def _rows(namespace: Namespace, config: ClusterConfig) -> Rows:
    """Let a pass ask the rows again before it creates, and record what it is about to create."""

    def operation(binding: BindingSpec) -> str:
        grant, _created = Grant.objects.get_or_create(
            namespace=namespace,
            identity_id=UUID(binding.identity_id),
            role=binding.role,
            defaults=_grant_values(binding),
        )
        if grant.state == Grant.State.PENDING and str(grant.membership_id) == binding.membership_id:
            return str(grant.operation)  # the answer to an earlier create may have been lost
        fresh = uuid.uuid4()
        Grant.objects.filter(pk=grant.pk).update(
            operation=fresh, binding_uid="", state=Grant.State.PENDING, since=Now(), error_message="", **_grant_values(binding)
        )
        return str(fresh)

    return Rows(
        is_wanted=lambda binding: desired_state.is_wanted(namespace.pk, binding, config),
        operation=operation,
    )


def _grant_values(binding: BindingSpec) -> dict[str, object]:
    return {
        "membership_id": UUID(binding.membership_id),
        "username": binding.username,
        "binding_name": binding.name,
    }


@transaction.atomic
def _store(namespace: Namespace, lease: UUID, spec: NamespaceSpec, outcome: Outcome) -> None:
    """Write what the pass saw, unless the lease was lost: then somebody else has seen something newer."""
    status = NamespaceStatus.objects.select_for_update().filter(pk=namespace.pk, lease_holder=lease).first()
    if status is None:
        logger.warning("lease lost; the pass is not recorded", namespace_id=str(namespace.pk))
        return
    by_name = {binding.name: binding for binding in spec.bindings}
    for name, granted in outcome.granted.items():
        _store_granted(namespace, by_name[name], granted)
    for name, revoked in outcome.revoked.items():
        _store_revoked(namespace, name, revoked)
    state, code, message, wait = _judge(namespace, outcome)
    complete = state == NamespaceStatus.State.READY
    NamespaceStatus.objects.filter(pk=namespace.pk, lease_holder=lease).update(
        state=state,
        error_code=code,
        error_message=message[:500],
        attempts=0 if complete else F("attempts") + 1,
        attempted_generation=spec.generation,
        observed_generation=spec.generation if complete else F("observed_generation"),
        cluster_uid=spec.uid or ("" if outcome.drift.obstacle else outcome.namespace_uid),
        reconciled_at=Now(),
        next_reconcile_at=Now() + wait,
        lease_holder=None,
        lease_until=None,
    )


def _store_granted(namespace: Namespace, binding: BindingSpec, granted: Granted) -> None:
    if granted.is_proved:
        state, message = Grant.State.ACTIVE, ""
    elif granted.error is not None and not isinstance(granted.error, Unavailable | Throttled):
        state, message = Grant.State.FAILING, granted.error.message
    else:
        state, message = Grant.State.PENDING, granted.doubt or (granted.error.message if granted.error else "")
    key = {"namespace": namespace, "identity_id": UUID(binding.identity_id), "role": binding.role}
    Grant.objects.get_or_create(**key, defaults=_grant_values(binding))
    grants = Grant.objects.filter(**key)
    grants.exclude(state=state).update(since=Now())
    grants.update(state=state, error_message=message[:500], **_grant_values(binding))
    if granted.uid:
        grants.update(binding_uid=granted.uid)
    if granted.is_proved:
        grants.update(proved_at=Now())


def _store_revoked(namespace: Namespace, name: str, revoked: Revoked) -> None:
    state = Grant.State.REVOKED if revoked.is_proved else Grant.State.REVOKING
    message = revoked.residual or (revoked.error.message if revoked.error else "")
    grants = Grant.objects.filter(namespace=namespace, binding_name=name)
    grants.exclude(state=state).update(since=Now())
    grants.update(state=state, error_message=message[:500])
    if revoked.gone:
        grants.update(binding_uid="")
    if revoked.is_proved:
        grants.update(proved_at=Now())


def _judge(namespace: Namespace, outcome: Outcome) -> tuple[NamespaceStatus.State, str, str, timedelta]:
    """Return state, error code, error message, and when to look again."""
    states = NamespaceStatus.State
    if outcome.drift.obstacle is not None:
        words = obstacle_words(outcome.drift.obstacle, namespace.name)
        if outcome.drift.obstacle == Obstacle.TERMINATING:
            return states.WAITING, "terminating", words, WAITING_WAIT
        state = states.MISSING if outcome.drift.obstacle == Obstacle.MISSING else states.CONFLICT
        return state, str(outcome.drift.obstacle), words, DEGRADED_WAIT
    if outcome.errors:
        error = outcome.errors[0]
        return _state_of(error), error.code, error.message, _wait(error, namespace)
    unproved = [item for item in (*outcome.granted.values(), *outcome.revoked.values()) if not item.is_proved]
    if any(isinstance(item, Revoked) and item.residual for item in unproved):
        return states.READY, "residual", "", DEGRADED_WAIT
    if unproved:
        return states.WAITING, "unproved", "The cluster has not confirmed everything yet.", timedelta(seconds=2)
    return states.READY, "", "", PROOF_AGE * random.uniform(0.9, 1.1)  # noqa: S311 - spreads the load, guards nothing


def _store_failure(namespace: Namespace, lease: UUID, error: ClusterError) -> None:
    """Nothing could be observed: what was known stays, the reason is stored, and we come again."""
    NamespaceStatus.objects.filter(pk=namespace.pk, lease_holder=lease).update(
        state=_state_of(error),
        error_code=error.code,
        error_message=error.message[:500],
        attempts=F("attempts") + 1,
        attempted_generation=namespace.generation,
        next_reconcile_at=Now() + _wait(error, namespace),
        lease_holder=None,
        lease_until=None,
    )


def _state_of(error: ClusterError) -> NamespaceStatus.State:
    if isinstance(error, Unavailable | Throttled):
        return NamespaceStatus.State.UNREACHABLE
    if error.code in ("conflict", "foreign"):
        return NamespaceStatus.State.CONFLICT
    return NamespaceStatus.State.DEGRADED


def _wait(error: ClusterError, namespace: Namespace) -> timedelta:
    """Return when to try again: what the server asked for, full-jitter back-off, or minutes where waiting does not mend."""
    if isinstance(error, Throttled):
        return timedelta(seconds=error.retry_after)
    if isinstance(error, Forbidden) and error.cause == "NamespaceTerminating":
        return WAITING_WAIT
    if not isinstance(error, Unavailable):
        return DEGRADED_WAIT
    status = NamespaceStatus.objects.get(namespace=namespace)
    most = min(BACKOFF_BASE_SECONDS * 2 ** min(status.attempts, 10), BACKOFF_LIMIT_SECONDS)
    return timedelta(seconds=random.uniform(0, most))  # noqa: S311 - spreads the load, guards nothing


def _note_cluster(cluster: Cluster, error: ClusterError | None) -> None:
    """Record whether the cluster answers, only when that changed or a while has passed: many passes, few writes."""
    states = ClusterStatus.State
    if error is None:
        state = states.REACHABLE
    elif isinstance(error, ForeignCluster):
        state = states.FOREIGN
    elif isinstance(error, Unauthorized | Forbidden):
        state = states.REFUSED
    elif isinstance(error, Unavailable):
        state = states.UNREACHABLE
    else:
        return
    values = {
        "state": state,
        "error_code": error.code if error else "",
        "error_message": error.message[:500] if error else "",
    }
    statuses = ClusterStatus.objects.filter(cluster=cluster)
    statuses.exclude(state=state).update(since=Now(), **values)
    if error is None:
        old = Q(contacted_at__isnull=True) | Q(contacted_at__lt=Now() - timedelta(seconds=10))
        statuses.filter(old).update(contacted_at=Now())
