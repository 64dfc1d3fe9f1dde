"""What the tests of the cluster side have in common."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from clusters import registry
from localcluster.certificates import Authority
from localcluster.processes import file_lock
from tests.clusters import battlefield
from tests.clusters.clusters_file import Facts
from tests.conftest import ControlPlane
from tests.contract.hands import RealHands


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of its own."""
    directory = tmp_path_factory.mktemp("authority")
    Authority(directory)
    return directory


@pytest.fixture
def facts(tmp_path: Path, authority: Path) -> Facts:
    return Facts(tmp_path, authority)


@pytest.fixture
def real(control_plane: ControlPlane, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    monkeypatch.setattr(registry, "_loaded", None)
    settings.CLUSTERS_FILE = str(control_plane.layout.clusters_file)
    settings.CLUSTER_CONNECT = "clusters.kube.connect"
    return control_plane


@pytest.fixture
def unspoilt(real: ControlPlane) -> Iterator[ControlPlane]:
    """The real cluster while no other test gives the worker too much."""
    with file_lock(real.layout.directory / battlefield.LOCK):
        yield real


@pytest.fixture
def sound(unspoilt: ControlPlane) -> Iterator[ControlPlane]:
    """The same, from which no other test takes a role meanwhile."""
    with RealHands(unspoilt.config, unspoilt.layout.directory).roles_in_place():
        yield unspoilt


@pytest.fixture
def alone(unspoilt: ControlPlane) -> Iterator[ControlPlane]:
    """The same, whose roles and rights only this test touches."""
    with RealHands(unspoilt.config, unspoilt.layout.directory).alone():
        yield unspoilt
