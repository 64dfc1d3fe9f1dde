"""The way from `settings.CLUSTER_CONNECT` to the cluster in memory: one per name of a cluster, until forgotten."""

from __future__ import annotations

from clusters.api import Account, ClusterApi
from clusters.config import ClusterConfig
from tests.fake_cluster import FakeCluster

CONNECT = f"{__name__}.connect"
_known: dict[str, FakeCluster] = {}


def connect(config: ClusterConfig, account: Account) -> ClusterApi:
    """Return the cluster as one of our accounts sees it."""
    return of(config).acting_as(account)


def of(config: ClusterConfig) -> FakeCluster:
    """Return the cluster of this name; it begins with what an operator applied."""
    return _known.setdefault(config.name, FakeCluster(config))


def put(config: ClusterConfig, cluster: FakeCluster) -> None:
    """Let another cluster answer under this name, as after a mistake in the clusters file."""
    _known[config.name] = cluster


def forget() -> None:
    """Begin anew."""
    _known.clear()
