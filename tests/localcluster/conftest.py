"""Directories and control planes for the tests of the local control plane itself."""

from pathlib import Path

import pytest

from localcluster.layout import Layout, Ports, prepare
from localcluster.testing import SharedCluster
from tests.conftest import ControlPlane


@pytest.fixture(scope="session")
def local_cluster(control_plane: ControlPlane) -> SharedCluster:
    """The one control plane of the test run, with its identity provider."""
    return SharedCluster(control_plane.layout, control_plane.binaries)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A prepared directory with ports of its own."""
    return prepare(tmp_path / "cluster", ports=Ports.free())
