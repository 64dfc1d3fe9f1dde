"""The health check of the containers, as a container engine runs it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from localcluster.processes import free_ports

PROBE = Path(__file__).parents[2] / "portal" / "probe.py"


def probe(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", str(PROBE)],
        env=variables,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


class _Web(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def web() -> Iterator[HTTPServer]:
    with HTTPServer(("127.0.0.1", 0), _Web) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_web_process_that_answers_is_healthy(web: HTTPServer) -> None:
    assert probe(BERTH_BIND=f"0.0.0.0:{web.server_port}").returncode == 0


def test_a_web_process_that_fails_is_not(web: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Web, "status", 500)
    assert probe(BERTH_BIND=f"0.0.0.0:{web.server_port}").returncode == 1


def test_a_web_process_that_is_away_is_not() -> None:
    ended = probe(BERTH_BIND=f"0.0.0.0:{free_ports(1)[0]}")
    assert ended.returncode == 1
    assert "no answer on port" in ended.stderr


def test_a_worker_that_showed_life_is_healthy(tmp_path: Path) -> None:
    (tmp_path / "alive").touch()
    assert probe(BERTH_PROCESS="worker", BERTH_LIVENESS_FILE=str(tmp_path / "alive")).returncode == 0


def test_a_worker_that_has_been_silent_is_not(tmp_path: Path) -> None:
    (tmp_path / "alive").touch()
    long_ago = time.time() - 61
    os.utime(tmp_path / "alive", (long_ago, long_ago))
    ended = probe(BERTH_PROCESS="worker", BERTH_LIVENESS_FILE=str(tmp_path / "alive"))
    assert ended.returncode == 1
    assert "the last sign of life is 61 s old" in ended.stderr


def test_a_worker_that_never_started_is_not(tmp_path: Path) -> None:
    assert probe(BERTH_PROCESS="worker", BERTH_LIVENESS_FILE=str(tmp_path / "alive")).returncode == 1
