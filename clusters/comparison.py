"""Whether an object in a cluster is what `clusters.manifests` renders: which fields differ, in words.

The API server adds fields that nobody gave; those with the value that it always gives are no difference, anything else
is: a policy with one more exemption is another policy. Nothing here knows Django or the Kubernetes library.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clusters import soundness
from clusters.api import Manifest

# What the API server fills in (k8s.io/api, admissionregistration/v1, types.go), by the path without positions.
_FILLED_IN: dict[str, Any] = {
    "spec.matchConstraints.matchPolicy": "Equivalent",
    "spec.matchConstraints.namespaceSelector": {},
    "spec.matchConstraints.objectSelector": {},
    "spec.matchConstraints.resourceRules.scope": "*",
}
# Whose content is not of the manifests: the marks of the worker, and what a namespace or an account gathers.
_PRESENCE_ONLY = {"ConfigMap", "Namespace"}
_NOT_COMPARED = {"apiVersion", "kind", "metadata", "status", "secrets", "imagePullSecrets"}
_MISSING = object()


def differences(wanted: Manifest, found: Manifest) -> list[str]:
    """Return how an object differs from the one wanted, a sentence part for each; none where it does not."""
    words = list(_labels(wanted, found))
    if wanted["kind"] in {"Role", "ClusterRole"}:
        return [*words, *soundness.differences(wanted, found)]
    if wanted["kind"] not in _PRESENCE_ONLY:
        words += _fields(_content(wanted), _content(found), "")
    return words


def _content(manifest: Manifest) -> Manifest:
    return {key: value for key, value in manifest.items() if key not in _NOT_COMPARED}


def _labels(wanted: Manifest, found: Manifest) -> Iterator[str]:
    there = found["metadata"].get("labels") or {}
    for key, value in wanted["metadata"]["labels"].items():
        if there.get(key) != value:
            yield f"label {key} is {there.get(key, 'missing')} instead of {value}"


def _fields(wanted: Any, found: Any, path: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(wanted.keys() | found.keys()):
            below = f"{path}.{key}" if path else key
            yield from _fields(wanted.get(key, _MISSING), found.get(key, _MISSING), below)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for position, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from _fields(one, other, f"{path}[{position}]")
    elif wanted is _MISSING:
        if _FILLED_IN.get(_without_positions(path), _MISSING) != found:
            yield f"{path} was added"
    elif found is _MISSING:
        yield f"{path} is missing"
    elif wanted != found:
        yield f"{path} differs"


def _without_positions(path: str) -> str:
    return "".join(part.partition("]")[2] if "]" in part else part for part in path.split("["))
