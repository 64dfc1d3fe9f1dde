"""The one door to a cluster, as seen from inside Berth: a protocol, its values and its errors.

Nothing here knows Django or the Kubernetes library. `clusters.kube.KubeCluster` is the implementation that speaks
to a real API server; the in-memory one of the tests passes the same contract suite. Objects are plain dictionaries
in the shape of the Kubernetes API.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]
Account = Literal["worker", "observer", "reaper"]


@dataclass(frozen=True)
class Kind:
    """A kind of object: where the API server keeps it."""

    api_version: str
    name: str
    plural: str
    namespaced: bool


NAMESPACE = Kind("v1", "Namespace", "namespaces", namespaced=False)
ROLE_BINDING = Kind("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings", namespaced=True)
RESOURCE_QUOTA = Kind("v1", "ResourceQuota", "resourcequotas", namespaced=True)
LIMIT_RANGE = Kind("v1", "LimitRange", "limitranges", namespaced=True)
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps", namespaced=True)
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
KINDS = (NAMESPACE, ROLE_BINDING, RESOURCE_QUOTA, LIMIT_RANGE, CONFIG_MAP, CLUSTER_ROLE)


@dataclass(frozen=True)
class AccessQuestion:
    """One act in one namespace: what a SubjectAccessReview is asked about."""

    verb: str
    resource: str
    group: str = ""
    subresource: str = ""
    name: str = ""


@dataclass(frozen=True)
class AccessAnswer:
    """What the API server said: yes or no, and why (it names the binding that allows)."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a list, all pages of which are of one moment (`resource_version`)."""

    items: list[Manifest] = field(repr=False)
    resource_version: str
    last: bool


@dataclass(frozen=True)
class WatchEvent:
    """One change that a watch tells: to an object, which a deletion shows as it was last.

    A `BOOKMARK` is about no object: it only says with its resourceVersion how far the watch has come.
    """

    change: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Manifest = field(repr=False)

    @property
    def resource_version(self) -> str:
        """Where a watch goes on that is to tell what comes after this."""
        return str(self.object["metadata"]["resourceVersion"])


class ClusterError(Exception):
    """The cluster did not do what was asked. `code` is a stable slug, `message` is for people, without secrets.

    Callers catch this class in one place, store it and show it; subclasses exist where a caller answers differently.
    """

    code = "error"

    def __init__(self, message: str, *, cause: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause


class NotFound(ClusterError):
    """404: the object, or the namespace or role it needs, does not exist."""

    code = "not-found"


class Conflict(ClusterError):
    """409: another object has the name, the uid is another one, or an object of that name is being deleted.

    `cause` is the reason of the API server: `AlreadyExists` or `Conflict`.
    """

    code = "conflict"


class Invalid(ClusterError):
    """422 or 400: the API server, or an admission policy, refuses the object."""

    code = "invalid"


class Forbidden(ClusterError):
    """403: our account may not; `cause` is `NamespaceTerminating` where that is the reason."""

    code = "forbidden"


class Unauthorized(ClusterError):
    """401: our credential is not accepted."""

    code = "unauthorized"


class Throttled(ClusterError):
    """429: come again after `retry_after` seconds."""

    code = "throttled"

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Gone(ClusterError):
    """410: a list or watch is too old to be continued; begin again."""

    code = "gone"


class Unavailable(ClusterError):
    """No answer, an answer of 5xx, or one that is not of the Kubernetes API: nothing is known."""

    code = "unavailable"


class ClusterApi(Protocol):
    """Everything Berth asks of a cluster. Every method may raise any `ClusterError`; each call has a deadline."""

    def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        """Return the object; `NotFound` where there is none."""
        ...

    def list_pages(self, kind: Kind, namespace: str | None = None, *, limit: int = 500) -> Iterator[Page]:
        """Yield all objects of a kind, of one namespace or of the whole cluster, page by page.

        Raises `Gone` when the list can no longer be continued consistently: what came before must be thrown away.
        Objects are never filtered by the server, so that a missing one is missing.
        """
        ...

    def watch(self, kind: Kind, since: str, *, seconds: int) -> Iterator[WatchEvent]:
        """Yield what happens to the objects of a kind in the whole cluster after this resourceVersion, as it happens.

        Ends after so many seconds. Raises `Gone` where the version is too old, and `Unavailable` where the watch broke,
        kept silent beyond its end or ended before it. What it tells is a hint: changes may be missing.
        """
        ...

    def create(self, kind: Kind, manifest: Manifest, *, dry_run: bool = False) -> Manifest:
        """Create the object and return it as stored; `Conflict` (cause `AlreadyExists`) where the name is taken.

        A dry run passes through authorisation and admission and stores nothing.
        """
        ...

    def replace(self, kind: Kind, manifest: Manifest) -> Manifest:
        """Replace an object (no RoleBinding, no Namespace) if its resourceVersion is still that; else `Conflict`."""
        ...

    def delete(self, kind: Kind, name: str, namespace: str | None = None, *, uid: str) -> None:
        """Delete the object if it still has this uid: `NotFound` where there is none, `Conflict` on another uid."""
        ...

    def review_access(self, username: str, namespace: str, question: AccessQuestion) -> AccessAnswer:
        """Ask the API server whether exactly this user name may do this (SubjectAccessReview, no groups)."""
        ...
