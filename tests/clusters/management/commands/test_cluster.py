"""`manage.py cluster`."""

from __future__ import annotations

import io
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command
from pytest_django import Settings

from clusters import authentication, manifests, names, registry
from clusters.api import NAMESPACE, ROLE_BINDING, AccessQuestion
from clusters.attack import Outcome, Verdict
from clusters.config import load
from clusters.forbidden_acts import FORBIDDEN
from clusters.ground import Ground
from clusters.kube import connect, connect_with_file
from clusters.management.commands.cluster import INCOMPLETE, line
from clusters.raw import Request, create, one
from tests.clusters.clusters_file import Facts
from tests.clusters.raw_api import id_token
from tests.conftest import ControlPlane
from tests.contract.hands import RealHands, binding, namespace, subject


@pytest.fixture
def clusters_file(facts: Facts, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Facts:
    """The clusters file of the settings."""
    monkeypatch.setattr(registry, "_loaded", None)
    settings.CLUSTERS_FILE = str(facts.write())
    return facts


@pytest.fixture(scope="module")
def field(control_plane: ControlPlane) -> Iterator[Ground]:
    """A managed namespace with an admin whose rights are in force."""
    worker = connect(control_plane.config, "worker")
    name = f"attack-{uuid.uuid4().hex[:8]}"
    worker.create(NAMESPACE, namespace(name))
    worker.create(ROLE_BINDING, binding(name, 81, "admin"))
    wait_for(lambda: worker.review_access(subject(81), name, AccessQuestion("list", "pods")).allowed)
    yield Ground(name, "default", subject(81))
    control_plane.kubectl("delete", "namespace", name, "--wait=false")


def wait_for(condition: Callable[[], bool]) -> None:
    """The API server reads bindings from a watch, some moments after they were written."""
    for _ in range(2000):
        if condition():
            return
    pytest.fail("the rights did not come into force")


def token_in(kubeconfig: Path) -> str:
    return str(yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"])


def with_credential(control_plane: ControlPlane, account: str, kubeconfig: Path, folder: Path) -> Path:
    """Return a clusters file in which an account has another credential."""
    document = yaml.safe_load(control_plane.layout.clusters_file.read_text())
    [cluster] = document["clusters"]
    cluster["credentials"] = {each: str(path) for each, path in control_plane.config.credentials.items()}
    cluster["credentials"][account] = str(kubeconfig)
    for field_name in ("certificate_authority_file", "status_file"):
        if field_name in cluster:
            cluster[field_name] = str(control_plane.layout.directory / cluster[field_name])
    for issuer in cluster["issuers"]:
        if "certificate_authority_file" in issuer:
            issuer["certificate_authority_file"] = str(
                control_plane.layout.directory / issuer["certificate_authority_file"]
            )
    written = folder / "clusters.yaml"
    written.write_text(yaml.safe_dump(document))
    return written


def everything(control_plane: ControlPlane, field: Ground) -> dict[str, Any]:
    """Return what is there of all that the attempts are about: the versions of it, or who is there."""
    operator = connect_with_file(control_plane.config, control_plane.admin_kubeconfig)
    rbac, admission = "/apis/rbac.authorization.k8s.io/v1", "/apis/admissionregistration.k8s.io/v1"
    paths = [f"{rbac}/clusterroles", f"{rbac}/clusterrolebindings"]
    kinds = (
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
        "mutatingwebhookconfigurations",
    )
    paths += [f"{admission}/{kind}" for kind in (*kinds, "validatingwebhookconfigurations")]
    paths += ["/apis/certificates.k8s.io/v1/certificatesigningrequests", "/api/v1/nodes"]
    for place in (field.home, "default", "kube-system", "kube-public", names.SYSTEM_NAMESPACE):
        paths += [f"{rbac}/namespaces/{place}/{kind}" for kind in ("roles", "rolebindings")]
        contents = ("secrets", "serviceaccounts", "resourcequotas", "limitranges", "pods")
        paths += [f"/api/v1/namespaces/{place}/{kind}" for kind in contents]
    found: dict[str, Any] = {}
    for path in paths:
        items = operator.exchange(Request("GET", path)).body["items"]
        found[path] = {item["metadata"]["name"]: _version(item) for item in items}
    for place in (field.home, "default", "kube-system", names.SYSTEM_NAMESPACE):
        found[place] = operator.exchange(Request("GET", f"/api/v1/namespaces/{place}")).body["metadata"]
    marks = operator.exchange(
        Request("GET", f"/api/v1/namespaces/{names.SYSTEM_NAMESPACE}/configmaps/berth-state")
    )
    found["marks"] = marks.body["metadata"]["uid"]
    return found


def _version(item: dict[str, Any]) -> tuple[str, Any]:
    """Of a policy the generation counts: the API server writes into its status by itself."""
    metadata = item["metadata"]
    return metadata["uid"], metadata.get("generation") or metadata["resourceVersion"]


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("cluster", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def fails(*arguments: str) -> tuple[str, CommandError]:
    """Return what a command that must fail printed before, and the error."""
    out = io.StringIO()
    with pytest.raises(CommandError) as raised:
        call_command("cluster", *arguments, stdout=out)
    return out.getvalue(), raised.value


def test_manifests_are_those_of_the_facts_and_settings(clusters_file: Facts, settings: Settings) -> None:
    out, _ = run("manifests", "nautilus")
    config = load(clusters_file.path)["nautilus"]
    assert list(yaml.safe_load_all(out)) == manifests.render(config, reserved=settings.RESERVED_NAMESPACES)


def test_manifests_without_side_door_fence_and_with_another_group(clusters_file: Facts) -> None:
    assert "berth-side-doors" not in run("manifests", "nautilus", "--without-p3")[0]
    assert "'site:ops'" in run("manifests", "nautilus", "--operators-group", "site:ops")[0]


def test_reserved_names_that_are_none_are_named(clusters_file: Facts, settings: Settings) -> None:
    settings.RESERVED_NAMESPACES = ["No Name"]
    with pytest.raises(CommandError, match="BERTH_RESERVED_NAMESPACES: 'No Name'"):
        run("manifests", "nautilus")


def test_authentication_is_a_document(clusters_file: Facts) -> None:
    out, _ = run("authentication", "nautilus")
    assert yaml.safe_load(out) == authentication.render(load(clusters_file.path)["nautilus"])


def test_flags_come_with_a_warning_where_the_prefix_is_empty(clusters_file: Facts) -> None:
    out, err = run("authentication", "nautilus", "--flags")
    assert "--oidc-username-prefix=-" in out.splitlines()
    assert "Give it a prefix" in err


def test_unknown_cluster_is_named_with_those_there_are(clusters_file: Facts) -> None:
    with pytest.raises(CommandError, match="no cluster nautilos; there are: nautilus"):
        run("manifests", "nautilos")


def test_unusable_file_is_said(clusters_file: Facts) -> None:
    clusters_file.path.write_text("clusters: []")
    with pytest.raises(CommandError, match="at least one cluster"):
        run("check", "nautilus")


def test_no_file_is_said(settings: Settings) -> None:
    settings.CLUSTERS_FILE = ""
    with pytest.raises(CommandError, match="BERTH_CLUSTERS names no file"):
        run("check", "nautilus")


def test_check_finds_the_real_cluster_good(sound: ControlPlane, field: Ground) -> None:
    out, _ = run("check", sound.config.name)
    assert "WRONG" not in out
    for sentence in (
        "worker: has its rights, and no more",
        "Kubernetes v1.",
        "The roles that Berth gives away are as they should be.",
        "P2 refuses a namespace without the labels of Berth.",
        "P1 refuses a binding of every user.",
        "berth-limits refuses an amount that Berth does not write.",
    ):
        assert re.search(f"^good +{re.escape(sentence)}", out, re.MULTILINE), out
    assert re.search("^not tried .*--kubeconfig", out, re.MULTILINE)


def test_check_with_an_operators_kubeconfig_compares_every_object_and_tries_p3(
    sound: ControlPlane, field: Ground
) -> None:
    out, _ = run("check", sound.config.name, "--kubeconfig", str(sound.admin_kubeconfig))
    assert "WRONG" not in out
    assert "not tried" not in out
    assert "objects are as the manifests say" in out
    assert "P3 refuses a binding that an admin of" in out


def test_check_names_each_policy_that_is_not_as_rendered(
    sound: ControlPlane, field: Ground, settings: Settings
) -> None:
    settings.RESERVED_NAMESPACES = [*settings.RESERVED_NAMESPACES, "one-more"]
    out, err = fails("check", sound.config.name, "--kubeconfig", str(sound.admin_kubeconfig))
    for policy in ("berth-bindings", "berth-namespaces", "berth-limits"):
        assert re.search(
            rf"^WRONG +ValidatingAdmissionPolicy {policy}: spec.validations\[\d\].expression", out, re.M
        )
    assert "To do: Look who changed it and why, then apply the manifests again." in out
    assert "ClusterRole" not in out
    assert "not ready" in str(err)


def test_check_compares_with_the_options_of_the_manifests(sound: ControlPlane, field: Ground) -> None:
    arguments = ("check", sound.config.name, "--kubeconfig", str(sound.admin_kubeconfig))
    out, _ = fails(*arguments, "--operators-group", "site:ops")
    assert "ValidatingAdmissionPolicy berth-side-doors: spec.matchConditions[1].expression differs." in out
    assert "P3" not in run(*arguments, "--without-p3")[0]


def test_check_names_bindings_that_the_manifests_do_not_know(alone: ControlPlane, field: Ground) -> None:
    sneaky = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "sneaky"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:node-bootstrapper",
        },
        "subjects": [{"kind": "ServiceAccount", "name": "observer", "namespace": "berth-system"}],
    }
    operator = connect_with_file(alone.config, alone.admin_kubeconfig)
    assert operator.exchange(create(sneaky)).status == 201
    try:
        observer = connect(alone.config, "observer")
        wait_for(lambda: "certificatesigningrequests" in str(observer.review_own_rules("default")))  # type: ignore[attr-defined]
        out, _ = fails("check", alone.config.name, "--kubeconfig", str(alone.admin_kubeconfig))
    finally:
        operator.exchange(one(sneaky, "DELETE"))
    assert "ClusterRoleBinding sneaky gives observer the role system:node-bootstrapper." in out
    assert "observer: may create certificatesigningrequests.certificates.k8s.io, " in out
    wait_for(lambda: "certificatesigningrequests" not in str(observer.review_own_rules("default")))  # type: ignore[attr-defined]


def test_check_sees_a_role_that_was_taken_away(real: ControlPlane, field: Ground) -> None:
    with RealHands(real.config, real.layout.directory).without_role("berth:reaper"):
        out, _ = fails("check", real.config.name, "--kubeconfig", str(real.admin_kubeconfig))
    assert re.search(
        "^WRONG +berth:reaper is missing or altered: nobody must be granted it.", out, re.MULTILINE
    )
    assert re.search("^WRONG +ClusterRole berth:reaper is missing.", out, re.MULTILINE)


def test_check_refuses_a_kubeconfig_that_does_not_reach_a_cluster(sound: ControlPlane, field: Ground) -> None:
    out, _ = fails("check", sound.config.name, "--kubeconfig", "/nowhere/kubeconfig")
    assert "/nowhere/kubeconfig cannot be read" in out


def test_check_of_a_cluster_that_is_away_fails(clusters_file: Facts) -> None:
    with pytest.raises(CommandError, match="nautilus is not ready for Berth"):
        run("check", "nautilus")


# --- Attack ----------------------------------------------------------------------------------------------------------


def test_attack_is_refused_everywhere(sound: ControlPlane, field: Ground) -> None:
    out, _ = run("attack", sound.config.name, "--namespace", field.home)
    lines = [each for each in out.splitlines() if each.startswith("  ") and ": denied by " in each]
    assert len(lines) == len(FORBIDDEN)
    for expected in (
        "  binds cluster-admin: denied by RBAC",
        "  binds all who are logged in: denied by berth-bindings",
        "  makes a second quota: denied by berth-limits",
        "  makes a privileged namespace: denied by berth-namespaces",
    ):
        assert expected in lines
    assert re.search(r"^worker:\n", out, re.MULTILINE)
    assert "expected:" not in out
    assert out.count("0 not denied, 0 without an answer, 0 not made") == 3
    assert out.endswith("Every attempt was refused.\n")
    for account in names.ACCOUNTS:
        assert token_in(sound.config.credentials[account]) not in out


@pytest.mark.parametrize(
    ("verdict", "detail", "words"),
    [
        (Verdict.DENIED, "berth-bindings", "denied by berth-bindings"),
        (Verdict.DENIED, "RBAC", "denied by RBAC (expected: berth-bindings)"),
        (Verdict.NOT_DENIED, "HTTP 201", "NOT DENIED (HTTP 201)"),
        (Verdict.UNANSWERED, "HTTP 404: gone", "NO ANSWER TO THE QUESTION (HTTP 404: gone)"),
        (Verdict.NOT_MADE, "no managed namespace", "not made: no managed namespace"),
    ],
)
def test_a_line_of_the_attack_names_the_fence_and_the_one_that_was_expected(
    verdict: Verdict, detail: str, words: str
) -> None:
    attempt = next(each for each in FORBIDDEN if each.title == "binds a star")
    assert line(Outcome(attempt, verdict, detail)) == f"binds a star: {words}"


def test_attack_by_an_account_that_may_too_much_says_so_and_changes_nothing(
    alone: ControlPlane, field: Ground, settings: Settings, tmp_path: Path
) -> None:
    """The administrator's credential in the place of the worker's: no fence holds it."""
    settings.CLUSTERS_FILE = str(with_credential(alone, "worker", alone.admin_kubeconfig, tmp_path))
    before = everything(alone, field)
    out, error = fails("attack", alone.config.name, "--namespace", field.home)
    assert everything(alone, field) == before
    assert error.returncode == 1
    worker, _, others = out.partition("\nobserver:\n")
    assert "  binds cluster-admin: NOT DENIED (HTTP 201)" in worker
    assert "  reads a secret: NO ANSWER TO THE QUESTION (HTTP 404: secrets" in worker
    assert worker.count(": NOT DENIED (HTTP 20") > 100
    assert "NOT DENIED" not in others
    assert "Not everything was refused" in str(error)


def test_attack_with_a_token_that_has_ended_proves_nothing(
    sound: ControlPlane, field: Ground, settings: Settings, tmp_path: Path
) -> None:
    kubeconfig = yaml.safe_load(sound.config.credentials["observer"].read_text())
    kubeconfig["users"][0]["user"]["token"] = "spent"
    spent = tmp_path / "spent.kubeconfig"
    spent.write_text(yaml.safe_dump(kubeconfig))
    settings.CLUSTERS_FILE = str(with_credential(sound, "observer", spent, tmp_path))
    out, error = fails("attack", sound.config.name, "--namespace", field.home)
    assert error.returncode == 1
    assert "NO ANSWER TO THE QUESTION (HTTP 401: Unauthorized)" in out.partition("\nobserver:\n")[2]
    assert "NOT DENIED" not in out


def test_attack_refuses_a_namespace_that_is_not_managed(real: ControlPlane) -> None:
    with pytest.raises(CommandError, match="default is no managed namespace"):
        run("attack", real.config.name, "--namespace", "default")


def test_attack_says_what_it_could_not_try(sound: ControlPlane) -> None:
    """A namespace without a member: no user name is known that could be bound."""
    worker = connect(sound.config, "worker")
    name = f"attack-{uuid.uuid4().hex[:8]}"
    worker.create(NAMESPACE, namespace(name))
    out, error = fails("attack", sound.config.name, "--namespace", name)
    sound.kubectl("delete", "namespace", name, "--wait=false")
    assert error.returncode == INCOMPLETE
    assert "  binds two people: not made: nobody is bound yet, so no user name is known that fits" in out
    assert "  binds all who are logged in: denied by berth-bindings" in out
    assert "Every attempt was refused" not in out
    assert "not everything could be tried" in str(error)


def test_attack_on_a_cluster_that_is_away_fails(clusters_file: Facts) -> None:
    with pytest.raises(CommandError):
        run("attack", "nautilus")


@pytest.mark.parametrize(
    ("subject", "good"), [("http://cilogon.org/serverA/users/4713", True), ("system:masters", False)]
)
def test_check_of_a_token_compares_the_names(
    real: ControlPlane, monkeypatch: pytest.MonkeyPatch, subject: str, *, good: bool
) -> None:
    trust = real.config.issuers[0]
    text = id_token(
        real.layout.oidc_signing_key.read_bytes(), iss=trust.issuer, aud=trust.client_id, sub=subject
    )
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
    if good:
        assert f"agree on the name {subject}" in run("check", real.config.name, "--token")[0]
    else:
        with pytest.raises(CommandError, match="not ready"):
            run("check", real.config.name, "--token")
