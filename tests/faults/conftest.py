"""A proxy before the shared control plane, and workers that go through it: in this process, and beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pytest_django import Settings

from clusters.models import Cluster
from namespaces.models import NamespaceStatus
from portal.celery import app
from tests.conftest import ControlPlane, row_of_cluster
from tests.faults.lab import Lab
from tests.faults.proxy import Proxy, detour
from tests.namespaces.test_worker_processes import Gate, Installation


@pytest.fixture
def proxy(control_plane: ControlPlane) -> Iterator[Proxy]:
    with Proxy(control_plane.layout) as opened:
        yield opened


@pytest.fixture
def detoured(proxy: Proxy, settings: Settings, tmp_path: Path, db: None) -> Cluster:
    """The row of the real cluster, to which the workers of the test go through the proxy."""
    settings.CLUSTERS_FILE = str(detour(proxy.layout, proxy.address, tmp_path))
    settings.CLUSTER_CONNECT = "clusters.kube.connect"
    return row_of_cluster()


@pytest.fixture
def installation(
    control_plane: ControlPlane,
    real_cluster: Cluster,
    proxy: Proxy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Installation]:
    """The processes of a portal, none of them started, whose workers go through the proxy."""
    made = Installation(control_plane, tmp_path, cast(Gate, proxy))  # of a gate it wants the port alone
    monkeypatch.setenv("CELERY_BROKER_URL", made.broker)
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    yield made
    made.stop()


@pytest.fixture
def lab(proxy: Proxy, detoured: Cluster) -> Lab:
    made = Lab(proxy.layout, detoured)
    made.reconcile()
    assert made.status().state == NamespaceStatus.State.READY, made.status().error_message
    proxy.calls.clear()
    return made
