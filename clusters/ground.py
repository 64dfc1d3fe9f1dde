"""Where attacks on a cluster take place: namespaces that are there already, and a name that could be bound in them.

Nothing is made for it. What a cluster has nothing for is said, and the attempts that need it are not made. Nothing
here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from clusters import names, roles
from clusters.api import NAMESPACE, ROLE_BINDING, ClusterApi, Manifest
from clusters.config import ClusterConfig


class NothingThere(LookupError):
    """The cluster has no place, or nobody, that an attempt needs; the text says what is missing."""


@dataclass(frozen=True)
class Ground:
    """A managed namespace, one that is not managed, and the name of somebody whom the worker could bind."""

    managed: str | None
    unmanaged: str
    somebody: str | None

    @property
    def home(self) -> str:
        """The managed namespace. Raises NothingThere."""
        if self.managed is None:
            raise NothingThere("no managed namespace")
        return self.managed

    @property
    def place(self) -> str:
        """Any namespace, the managed one if there is one: for what must be refused everywhere."""
        return self.managed or self.unmanaged

    @property
    def person(self) -> str:
        """The user name of somebody. Raises NothingThere."""
        if self.somebody is None:
            raise NothingThere("nobody is bound yet, so no user name is known that fits")
        return self.somebody


def survey(worker: ClusterApi, config: ClusterConfig, wanted: str | None = None) -> Ground:
    """Look for a place to try things: the managed namespace `wanted`, else the first one with a member.

    Raises NothingThere where `wanted` is not managed, `ClusterError` where the cluster does not say.
    """
    namespaces = [item for page in worker.list_pages(NAMESPACE) for item in page.items if _is_living(item)]
    managed = [item["metadata"]["name"] for item in namespaces if _is_managed(item)]
    others = [
        item["metadata"]["name"] for item in namespaces if not _is_managed(item) and not _is_reserved(item)
    ]
    if wanted is not None and wanted not in managed:
        raise NothingThere(f"{wanted} is no managed namespace of this cluster")
    people = _people(worker, config, [wanted] if wanted else managed)
    home = wanted or next((place for place, _person in people), next(iter(managed), None))
    somebody = next((person for place, person in people if place == home), None)
    # `default` belongs to the cluster as well: no setting can hand it to Berth.
    return Ground(home, next(iter(others), "default"), somebody)


def managed_namespaces(worker: ClusterApi) -> Iterator[str]:
    """Yield the names of the namespaces of Berth that do not end just now."""
    for page in worker.list_pages(NAMESPACE):
        for item in page.items:
            if _is_managed(item) and _is_living(item):
                yield item["metadata"]["name"]


def _people(worker: ClusterApi, config: ClusterConfig, places: Iterable[str]) -> list[tuple[str, str]]:
    """Return a member, with the namespace, of the first of these that has one."""
    within = frozenset(places)
    for page in worker.list_pages(ROLE_BINDING):
        for item in page.items:
            place, name = item["metadata"]["namespace"], item["metadata"]["name"]
            if place in within and roles.is_binding_name(name):
                for subject in item.get("subjects") or []:
                    if subject.get("kind") == "User" and config.may_name(subject["name"]):
                        return [(place, subject["name"])]
    return []


def _is_managed(namespace: Manifest) -> bool:
    return (namespace["metadata"].get("labels") or {}).get(names.MANAGED_LABEL) == "true"


def _is_living(namespace: Manifest) -> bool:
    return "deletionTimestamp" not in namespace["metadata"]


def _is_reserved(namespace: Manifest) -> bool:
    return any(fnmatchcase(namespace["metadata"]["name"], pattern) for pattern in names.NEVER_MANAGED)
