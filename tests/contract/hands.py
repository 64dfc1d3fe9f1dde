"""The two clusters of the contract suite behind one handle: what a test needs beside the protocol itself."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from clusters import names, roles
from clusters.api import NAMESPACE, ClusterApi, Kind, Manifest, NotFound
from clusters.config import ClusterConfig, IssuerTrust
from clusters.kube import connect
from localcluster.admin_api import AdminApi
from localcluster.layout import SUBJECT_PATTERN, load
from localcluster.processes import file_lock
from tests.fake_cluster import FakeCluster

ISSUER = "https://localhost:18443"
PATIENCE_SECONDS = 30
_RBAC = "/apis/rbac.authorization.k8s.io/v1"


def subject(number: int) -> str:
    """Return the user name of some person."""
    return f"http://cilogon.org/serverA/users/{number}"


def fake_config() -> ClusterConfig:
    """Return the facts of a cluster that is nowhere, with the issuer of the demonstration."""
    trust = IssuerTrust(ISSUER, "berth-kubectl", "", SUBJECT_PATTERN)
    credentials = {account: Path("nowhere") for account in names.ACCOUNTS}
    return ClusterConfig("nautilus", "Nautilus", "https://127.0.0.1:1", "", credentials, (trust,))


class Administrator(Protocol):
    """Somebody with kubectl and all rights."""

    def put(self, manifest: Manifest) -> Any: ...
    def remove_role(self, name: str) -> None: ...
    def hold(self, namespace: str) -> None: ...
    def release(self, namespace: str) -> None: ...
    def terminate(self, namespace: str) -> None: ...


class Hands:
    """One cluster, our three accounts in it, its administrator, and patience."""

    def __init__(self, accounts: Callable[[str], ClusterApi], outside: Administrator) -> None:
        self.worker = accounts("worker")
        self.observer = accounts("observer")
        self.reaper = accounts("reaper")
        self.outside = outside
        self.namespaces: list[str] = []

    def settle(self) -> None:
        """Let time pass."""
        time.sleep(0.05)

    @contextlib.contextmanager
    def without_role(self, name: str) -> Iterator[None]:
        """A while in which a ClusterRole does not exist."""
        self.outside.remove_role(name)
        yield

    @contextlib.contextmanager
    def roles_in_place(self) -> Iterator[None]:
        """A while in which no other test takes a role away."""
        yield

    def eventually(self, condition: Callable[[], bool], what: str) -> None:
        """Wait until the condition holds: the API server reads roles and bindings a moment after they are written."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS} s"
            self.settle()

    def is_gone(self, namespace: str) -> bool:
        try:
            self.worker.get(NAMESPACE, namespace)
        except NotFound:
            return True
        return False

    def new_namespace(self) -> str:
        """Make a namespace of Berth and return its name."""
        name = f"contract-{uuid.uuid4().hex[:12]}"
        self.namespaces.append(name)
        self.worker.create(NAMESPACE, namespace(name))
        return name

    def unmanaged_namespace(self) -> str:
        """Make a namespace that Berth does not know, and return its name."""
        name = f"foreign-{uuid.uuid4().hex[:12]}"
        self.namespaces.append(name)
        self.outside.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        return name


class FakeHands(Hands):
    """The cluster in memory."""

    def __init__(self) -> None:
        self.cluster = FakeCluster(fake_config())
        super().__init__(self.cluster.acting_as, self.cluster.outside)  # type: ignore[arg-type]

    def settle(self) -> None:
        self.cluster.settle()


class RealHands(Hands):
    """The real API server, which other tests use at the same time."""

    def __init__(self, config: ClusterConfig, directory: Path) -> None:
        self._lock = directory / "contract-roles.lock"
        super().__init__(lambda account: connect(config, account), _Kubectl(directory))  # type: ignore[arg-type]

    @contextlib.contextmanager
    def without_role(self, name: str) -> Iterator[None]:
        assert isinstance(self.outside, _Kubectl)
        with file_lock(self._lock):
            kept = self.outside.api.expect("GET", f"{_RBAC}/clusterroles/{name}")
            self.outside.remove_role(name)
            try:
                yield
            finally:
                self.outside.put({key: kept[key] for key in ("apiVersion", "kind", "rules")} | _named(kept))

    @contextlib.contextmanager
    def roles_in_place(self) -> Iterator[None]:
        with file_lock(self._lock, shared=True):
            yield

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """A while in which no other test relies on the roles and rights of the cluster, nor changes them."""
        with file_lock(self._lock):
            yield


class _Kubectl:
    """The administrator of the real cluster."""

    def __init__(self, directory: Path) -> None:
        self.api = AdminApi(load(directory))

    def put(self, manifest: Manifest) -> Any:
        kind = manifest["kind"].lower() + "s"
        group = "/api/v1" if manifest["apiVersion"] == "v1" else f"/apis/{manifest['apiVersion']}"
        place = manifest["metadata"].get("namespace")
        path = f"{group}/namespaces/{place}/{kind}" if place else f"{group}/{kind}"
        return self.api.expect("POST", path, manifest)

    def remove_role(self, name: str) -> None:
        self.api.expect("DELETE", f"{_RBAC}/clusterroles/{name}")

    def hold(self, namespace: str) -> None:
        metadata = {"name": "hold", "namespace": namespace, "finalizers": ["berth.internal/test"]}
        self.put({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})

    def release(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/configmaps/hold"
        held = self.api.expect("GET", path)
        held["metadata"]["finalizers"] = []
        self.api.expect("PUT", path, held)

    def terminate(self, namespace: str) -> None:
        self.api.expect("DELETE", f"/api/v1/namespaces/{namespace}")


def _named(manifest: Manifest) -> Manifest:
    metadata = manifest["metadata"]
    return {"metadata": {"name": metadata["name"], "labels": metadata.get("labels", {})}}


def namespace(name: str, **labels: str) -> Manifest:
    """Return the manifest of a namespace of Berth."""
    ours = {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.MANAGED_LABEL: "true",
        names.NAMESPACE_ID_LABEL: str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        names.POD_SECURITY_LABEL: "baseline",
    }
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {**ours, **labels}}}


def binding(place: str, person: int = 1, role: str = "viewer") -> Manifest:
    """Return the manifest of the binding of a person to a member role."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {
            "name": roles.binding_name(role, ISSUER, subject(person)),
            "namespace": place,
            "labels": {names.MANAGED_BY_LABEL: names.MANAGED_BY},
        },
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": roles.cluster_role(role),
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": subject(person)}],
    }


def reaper_binding(place: str) -> Manifest:
    """Return the manifest of the binding that condemns a namespace."""
    made = binding(place)
    made["metadata"]["name"] = names.REAPER_BINDING
    made["roleRef"]["name"] = roles.cluster_role("reaper")
    made["subjects"] = [{"kind": "ServiceAccount", "name": "reaper", "namespace": names.SYSTEM_NAMESPACE}]
    return made


def quota(place: str, name: str = names.QUOTA, **hard: str) -> Manifest:
    """Return the manifest of a quota."""
    metadata = {"name": name, "namespace": place}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": metadata,
        "spec": {"hard": hard or {"pods": "5"}},
    }


def limits(place: str, memory: str) -> Manifest:
    """Return the manifest of our limit range."""
    metadata = {"name": names.LIMITS, "namespace": place}
    spec = {
        "limits": [{"type": "Container", "default": {"memory": memory}, "defaultRequest": {"memory": memory}}]
    }
    return {"apiVersion": "v1", "kind": "LimitRange", "metadata": metadata, "spec": spec}


def listed(cluster: ClusterApi, kind: Kind, place: str | None = None, *, limit: int = 500) -> list[Manifest]:
    """Return the items of all pages."""
    return [item for page in cluster.list_pages(kind, place, limit=limit) for item in page.items]


def titles(items: list[Manifest]) -> list[str]:
    """Return the names of objects."""
    return [item["metadata"]["name"] for item in items]
