"""F-07: a watch that is dropped, too old, silent, refused or tells nothing. What a hint misses, the sweep finds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from accounts.models import User
from clusters import kube
from clusters.models import Cluster
from namespaces import sweeping, watching
from namespaces.access import Role
from namespaces.lanes import REVOCATIONS
from namespaces.watching import Watch
from tests.conftest import ControlPlane
from tests.faults import exchange
from tests.faults.exchange import Effect
from tests.faults.lab import Lab, until
from tests.faults.proxy import Proxy
from tests.namespaces.test_worker_processes import Installation

pytestmark = pytest.mark.django_db(transaction=True)
WATCHES = r"/rolebindings\?watch=1"


def refusal(code: int) -> Effect:
    said = {"kind": "Status", "apiVersion": "v1", "code": code, "message": "no"}
    return exchange.status(code, json.dumps(said).encode())


EXPIRED = {
    "kind": "Status",
    "apiVersion": "v1",
    "code": 410,
    "reason": "Expired",
    "message": "too old: 1 (7)",
}
FAULTS: dict[str, Effect] = {
    "dropped at once": exchange.reset,
    "dropped midway": exchange.break_off(),
    "too old": exchange.status(200, json.dumps({"type": "ERROR", "object": EXPIRED}).encode() + b"\n"),
    "bookmarks only": exchange.only_bookmarks,
    "no answer": exchange.swallow,
    "silent": exchange.mute,
    "401": refusal(401),
    "403": refusal(403),
    "503": exchange.status(503, b"overloaded"),
    "200 in HTML": exchange.status(200, exchange.HTML),
    "200 with nothing": exchange.status(200),
}


def delete(lab: Lab, person: User) -> None:
    """Delete somebody's binding by hand."""
    lab.outside.expect("DELETE", f"{lab.bindings_path}/{lab.binding(person, 'editor')}")
    assert lab.binding(person, "editor") not in lab.bindings()


class TestBrokenWatches:
    @pytest.fixture
    def knocks(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        made: list[str] = []
        monkeypatch.setattr(watching, "request_look", lambda ids, lane: made.extend([lane] * len(ids)))
        return made

    @pytest.fixture
    def watch(
        self, lab: Lab, proxy: Proxy, knocks: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Watch]:
        """A watch through the proxy whose patience is seconds."""
        monkeypatch.setattr(watching, "WATCH_SECONDS", (2, 2))
        monkeypatch.setattr(watching, "BACKOFF_LIMIT_SECONDS", 1.0)
        monkeypatch.setattr(kube, "WATCH_MARGIN_SECONDS", 1)
        monkeypatch.setattr(kube, "READ_SECONDS", 2)
        running = Watch(lab.row.cluster.name)
        running.start()
        yield running
        running.stop()
        for thread in running._threads:
            thread.join(20)
            assert not thread.is_alive()

    def assert_repaired(self, lab: Lab, watch: Watch, proxy: Proxy, knocks: list[str], person: User) -> None:
        """A new watch begins, and tells of a binding that is deleted after that."""
        proxy.calls.clear()
        until(lambda: bool(proxy.made("GET", WATCHES)), "a watch")
        knocks.clear()
        delete(lab, person)
        until(lambda: watch.ring() or bool(knocks), "a knock")  # type: ignore[func-returns-value]
        assert knocks == [REVOCATIONS]

    @pytest.mark.parametrize("effect", FAULTS.values(), ids=FAULTS.keys())
    def test_it_begins_anew_and_the_sweep_finds_what_it_missed(
        self,
        lab: Lab,
        proxy: Proxy,
        watch: Watch,
        knocks: list[str],
        effect: Effect,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        person = lab.member(Role.EDITOR)
        with proxy.breaking(effect, "GET", WATCHES) as rule:
            until(lambda: rule.hits >= 2, "two watches that break")
            knocks.clear()
            before = rule.hits
            delete(lab, person)
            sweeping.sweep_clusters()
            assert lab.binding(person, "editor") in lab.bindings()
            until(lambda: rule.hits > before, "a watch that breaks once more")
            watch.ring()
            if effect is not FAULTS["dropped midway"]:
                assert knocks == []
            assert watch.is_whole()
        self.assert_repaired(lab, watch, proxy, knocks, person)
        told = [each.msg for each in caplog.records if isinstance(each.msg, dict)]
        broken = [
            each for each in told
            if str(each.get("event")).startswith("not watched") and each.get("kind") == "rolebindings"
        ]  # fmt: skip
        assert len(broken) == (0 if effect is FAULTS["bookmarks only"] else 1)

    def test_it_comes_back_with_the_cluster(
        self, lab: Lab, proxy: Proxy, watch: Watch, knocks: list[str]
    ) -> None:
        person = lab.member(Role.EDITOR)
        until(lambda: bool(proxy.made("GET", WATCHES)), "a watch")
        with proxy.down():
            delete(lab, person)
            time.sleep(0.5)  # it is refused a few times meanwhile
        sweeping.reconcile_due()
        sweeping.sweep_clusters()
        assert lab.binding(person, "editor") in lab.bindings()
        self.assert_repaired(lab, watch, proxy, knocks, person)


class TestProcess:
    @pytest.fixture
    def installation(self, installation: Installation) -> Installation:
        installation.environment |= {
            "BERTH_SWEEP_SECONDS": "86400",
            "BERTH_LIVENESS_FILE": str(installation.directory / "alive"),
            "BERTH_LOG_FORMAT": "json",
        }
        return installation

    @pytest.fixture
    def lab(self, control_plane: ControlPlane, real_cluster: Cluster) -> Lab:
        made = Lab(control_plane.layout, real_cluster)
        made.reconcile()
        return made

    def test_binding_deleted_by_hand_is_back_without_a_sweep(
        self, lab: Lab, installation: Installation, proxy: Proxy
    ) -> None:
        """A worker without beat, and the watch as a process; then it is told to end."""
        person = lab.member(Role.EDITOR)
        for name in ("redis", "worker", "watch"):
            installation.start(name)
        installation.until(lambda: bool(proxy.made("GET", WATCHES)))
        for _time in range(2):
            delete(lab, person)
            installation.until(lambda: lab.binding(person, "editor") in lab.bindings())
        assert (installation.directory / "alive").exists()
        assert [call.target for call in proxy.writes() if "rolebindings" not in call.target] == []
        child = installation.children.pop("watch")
        child.stop(patience=20)
        assert child._process.returncode == 0
