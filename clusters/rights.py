"""Rules of RBAC taken apart, so that two sets of them can be compared whatever their order and grouping.

Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from clusters.api import Manifest

_ALL = "*"


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource: of one name, or of every name where that is empty. Addresses are `path`."""

    group: str
    resource: str
    verb: str
    name: str = ""
    path: str = ""

    def covers(self, other: Right) -> bool:
        """Whether whoever holds this right may do what the other one allows."""
        return (
            self.group in {_ALL, other.group}
            and (
                self.resource in {_ALL, other.resource} or _is_star_subresource(self.resource, other.resource)
            )
            and self.verb in {_ALL, other.verb}
            and self.name in {"", other.name}
            and (self.path == other.path or _is_below(self.path, other.path))
        )

    def __str__(self) -> str:
        if self.path:
            return f"{self.verb} {self.path}"
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group}{f' {self.name}' if self.name else ''}"


def expand(rules: Iterable[Manifest]) -> frozenset[Right]:
    """Return every right that rules in the shape of the Kubernetes API give."""
    found = set()
    for rule in rules:
        for verb, path in product(rule.get("verbs") or [], rule.get("nonResourceURLs") or []):
            found.add(Right("", "", verb, path=path))
        for group, resource, verb, name in product(
            rule.get("apiGroups") or [],
            rule.get("resources") or [],
            rule.get("verbs") or [],
            rule.get("resourceNames") or [""],
        ):
            found.add(Right(group, resource, verb, name))
    return frozenset(found)


def beyond(held: Iterable[Right], allowed: Iterable[Right]) -> list[Right]:
    """Return the rights held that no allowed one covers, in order."""
    enough = frozenset(allowed)
    return sorted(
        right for right in held if right not in enough and not any(each.covers(right) for each in enough)
    )


def _is_star_subresource(resource: str, other: str) -> bool:
    """`*/scale` stands for that subresource of everything."""
    return resource.startswith("*/") and other.endswith(resource[1:])


def _is_below(path: str, other: str) -> bool:
    return path.endswith(_ALL) and bool(other) and other.startswith(path[:-1])
