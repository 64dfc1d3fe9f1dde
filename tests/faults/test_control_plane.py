"""The API server itself dies, forgets, changes its keys, or loses what an operator applied. It is this module's own."""

from __future__ import annotations

import base64
import json
import re
import ssl
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from pytest_django import Settings

from clusters import kube
from clusters.api import NAMESPACE, ROLE_BINDING, ClusterApi, Gone, Page, Unauthorized
from clusters.config import ClusterConfig
from clusters.kube import KubeCluster
from clusters.models import Cluster, ClusterStatus
from clusters.registry import configured_clusters
from clusters.roles import cluster_role
from localcluster import bootstrap
from localcluster.certificates import Authority, signing_key
from localcluster.layout import CLUSTER, write_kubeconfig
from localcluster.processes import LOOPBACK
from namespaces import contact, sweeping
from namespaces.access import Role
from namespaces.models import NamespaceStatus
from namespaces.standing import State
from tests.conftest import documents, row_of_cluster
from tests.faults import exchange
from tests.faults.frail_plane import FrailPlane, frail_plane
from tests.faults.lab import RBAC, Lab, until
from tests.faults.proxy import Proxy, detour

RETURN_SECONDS = 30  # from the return of the API server until everything is as decided
ACCOUNTS_PATH = f"/api/v1/namespaces/{bootstrap.PORTAL_NAMESPACE}/serviceaccounts"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrailPlane]:
    with frail_plane(tmp_path_factory.mktemp("frail"), documents) as running:
        yield running


@pytest.fixture
def proxy(plane: FrailPlane) -> Iterator[Proxy]:
    """Nothing is broken by this one here: it shows what was asked, and in which order."""
    with Proxy(plane.layout) as opened:
        yield opened


@pytest.fixture
def facts(plane: FrailPlane, proxy: Proxy, settings: Settings, tmp_path: Path) -> Path:
    """The directory of the clusters file and of credentials that nobody has refused yet."""
    bootstrap.write_credentials(plane.layout, plane.api)
    settings.CLUSTERS_FILE = str(detour(plane.layout, proxy.address, tmp_path))
    settings.CLUSTER_CONNECT = "clusters.kube.connect"
    return tmp_path


@pytest.fixture
def detoured(facts: Path, db: None) -> Cluster:
    return row_of_cluster()


def work(seconds: float = RETURN_SECONDS) -> None:
    """Do what beat asks of a worker, until nothing is due."""
    deadline = time.monotonic() + seconds
    while True:
        sweeping.reconcile_due()
        if not sweeping.due().exists():
            return
        assert time.monotonic() < deadline, f"it was not done within {seconds} s"


class TestAway:
    """F-01."""

    def test_what_was_decided_meanwhile_is_done_once_at_its_return(
        self, plane: FrailPlane, proxy: Proxy, lab: Lab
    ) -> None:
        labs = [lab, *(Lab(plane.layout, lab.row.cluster) for _each in range(9))]
        leaving = {each: [each.add() for _person in range(4)] for each in labs[1::2]}
        work()
        plane.kill_api_server()
        coming = {each: [each.add() for _person in range(6)] for each in labs[::2]}
        for each, people in leaving.items():
            for person in people:
                each.remove(person)
        sweeping.reconcile_due()
        sweeping.sweep_clusters()
        assert {each.stands(person) for each, people in leaving.items() for person in people} == {
            State.ENDING
        }
        assert {each.stands(person) for each, people in coming.items() for person in people} == {
            State.WAITING
        }
        status = ClusterStatus.objects.get(cluster=lab.row.cluster)
        assert status.state == ClusterStatus.State.UNREACHABLE
        proxy.calls.clear()
        plane.start_api_server()
        work()
        assert {each.stands(person) for each, people in leaving.items() for person in people} == {
            State.REVOKED
        }
        assert {each.stands(person) for each, people in coming.items() for person in people} == {State.ACTIVE}
        assert sorted(call.method for call in proxy.writes()) == ["DELETE"] * 20 + ["POST"] * 30

    def test_worker_of_a_cluster_that_is_away_asks_once(
        self, plane: FrailPlane, proxy: Proxy, lab: Lab
    ) -> None:
        second = Lab(plane.layout, lab.row.cluster)
        for each in (lab, second):
            each.add()
        with proxy.down():
            for each in (lab, second):
                each.reconcile()
        asked = len(proxy.calls)
        with proxy.breaking(exchange.reset):
            sweeping.reconcile_due()
        assert len(proxy.calls) == asked + 1
        work()


class TestListThatExpired:
    """F-05."""

    @pytest.fixture
    def small_pages(self, settings: Settings) -> None:
        settings.CLUSTER_CONNECT = f"{__name__}.connect_with_small_pages"

    def test_sweep_knows_nothing_and_the_next_one_begins_anew(
        self, plane: FrailPlane, proxy: Proxy, lab: Lab, small_pages: None
    ) -> None:
        """The store forgets between two pages what the list began with; the cache of the API server is off."""
        leaves = lab.member()
        lab.remove(leaves)
        with plane.with_flags("--watch-cache=false"):
            cluster = ClusterStatus.objects.get(cluster=lab.row.cluster)
            proxy.calls.clear()
            forget = exchange.first(lambda: compact(plane))
            with (
                proxy.breaking(forget, "GET", "/rolebindings.*continue", times=1) as rule,
                pytest.raises(Gone),
            ):
                sweeping.sweep(lab.row.cluster)
            assert rule.hits == 1
            assert len(proxy.made("GET", "/rolebindings")) == 2  # the token in the error is not used
            assert ClusterStatus.objects.get(cluster=lab.row.cluster).swept_at == cluster.swept_at
            assert proxy.writes() == []
            assert lab.row.pk in sweeping.sweep(lab.row.cluster).differing
            lab.reconcile()
        assert lab.stands(leaves) == State.REVOKED


class TestWatchThatIsTooOld:
    """F-07."""

    def test_is_gone_and_begins_anew_after_a_restart(self, plane: FrailPlane, lab: Lab) -> None:
        """An API server that has started anew knows nothing of what was before: 200, and an error in the stream."""
        api = contact.connect(contact.config_of(lab.row.cluster))
        before = next(api.list_pages(ROLE_BINDING, limit=1)).resource_version
        lab.member()
        plane.kill_api_server()
        plane.start_api_server()
        with pytest.raises(Gone):
            list(api.watch(ROLE_BINDING, before, seconds=5))
        lab.time_passes()
        now = next(api.list_pages(ROLE_BINDING, limit=1)).resource_version
        person = lab.member()
        told = next(each for each in api.watch(ROLE_BINDING, now, seconds=30) if each.change == "ADDED")
        assert told.object["metadata"]["name"] == lab.binding(person, "editor")


class _SmallPages:
    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> object:
        return getattr(self._api, name)

    def list_pages(self, *arguments: object) -> Iterator[Page]:
        return self._api.list_pages(*arguments, limit=2)  # type: ignore[arg-type]


def connect_with_small_pages(config: ClusterConfig, account: str) -> _SmallPages:
    """Connect as a worker of a cluster that is larger than its pages."""
    return _SmallPages(kube.connect(config, account))  # type: ignore[arg-type]


def compact(plane: FrailPlane) -> None:
    """Let etcd forget every revision but its last, after something has changed."""
    metadata = {"generateName": "compact-"}
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
    for _time in range(2):
        plane.api.expect("POST", "/api/v1/namespaces/default/configmaps", manifest)
    revision = etcd(plane, "range", {"key": base64.b64encode(b"x").decode()})["header"]["revision"]
    etcd(plane, "compaction", {"revision": revision, "physical": True})


def etcd(plane: FrailPlane, call: str, body: dict[str, object]) -> dict[str, dict[str, str]]:
    """Call etcd by its JSON gateway."""
    path = {"range": "kv/range", "compaction": "kv/compaction"}[call]
    address = f"http://{LOOPBACK}:{plane.layout.ports.etcd}/v3/{path}"
    request = urllib.request.Request(address, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, dict[str, str]] = json.load(answer)
    return found


@pytest.mark.parametrize("cause", ["deleted account", "rotated keys", "expired token"])
def test_credential_that_is_refused_is_told_and_a_new_one_counts_at_once(
    cause: str, lab: Lab, proxy: Proxy, plane: FrailPlane, facts: Path
) -> None:
    """F-08. Nothing is concluded from a refusal."""
    stays, leaves = lab.member(), lab.member(Role.VIEWER)
    before = lab.bindings()
    lab.remove(leaves)
    refuse(cause, plane, facts, proxy)
    proxy.calls.clear()
    lab.reconcile()
    sweeping.sweep_clusters()
    assert proxy.writes() == []
    assert lab.bindings() == before
    assert (lab.stands(stays), lab.stands(leaves)) == (State.ACTIVE, State.ENDING)
    assert (lab.status().state, lab.status().error_code) == ("degraded", "unauthorized")
    cluster = ClusterStatus.objects.get(cluster=lab.row.cluster)
    assert cluster.state == ClusterStatus.State.REFUSED
    asked = len(proxy.calls)
    sweeping.reconcile_due()
    assert len(proxy.calls) == asked + 1  # no storm of refusals
    renew(plane, facts, proxy)
    lab.time_passes()
    work()
    assert (lab.stands(stays), lab.stands(leaves)) == (State.ACTIVE, State.REVOKED)
    cluster.refresh_from_db()
    assert cluster.state == ClusterStatus.State.REACHABLE


def refuse(cause: str, plane: FrailPlane, facts: Path, proxy: Proxy) -> None:
    """Let the API server refuse the worker's token, and return when it does."""
    account = plane.api.expect("GET", f"{ACCOUNTS_PATH}/worker")
    if cause == "deleted account":
        plane.api.expect("DELETE", f"{ACCOUNTS_PATH}/worker")
        renewed = {key: account["metadata"][key] for key in ("name", "namespace")}
        plane.api.expect("POST", ACCOUNTS_PATH, {**account, "metadata": renewed})
    elif cause == "rotated keys":
        key = plane.layout.service_account_key
        key.unlink()
        signing_key(key)
        plane.kill_api_server()
        plane.start_api_server()
    else:
        claims = {
            "iss": "https://kubernetes.default.svc", "aud": ["https://kubernetes.default.svc"],
            "sub": f"system:serviceaccount:{bootstrap.PORTAL_NAMESPACE}:worker",
            "iat": int(time.time()) - 7200, "nbf": int(time.time()) - 7200, "exp": int(time.time()) - 3600,
            "kubernetes.io": {
                "namespace": bootstrap.PORTAL_NAMESPACE,
                "serviceaccount": {"name": "worker", "uid": account["metadata"]["uid"]},
            },
        }  # fmt: skip
        token = jwt.encode(claims, plane.layout.service_account_key.read_bytes(), algorithm="RS256")
        write_kubeconfig(plane.layout, "worker", {"token": token})
        detour(plane.layout, proxy.address, facts)
    config = configured_clusters()[CLUSTER]
    until(lambda: not is_let_in(config), "the refusal")


def is_let_in(config: ClusterConfig) -> bool:
    try:
        KubeCluster(config, config.credentials["worker"]).get(NAMESPACE, "kube-system")
    except Unauthorized:
        return False
    return True


def renew(plane: FrailPlane, facts: Path, proxy: Proxy) -> None:
    """Write new tokens where the worker finds its own."""
    bootstrap.write_credentials(plane.layout, plane.api)
    detour(plane.layout, proxy.address, facts)


class TestRoleThatIsMissing:
    """F-15, the half of it that is no change of the role."""

    def test_nobody_is_said_to_have_it_and_ends_go_on(self, plane: FrailPlane, lab: Lab) -> None:
        name = cluster_role("editor")
        leaves = lab.member()
        kept = plane.api.expect("GET", f"{RBAC}/clusterroles/{name}")
        plane.api.expect("DELETE", f"{RBAC}/clusterroles/{name}")
        try:
            until(lambda: not lab.may(leaves), "the end of the role")
            comes = lab.add()
            lab.remove(leaves)
            lab.reconcile()
            assert lab.stands(comes) in (State.WAITING, State.FAILING)
            assert lab.stands(leaves) == State.REVOKED
            assert lab.binding(leaves, "editor") not in lab.bindings()
            assert lab.status().state != NamespaceStatus.State.READY
        finally:
            metadata = {"name": name, "labels": kept["metadata"].get("labels", {})}
            role = {key: kept[key] for key in ("apiVersion", "kind", "rules")} | {"metadata": metadata}
            plane.api.expect("POST", f"{RBAC}/clusterroles", role)
        until(lambda: lab.may(comes), "the role")
        lab.time_passes()
        work()
        assert lab.stands(comes) == State.ACTIVE


class TestAuthorityThatChanges:
    """F-34."""

    def test_new_authority_is_believed_once_the_file_says_so_and_never_before(
        self, plane: FrailPlane, lab: Lab, facts: Path, settings: Settings, tmp_path: Path
    ) -> None:
        """Straight to the API server, whose new certificate was signed by somebody else."""
        settings.CLUSTERS_FILE = str(detour(plane.layout, plane.layout.api_server, tmp_path))
        other = Authority(prepared(tmp_path / "other"))
        certificate, key = other.server("apiserver")
        person = lab.add()
        plane.kill_api_server()
        plane.start_api_server(
            f"--tls-cert-file={certificate}",
            f"--tls-private-key-file={key}",
            ready=lambda: answers(other, plane),
        )
        try:
            lab.reconcile()
            assert "cannot be trusted" in lab.status().error_message
            assert lab.stands(person) == State.WAITING
            believe(tmp_path, other)
            lab.time_passes()
            work()
            assert lab.stands(person) == State.ACTIVE
        finally:
            plane.kill_api_server()
            plane.start_api_server()


def prepared(directory: Path) -> Path:
    directory.mkdir()
    return directory


def answers(authority: Authority, plane: FrailPlane) -> bool:
    context = ssl.create_default_context(cafile=str(authority.certificate_file))
    try:
        with urllib.request.urlopen(
            f"{plane.layout.api_server}/readyz", timeout=5, context=context
        ) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def believe(directory: Path, authority: Authority) -> None:
    """Name another authority in the file of facts and in the credential, as an operator would."""
    for path in (directory / f"{CLUSTER}.yaml", directory / f"{CLUSTER}-worker.kubeconfig"):
        named = re.compile(r"(certificate-authority|certificate_authority_file): .*")
        text = named.sub(rf"\1: {authority.certificate_file}", path.read_text())
        new = path.with_suffix(".new")
        new.write_text(text)
        new.replace(path)
