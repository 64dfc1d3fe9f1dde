"""A watch when something on its way is wrong. What works is in the contract suite."""

from __future__ import annotations

import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from clusters import kube
from clusters.api import ROLE_BINDING, ClusterError, Forbidden, Gone, Unauthorized, Unavailable, WatchEvent
from clusters.kube import KubeCluster
from localcluster.certificates import Authority
from tests.clusters.crooked_server import CrookedServer, crooked_server, hang_up, send

EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "code": 410,
    "reason": "Expired",
    "message": "too old: 1 (7)",
}
RBAC = "rbac.authorization.k8s.io/v1"
METADATA = {"name": "b", "namespace": "avis-fire", "uid": "1", "resourceVersion": "8"}


@pytest.fixture
def server(authority: Path) -> Iterator[CrookedServer]:
    with crooked_server(Authority(authority)) as running:
        yield running


@pytest.fixture
def cluster(server: CrookedServer, tmp_path: Path) -> KubeCluster:
    config = server.config(tmp_path)
    return KubeCluster(config, config.credentials["worker"])


def line(change: object = "ADDED", **metadata: Any) -> bytes:
    """Return one change of a binding as the API server writes it."""
    found = {"kind": "RoleBinding", "apiVersion": RBAC, "metadata": METADATA | metadata}
    return json.dumps({"type": change, "object": found}).encode() + b"\n"


def stream(*pieces: bytes, end: Callable[[BaseHTTPRequestHandler], object] | None = None) -> Any:
    """Return an answer that comes in these pieces, and then ends in order, or in another way."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            handler.wfile.flush()
        if end is None:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            end(handler)

    return answer


def watch(cluster: KubeCluster, seconds: int = 1) -> list[WatchEvent]:
    return list(cluster.watch(ROLE_BINDING, "7", seconds=seconds))


def test_request_says_where_it_begins_and_how_long_it_may_last(
    server: CrookedServer, cluster: KubeCluster
) -> None:
    server.answer = stream(line())
    watch(cluster)
    address = urlsplit(server.seen[0].path)
    assert address.path == "/apis/rbac.authorization.k8s.io/v1/rolebindings"
    assert parse_qs(address.query) == {
        "watch": ["1"], "resourceVersion": ["7"], "timeoutSeconds": ["1"], "allowWatchBookmarks": ["true"],
    }  # fmt: skip


def test_change_is_one_however_the_pieces_are_cut(server: CrookedServer, cluster: KubeCluster) -> None:
    whole = (
        line() + line("BOOKMARK", name=None, uid=None, namespace=None) + line("DELETED", resourceVersion="9")
    )
    server.answer = stream(*(whole[start : start + 7] for start in range(0, len(whole), 7)))
    told = watch(cluster)
    assert [each.change for each in told] == ["ADDED", "BOOKMARK", "DELETED"]
    assert [each.resource_version for each in told] == ["8", "8", "9"]


def test_changes_are_told_while_the_watch_goes_on(server: CrookedServer, cluster: KubeCluster) -> None:
    told = threading.Event()
    server.answer = stream(line(), end=lambda _handler: told.wait(10))
    assert next(cluster.watch(ROLE_BINDING, "7", seconds=30)).change == "ADDED"
    told.set()


def test_changes_carry_no_bookkeeping(server: CrookedServer, cluster: KubeCluster) -> None:
    server.answer = stream(line(managedFields=[{"manager": "berth", "operation": "Update", "fieldsV1": {}}]))
    assert "managedFields" not in watch(cluster)[0].object["metadata"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (send(401, {**EXPIRED, "code": 401}), Unauthorized),
        (send(403, {**EXPIRED, "code": 403}), Forbidden),
        (send(410, EXPIRED), Gone),
        (send(503, b"overloaded"), Unavailable),
        (send(200, b"<html>Bad Gateway</html>"), Unavailable),
        (hang_up, Unavailable),
        (stream(json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n"), Gone),
        (stream(b'{"type": "ERROR", "object": {"code": "410"}}\n'), Unavailable),
        (stream(b'{"type": "ERROR"}\n'), Unavailable),
        (stream(line(), end=hang_up), Unavailable),
        (stream(line()[:40]), Unavailable),
        (stream(line("SHUFFLED")), Unavailable),
        (stream(line(None)), Unavailable),
        (stream(line(uid="")), Unavailable),
        (stream(line(namespace="")), Unavailable),
        (stream(line(resourceVersion="")), Unavailable),
        (stream(line().replace(b"RoleBinding", b"Secret")), Unavailable),
        (stream(b'{"kind": "RoleBindingList", "items": []}\n'), Unavailable),
        (stream(b"[]\n"), Unavailable),
    ],
)  # fmt: skip
def test_watch_that_is_none_is_an_error(
    server: CrookedServer, cluster: KubeCluster, answer: Any, error: type[ClusterError]
) -> None:
    server.answer = answer
    with pytest.raises(error):
        watch(cluster)


def test_watch_that_ends_before_its_time_is_an_error(server: CrookedServer, cluster: KubeCluster) -> None:
    """Else one that ends at once would be asked for again and again without a pause."""
    server.answer = stream(line())
    with pytest.raises(Unavailable, match="before its time"):
        watch(cluster, seconds=60)


def test_silence_beyond_the_end_is_an_error(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "WATCH_MARGIN_SECONDS", -0.7)
    over = threading.Event()
    server.answer = stream(line(), end=lambda _handler: over.wait(20))
    with pytest.raises(Unavailable):
        watch(cluster)
    over.set()


def test_watch_that_never_falls_silent_ends_all_the_same(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "WATCH_MARGIN_SECONDS", -0.5)
    over = threading.Event()

    def drip(handler: BaseHTTPRequestHandler) -> None:
        while not over.wait(0.02):
            handler.wfile.write(b"1\r\n\n\r\n")
            handler.wfile.flush()

    server.answer = stream(line(), end=drip)
    with pytest.raises(Unavailable, match="did not finish"):
        watch(cluster)
    over.set()


def test_line_without_end_is_an_error_and_no_allocation(
    server: CrookedServer, cluster: KubeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube, "_MAX_LINE_BYTES", 1 << 20)
    piece = b" " * (1 << 16)

    def flood(handler: BaseHTTPRequestHandler) -> None:
        for _each in range(1024):
            handler.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))

    server.answer = stream(b'{"type"', end=flood)
    tracemalloc.start()
    with pytest.raises(Unavailable, match="MiB"):
        watch(cluster, seconds=60)
    _now, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 << 20
