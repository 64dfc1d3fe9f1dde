"""Where attacks on a cluster take place: namespaces that are there already, and a name that could be bound in them.

Nothing is made for it. What a cluster has nothing for is said, and the attempts that need it are not made. Nothing
here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Iterator
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

    Raises NothingThere where `wanted` is not managed or is to end, `ClusterError` where the cluster does not say.
    """
    namespaces = [item for page in worker.list_pages(NAMESPACE) for item in page.items if _is_living(item)]
    managed = [item["metadata"]["name"] for item in namespaces if _is_managed(item)]
    others = [
        item["metadata"]["name"] for item in namespaces if not _is_managed(item) and not _is_reserved(item)
    ]
    condemned: set[str] = set()
    people: dict[str, str] = {}
    for page in worker.list_pages(ROLE_BINDING):
        for item in page.items:
            place = item["metadata"]["namespace"]
            if item["metadata"]["name"] == names.REAPER_BINDING:
                condemned.add(place)
            elif person := person_of(item, config):
                people.setdefault(place, person)
    if wanted is not None and wanted not in managed:
        raise NothingThere(f"{wanted} is no managed namespace of this cluster")
    if wanted in condemned:
        raise NothingThere(f"{wanted} is condemned: the reaper may end it")
    places = [wanted] if wanted else [place for place in managed if place not in condemned]
    home = next((place for place in places if place in people), next(iter(places), None))
    # `default` belongs to the cluster as well: no setting can hand it to Berth.
    return Ground(home, next(iter(others), "default"), people.get(home or ""))


def managed_namespaces(worker: ClusterApi) -> Iterator[str]:
    """Yield the names of the namespaces of Berth that do not end just now."""
    for page in worker.list_pages(NAMESPACE):
        for item in page.items:
            if _is_managed(item) and _is_living(item):
                yield item["metadata"]["name"]


def person_of(binding: Manifest, config: ClusterConfig) -> str | None:
    """Return whom a binding of Berth lets in; None for any other binding."""
    if not roles.is_binding_name(binding["metadata"]["name"]):
        return None
    subjects = [each for each in binding.get("subjects") or [] if each.get("kind") == "User"]
    return next((str(each["name"]) for each in subjects if config.may_name(each["name"])), None)


def _is_managed(namespace: Manifest) -> bool:
    return (namespace["metadata"].get("labels") or {}).get(names.MANAGED_LABEL) == "true"


def _is_living(namespace: Manifest) -> bool:
    return "deletionTimestamp" not in namespace["metadata"]


def _is_reserved(namespace: Manifest) -> bool:
    return any(fnmatchcase(namespace["metadata"]["name"], pattern) for pattern in names.NEVER_MANAGED)
