"""Requests to an API server as they are, and its answers as they came: for looking at a cluster and attacking it.

What Berth does in a cluster goes through `clusters.api`; here are the acts that it never does, so that somebody can
see them refused. Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from clusters.api import Manifest

_PLURALS = {"ResourceQuota": "resourcequotas", "Endpoints": "endpoints", "NetworkPolicy": "networkpolicies"}
_PLURALS |= {"ValidatingAdmissionPolicy": "validatingadmissionpolicies"}


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` begins at the root of the API server and may hold a query."""

    method: str
    path: str
    body: Any = None
    headers: Mapping[str, str] | None = None

    def as_dry_run(self) -> Request:
        """Return the same request, of which the API server stores nothing though it judges it as always."""
        path = f"{self.path}{'&' if '?' in self.path else '?'}dryRun=All"
        return Request(self.method, path, self.body, self.headers)


@dataclass(frozen=True)
class Answer:
    """What came back: the HTTP status and the body, parsed where it is JSON."""

    status: int
    body: Any = field(repr=False)

    @property
    def message(self) -> str:
        """What the API server says of it; a text that is no JSON, as it is."""
        return str(self.body.get("message", "")) if isinstance(self.body, dict) else str(self.body)


class RawCluster(Protocol):
    """A cluster that can be asked anything, as the holder of some credential."""

    def exchange(self, request: Request) -> Answer:
        """Send a request and return what came back; raises `ClusterError` where nothing did."""
        ...


def collection(manifest: Manifest) -> str:
    """Return the path at which an object like this is created."""
    group = "/api/v1" if manifest["apiVersion"] == "v1" else f"/apis/{manifest['apiVersion']}"
    kind = _PLURALS.get(manifest["kind"], manifest["kind"].lower() + "s")
    place = manifest["metadata"].get("namespace")
    return f"{group}/namespaces/{place}/{kind}" if place else f"{group}/{kind}"


def create(manifest: Manifest) -> Request:
    """Return the making of an object."""
    return Request("POST", collection(manifest), manifest)


def one(manifest: Manifest, method: str, body: Any = None) -> Request:
    """Return a request about the one object of this name."""
    return Request(method, f"{collection(manifest)}/{manifest['metadata']['name']}", body)
