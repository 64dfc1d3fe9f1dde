import stat
from pathlib import Path

import pytest
import yaml

from localcluster import bootstrap
from localcluster.admin_api import AdminApi
from localcluster.errors import LocalClusterError
from localcluster.testing import SharedCluster

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps?dryRun=All"

POLICY = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: no-violet}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
  validations: [{expression: "object.metadata.name != 'violet'"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: no-violet}
spec: {policyName: no-violet, validationActions: [Deny]}
"""


@pytest.fixture
def api(local_cluster: SharedCluster) -> AdminApi:
    return AdminApi(local_cluster.layout)


@pytest.mark.parametrize("account", ["worker", "observer", "reaper"])
def test_credential_is_the_accounts_and_for_the_owner_only(
    local_cluster: SharedCluster, api: AdminApi, account: str
) -> None:
    path = local_cluster.layout.credential(account)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    token = yaml.safe_load(path.read_text())["users"][0]["user"]["token"]
    review = api.expect("POST", "/apis/authentication.k8s.io/v1/tokenreviews", {"spec": {"token": token}})
    assert review["status"]["user"]["username"] == f"system:serviceaccount:berth-system:{account}"


def test_policy_bites_after_the_wait_and_the_probe_is_gone(
    local_cluster: SharedCluster, api: AdminApi, tmp_path: Path
) -> None:
    manifests = tmp_path / "policy.yaml"
    manifests.write_text(POLICY)
    assert bootstrap.has_policies(manifests)
    violet = {"metadata": {"name": "violet"}}
    assert api.call("POST", CONFIG_MAPS, violet)[0] == 201
    bootstrap.apply(local_cluster.layout, local_cluster.binaries, manifests)
    try:
        bootstrap.wait_for_policies(api)
        assert api.call("POST", CONFIG_MAPS, violet)[0] == 422
    finally:
        group = "/apis/admissionregistration.k8s.io/v1"
        for kind in ("validatingadmissionpolicies", "validatingadmissionpolicybindings"):
            api.expect("DELETE", f"{group}/{kind}/no-violet")
    left = api.expect("GET", f"{group}/validatingadmissionpolicies")
    assert "berth-local-cluster-canary" not in {item["metadata"]["name"] for item in left["items"]}


def test_applying_the_same_again_changes_nothing(
    local_cluster: SharedCluster, api: AdminApi, tmp_path: Path
) -> None:
    manifests = tmp_path / "map.yaml"
    manifests.write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice, namespace: default}\n")
    versions = []
    for _ in range(2):
        bootstrap.apply(local_cluster.layout, local_cluster.binaries, manifests)
        found = api.expect("GET", "/api/v1/namespaces/default/configmaps/twice")
        versions.append(found["metadata"]["resourceVersion"])
    assert versions[0] == versions[1]


def test_manifests_without_policies_need_no_wait(tmp_path: Path) -> None:
    manifests = tmp_path / "namespace.yaml"
    manifests.write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n")
    assert not bootstrap.has_policies(manifests)


def test_refused_manifest_is_told_in_the_words_of_kubectl(
    local_cluster: SharedCluster, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}\n")
    with pytest.raises(LocalClusterError, match=r"wrong\.yaml could not be applied:\n.*no matches for kind"):
        bootstrap.apply(local_cluster.layout, local_cluster.binaries, wrong)


def test_missing_account_is_told_in_the_words_of_the_server(
    local_cluster: SharedCluster, api: AdminApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "ACCOUNTS", ("nobody",))
    with pytest.raises(LocalClusterError, match='answered 404: serviceaccounts "nobody" not found'):
        bootstrap.write_credentials(local_cluster.layout, api)
