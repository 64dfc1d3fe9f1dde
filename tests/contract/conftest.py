"""The contract suite runs twice: against the cluster in memory and against a real API server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from localcluster.errors import LocalClusterError
from tests.contract.hands import FakeHands, Hands, RealHands


@pytest.fixture(params=["fake", "real"])
def hands(request: pytest.FixtureRequest) -> Iterator[Hands]:
    if request.param == "fake":
        yield FakeHands()
        return
    control_plane = request.getfixturevalue("control_plane")
    real = RealHands(control_plane.config, control_plane.layout.directory)
    yield real
    for name in real.namespaces:
        with contextlib.suppress(LocalClusterError):  # the test ended it
            real.outside.terminate(name)
