"""How an object in a cluster differs from the one that is rendered."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from clusters.api import Manifest
from clusters.comparison import differences
from clusters.manifests import render
from tests.contract.hands import fake_config

RENDERED = render(fake_config(), reserved=["kube-*"])


def rendered(kind: str, name: str) -> Manifest:
    [found] = [each for each in RENDERED if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def as_stored(manifest: Manifest) -> Manifest:
    """Return an object with what the API server adds."""
    found = copy.deepcopy(manifest)
    found["metadata"] |= {"uid": "1", "resourceVersion": "2", "creationTimestamp": "now", "generation": 1}
    found["status"] = {"observedGeneration": 1}
    if manifest["kind"] == "ValidatingAdmissionPolicy":
        matched = found["spec"]["matchConstraints"]
        matched.setdefault("namespaceSelector", {})
        matched |= {"matchPolicy": "Equivalent", "objectSelector": {}}
        matched["resourceRules"][0]["scope"] = "*"
    return found


@pytest.mark.parametrize("manifest", RENDERED, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}")
def test_what_the_api_server_adds_is_no_difference(manifest: Manifest) -> None:
    assert differences(manifest, as_stored(manifest)) == []


POLICY = ("ValidatingAdmissionPolicy", "berth-bindings")
HALF = ("ValidatingAdmissionPolicyBinding", "berth-bindings")
GRANT = ("ClusterRoleBinding", "berth:worker")


@pytest.mark.parametrize(
    ("which", "edit", "words"),
    [
        (POLICY, lambda each: each["spec"].update(failurePolicy="Ignore"), "spec.failurePolicy differs"),
        (POLICY, lambda each: each["spec"]["validations"][1].update(expression="true"),
         "spec.validations[1].expression differs"),
        (POLICY, lambda each: each["spec"]["validations"].pop(), "spec.validations differs"),
        (POLICY, lambda each: each["spec"]["matchConditions"].append({"name": "x", "expression": "false"}),
         "spec.matchConditions differs"),
        (POLICY, lambda each: each["spec"]["matchConstraints"].update(objectSelector={"matchLabels": {"a": "b"}}),
         "spec.matchConstraints.objectSelector was added"),
        (POLICY, lambda each: each["spec"]["matchConstraints"].update(excludeResourceRules=[{}]),
         "spec.matchConstraints.excludeResourceRules was added"),
        (POLICY, lambda each: each["spec"]["matchConstraints"]["resourceRules"][0].update(scope="Cluster"),
         "spec.matchConstraints.resourceRules[0].scope was added"),
        (POLICY, lambda each: each["spec"].pop("variables"), "spec.variables is missing"),
        (HALF, lambda each: each["spec"].update(validationActions=["Warn"]), "spec.validationActions differs"),
        (HALF, lambda each: each["spec"].update(matchResources={"namespaceSelector": {"matchLabels": {}}}),
         "spec.matchResources was added"),
        (GRANT, lambda each: each["subjects"].append({"kind": "Group", "name": "all"}), "subjects differs"),
        (GRANT, lambda each: each["roleRef"].update(name="cluster-admin"), "roleRef.name differs"),
        (("ClusterRole", "berth:viewer"),
         lambda each: each["rules"].append({"apiGroups": [""], "resources": ["nodes"], "verbs": ["get"]}),
         "gives too much: get nodes"),
        (("ClusterRole", "berth:reaper"), lambda each: each.update(rules=None),
         "lacks: delete namespaces, get namespaces"),
        (("ClusterRole", "berth:admin"), lambda each: each.update(aggregationRule={"clusterRoleSelectors": []}),
         "collects rules of other roles"),
        (("ServiceAccount", "worker"), lambda each: each.update(automountServiceAccountToken=True),
         "automountServiceAccountToken differs"),
        (("Namespace", "berth-system"),
         lambda each: each["metadata"]["labels"].update({"pod-security.kubernetes.io/enforce": "privileged"}),
         "label pod-security.kubernetes.io/enforce is privileged instead of restricted"),
        (("ServiceAccount", "worker"), lambda each: each["metadata"].pop("labels"),
         "label app.kubernetes.io/part-of is missing instead of berth"),
    ],
)  # fmt: skip
def test_a_difference_is_named(which: tuple[str, str], edit: Callable[[Manifest], Any], words: str) -> None:
    manifest = rendered(*which)
    found = as_stored(manifest)
    edit(found)
    assert differences(manifest, found) == [words]


def test_marks_of_the_worker_are_its_own() -> None:
    manifest = rendered("ConfigMap", "berth-state")
    assert differences(manifest, as_stored(manifest) | {"data": {"revision": "7"}}) == []
