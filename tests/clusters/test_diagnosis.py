"""Whether a cluster is ready for Berth: on a cluster that is, and on one that is not."""

from __future__ import annotations

from typing import Any

import pytest

from clusters import diagnosis, names
from clusters.api import (
    CLUSTER_ROLE,
    NAMESPACE,
    ROLE_BINDING,
    AccessAnswer,
    AccessQuestion,
    Account,
    Conflict,
    Forbidden,
    Manifest,
    Unauthorized,
)
from clusters.config import ClusterConfig, IssuerTrust
from clusters.diagnosis import Finding
from clusters.kube import KubeCluster, connect_with_token
from tests.clusters.raw_api import id_token
from tests.conftest import ControlPlane
from tests.contract.hands import fake_config, namespace
from tests.fake_cluster import FakeCluster

RBAC = "rbac.authorization.k8s.io"
SUBJECT = "http://cilogon.org/serverA/users/4712"


class Inspected(FakeCluster):
    """The cluster in memory, which also answers who asks."""

    known_as = ""
    lists_all = True

    def identify(self) -> tuple[str, tuple[str, ...]]:
        return self.known_as or names.service_account(self.account), ()

    def review_own_access(self, place: str, question: AccessQuestion) -> AccessAnswer:
        return self._judge(names.service_account(self.account), place, question)

    def review_own_rules(self, place: str) -> tuple[list[Manifest], bool]:
        held = self._state.rules.held(
            names.service_account(self.account), place, self._state.of(ROLE_BINDING)
        )
        return held, self.lists_all


def findings(cluster: Inspected) -> list[Finding]:
    def connect(config: ClusterConfig, account: Account) -> Inspected:
        view = Inspected(config, account, state=cluster._state)
        view.known_as, view.lists_all = cluster.known_as, cluster.lists_all
        return view

    return list(diagnosis.accounts(fake_config(), connect))


def wrong(found: list[Finding]) -> str:
    return "\n".join(finding.sentence for finding in found if not finding.good)


@pytest.fixture
def cluster() -> Inspected:
    return Inspected(fake_config())


# --- Accounts ------------------------------------------------------------------------------------------------------


def test_accounts_as_applied_are_good(cluster: Inspected) -> None:
    assert wrong(findings(cluster)) == ""


def test_the_real_cluster_is_good(sound: ControlPlane) -> None:
    config = sound.config
    found = list(
        diagnosis.accounts(config, lambda config, account: KubeCluster(config, config.credentials[account]))
    )
    assert wrong(found) == ""
    assert len(found) == 6


def test_an_account_under_another_name_is_found(cluster: Inspected) -> None:
    cluster.known_as = "alice"
    assert "worker: the cluster knows it as alice, but the admission policies speak of" in wrong(
        findings(cluster)
    )


def test_a_missing_right_is_found(cluster: Inspected) -> None:
    cluster.outside.remove_role("berth:worker")
    said = wrong(findings(cluster))
    assert said.startswith("worker: may not ")
    assert "create namespaces, " in said
    assert "get clusterroles.rbac.authorization.k8s.io berth:viewer" in said


def test_a_right_too_many_is_found(cluster: Inspected) -> None:
    wide: dict[str, Any] = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}
    role = {"kind": "ClusterRole", "metadata": {"name": "berth:observer"}, "rules": [wide]}
    cluster.outside.put(role)
    assert "observer: may get secrets, list secrets, watch secrets, which it never should" in wrong(
        findings(cluster)
    )


@pytest.mark.parametrize(
    ("account", "rule", "words"),
    [
        (
            "worker",
            {"apiGroups": ["apps"], "resources": ["daemonsets"], "verbs": ["patch"]},
            "patch daemonsets.apps",
        ),
        ("reaper", {"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}, "get nodes/proxy"),
        ("observer", {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, "get /metrics"),
        ("worker", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}, "* *.*"),
        (
            "worker",
            {
                "apiGroups": [RBAC],
                "resources": ["clusterroles"],
                "verbs": ["get"],
                "resourceNames": ["cluster-admin"],
            },
            "get clusterroles.rbac.authorization.k8s.io cluster-admin",
        ),
    ],
)
def test_a_surplus_that_nobody_thought_of_is_named(
    cluster: Inspected, account: str, rule: dict[str, Any], words: str
) -> None:
    give(cluster, account, rule)
    assert f"{account}: may {words}, which it never should" in wrong(findings(cluster))


def test_a_surplus_in_the_namespace_of_berth_alone_is_named(cluster: Inspected) -> None:
    rule = {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["delete"]}
    cluster.outside.put(
        {"kind": "Role", "metadata": {"name": "extra", "namespace": names.SYSTEM_NAMESPACE}, "rules": [rule]}
    )
    cluster.outside.put(bound("RoleBinding", "Role", "worker", namespace=names.SYSTEM_NAMESPACE))
    assert "worker: may delete configmaps, which it never should" in wrong(findings(cluster))


def test_rights_that_the_api_server_does_not_list_are_said_to_be_unknown(cluster: Inspected) -> None:
    cluster.lists_all = False
    found = findings(cluster)
    assert wrong(found) == ""
    assert len([each for each in found if not each.tried]) == 3


def give(cluster: Inspected, account: str, rule: dict[str, Any]) -> None:
    """Give an account one rule more, everywhere."""
    cluster.outside.put(
        {"apiVersion": f"{RBAC}/v1", "kind": "ClusterRole", "metadata": {"name": "extra"}, "rules": [rule]}
    )
    cluster.outside.put(bound("ClusterRoleBinding", "ClusterRole", account))


def bound(kind: str, role_kind: str, account: str, **metadata: str) -> Manifest:
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": kind,
        "metadata": {"name": "extra", **metadata},
        "roleRef": {"apiGroup": RBAC, "kind": role_kind, "name": "extra"},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": names.SYSTEM_NAMESPACE}],
    }


def test_an_account_that_is_not_let_in_is_found_and_the_others_are_looked_at() -> None:
    def connect(config: ClusterConfig, account: Account) -> Inspected:
        if account == "observer":
            raise Unauthorized("The token has expired.")
        return Inspected(config, account)

    found = list(diagnosis.accounts(fake_config(), connect))
    assert wrong(found) == "observer: The token has expired."
    assert any("reaper" in finding.sentence for finding in found)


# --- Fences --------------------------------------------------------------------------------------------------------


def test_living_fences_are_good(cluster: Inspected) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    found = list(diagnosis.fences(cluster))
    assert [(finding.good, finding.tried) for finding in found] == [(True, True)] * 3
    assert cluster.writes == [call for call in cluster.calls if call.name == "avis-fire" and call.writes]


def test_fences_of_the_real_cluster_are_good(control_plane: ControlPlane) -> None:
    worker = KubeCluster(control_plane.config, control_plane.config.credentials["worker"])
    assert wrong(list(diagnosis.fences(worker))) == ""


def test_a_missing_fence_is_found(cluster: Inspected) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    cluster.outside.remove_fences()
    assert wrong(list(diagnosis.fences(cluster))).count("is missing: ") == 3


def test_without_a_namespace_one_fence_stays_untried(cluster: Inspected) -> None:
    last = list(diagnosis.fences(cluster))[-1]
    assert not last.tried
    assert "could not be tried" in last.sentence


def test_a_refusal_by_rights_proves_no_fence(cluster: Inspected) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    cluster.outside.remove_fences()
    cluster.fail(Forbidden("User cannot create namespaces", cause="Forbidden"), verb="create", kind=NAMESPACE)
    assert "User cannot create namespaces" in wrong(list(diagnosis.fences(cluster)))


def test_roles_that_are_sound_are_good_and_an_altered_one_is_named(cluster: Inspected) -> None:
    assert wrong(list(diagnosis.given_roles(cluster))) == ""
    cluster.outside.change(CLUSTER_ROLE, "berth:editor", None, lambda role: role["rules"].pop())
    assert wrong(list(diagnosis.given_roles(cluster))).startswith("berth:editor is missing or altered")


def test_an_answer_that_is_no_refusal_is_no_proof(cluster: Inspected) -> None:
    cluster.create(NAMESPACE, namespace("avis-fire"))
    cluster.fail(Conflict("The name is taken."), verb="create", kind=ROLE_BINDING)
    assert wrong(list(diagnosis.fences(cluster))) == "The name is taken."


# --- A token -------------------------------------------------------------------------------------------------------


def token(control_plane: ControlPlane, **claims: Any) -> str:
    trust = control_plane.config.issuers[0]
    key = control_plane.layout.oidc_signing_key.read_bytes()
    return id_token(key, **{"iss": trust.issuer, "aud": trust.client_id, "sub": SUBJECT, **claims})


def test_names_that_agree_are_good(control_plane: ControlPlane) -> None:
    finding = diagnosis.token(control_plane.config, token(control_plane), connect_with_token)
    assert finding == Finding(True, f"The cluster and Berth agree on the name {SUBJECT}.")


def test_a_prefix_that_differs_is_found(control_plane: ControlPlane) -> None:
    config = control_plane.config
    other = IssuerTrust(config.issuers[0].issuer, config.issuers[0].client_id, "oidc:", "oidc:.*")
    mistaken = ClusterConfig(
        config.name, "", config.server, config.certificate_authority, config.credentials, (other,)
    )
    finding = diagnosis.token(mistaken, token(control_plane), connect_with_token)
    assert not finding.good
    assert f"calls the holder {SUBJECT}, Berth would bind oidc:{SUBJECT}" in finding.sentence


def test_a_token_that_the_cluster_refuses_is_found(control_plane: ControlPlane) -> None:
    finding = diagnosis.token(control_plane.config, token(control_plane, aud="another"), connect_with_token)
    assert not finding.good
    assert finding.sentence.startswith("The cluster refuses the token")


@pytest.mark.parametrize(
    ("claims", "words"), [({"iss": "https://elsewhere.example"}, "elsewhere"), ({"sub": "alice"}, "alice")]
)
def test_a_person_whom_we_would_not_bind_is_found(
    control_plane: ControlPlane, claims: dict[str, Any], words: str
) -> None:
    finding = diagnosis.token(control_plane.config, token(control_plane, **claims), connect_with_token)
    assert not finding.good
    assert "would bind nobody" in finding.sentence
    assert words in finding.sentence


@pytest.mark.parametrize("text", ["", "abc", "a.b.c"])
def test_what_is_no_token_is_said(text: str) -> None:
    assert diagnosis.token(fake_config(), text, connect_with_token) == Finding(False, "This is no ID token.")
