"""`make demo` as a person has it: every program real, the local cluster included. Slow: few tests, each asks much."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster.processes import free_ports

ROOT = Path(__file__).parents[2]
SECONDS = 120.0
PORTS = (
    "BERTH_DEMO_PORT",
    "BERTH_DEMO_PORT_REDIS",
    "BERTH_DEMO_PORT_SMTP",
    "BERTH_DEMO_PORT_OIDC_HTTPS",
    "BERTH_DEMO_PORT_OIDC_HTTP",
    "BERTH_DEMO_PORT_API_SERVER",
    "BERTH_DEMO_PORT_ETCD",
    "BERTH_DEMO_PORT_ETCD_PEER",
)
PROGRAMS = {"redis", "mail", "cluster", "login", "web", "worker", "beat"}


class Demo:
    """One demonstration in one directory, started as often as a test likes."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        ports = dict(zip(PORTS, map(str, free_ports(len(PORTS))), strict=True))
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "DATABASE_URL"))
        }
        self.environment = kept | ports | {"BERTH_DATA_DIR": str(directory), "PYTHONUNBUFFERED": "1"}
        self.url = f"http://localhost:{ports['BERTH_DEMO_PORT']}"
        self.output = directory.with_suffix(".log")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        self.output.write_bytes(b"")
        with self.output.open("ab") as output:
            command = [sys.executable, "manage.py", "dev"]
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment, stdout=output, stderr=output, process_group=0
            )
        return self.process

    def said(self) -> str:
        return self.output.read_text(errors="replace")

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self.process is not None
            assert self.process.poll() is None, f"it ended before {what}:\n{self.said()}"
            assert time.monotonic() < deadline, f"not within {SECONDS:.0f} s: {what}\n{self.said()}"
            time.sleep(0.1)

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/namespaces/", timeout=5) as answer:
                return b"avis-fire" in answer.read()
        except (urllib.error.URLError, OSError):
            return False

    def is_ready(self) -> bool:
        return bool(json.loads((self.directory / "cluster" / "status.json").read_text())["state"] == "ready")

    def until_everything_runs(self) -> None:
        self.until(lambda: "The cluster is ready" in self.said(), "the word that the cluster is ready")
        self.until(
            lambda: {path.stem for path in (self.directory / "logs").iterdir()} >= PROGRAMS, "its programs"
        )

    def processes(self) -> dict[int, str]:
        """Return what still runs in this directory or on these ports, by process id."""
        marks = [str(self.directory), *(f":{self.environment[name]}" for name in PORTS)]
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                environment = (place / "environ").read_bytes().decode(errors="replace")
            except OSError:
                continue
            told = f"BERTH_DATA_DIR={self.directory}" in environment
            if (
                command
                and int(place.name) != os.getpid()
                and (told or any(mark in command for mark in marks))
            ):
                found[int(place.name)] = command
        return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    demo = Demo(tmp_path / "data")
    yield demo
    if demo.process is not None and demo.process.poll() is None:
        demo.process.send_signal(signal.SIGTERM)
        demo.process.wait(30)


def ends(demo: Demo) -> None:
    deadline = time.monotonic() + 15
    while left := demo.processes():
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


def test_ctrl_c_ends_everything_and_a_second_start_keeps_the_data(demo: Demo) -> None:
    process = demo.start()
    demo.until(demo.answers, "the directory")
    demo.until_everything_runs()
    key = (demo.directory / "secret-key").read_text()
    assert "Ana Kim" in demo.said()
    assert demo.url in demo.said()

    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert not demo.processes()
    assert json.loads((demo.directory / "cluster" / "status.json").read_text())["state"] == "stopped"

    demo.start()
    demo.until(demo.answers, "the directory once more")
    assert (demo.directory / "secret-key").read_text() == key


def test_no_process_is_left_when_the_supervisor_is_killed(demo: Demo) -> None:
    process = demo.start()
    demo.until_everything_runs()
    assert len(demo.processes()) >= len(PROGRAMS)
    process.kill()
    process.wait()
    ends(demo)


def test_a_program_that_dies_ends_everything_and_is_named(demo: Demo) -> None:
    process = demo.start()
    demo.until_everything_runs()
    worker = next(pid for pid, command in demo.processes().items() if " worker " in command)
    os.kill(worker, signal.SIGKILL)
    assert process.wait(20) == 1
    assert "worker was ended by SIGKILL" in demo.said()
    assert not demo.processes()


def test_what_is_in_the_way_is_said_in_words(demo: Demo) -> None:
    process = demo.start()
    demo.until((demo.directory / "dev.lock").exists, "the lock")
    second = subprocess.run(
        [sys.executable, "manage.py", "dev"],
        cwd=ROOT,
        env=demo.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert second.returncode == 1
    assert f"is running already (process {process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
