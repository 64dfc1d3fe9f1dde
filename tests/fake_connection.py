"""The way from `settings.CLUSTER_CONNECT` to the cluster in memory: one per name of a cluster, until forgotten."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clusters.api import Account, ClusterApi
from clusters.config import ClusterConfig
from tests.fake_cluster import FakeCluster

CONNECT = f"{__name__}.connect"
Meddler = Callable[[str], None]
_known: dict[str, FakeCluster] = {}
_meddlers: list[Meddler] = []


def connect(config: ClusterConfig, account: Account) -> ClusterApi:
    """Return the cluster as one of our accounts sees it."""
    return _Watched(of(config).acting_as(account))


def of(config: ClusterConfig) -> FakeCluster:
    """Return the cluster of this name; it begins with what an operator applied."""
    return _known.setdefault(config.name, FakeCluster(config))


def put(config: ClusterConfig, cluster: FakeCluster) -> None:
    """Let another cluster answer under this name, as after a mistake in the clusters file."""
    _known[config.name] = cluster


def meddle(meddler: Meddler) -> None:
    """Let something happen right before every call to a cluster; it is told the name of the method."""
    _meddlers.append(meddler)


def forget() -> None:
    """Begin anew."""
    _known.clear()
    _meddlers.clear()


class _Watched:
    """A cluster during whose calls other things happen in the world."""

    def __init__(self, api: FakeCluster) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        for meddler in tuple(_meddlers):
            meddler(name)
        return getattr(self._api, name)
