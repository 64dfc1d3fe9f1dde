"""A control plane whose API server goes and comes while etcd and the controllers stay."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from localcluster import bootstrap
from localcluster.binaries import find_or_build
from localcluster.control_plane import READY_SECONDS, ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.identity_provider.process import ProviderProcess
from localcluster.layout import Layout, Ports, prepare
from localcluster.testing import Documents, SharedCluster

API_SERVER = "kube-apiserver"
LOOK_SECONDS = 0.01


class FrailPlane(ControlPlane):
    """Enter it as a ControlPlane; then its API server can be killed and started."""

    def kill_api_server(self) -> None:
        """End it at once, as a machine that loses power would."""
        child = next(child for child in self._children if child.name == API_SERVER)
        os.killpg(child.pid, signal.SIGKILL)
        child.stop()
        self._children.remove(child)

    def start_api_server(self) -> float:
        """Start it; return the moment (time.monotonic()) of the first 200 of /readyz."""
        self._launch(API_SERVER, self._api_server_arguments())
        self._children.insert(
            1, self._children.pop()
        )  # between etcd and the controllers, so that it ends quickly
        deadline = time.monotonic() + READY_SECONDS
        while not self.api.is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise LocalClusterError(f"{API_SERVER} was not ready within {READY_SECONDS:.0f} s")
            time.sleep(LOOK_SECONDS)
        return time.monotonic()


@contextlib.contextmanager
def frail_plane(
    directory: Path, documents: Callable[[Layout], Documents]
) -> Iterator[tuple[FrailPlane, SharedCluster]]:
    """Run one with its identity provider, nobody else's, until the block ends; all that Berth needs is applied."""
    layout = prepare(directory, ports=Ports.free())
    texts = documents(layout)
    manifests, trust = directory / "manifests.yaml", directory / "authentication.yaml"
    manifests.write_text(texts.manifests)
    trust.write_text(texts.authentication)
    binaries = find_or_build(print)
    with ProviderProcess(layout), FrailPlane(layout, binaries, authentication=trust) as plane:
        bootstrap.apply(layout, binaries, manifests)
        bootstrap.write_credentials(layout, plane.api)
        bootstrap.wait_for_policies(plane.api)
        yield plane, SharedCluster(layout, binaries)
