"""A control plane of a test's own, whose API server can be killed, and started again with other keys and flags."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from localcluster import bootstrap
from localcluster.binaries import find_or_build
from localcluster.control_plane import ControlPlane
from localcluster.identity_provider.process import ProviderProcess
from localcluster.layout import Layout, Ports, prepare
from localcluster.processes import Child
from localcluster.testing import Documents

API_SERVER, CONTROLLERS = "kube-apiserver", "kube-controller-manager"


class FrailPlane(ControlPlane):
    """A control plane whose API server goes and comes while etcd and the controllers stay."""

    def kill_api_server(self) -> None:
        """End it at once, as a machine that loses power would."""
        child = self._of_name(API_SERVER)
        os.killpg(child.pid, signal.SIGKILL)
        child.stop()
        self._children.remove(child)

    def start_api_server(self, *flags: str, ready: Callable[[], bool] | None = None) -> None:
        """Start it, with these flags instead of those of the same name; return when it is ready.

        `ready` tells that, where the administrator cannot ask.
        """
        replaced = tuple(flag.split("=")[0] + "=" for flag in flags)
        usual = [each for each in self._api_server_arguments() if not (flags and each.startswith(replaced))]
        self._launch(API_SERVER, [*usual, *flags])
        self._children.insert(
            1, self._children.pop()
        )  # between etcd and the controllers, so that it ends quickly
        self._wait(ready or self.api.is_ready, API_SERVER)

    @contextlib.contextmanager
    def with_flags(self, *flags: str) -> Iterator[None]:
        """Inside, the API server runs with these flags; it is killed and started before and after."""
        self.kill_api_server()
        self.start_api_server(*flags)
        try:
            yield
        finally:
            self.kill_api_server()
            self.start_api_server()

    def stop_controllers(self) -> None:
        """Let nothing change by itself from now on."""
        child = self._of_name(CONTROLLERS)
        child.stop()
        self._children.remove(child)

    def _of_name(self, name: str) -> Child:
        return next(child for child in self._children if child.name == name)


@contextlib.contextmanager
def frail_plane(directory: Path, documents: Callable[[Layout], Documents]) -> Iterator[FrailPlane]:
    """Run a control plane with its identity provider; everything that Berth needs is applied."""
    layout = prepare(directory, ports=Ports.free())
    texts = documents(layout)
    objects, trust = directory / "manifests.yaml", directory / "authentication.yaml"
    objects.write_text(texts.manifests)
    trust.write_text(texts.authentication)
    binaries = find_or_build(print)
    with ProviderProcess(layout), FrailPlane(layout, binaries, authentication=trust) as plane:
        bootstrap.apply(layout, binaries, objects)
        bootstrap.write_credentials(layout, plane.api)
        bootstrap.wait_for_policies(plane.api)
        yield plane
