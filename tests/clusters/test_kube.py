"""The way to a cluster and back when something on it is wrong. What works is in the contract suite."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from clusters import kube
from clusters.api import (
    NAMESPACE,
    ROLE_BINDING,
    AccessQuestion,
    ClusterError,
    Conflict,
    Gone,
    Invalid,
    NotFound,
    Throttled,
    Unauthorized,
    Unavailable,
)
from clusters.config import ClusterConfig
from clusters.kube import KubeCluster, connect
from localcluster.certificates import Authority
from tests.clusters.crooked_server import CrookedServer, crooked_server, hang_up, send
from tests.contract.hands import binding

HTML = b"<html><body>Bad Gateway</body></html>"
READ_PODS = AccessQuestion("get", "pods")


@pytest.fixture
def server(authority: Path) -> Iterator[CrookedServer]:
    with crooked_server(Authority(authority)) as running:
        yield running


@pytest.fixture
def config(server: CrookedServer, tmp_path: Path) -> ClusterConfig:
    return server.config(tmp_path)


@pytest.fixture
def cluster(config: ClusterConfig) -> KubeCluster:
    return KubeCluster(config, config.credentials["worker"])


def namespace(name: str = "avis-fire") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": "1"}}


def page(*names: str, version: str = "7", following: str = "") -> dict[str, Any]:
    items = [{"metadata": {"name": name, "uid": name}} for name in names]
    metadata = {"resourceVersion": version, "continue": following}
    return {"kind": "NamespaceList", "apiVersion": "v1", "items": items, "metadata": metadata}


def cut(body: bytes, *, promised: int) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that promises more than it sends."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(200, body, Content_Length=str(promised))(handler)
        hang_up(handler)

    return answer


def cut_in_chunks(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'10\r\n{"kind": "Namesp')
    handler.wfile.flush()
    hang_up(handler)


CALLS: dict[str, Callable[[KubeCluster], object]] = {
    "get": lambda cluster: cluster.get(NAMESPACE, "avis-fire"),
    "list": lambda cluster: list(cluster.list_pages(NAMESPACE)),
    "create": lambda cluster: cluster.create(ROLE_BINDING, binding("avis-fire")),
    "delete": lambda cluster: cluster.delete(ROLE_BINDING, "berth-x", "avis-fire", uid="1"),
    "review": lambda cluster: cluster.review_access("u", "avis-fire", READ_PODS),
}
BROKEN = {
    "a page of HTML": send(200, HTML),
    "nothing in it": send(200, b""),
    "another object": send(200, {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "x", "uid": "1"}}),
    "an object cut short": cut(b'{"kind": "NamespaceList", "apiVersion": "v1", "items": [', promised=5000),
    "chunks cut short": cut_in_chunks,
    "an error in HTML": send(404, HTML),
    "an address that is not there": send(404, b"404 page not found\n"),
    "a refusal of a proxy": send(403, HTML),
    "a gateway": send(502, HTML),
    "an overload": send(503, HTML),
    "a gateway that waited": send(504, b""),
    "a crash": send(500, {"kind": "Status", "apiVersion": "v1", "message": "leader changed", "code": 500}),
    "a redirection": send(302, b"", Location="https://127.0.0.1:1/elsewhere"),
    "a closed door": hang_up,
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN.keys())
def test_answer_that_is_broken_says_nothing(
    server: CrookedServer,
    cluster: KubeCluster,
    call: Callable[[KubeCluster], object],
    answer: Callable[[BaseHTTPRequestHandler], None],
) -> None:
    server.answer = answer
    with pytest.raises(Unavailable) as raised:
        call(cluster)
    assert raised.value.code == "unavailable"
    assert "first" not in raised.value.message  # the token
    assert len(server.seen) == 1  # nobody tries again behind our back


def test_redirection_is_not_followed_and_the_token_stays(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(307, b"", Location=f"{server.url}/elsewhere")
    with pytest.raises(Unavailable):
        cluster.get(NAMESPACE, "avis-fire")
    assert [seen.path for seen in server.seen] == ["/api/v1/namespaces/avis-fire"]


def test_throttling_passes_on_how_long_to_wait(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(429, b"Too many requests, please try again later.\n", Retry_After="9")
    with pytest.raises(Throttled) as raised:
        cluster.get(NAMESPACE, "avis-fire")
    assert raised.value.retry_after == 9
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [(404, "NotFound", NotFound), (409, "AlreadyExists", Conflict), (422, "Invalid", Invalid)],
)
def test_errors_of_the_api_keep_their_meaning(
    server: CrookedServer, cluster: KubeCluster, status: int, reason: str, kind: type[ClusterError]
) -> None:
    server.answer = send(
        status,
        {"kind": "Status", "apiVersion": "v1", "reason": reason, "message": "x", "details": {"name": "n"}},
    )
    with pytest.raises(kind):
        cluster.get(NAMESPACE, "avis-fire")


# --- Lists ---------------------------------------------------------------------------------------------------------


def in_turn(*answers: Callable[[BaseHTTPRequestHandler], None]) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that is another one each time."""
    rest = iter(answers)

    def answer(handler: BaseHTTPRequestHandler) -> None:
        next(rest)(handler)

    return answer


EXPIRED = {
    "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410,
    "message": "The provided continue parameter is too old", "metadata": {"continue": "inconsistent"},
}  # fmt: skip


def test_list_that_cannot_be_continued_is_gone(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = in_turn(send(200, page("a", following="next")), send(410, EXPIRED))
    pages = cluster.list_pages(NAMESPACE)
    assert [item["metadata"]["name"] for item in next(pages).items] == ["a"]
    with pytest.raises(Gone):
        next(pages)
    assert not [seen for seen in server.seen if "inconsistent" in seen.path]


def test_list_that_goes_on_from_another_moment_is_gone(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = in_turn(send(200, page("a", following="next")), send(200, page("b", version="8")))
    with pytest.raises(Gone):
        list(cluster.list_pages(NAMESPACE))


def test_list_that_goes_round_in_circles_ends(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(200, page("a", following="again"))
    with pytest.raises(Unavailable, match="circles"):
        list(cluster.list_pages(NAMESPACE))


def test_list_that_breaks_off_in_the_middle_says_nothing(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = in_turn(send(200, page("a", following="next")), send(200, HTML))
    with pytest.raises(Unavailable):
        list(cluster.list_pages(NAMESPACE))


def test_answer_without_end_is_cut_off(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "_MAX_ANSWER_BYTES", 1 << 20)
    server.answer = send(200, b" " * (3 << 20))
    with pytest.raises(Unavailable, match="more than"):
        cluster.get(NAMESPACE, "avis-fire")


# --- Silence -------------------------------------------------------------------------------------------------------


def test_silence_ends_with_the_deadline(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "READ_SECONDS", 0.2)
    woken = threading.Event()

    def wait(handler: BaseHTTPRequestHandler) -> None:
        woken.wait(20)
        hang_up(handler)

    server.answer = wait
    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not answer within"):
        cluster.get(NAMESPACE, "avis-fire")
    woken.set()
    assert time.monotonic() - began < 10


def test_an_answer_that_drips_ends_with_the_deadline(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "CALL_SECONDS", 0.5)
    stopped = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not stopped.wait(0.05):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    server.answer = drip
    began = time.monotonic()
    with pytest.raises(Unavailable, match="did not"):
        cluster.get(NAMESPACE, "avis-fire")
    stopped.set()
    assert time.monotonic() - began < 10


def test_nobody_at_the_address_is_said(server: CrookedServer, config: ClusterConfig, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    server.write_credential(tmp_path / "worker.kubeconfig", "t", server=f"https://127.0.0.1:{port}")
    with pytest.raises(Unavailable, match="refused"):
        KubeCluster(config, tmp_path / "worker.kubeconfig").get(NAMESPACE, "avis-fire")


def test_an_unknown_name_is_said(server: CrookedServer, config: ClusterConfig, tmp_path: Path) -> None:
    server.write_credential(tmp_path / "worker.kubeconfig", "t", server="https://nowhere.invalid")
    with pytest.raises(Unavailable, match="name of the API server"):
        KubeCluster(config, tmp_path / "worker.kubeconfig").get(NAMESPACE, "avis-fire")


def test_a_server_of_another_authority_gets_no_token(
    server: CrookedServer, config: ClusterConfig, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other").certificate_file.read_text()
    wrong = ClusterConfig(config.name, "", config.server, other, config.credentials, ())
    with pytest.raises(Unavailable, match="cannot be trusted"):
        KubeCluster(wrong, config.credentials["worker"]).get(NAMESPACE, "avis-fire")
    assert server.seen == []


# --- Credentials ---------------------------------------------------------------------------------------------------


def test_a_renewed_token_counts_at_the_next_call(
    server: CrookedServer, config: ClusterConfig, cluster: KubeCluster
) -> None:
    server.answer = send(200, namespace())
    cluster.get(NAMESPACE, "avis-fire")
    server.write_credential(config.credentials["worker"], "second")
    cluster.get(NAMESPACE, "avis-fire")
    assert [seen.authorization for seen in server.seen] == ["Bearer first", "Bearer second"]


def test_the_client_is_kept_while_the_files_are(server: CrookedServer, cluster: KubeCluster) -> None:
    ports = set()

    def note_port(handler: BaseHTTPRequestHandler) -> None:
        ports.add(handler.client_address[1])
        send(200, namespace())(handler)

    server.answer = note_port
    for _ in range(5):
        cluster.get(NAMESPACE, "avis-fire")
    assert len(ports) == 1  # one connection, kept open


def test_a_credential_that_comes_late_is_used(
    server: CrookedServer, config: ClusterConfig, cluster: KubeCluster
) -> None:
    server.answer = send(200, namespace())
    path = config.credentials["worker"]
    path.unlink()
    with pytest.raises(Unavailable, match="cannot be read"):
        cluster.get(NAMESPACE, "avis-fire")
    server.write_credential(path, "late")
    cluster.get(NAMESPACE, "avis-fire")
    assert [seen.authorization for seen in server.seen] == ["Bearer late"]


@pytest.mark.parametrize("token", ["", " ", "a b", "a\nX-Other: header", "é"])
def test_a_token_that_is_none_is_not_sent(server: CrookedServer, config: ClusterConfig, token: str) -> None:
    path = config.credentials["worker"]
    server.write_credential(path, token)
    with pytest.raises(Unauthorized):
        KubeCluster(config, path).get(NAMESPACE, "avis-fire")
    assert server.seen == []


def test_the_environment_has_no_say(
    server: CrookedServer, config: ClusterConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "decoy" / "pki").mkdir(parents=True)
    with crooked_server(Authority(tmp_path / "decoy" / "pki")) as decoy:
        decoy.write_credential(tmp_path / "decoy" / "config", "decoy")
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, decoy.url)
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "decoy" / "config"))
        monkeypatch.setenv("HOME", str(tmp_path / "decoy"))
        for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.setenv(name, str(tmp_path / "decoy" / "pki" / "ca.crt"))
        server.answer = send(200, namespace())
        KubeCluster(config, config.credentials["worker"]).get(NAMESPACE, "avis-fire")
        assert decoy.seen == []
    assert [seen.authorization for seen in server.seen] == ["Bearer first"]


def test_no_log_shows_the_token(
    server: CrookedServer, cluster: KubeCluster, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = send(500, HTML)
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable):
        cluster.get(NAMESPACE, "avis-fire")
    assert "first" not in caplog.text


# --- What is sent --------------------------------------------------------------------------------------------------


def test_names_cannot_leave_their_place_in_the_address(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(404, HTML)
    with pytest.raises(Unavailable):
        cluster.get(ROLE_BINDING, "../../secrets?x=#y", "a/../b")
    assert server.seen[0].path == (
        "/apis/rbac.authorization.k8s.io/v1/namespaces/a%2F..%2Fb/rolebindings/..%2F..%2Fsecrets%3Fx%3D%23y"
    )


def test_write_asks_that_no_field_be_dropped_in_silence(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(422, {"kind": "Status", "apiVersion": "v1", "message": 'unknown field "roleReff"'})
    with pytest.raises(Invalid, match="roleReff"):
        cluster.create(ROLE_BINDING, {**binding("avis-fire"), "roleReff": {}})
    assert "fieldValidation=Strict" in server.seen[0].path


def test_deletion_sends_the_uid(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(200, {"kind": "Status", "apiVersion": "v1", "status": "Success"})
    cluster.delete(ROLE_BINDING, "berth-x", "avis-fire", uid="the-uid")
    assert b'"uid": "the-uid"' in server.seen[0].body


# --- Many callers --------------------------------------------------------------------------------------------------


def test_every_thread_gets_its_own_answer(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = lambda handler: send(200, namespace(handler.path.rpartition("/")[2]))(handler)
    names = [f"team-{number}" for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda name: cluster.get(NAMESPACE, name)["metadata"]["name"], names))
    assert found == names


def test_answer_about_another_object_says_nothing(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = send(200, namespace("another"))
    with pytest.raises(Unavailable):
        cluster.get(NAMESPACE, "avis-fire")


def test_there_is_one_client_per_account(config: ClusterConfig) -> None:
    assert connect(config, "worker") is connect(config, "worker")
    assert connect(config, "worker") is not connect(config, "observer")


def test_other_facts_make_another_client(
    server: CrookedServer, config: ClusterConfig, tmp_path: Path
) -> None:
    first = connect(config, "worker")
    (tmp_path / "moved").mkdir()
    assert connect(server.config(tmp_path / "moved"), "worker") is not first


def test_a_forked_child_makes_its_own_client(config: ClusterConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    first = connect(config, "worker")
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert connect(config, "worker") is not first


def test_nothing_is_opened_before_the_first_call(config: ClusterConfig) -> None:
    config.credentials["worker"].unlink()
    connect(config, "worker")
