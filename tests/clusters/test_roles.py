"""The member roles: a golden file shows every change, and these tests what must never be in it."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from clusters import roles
from clusters.api import AccessQuestion

GOLDEN = Path(__file__).parent / "golden" / "roles.json"
RBAC = "rbac.authorization.k8s.io"
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def rendered() -> dict[str, list[dict[str, list[str]]]]:
    everything = {**roles.ROLES, "reaper": roles.REAPER_RULES}
    return {role: [rule.manifest() for rule in rules] for role, rules in everything.items()}


def granted(role: str) -> set[tuple[str, str, str]]:
    """Return every (API group, resource, verb) of a role."""
    return {
        (group, resource, verb)
        for rule in roles.ROLES[role]
        for group in rule.api_groups
        for resource in rule.resources
        for verb in rule.verbs
    }


def test_rules_are_those_of_the_golden_file() -> None:
    expected = json.loads(GOLDEN.read_text())
    assert rendered() == expected, (
        f"the rules of a role changed: if that is meant, write them to {GOLDEN.name}"
    )


def test_each_role_holds_all_of_the_one_before() -> None:
    assert list(roles.ROLES) == ["viewer", "editor", "admin"]
    for lower, higher in pairwise(roles.ROLES):
        assert granted(lower) < granted(higher)


@pytest.mark.parametrize("role", roles.ROLES)
def test_no_rule_has_a_star_or_leaves_something_open(role: str) -> None:
    for rule in roles.ROLES[role]:
        assert rule.api_groups
        assert rule.resources
        assert rule.verbs
        assert "*" not in (*rule.api_groups, *rule.resources, *rule.verbs)


@pytest.mark.parametrize("role", roles.ROLES)
def test_no_role_has_a_way_out_of_the_namespace(role: str) -> None:
    verbs = {verb for _, _, verb in granted(role)}
    resources = {resource for _, resource, _ in granted(role)}
    assert not verbs & {"impersonate", "escalate", "bind", "approve", "sign", "use"}
    assert not resources & {
        "serviceaccounts/token", "nodes", "nodes/proxy", "pods/proxy", "services/proxy", "persistentvolumes",
        "clusterroles", "clusterrolebindings", "certificatesigningrequests",
    }  # fmt: skip


@pytest.mark.parametrize("role", roles.ROLES)
@pytest.mark.parametrize(
    "resource",
    [
        "endpoints",
        "endpointslices",
        "resourcequotas",
        "limitranges",
        "namespaces",
        "pods/status",
        "services/status",
    ],
)
def test_no_role_writes_what_belongs_to_the_cluster(role: str, resource: str) -> None:
    assert not {verb for _, found, verb in granted(role) if found == resource} & WRITES


def test_viewer_only_reads_and_sees_no_secret_and_no_permission() -> None:
    assert {verb for _, _, verb in granted("viewer")} == {"get", "list", "watch"}
    assert not {
        resource for group, resource, _ in granted("viewer") if resource == "secrets" or group == RBAC
    }
    assert not {resource for _, resource, _ in granted("viewer") if resource in {"pods/exec", "pods/attach"}}


def test_editor_touches_no_permission() -> None:
    assert RBAC not in {group for group, _, _ in granted("editor")}


def test_admin_adds_permissions_and_nothing_else() -> None:
    added = granted("admin") - granted("editor")
    assert {(group, resource) for group, resource, _ in added} == {(RBAC, "roles"), (RBAC, "rolebindings")}


@pytest.mark.parametrize(
    ("role", "group", "resource", "verb"),
    [
        ("viewer", "", "pods", "list"),
        ("viewer", "", "pods/log", "get"),
        ("viewer", "", "namespaces", "get"),
        ("editor", "", "pods", "create"),
        ("editor", "", "pods/exec", "create"),
        ("editor", "", "pods/portforward", "create"),
        ("editor", "", "secrets", "get"),
        ("editor", "", "persistentvolumeclaims", "create"),
        ("editor", "", "serviceaccounts", "create"),
        ("editor", "apps", "statefulsets", "patch"),
        ("editor", "apps", "deployments/scale", "update"),
        ("editor", "batch", "cronjobs", "create"),
        ("editor", "networking.k8s.io", "ingresses", "create"),
        ("editor", "networking.k8s.io", "networkpolicies", "delete"),
        ("editor", "autoscaling", "horizontalpodautoscalers", "create"),
        ("editor", "policy", "poddisruptionbudgets", "create"),
        ("admin", RBAC, "rolebindings", "create"),
    ],
)
def test_role_can_do_its_work(role: str, group: str, resource: str, verb: str) -> None:
    assert (group, resource, verb) in granted(role)


@pytest.mark.parametrize("role", roles.ROLES)
def test_there_is_one_probe_for_each_rule_and_the_rule_allows_it(role: str) -> None:
    probes = roles.probes(role)
    assert len(probes) == len(roles.ROLES[role])
    for probe, rule in zip(probes, roles.ROLES[role], strict=True):
        resource = f"{probe.resource}/{probe.subresource}" if probe.subresource else probe.resource
        assert probe.verb in rule.verbs
        assert probe.group in rule.api_groups
        assert resource in rule.resources


def test_probes_beyond_a_role_are_those_it_does_not_answer() -> None:
    assert roles.probes_beyond("admin", None) == roles.probes("admin")
    assert roles.probes_beyond("viewer", "admin") == ()
    assert roles.probes_beyond("admin", "editor") == (AccessQuestion("get", "roles", RBAC),)
    for question in roles.probes_beyond("editor", "viewer"):
        resource = (
            f"{question.resource}/{question.subresource}" if question.subresource else question.resource
        )
        assert (question.group, resource, question.verb) not in granted("viewer")


def test_binding_name_is_fixed_for_ever() -> None:
    name = roles.binding_name("editor", "https://cilogon.org", "http://cilogon.org/serverA/users/13600071")
    assert name == "berth-editor-pivcrpv34b3omv7p2js6ptjlbc"


def test_binding_names_of_different_identities_differ() -> None:
    subjects = [f"http://cilogon.org/serverA/users/{number}" for number in range(20_000)]
    names = {roles.binding_name("viewer", "https://cilogon.org", subject) for subject in subjects}
    assert len(names) == len(subjects)
    assert all(len(name) <= 63 for name in names)


def test_issuer_and_subject_cannot_run_into_each_other() -> None:
    one = roles.binding_name("viewer", "https://a.example", "b")
    assert one != roles.binding_name("viewer", "https://a.exampl", "eb")
    assert one != roles.binding_name("editor", "https://a.example", "b")


def test_unknown_role_has_no_binding() -> None:
    with pytest.raises(ValueError, match="cluster-admin"):
        roles.binding_name("cluster-admin", "https://cilogon.org", "x")
