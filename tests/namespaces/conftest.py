"""What the tests of namespaces share."""

from __future__ import annotations

import pytest

from tests.fake_cluster import FakeCluster


@pytest.fixture
def api(fake_cluster: FakeCluster) -> FakeCluster:
    """The cluster in memory, as the worker sees it."""
    return fake_cluster
