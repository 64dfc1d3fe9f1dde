"""The ResourceQuota and the LimitRange of a namespace: what they should say, given what they say. Pure.

Berth holds the keys that were decided and no others: what somebody else wrote into the same object stays, and is shown.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clusters.api import LIMIT_RANGE, RESOURCE_QUOTA, Kind, Manifest
from clusters.names import LIMITS, MANAGED_BY, MANAGED_BY_LABEL, QUOTA
from namespaces.reconciler.quantities import is_same
from namespaces.reconciler.spec import LimitSpec, NamespaceSpec

CONTAINER = "Container"
KINDS = (RESOURCE_QUOTA, LIMIT_RANGE)
NAMES = {RESOURCE_QUOTA: QUOTA, LIMIT_RANGE: LIMITS}


class Act(StrEnum):
    """What is to be done with one of the two objects."""

    CREATE = "create"
    REPLACE = "replace"
    DELETE = "delete"  # nothing is left in it, and all that was in it was taken away by decision
    CONFLICT = "conflict"  # the name is taken by somebody else's: it is never touched


@dataclass(frozen=True)
class Change:
    """One of the two objects that is not as decided; `manifest` is what it should be, or what is to be deleted."""

    kind: Kind
    act: Act
    manifest: Manifest


def change(spec: NamespaceSpec, kind: Kind, seen: Sequence[Manifest]) -> Change | None:
    """Return what is to be done with the object of this kind, given all of the namespace, or None if all is well."""
    decided = _of(spec, kind)
    if not decided:
        return None  # nothing was ever decided: nothing is done, whatever is there
    found = next((each for each in seen if each["metadata"]["name"] == NAMES[kind]), None)
    if found is None:
        wanted = manifest(spec, kind)
        return Change(kind, Act.CREATE, wanted) if any(_keys(kind, wanted)) else None
    if not is_ours(found):
        return Change(kind, Act.CONFLICT, found)
    wanted = _decided(_own_words(copy.deepcopy(found), decided, kind), decided, kind)
    if not any(_keys(kind, wanted)):
        return Change(kind, Act.DELETE, found)
    will_be = _filled_in(copy.deepcopy(wanted), kind)
    return None if _are_same(kind, will_be, found) else Change(kind, Act.REPLACE, wanted)


def unexplained(spec: NamespaceSpec, kind: Kind, found: Manifest) -> list[tuple[str, str]]:
    """Return the keys (section, resource) of our own object that nobody decided: other people wrote them."""
    limits = _of(spec, kind)
    decided = {(limit.section, limit.resource) for limit in limits}
    said = _own_words(copy.deepcopy(found), limits, kind)
    return [key for key in _keys(kind, said) if key not in decided]


def differences(spec: NamespaceSpec, kind: Kind, found: Manifest) -> list[tuple[str, str, str, str]]:
    """Return each key of our own object (section, resource) that is not as decided: what was, and what is there.

    Both are empty for no limit. What the API server filled in by itself is nobody's.
    """
    there = dict(_values(kind, found))
    decided = {(limit.section, limit.resource): limit.quantity or "" for limit in _of(spec, kind)}
    changed = [key for key, quantity in decided.items() if not _is_kept(quantity, there.get(key, ""))]
    keys = sorted([*changed, *unexplained(spec, kind, found)])
    return [(*key, decided.get(key, ""), there.get(key, "")) for key in keys]


def _is_kept(decided: str, found: str) -> bool:
    return is_same(decided, found) if decided and found else decided == found


def is_asked(spec: NamespaceSpec, change: Change) -> bool:
    """Whether this change would write over what somebody else wrote, which is to be asked about first."""
    return spec.limits_settled and change.act in (Act.REPLACE, Act.DELETE)


def is_ours(found: Manifest) -> bool:
    """Whether a quota or a range of limits is the one that Berth made: by name and label."""
    metadata = found["metadata"]
    named = metadata["name"] in NAMES.values()
    return named and (metadata.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY


def manifest(spec: NamespaceSpec, kind: Kind) -> Manifest:
    """Return the object as it is made where there is none."""
    return _decided(_bare(spec, kind), _of(spec, kind), kind)


def _of(spec: NamespaceSpec, kind: Kind) -> list[LimitSpec]:
    return [limit for limit in spec.limits if bool(limit.section) == (kind is LIMIT_RANGE)]


def _bare(spec: NamespaceSpec, kind: Kind) -> Manifest:
    empty: dict[str, Any] = {"hard": {}} if kind is RESOURCE_QUOTA else {"limits": []}
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "metadata": {"name": NAMES[kind], "namespace": spec.name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "spec": empty,
    }


def _decided(into: Manifest, decided: Sequence[LimitSpec], kind: Kind) -> Manifest:
    """Write what was decided into an object, and leave everything else in it alone."""
    for limit in decided:
        values = _section(into, kind, limit.section)
        if limit.quantity is None:
            values.pop(limit.resource, None)
        elif not is_same(values.get(limit.resource, ""), limit.quantity):
            values[limit.resource] = limit.quantity
    if kind is LIMIT_RANGE:
        into["spec"]["limits"] = [
            kept for item in into["spec"]["limits"] if len(kept := _without_empty(item)) > 1
        ]
    return into


def _section(found: Manifest, kind: Kind, section: str) -> dict[str, str]:
    """Return the part of an object where a limit of this section stands, made if it is not there."""
    content = found.setdefault("spec", {})
    if kind is RESOURCE_QUOTA:
        hard: dict[str, str] = content.setdefault("hard", {})
        return hard
    items = content.setdefault("limits", [])
    item = next((each for each in items if each.get("type") == CONTAINER), None)
    if item is None:
        item = {"type": CONTAINER}
        items.append(item)
    values: dict[str, str] = item.setdefault(section, {})
    return values


def _without_empty(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if value}


def _own_words(found: Manifest, decided: Sequence[LimitSpec], kind: Kind) -> Manifest:
    """Take out of a LimitRange what the API server filled in by itself, unless it was decided as well.

    It fills in again what it is not told: `default` from `max`, `defaultRequest` from `default` or `min` (Kubernetes,
    defaults of core/v1 LimitRangeItem). Left in, an old `default` would stand against a new, lower `max`.
    """
    keys = {(limit.section, limit.resource) for limit in decided}
    for item in _container_items(found, kind):
        for section, sources in (("defaultRequest", ("default", "min")), ("default", ("max",))):
            values = item.get(section) or {}
            filled = [
                resource
                for resource, quantity in values.items()
                if (section, resource) not in keys
                and any(is_same((item.get(source) or {}).get(resource, ""), quantity) for source in sources)
            ]
            for resource in filled:
                del values[resource]
    return found


def _filled_in(wanted: Manifest, kind: Kind) -> Manifest:
    """Return a LimitRange as the API server will keep it (see `_own_words`)."""
    for item in _container_items(wanted, kind):
        for section, source in (("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")):
            for resource, quantity in (item.get(source) or {}).items():
                item.setdefault(section, {}).setdefault(resource, quantity)
    return wanted


def _container_items(found: Manifest, kind: Kind) -> list[dict[str, Any]]:
    items = (found.get("spec") or {}).get("limits") or () if kind is LIMIT_RANGE else ()
    return [item for item in items if item.get("type") == CONTAINER]


def _are_same(kind: Kind, one: Manifest, other: Manifest) -> bool:
    ours, theirs = dict(_values(kind, one)), dict(_values(kind, other))
    return ours.keys() == theirs.keys() and all(is_same(ours[key], theirs[key]) for key in ours)


def _keys(kind: Kind, found: Manifest) -> Iterator[tuple[str, str]]:
    return (key for key, _quantity in _values(kind, found))


def _values(kind: Kind, found: Manifest) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield every key of an object with its quantity; other types than containers have sections of their own."""
    content = found.get("spec") or {}
    if kind is RESOURCE_QUOTA:
        for resource, quantity in (content.get("hard") or {}).items():
            yield ("", resource), quantity
        return
    for item in content.get("limits") or ():
        prefix = "" if item.get("type") == CONTAINER else f"{item.get('type')}."
        for section, values in item.items():
            if isinstance(values, dict):
                yield from (
                    ((f"{prefix}{section}", resource), quantity) for resource, quantity in values.items()
                )
