"""What a fresh API server is given: the manifests, and credentials for the portal's accounts."""

import datetime
import http
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from localcluster import kubectl
from localcluster.admin_api import AdminApi
from localcluster.binaries import Binaries
from localcluster.errors import LocalClusterError
from localcluster.layout import ACCOUNTS, Layout, write_kubeconfig

PORTAL_NAMESPACE = "berth-system"
TOKEN_LIFETIME = datetime.timedelta(hours=1)
TOKEN_RENEWAL = datetime.timedelta(minutes=20)  # of the time that passed since it was made
_APPLY_ATTEMPTS = 3
_POLICY_SECONDS = 60.0
_POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
_CANARY = "berth-local-cluster-canary"


def apply(layout: Layout, binaries: Binaries, manifests: Path) -> None:
    """Apply the manifests as the administrator; raises LocalClusterError with what kubectl said."""
    arguments = ["apply", "--server-side", "--force-conflicts", f"--filename={manifests}"]
    arguments += ["--field-manager=berth-local-cluster", "--request-timeout=10s"]
    said = ""
    for attempt in range(_APPLY_ATTEMPTS):
        if attempt:
            time.sleep(attempt / 2)  # an object may need another that was made a moment ago
        try:
            answer = kubectl.run(
                binaries, arguments, kubeconfig=layout.credential("admin"), home=layout.directory / "kubectl"
            )
        except subprocess.TimeoutExpired as error:
            said = str(error)
            continue
        if answer.returncode == 0:
            return
        said = answer.stderr.strip()
    raise LocalClusterError(f"the manifests in {manifests} could not be applied:\n{said}")


def has_policies(manifests: Path) -> bool:
    """Whether the manifests contain an admission policy."""
    documents = yaml.safe_load_all(manifests.read_text())
    return any(_kinds(document) & {"ValidatingAdmissionPolicy"} for document in documents)


def _kinds(document: Any) -> set[str]:
    if not isinstance(document, Mapping):
        return set()
    return {str(document.get("kind")), *(str(item.get("kind")) for item in document.get("items") or ())}


def wait_for_policies(api: AdminApi) -> None:
    """Wait until every admission policy that was applied so far bites.

    The API server compiles its policies together, from its own copies in the order of their making. So a
    policy of ours that was made last and bites shows that the earlier ones do. It is taken away again.
    """
    _remove_canary(api)
    policy, binding = _canary()
    api.expect("POST", _POLICIES, policy)
    api.expect("POST", f"{_POLICIES.removesuffix('policies')}policybindings", binding)
    try:
        deadline = time.monotonic() + _POLICY_SECONDS
        probe = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": _CANARY}}
        while api.call("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", probe)[0] < 300:
            if time.monotonic() > deadline:
                raise LocalClusterError(
                    f"admission policies were not in force within {_POLICY_SECONDS:.0f} s"
                )
            time.sleep(0.1)
    finally:
        _remove_canary(api)


def _remove_canary(api: AdminApi) -> None:
    for path in (f"{_POLICIES}/{_CANARY}", f"{_POLICIES.removesuffix('policies')}policybindings/{_CANARY}"):
        status, answer = api.call("DELETE", path)
        if status not in (http.HTTPStatus.OK, http.HTTPStatus.NOT_FOUND):
            raise LocalClusterError(f"DELETE {path}: the API server answered {status}: {answer}")


def _canary() -> tuple[dict[str, Any], dict[str, Any]]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["CREATE"]}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": _CANARY},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": f"object.metadata.name != '{_CANARY}'"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": _CANARY},
        "spec": {"policyName": _CANARY, "validationActions": ["Deny"]},
    }
    return policy, binding


def write_credentials(layout: Layout, api: AdminApi) -> None:
    """Write a kubeconfig with a fresh token for each of the portal's accounts."""
    request = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"expirationSeconds": int(TOKEN_LIFETIME.total_seconds())},
    }
    for account in ACCOUNTS:
        path = f"/api/v1/namespaces/{PORTAL_NAMESPACE}/serviceaccounts/{account}/token"
        answer = api.expect("POST", path, request)
        write_kubeconfig(layout, account, {"token": answer["status"]["token"]})
