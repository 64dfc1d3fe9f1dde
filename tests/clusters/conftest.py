"""What the tests of the cluster side have in common."""

from __future__ import annotations

from pathlib import Path

import pytest

from localcluster.certificates import Authority
from tests.clusters.clusters_file import Facts


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate authority of its own."""
    directory = tmp_path_factory.mktemp("authority")
    Authority(directory)
    return directory


@pytest.fixture
def facts(tmp_path: Path, authority: Path) -> Facts:
    return Facts(tmp_path, authority)
