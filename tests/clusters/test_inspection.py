"""What an operator's credential shows; the findings about a real cluster are in the tests of the command."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from clusters import inspection
from clusters.api import ClusterError
from clusters.kube import KubeCluster
from localcluster.certificates import Authority
from tests.clusters.crooked_server import CrookedServer, crooked_server, send


@pytest.fixture
def server(authority: Path) -> Iterator[CrookedServer]:
    with crooked_server(Authority(authority)) as running:
        yield running


@pytest.fixture
def operator(server: CrookedServer, tmp_path: Path) -> KubeCluster:
    return KubeCluster(server.config(tmp_path), tmp_path / "worker.kubeconfig")


@pytest.mark.parametrize(
    ("version", "good"),
    [
        ("v1.30.0", True), ("v1.37.2", True), ("v1.31.4+k3s1", True), ("v2.0.0", True),
        ("v1.29.9", False), ("v1.9.0", False), ("v1.3.0", False), ("", False), ("unknown", False),
    ],
)  # fmt: skip
def test_versions_that_are_new_enough_are_good(
    server: CrookedServer, operator: KubeCluster, version: str, *, good: bool
) -> None:
    server.answer = send(200, {"major": "1", "gitVersion": version})
    finding = inspection.version(operator)
    assert finding.good is good
    assert server.seen[0].path == "/version"
    if version.startswith("v"):
        assert version in finding.sentence
        assert "1.30" in finding.sentence


def test_a_version_that_is_refused_or_no_answer_is_wrong(
    server: CrookedServer, operator: KubeCluster
) -> None:
    server.answer = send(403, {"kind": "Status", "message": "no"})
    assert not inspection.version(operator).good
    server.answer = send(200, b"<html>")
    assert not inspection.version(operator).good


def test_an_object_that_cannot_be_read_is_wrong_and_not_missing(
    server: CrookedServer, operator: KubeCluster
) -> None:
    server.answer = send(403, {"kind": "Status", "message": "User cannot get"})
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "x", "namespace": "y", "labels": {}},
    }
    first, last = inspection.objects(operator, [wanted])
    assert not first.good
    assert first.sentence == "ConfigMap x could not be read: User cannot get"
    assert last.sentence == "0 objects are as the manifests say."


def test_every_page_of_bindings_is_looked_at(server: CrookedServer, operator: KubeCluster) -> None:
    def page(handler: BaseHTTPRequestHandler) -> None:
        ours = [{"kind": "ServiceAccount", "name": "worker", "namespace": "berth-system"}]
        second = "continue=" in handler.path
        item = {"metadata": {"name": "b" if second else "a"}, "roleRef": {"name": "edit"}, "subjects": ours}
        items = [] if "/rolebindings" in handler.path else [item]
        following = "" if second or not items else "next"
        send(200, {"kind": "List", "items": items, "metadata": {"continue": following}})(handler)

    server.answer = page
    found = [finding.sentence for finding in inspection.strangers(operator, [])]
    assert found == [f"ClusterRoleBinding {name} gives worker the role edit." for name in "ab"]


def test_bindings_that_cannot_be_listed_are_not_none(server: CrookedServer, operator: KubeCluster) -> None:
    server.answer = send(403, {"kind": "Status", "message": "User cannot list"})
    with pytest.raises(ClusterError, match="User cannot list"):
        list(inspection.strangers(operator, []))


@pytest.mark.parametrize(
    ("subject", "is_ours"),
    [
        ({"kind": "ServiceAccount", "name": "reaper", "namespace": "berth-system"}, True),
        ({"kind": "User", "name": "system:serviceaccount:berth-system:worker"}, True),
        ({"kind": "Group", "name": "system:serviceaccounts:berth-system"}, True),
        ({"kind": "ServiceAccount", "name": "worker", "namespace": "default"}, False),
        ({"kind": "ServiceAccount", "name": "other", "namespace": "berth-system"}, False),
        ({"kind": "Group", "name": "system:authenticated"}, False),
        ({"kind": "User", "name": "worker"}, False),
    ],
)
def test_accounts_are_known_by_each_of_their_names(
    server: CrookedServer, operator: KubeCluster, subject: dict[str, str], *, is_ours: bool
) -> None:
    item = {"metadata": {"name": "x", "namespace": "y"}, "roleRef": {"name": "edit"}, "subjects": [subject]}
    server.answer = send(200, {"kind": "List", "items": [item], "metadata": {}})
    assert bool(list(inspection.strangers(operator, []))) is is_ours
