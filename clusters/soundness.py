"""Whether the roles that Berth gives away are still what they were when it was released.

Who may edit ClusterRoles could widen `berth:viewer`, and every member would hold more at once: while a role is not
sound, nobody may be granted it; revoking needs no role and goes on. Cheap enough for every pass: four reads of
objects of a few kilobytes, by the worker's own right. Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from clusters import roles
from clusters.api import CLUSTER_ROLE, ClusterApi, Manifest, NotFound
from clusters.rights import Right, beyond, expand
from clusters.roles import Rule

GIVEN: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        **{roles.cluster_role(role): rules for role, rules in roles.ROLES.items()},
        roles.cluster_role("reaper"): roles.REAPER_RULES,
    }
)
"""The ClusterRoles that the worker binds, by name, and the rules of each."""


def altered_roles(api: ClusterApi) -> list[str]:
    """Return the names of the ClusterRoles that are missing, or whose rules are not those of this version.

    Neither order nor grouping of rules matters, only what they allow. Raises `ClusterError` where that cannot be
    known: `Forbidden` where the manifests of this version were not applied.
    """
    return [name for name, rules in GIVEN.items() if not _is_sound(api, name, rules)]


def differences(wanted: Manifest, found: Manifest) -> list[str]:
    """Return in words how the rules of a role differ from those wanted; none if they allow the same."""
    here, there = expand(wanted["rules"]), expand(found.get("rules") or [])
    words = []
    if found.get("aggregationRule"):
        words.append("collects rules of other roles")
    if surplus := beyond(there, here):
        words.append(f"gives too much: {_enumerate(surplus)}")
    if missing := beyond(here, there):
        words.append(f"lacks: {_enumerate(missing)}")
    return words


def _is_sound(api: ClusterApi, name: str, rules: tuple[Rule, ...]) -> bool:
    try:
        found = api.get(CLUSTER_ROLE, name)
    except NotFound:
        return False
    return not differences({"rules": [rule.manifest() for rule in rules]}, found)


def _enumerate(rights: list[Right]) -> str:
    return ", ".join(str(right) for right in rights)
