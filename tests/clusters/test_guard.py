"""What Berth refuses to itself, in one table. The contract suite shows that both clusters ask."""

from __future__ import annotations

import pytest

from clusters import guard, names
from clusters.api import (
    CONFIG_MAP,
    LIMIT_RANGE,
    NAMESPACE,
    RESOURCE_QUOTA,
    ROLE_BINDING,
    Forbidden,
    Kind,
)
from clusters.guard import Verb

SYSTEM = names.SYSTEM_NAMESPACE


@pytest.mark.parametrize(
    ("verb", "kind", "name", "namespace"),
    [
        ("create", NAMESPACE, "avis-fire", None),
        ("delete", NAMESPACE, "avis-fire", None),
        ("create", ROLE_BINDING, "berth-viewer-x", "avis-fire"),
        ("delete", ROLE_BINDING, "berth-viewer-x", "avis-fire"),
        ("create", RESOURCE_QUOTA, names.QUOTA, "avis-fire"),
        ("replace", LIMIT_RANGE, names.LIMITS, "avis-fire"),
        ("replace", CONFIG_MAP, names.STATE_CONFIG_MAP, SYSTEM),
    ],
)
def test_what_berth_writes_passes(verb: Verb, kind: Kind, name: str, namespace: str | None) -> None:
    assert guard.check_write(verb, kind, name, namespace) is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("verb", "kind", "name", "namespace"),
    [
        ("replace", NAMESPACE, "avis-fire", None),
        ("replace", ROLE_BINDING, "berth-viewer-x", "avis-fire"),
        ("create", NAMESPACE, "kube-x", None),
        ("create", NAMESPACE, "default", None),
        ("delete", NAMESPACE, SYSTEM, None),
        ("create", ROLE_BINDING, "viewer-x", "avis-fire"),
        ("delete", ROLE_BINDING, "helm", "avis-fire"),
        ("create", ROLE_BINDING, "berth-viewer-x", "kube-system"),
        ("delete", ROLE_BINDING, names.CANARY_BINDING, SYSTEM),
        ("create", RESOURCE_QUOTA, "theirs", "avis-fire"),
        ("delete", LIMIT_RANGE, names.QUOTA, "avis-fire"),
        ("create", RESOURCE_QUOTA, names.QUOTA, "kube-system"),
        ("create", CONFIG_MAP, names.STATE_CONFIG_MAP, SYSTEM),
        ("delete", CONFIG_MAP, names.STATE_CONFIG_MAP, SYSTEM),
        ("replace", CONFIG_MAP, "other", SYSTEM),
        ("replace", CONFIG_MAP, names.STATE_CONFIG_MAP, "avis-fire"),
    ],
)
def test_what_berth_never_writes_is_refused(verb: Verb, kind: Kind, name: str, namespace: str | None) -> None:
    with pytest.raises(Forbidden) as raised:
        guard.check_write(verb, kind, name, namespace)
    assert raised.value.cause == guard.CAUSE


@pytest.mark.parametrize(
    ("kind", "namespace"), [(NAMESPACE, "a-b"), (ROLE_BINDING, None), (ROLE_BINDING, "")]
)
def test_namespace_is_given_exactly_where_the_kind_has_one(kind: Kind, namespace: str | None) -> None:
    with pytest.raises(ValueError, match="namespace"):
        guard.check_place(kind, namespace)


def test_kinds_that_berth_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="Secret"):
        guard.check_place(Kind("v1", "Secret", "secrets", namespaced=True), "avis-fire")
