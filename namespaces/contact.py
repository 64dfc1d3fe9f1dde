"""The contact to a cluster: how to reach it, whether it answers, and what is noted about that.

Only this module writes the state of a `ClusterStatus`. One that is back ends the waits of its namespaces.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from clusters.api import ClusterApi, ClusterError, Forbidden, Throttled, Unauthorized, Unavailable
from clusters.config import ClusterConfig
from clusters.mark import ForeignCluster, Quarantined
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters
from namespaces import anchor
from namespaces.models import NamespaceStatus


def config_of(cluster: Cluster) -> ClusterConfig:
    """Return the facts of a cluster. Raises Unavailable where the clusters file does not name it any more."""
    config = configured_clusters().get(cluster.name)
    if config is None:
        raise Unavailable(f"The clusters file names no cluster {cluster.name}.")
    return config


def is_down(cluster: Cluster) -> bool:
    """Whether the cluster did not answer, or must not be written to, when it was last asked."""
    return ClusterStatus.objects.filter(cluster=cluster).exclude(state=ClusterStatus.State.REACHABLE).exists()


def connect(config: ClusterConfig) -> ClusterApi:
    """Return the cluster as the worker sees it."""
    api: ClusterApi = import_string(settings.CLUSTER_CONNECT)(config, "worker")
    return api


def is_back(cluster: Cluster) -> bool:
    """Ask a cluster that was down whether it is back."""
    try:
        anchor.claim(connect(config_of(cluster)), cluster)
    except ClusterError as error:
        note(cluster, error)
        return False
    note(cluster, None)
    return True


def note(cluster: Cluster, error: ClusterError | None) -> None:
    """Record whether the cluster answers, only when that changed or a while has passed: many passes, few writes."""
    states = ClusterStatus.State
    if error is None:
        state = states.REACHABLE
    elif isinstance(error, ForeignCluster):
        state = states.FOREIGN
    elif isinstance(error, Quarantined):
        state = states.QUARANTINED
    elif isinstance(error, Unauthorized | Forbidden):
        state = states.REFUSED
    elif isinstance(error, Unavailable):
        state = states.UNREACHABLE
    elif isinstance(error, Throttled):
        _slow_down(cluster, error)
        return
    else:
        return
    values = {
        "state": state,
        "error_code": error.code if error else "",
        "error_message": error.message[:500] if error else "",
    }
    old = Q(contacted_at__isnull=True) | Q(contacted_at__lt=Now() - timedelta(seconds=10))
    is_news = ~Q(state=state) | old if error is None else ~Q(state=state)
    statuses = ClusterStatus.objects.filter(cluster=cluster)
    if not statuses.filter(is_news).exists():
        return
    with transaction.atomic():
        changed = statuses.exclude(state=state).update(since=Now(), **values)
        if changed and error is None:
            _end_waits(cluster)
    if error is None:
        statuses.filter(old).update(contacted_at=Now())


def _slow_down(cluster: Cluster, error: Throttled) -> None:
    """Let all workers keep the pause that the API server asked one of them for."""
    until = Now() + timedelta(seconds=error.retry_after)
    shorter = Q(throttled_until__isnull=True) | Q(throttled_until__lt=until)
    ClusterStatus.objects.filter(shorter, cluster=cluster).update(throttled_until=until)


def _end_waits(cluster: Cluster) -> None:
    """Let what was not done while the cluster was away be due now: the pauses between the tries were for its absence.

    One that the API server itself asked for is kept.
    """
    not_done = NamespaceStatus.objects.filter(namespace__cluster=cluster).exclude(
        observed_generation=F("namespace__generation")
    )
    not_done.exclude(error_code=Throttled.code).update(next_reconcile_at=Now())
