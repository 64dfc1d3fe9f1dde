"""The file that people download."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.client import Configuration
from kubernetes.config.kube_config import KubeConfigLoader

from clusters.config import ClusterConfig, IssuerTrust
from clusters.kubeconfig import Context, Login, build
from localcluster import kubectl
from localcluster.plugin.oidc_login import parse
from tests.conftest import ControlPlane

KUBECONFIG_LOADER: Any = KubeConfigLoader  # without types of its own
AUTHORITY = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
CILOGON = IssuerTrust("https://cilogon.org", "cilogon:/client_id/1", "", "http://cilogon[.]org/.*")
PRIVATE = IssuerTrust("https://idp.example.edu", "berth-kubectl", "example:", "example:.*", AUTHORITY)


def cluster(name: str = "nautilus", server: str = "https://api.example.edu:6443") -> ClusterConfig:
    return ClusterConfig(name, name.title(), server, AUTHORITY, {}, (CILOGON, PRIVATE))


def contexts(*namespaces: str | None, issuer: IssuerTrust = CILOGON) -> list[Context]:
    return [Context(cluster(), issuer, namespace) for namespace in namespaces]


def read(data: bytes) -> dict[str, Any]:
    return yaml.safe_load(data)  # type: ignore[no-any-return]


def arguments(data: bytes) -> list[str]:
    return read(data)["users"][0]["user"]["exec"]["args"]  # type: ignore[no-any-return]


def test_there_is_one_context_for_each_namespace_and_one_in_use() -> None:
    made = read(build(contexts("scipp", "avis-fire")))
    assert made["current-context"] == "avis-fire.nautilus"
    assert made["contexts"] == [
        {
            "name": f"{namespace}.nautilus",
            "context": {"cluster": "nautilus", "user": "berth-nautilus", "namespace": namespace},
        }
        for namespace in ("avis-fire", "scipp")
    ]
    assert len(made["clusters"]) == len(made["users"]) == 1


def test_the_context_in_use_can_be_chosen() -> None:
    made = read(build(contexts("scipp", "avis-fire"), current="scipp.nautilus"))
    assert made["current-context"] == "scipp.nautilus"


def test_somebody_without_a_namespace_gets_a_file_too() -> None:
    made = read(build(contexts(None)))
    assert made["current-context"] == "nautilus"
    assert made["contexts"] == [
        {"name": "nautilus", "context": {"cluster": "nautilus", "user": "berth-nautilus"}}
    ]


def test_authority_of_the_cluster_is_inside() -> None:
    made = read(build(contexts("avis-fire")))["clusters"][0]["cluster"]
    assert made["server"] == "https://api.example.edu:6443"
    assert base64.b64decode(made["certificate-authority-data"]).decode() == AUTHORITY


def test_login_is_by_the_plugin_itself() -> None:
    made = read(build(contexts("avis-fire")))["users"][0]["user"]
    assert list(made) == ["exec"]
    assert made["exec"]["command"] == "kubectl-oidc_login"
    assert made["exec"]["apiVersion"] == "client.authentication.k8s.io/v1"
    assert made["exec"]["interactiveMode"] == "IfAvailable"
    assert made["exec"]["provideClusterInfo"] is False
    assert "int128/kubelogin" in made["exec"]["installHint"]
    assert made["exec"]["args"][:4] == [
        "get-token",
        "--oidc-issuer-url=https://cilogon.org",
        "--oidc-client-id=cilogon:/client_id/1",
        "--oidc-pkce-method=S256",
    ]


def test_authority_of_the_issuer_is_passed_to_the_plugin() -> None:
    encoded = base64.b64encode(AUTHORITY.encode()).decode()
    assert f"--certificate-authority-data={encoded}" in arguments(build(contexts("a-b", issuer=PRIVATE)))
    assert "certificate-authority" not in " ".join(arguments(build(contexts("a-b"))))


@pytest.mark.parametrize("login", ["browser", "no-browser", "device-code"])
def test_plugin_knows_every_argument(login: Login) -> None:
    for issuer in (CILOGON, PRIVATE):
        options = parse(arguments(build(contexts("avis-fire", issuer=issuer), login=login)))
        assert options.oidc_issuer_url == issuer.issuer
        assert options.oidc_client_id == issuer.client_id


def test_there_are_ways_in_without_a_browser() -> None:
    assert "--skip-open-browser" in arguments(build(contexts("a-b"), login="no-browser"))
    assert "--grant-type=device-code" in arguments(build(contexts("a-b"), login="device-code"))


def test_there_is_no_secret_in_it() -> None:
    text = build(contexts("avis-fire", "scipp", issuer=PRIVATE)).decode().lower()
    for word in ("token:", "password", "secret", "client-key", "client-certificate", "private key"):
        assert word not in text


def test_same_rights_give_the_same_bytes() -> None:
    assert build(contexts("scipp", "avis-fire")) == build(contexts("avis-fire", "scipp"))


def test_several_clusters_and_issuers_stay_apart() -> None:
    made = read(
        build(
            [
                Context(cluster("a-b"), CILOGON, "c-d"),
                Context(cluster("a"), CILOGON, "b-c-d"),
                Context(cluster("a"), PRIVATE, "x-y"),
            ]
        )
    )
    assert [context["name"] for context in made["contexts"]] == ["b-c-d.a", "x-y.a", "c-d.a-b"]
    assert [user["name"] for user in made["users"]] == ["berth-a", "berth-a-2", "berth-a-b"]
    assert [one["name"] for one in made["clusters"]] == ["a", "a-b"]


@pytest.mark.parametrize(
    ("given", "current", "words"),
    [
        ([], None, "at least one"),
        (contexts("a-b", "a-b"), None, "same name"),
        (contexts("a-b"), "c-d.nautilus", "no context"),
    ],
)
def test_mistakes_of_ours_are_refused(given: list[Context], current: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build(given, current=current)


def structure(value: Any) -> Any:
    """Return the shape of a document: its keys and lists, without the values."""
    if isinstance(value, dict):
        return {key: structure(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [structure(inner) for inner in value]
    return type(value)


@given(st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60), st.text(min_size=1, max_size=60))
def test_hostile_names_stay_data(namespace: str, name: str, client: str) -> None:
    issuer = IssuerTrust(CILOGON.issuer, client, "", CILOGON.pattern)
    hostile = ClusterConfig(name, name, "https://x", AUTHORITY, {}, (issuer,))
    made = read(build([Context(hostile, issuer, namespace)]))
    assert structure(made) == structure(read(build(contexts("avis-fire"))))
    assert made["contexts"][0]["context"]["namespace"] == namespace
    assert made["clusters"][0]["name"] == name
    assert f"--oidc-client-id={client}" in made["users"][0]["user"]["exec"]["args"]


def test_official_client_reads_it(tmp_path: Path) -> None:
    loader: Any = KUBECONFIG_LOADER(read(build(contexts("avis-fire"))), config_base_path=str(tmp_path))
    loader._load_cluster_info()
    configuration = Configuration()
    loader._set_config(configuration)
    assert configuration.host == "https://api.example.edu:6443"
    assert Path(configuration.ssl_ca_cert or "").read_text() == AUTHORITY
    assert loader.current_context["context"]["namespace"] == "avis-fire"


def file_for(control_plane: ControlPlane, path: Path, namespace: str) -> Path:
    """Write the file for somebody who is in this namespace of the real cluster."""
    config = control_plane.config
    path.write_bytes(build([Context(config, config.issuers[0], namespace)]))
    return path


def test_kubectl_logs_in_with_it_as_the_person_and_stands_in_the_namespace(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    config = file_for(control_plane, tmp_path / "config", "1e3")
    person = control_plane.layout.people()[0].subject

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return kubectl.run(
            control_plane.binaries, arguments, kubeconfig=config, home=tmp_path, subject=person
        )

    whoami = run("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    assert whoami.stdout == control_plane.config.username(control_plane.layout.issuer, person), whoami.stderr
    pods = run("get", "pods")
    assert f'User "{person}" cannot list resource "pods"' in pods.stderr
    assert 'in the namespace "1e3"' in pods.stderr


def test_kubectl_says_how_to_install_a_missing_plugin(control_plane: ControlPlane, tmp_path: Path) -> None:
    config = file_for(control_plane, tmp_path / "config", "avis-fire")
    bare = tmp_path / "bin"
    bare.mkdir()
    (bare / "kubectl").symlink_to(control_plane.binaries["kubectl"])
    done = subprocess.run(
        [bare / "kubectl", f"--kubeconfig={config}", "get", "pods"],
        env={"PATH": str(bare), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "brew install kubelogin" in done.stderr
