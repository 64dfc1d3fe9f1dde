"""What an operator applies: exactly these rights, and fences that follow the facts."""

from __future__ import annotations

from typing import Any

import pytest

from clusters import names
from clusters.api import Manifest
from clusters.config import ClusterConfig, IssuerTrust
from clusters.manifests import render
from tests.contract.hands import fake_config

RBAC = "rbac.authorization.k8s.io"
READ = {"get", "list", "watch"}


@pytest.fixture
def manifests() -> list[Manifest]:
    return render(fake_config(), reserved=["kube-*", "team-?"])


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def rights(rules: list[dict[str, Any]]) -> dict[tuple[str, str], set[str]]:
    """Return the verbs by (API group, resource); names of objects are left out."""
    found: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                found.setdefault((group, resource), set()).update(rule["verbs"])
    return found


def test_worker_has_exactly_these_rights(manifests: list[Manifest]) -> None:
    assert rights(named(manifests, "ClusterRole", "berth:worker")["rules"]) == {
        ("", "namespaces"): {"get", "list", "create"},
        (RBAC, "rolebindings"): READ | {"create", "delete"},
        (RBAC, "clusterroles"): {"bind", "get"},
        ("", "resourcequotas"): READ | {"create", "update", "delete"},
        ("", "limitranges"): READ | {"create", "update", "delete"},
        ("authorization.k8s.io", "subjectaccessreviews"): {"create"},
    }


def test_worker_may_read_and_bind_exactly_our_four_roles(manifests: list[Manifest]) -> None:
    rules = named(manifests, "ClusterRole", "berth:worker")["rules"]
    [given] = [rule for rule in rules if "bind" in rule["verbs"]]
    assert given["verbs"] == ["bind", "get"]
    assert given["resourceNames"] == ["berth:viewer", "berth:editor", "berth:admin", "berth:reaper"]


def test_worker_reads_and_updates_its_marks_and_no_other_config_map(manifests: list[Manifest]) -> None:
    role = named(manifests, "Role", "berth-state")
    assert role["metadata"]["namespace"] == "berth-system"
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["berth-state"],
            "verbs": ["get", "update"],
        }
    ]


def test_applying_again_does_not_reset_the_marks(manifests: list[Manifest]) -> None:
    assert "data" not in named(manifests, "ConfigMap", "berth-state")


def test_observer_reads_and_writes_nothing(manifests: list[Manifest]) -> None:
    found = rights(named(manifests, "ClusterRole", "berth:observer")["rules"])
    assert set().union(*found.values()) == READ
    assert {resource for _, resource in found} == {
        "nodes", "pods", "persistentvolumeclaims", "persistentvolumes", "storageclasses", "resourcequotas",
        "limitranges", "events", "namespaces",
    }  # fmt: skip


def test_reaper_has_nothing_everywhere_and_one_namespace_at_a_time(manifests: list[Manifest]) -> None:
    bound = [each["subjects"] for each in manifests if each["kind"] == "ClusterRoleBinding"]
    assert "reaper" not in str(bound)
    rules = named(manifests, "ClusterRole", "berth:reaper")["rules"]
    assert rules == [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "delete"]}]


def test_every_binding_is_of_one_account_of_ours(manifests: list[Manifest]) -> None:
    for each in manifests:
        if each["kind"] in {"ClusterRoleBinding", "RoleBinding"}:
            [subject] = each["subjects"]
            assert subject["kind"] == "ServiceAccount"
            assert subject["namespace"] == names.SYSTEM_NAMESPACE


def test_no_rule_has_a_star_and_no_role_collects_others(manifests: list[Manifest]) -> None:
    for each in manifests:
        if each["kind"] in {"ClusterRole", "Role"}:
            assert "aggregationRule" not in each
            assert not [label for label in each["metadata"]["labels"] if "aggregate" in label]
            for rule in each["rules"]:
                assert "*" not in rule["apiGroups"] + rule["resources"] + rule["verbs"]


def test_what_is_applied_is_not_taken_for_a_binding_of_a_member(manifests: list[Manifest]) -> None:
    for each in manifests:
        assert names.MANAGED_BY_LABEL not in each["metadata"]["labels"]
        assert names.MANAGED_LABEL not in each["metadata"]["labels"]


def test_namespace_comes_first_and_policies_after_accounts(manifests: list[Manifest]) -> None:
    kinds = [each["kind"] for each in manifests]
    assert kinds[:4] == ["Namespace", "ServiceAccount", "ServiceAccount", "ServiceAccount"]
    assert kinds.index("ValidatingAdmissionPolicy") > kinds.index("ClusterRoleBinding")


def policies(manifests: list[Manifest]) -> dict[str, Manifest]:
    return {
        each["metadata"]["name"]: each for each in manifests if each["kind"] == "ValidatingAdmissionPolicy"
    }


def test_every_policy_denies_closed_and_as_forbidden(manifests: list[Manifest]) -> None:
    assert set(policies(manifests)) == {
        "berth-bindings",
        "berth-namespaces",
        "berth-limits",
        "berth-side-doors",
    }
    for name, policy in policies(manifests).items():
        assert policy["spec"]["failurePolicy"] == "Fail"
        assert {rule["reason"] for rule in policy["spec"]["validations"]} == {"Forbidden"}
        binding = named(manifests, "ValidatingAdmissionPolicyBinding", name)
        assert binding["spec"] == {"policyName": name, "validationActions": ["Deny", "Audit"]}


def test_side_doors_can_be_left_open() -> None:
    made = render(fake_config(), reserved=[], with_p3=False)
    assert "berth-side-doors" not in policies(made)
    assert "berth-bindings" in policies(made)


def test_operators_group_stays_free() -> None:
    policy = policies(render(fake_config(), reserved=[], operators_group="site:operators"))[
        "berth-side-doors"
    ]
    assert "'site:operators'" in str(policy["spec"]["matchConditions"])


def test_fence_speaks_of_every_issuer() -> None:
    other = IssuerTrust("https://idp.example.edu", "k", "example:", "example:.*")
    config = ClusterConfig("c", "C", "https://x", "", {}, (*fake_config().issuers, other))
    spec = policies(render(config, reserved=[]))["berth-bindings"]["spec"]
    expressions = " ".join(rule["expression"] for rule in spec["validations"])
    for trust in config.issuers:
        assert trust.cel("s.name") in expressions


def test_reserved_names_are_those_of_the_settings_and_always_our_own(manifests: list[Manifest]) -> None:
    for name in ("berth-bindings", "berth-namespaces", "berth-limits"):
        assert "^(?:default|kube-.*|berth-system|team-.)$" in str(policies(manifests)[name])


def test_reserved_name_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="wildcards"):
        render(fake_config(), reserved=["Kube_*"])
