import base64
import json
import stat
import subprocess
from pathlib import Path

import pytest

from localcluster import kubectl
from localcluster.kubectl import PLUGIN_DIRECTORY
from localcluster.people import ALEX, ANA, DemoPerson
from localcluster.testing import SharedCluster


def _login(
    cluster: SharedCluster, home: Path, *flags: str, subject: str | None = ANA.subject
) -> subprocess.CompletedProcess[str]:
    """Call the plugin as kubectl does: by its name, on PATH."""
    authority = f"--certificate-authority={cluster.layout.certificate_authority}"
    return subprocess.run(
        ["kubectl-oidc_login", "get-token", f"--oidc-issuer-url={cluster.layout.issuer}", authority, *flags],
        env=cluster.kubectl_environment(home, subject=subject),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def kubeconfig(local_cluster: SharedCluster, tmp_path: Path) -> Path:
    layout = local_cluster.layout
    authority = base64.b64encode(layout.certificate_authority.read_bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "c", "cluster": {"server": layout.api_server, "certificate-authority-data": authority}}
        ],
        "users": [
            {
                "name": "u",
                "user": {
                    "exec": {
                        "apiVersion": "client.authentication.k8s.io/v1",
                        "command": "kubectl-oidc_login",
                        "args": [
                            "get-token",
                            f"--oidc-issuer-url={layout.issuer}",
                            "--oidc-client-id=berth-kubectl",
                            "--oidc-pkce-method=S256",
                            "--oidc-extra-scope=email",
                            f"--certificate-authority-data={authority}",
                        ],
                        "interactiveMode": "IfAvailable",
                    }
                },
            }
        ],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = tmp_path / "config"
    path.write_text(json.dumps(document))
    return path


def _whoami(
    cluster: SharedCluster, kubeconfig: Path, home: Path, subject: str
) -> subprocess.CompletedProcess[str]:
    arguments = ["auth", "whoami", "--output=json"]
    return kubectl.run(cluster.binaries, arguments, kubeconfig=kubeconfig, home=home, subject=subject)


@pytest.mark.parametrize("person", [ANA, ALEX])
def test_kubectl_is_the_person_at_the_api_server(
    local_cluster: SharedCluster, kubeconfig: Path, tmp_path: Path, person: DemoPerson
) -> None:
    answer = _whoami(local_cluster, kubeconfig, tmp_path, person.subject)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"]["userInfo"]["username"] == person.subject


def test_unknown_person_gets_no_token(local_cluster: SharedCluster, kubeconfig: Path, tmp_path: Path) -> None:
    answer = _whoami(local_cluster, kubeconfig, tmp_path, "http://cilogon.org/serverA/users/1")
    assert answer.returncode != 0
    assert "did not log http://cilogon.org/serverA/users/1 in" in answer.stderr


def test_token_is_kept_for_the_next_call_and_for_the_owner_only(
    local_cluster: SharedCluster, tmp_path: Path
) -> None:
    first, second = (_login(local_cluster, tmp_path, "--oidc-client-id=berth-kubectl") for _ in range(2))
    assert first.returncode == 0, first.stderr
    assert first.stdout == second.stdout
    (kept,) = (tmp_path / "cache" / "oidc-login").iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700


def test_token_is_fresh_when_that_is_asked_for(local_cluster: SharedCluster, tmp_path: Path) -> None:
    flags = ["--oidc-client-id=berth-kubectl", "--force-refresh"]
    first, second = (_login(local_cluster, tmp_path, *flags) for _ in range(2))
    assert json.loads(first.stdout)["status"]["token"] != json.loads(second.stdout)["status"]["token"]


def test_token_of_one_person_is_never_given_to_another(local_cluster: SharedCluster, tmp_path: Path) -> None:
    flag = "--oidc-client-id=berth-kubectl"
    tokens = {
        json.loads(_login(local_cluster, tmp_path, flag, subject=person.subject).stdout)["status"]["token"]
        for person in (ANA, ALEX)
    }
    assert len(tokens) == 2


def test_damaged_cache_is_not_used(local_cluster: SharedCluster, tmp_path: Path) -> None:
    flag = "--oidc-client-id=berth-kubectl"
    _login(local_cluster, tmp_path, flag)
    (kept,) = (tmp_path / "cache" / "oidc-login").iterdir()
    kept.write_text("no token")
    assert _login(local_cluster, tmp_path, flag).returncode == 0


def test_nothing_is_kept_if_storage_is_none(local_cluster: SharedCluster, tmp_path: Path) -> None:
    answer = _login(local_cluster, tmp_path, "--oidc-client-id=berth-kubectl", "--token-cache-storage=none")
    assert answer.returncode == 0, answer.stderr
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--oidc-client-id=x", "--oidc-use-pkce"], "Error: unknown flag: --oidc-use-pkce"),
        (["--oidc-client-id=x", "--oidc-issuer=y"], "Error: unknown flag: --oidc-issuer=y"),
        ([], "Error: --oidc-client-id is missing"),
        (["--oidc-client-id=x", "--force-refresh=maybe"], "'maybe' is neither true nor false"),
        (["--oidc-client-id=berth-kubectl", "--grant-type=device-code"], "no grant type device-code"),
        (["--oidc-client-id=berth-kubectl", "--oidc-pkce-method=no"], "did not log"),
        (["--oidc-client-id=berth-portal"], "the token endpoint answered 401: invalid_client"),
        (["--oidc-client-id=x", "--certificate-authority=missing.crt"], "is not there: missing.crt"),
        (["--oidc-client-id=x", "--certificate-authority-data=%%%"], "certificate authority cannot be read"),
    ],
)
def test_fault_is_told_in_one_line_without_a_token(
    local_cluster: SharedCluster, tmp_path: Path, flags: list[str], message: str
) -> None:
    answer = _login(local_cluster, tmp_path, *flags)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert message in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert "eyJ" not in answer.stderr


def test_person_must_be_named(local_cluster: SharedCluster, tmp_path: Path) -> None:
    answer = _login(local_cluster, tmp_path, "--oidc-client-id=berth-kubectl", subject=None)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "BERTH_DEMO_SUBJECT is not set" in answer.stderr


def test_documented_flags_without_meaning_here_are_taken(
    local_cluster: SharedCluster, tmp_path: Path
) -> None:
    answer = _login(
        local_cluster,
        tmp_path,
        "--oidc-client-id=berth-kubectl",
        "--grant-type=authcode",
        "--listen-address=127.0.0.1:12345",
        "--skip-open-browser",
        "--authentication-timeout-sec=60",
        "--token-cache-storage=disk",
        "-v1",
    )
    assert answer.returncode == 0, answer.stderr


def test_provider_that_is_not_trusted_is_refused(local_cluster: SharedCluster, tmp_path: Path) -> None:
    answer = subprocess.run(
        [
            str(PLUGIN_DIRECTORY / "kubectl-oidc_login"),
            "get-token",
            f"--oidc-issuer-url={local_cluster.layout.issuer}",
            "--oidc-client-id=berth-kubectl",
        ],
        env=local_cluster.kubectl_environment(tmp_path, subject=ANA.subject),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in answer.stderr


def test_plugin_names_no_path_of_a_machine() -> None:
    launcher = (PLUGIN_DIRECTORY / "kubectl-oidc_login").read_text()
    assert launcher.startswith("#!/bin/sh\n")
    assert "/home/" not in launcher
