from pathlib import Path

import pytest

from localcluster import kubectl
from localcluster.testing import SharedCluster


def test_our_kubectl_comes_first_and_the_caches_stay_below_home(
    local_cluster: SharedCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/somewhere/else")
    monkeypatch.setenv("BERTH_DEMO_SUBJECT", "somebody")
    environment = kubectl.environment(local_cluster.binaries, tmp_path)
    assert environment["PATH"].startswith(f"{local_cluster.binaries.directory}:{kubectl.PLUGIN_DIRECTORY}:")
    assert environment["KUBECACHEDIR"] == str(tmp_path / "cache")
    assert environment.keys().isdisjoint({"KUBECONFIG", "BERTH_DEMO_SUBJECT"})


def test_client_and_server_have_the_pinned_version(local_cluster: SharedCluster, tmp_path: Path) -> None:
    answer = kubectl.run(
        local_cluster.binaries,
        ["version"],
        kubeconfig=local_cluster.layout.credential("admin"),
        home=tmp_path,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("v1.37.2") == 2
