"""etcd, kube-apiserver and kube-controller-manager as child processes on loopback."""

import http.client
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from localcluster.admin_api import AdminApi
from localcluster.binaries import Binaries
from localcluster.layout import Layout
from localcluster.processes import LOOPBACK, Child, check_port, wait_until

READY_SECONDS = 120.0
# Those that Berth's work depends on: quota and limits, namespaces that end, service accounts, garbage.
_CONTROLLERS = (
    "namespace-controller",
    "resourcequota-controller",
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
)


class ControlPlane:
    """A control plane; as a context manager it is ready inside and gone outside.

    Enter it in a thread that lives as long as the control plane: on Linux the children die with the
    thread that started them. Raises PortTaken, ChildDied or LocalClusterError when it cannot start.
    """

    def __init__(self, layout: Layout, binaries: Binaries, *, authentication: Path) -> None:
        self.layout = layout
        self.binaries = binaries
        self.api = AdminApi(layout)
        self.seconds_to_ready = 0.0
        self._authentication = authentication.absolute()
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        """Start everything and wait until the API server is ready."""
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything."""
        self.stop()

    def check(self) -> None:
        """Raise ChildDied if a part has ended."""
        for child in self._children:
            child.check()

    def stop(self) -> None:
        """Stop everything, the data store last: an API server without it ignores SIGTERM for long."""
        while self._children:
            self._children.pop().stop()

    def _start(self) -> None:
        ports = self.layout.ports
        check_port(ports.etcd, "etcd, the data store of the local control plane")
        check_port(ports.etcd_peer, "etcd, the data store of the local control plane (peers)")
        check_port(ports.api_server, "the Kubernetes API server of the local control plane")
        started = time.monotonic()
        self._launch("etcd", self._etcd_arguments())
        self._wait(self._etcd_is_healthy, "etcd")
        self._launch("kube-apiserver", self._api_server_arguments())
        self._wait(self.api.is_ready, "kube-apiserver")
        self._launch("kube-controller-manager", self._controller_manager_arguments())
        self.seconds_to_ready = time.monotonic() - started

    def _launch(self, name: str, arguments: list[str]) -> None:
        log = self.layout.logs / f"{name}.log"
        self._children.append(Child(name, [self.binaries[name], *arguments], log))

    def _wait(self, ready: Callable[[], bool], what: str) -> None:
        wait_until(ready, children=self._children, seconds=READY_SECONDS, what=what)

    def _etcd_is_healthy(self) -> bool:
        connection = http.client.HTTPConnection(LOOPBACK, self.layout.ports.etcd, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _etcd_arguments(self) -> list[str]:
        clients = f"http://{LOOPBACK}:{self.layout.ports.etcd}"
        peers = f"http://{LOOPBACK}:{self.layout.ports.etcd_peer}"
        return [
            f"--data-dir={self.layout.etcd_data}",
            f"--listen-client-urls={clients}",
            f"--advertise-client-urls={clients}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
            "--log-level=error",
        ]

    def _api_server_arguments(self) -> list[str]:
        pki, service_accounts = self.layout.pki, self.layout.service_account_key
        return [
            f"--etcd-servers=http://{LOOPBACK}:{self.layout.ports.etcd}",
            f"--bind-address={LOOPBACK}",
            f"--secure-port={self.layout.ports.api_server}",
            "--endpoint-reconciler-type=none",
            f"--tls-cert-file={pki / 'apiserver.crt'}",
            f"--tls-private-key-file={pki / 'apiserver.key'}",
            f"--client-ca-file={self.layout.certificate_authority}",
            f"--authentication-config={self._authentication}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={service_accounts}",
            f"--service-account-signing-key-file={service_accounts}",
            "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--allow-privileged=true",
        ]

    def _controller_manager_arguments(self) -> list[str]:
        return [
            f"--kubeconfig={self.layout.credential('controller-manager')}",
            f"--service-account-private-key-file={self.layout.service_account_key}",
            f"--root-ca-file={self.layout.certificate_authority}",
            "--leader-elect=false",
            "--use-service-account-credentials=true",
            "--authentication-kubeconfig=",
            "--secure-port=0",
            f"--controllers={','.join(_CONTROLLERS)}",
        ]
