"""Whole lives of a control plane: each test starts its own, on free ports."""

import datetime
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster import bootstrap, supervisor
from localcluster.admin_api import AdminApi
from localcluster.layout import Layout
from localcluster.processes import ChildDied, PortTaken, check_port, module_environment
from localcluster.testing import SharedCluster
from tests.localcluster import documents

Start = Callable[..., subprocess.Popen[str]]
SECONDS = 180.0


@pytest.fixture
def start(layout: Layout, tmp_path: Path) -> Iterator[Start]:
    """Return a function that runs `python -m localcluster run` for the layout."""
    texts = documents.minimal(layout)
    (tmp_path / "manifests.yaml").write_text(texts.manifests)
    (tmp_path / "authentication.yaml").write_text(texts.authentication)
    started: list[subprocess.Popen[str]] = []

    def run(*wrapper: str, **changes: Path) -> subprocess.Popen[str]:
        named = {
            "directory": layout.directory,
            "manifests": tmp_path / "manifests.yaml",
            "authentication": tmp_path / "authentication.yaml",
            **changes,
        }
        flags = [f"--{name}={path}" for name, path in named.items()]
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "localcluster", "run", *flags],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=module_environment(),
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate(timeout=SECONDS)


def _status(layout: Layout) -> dict[str, str]:
    try:
        status: dict[str, str] = json.loads(layout.status_file.read_text())
    except FileNotFoundError:
        return {}
    return status


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)


def _until_ready(layout: Layout, process: subprocess.Popen[str]) -> None:
    _until(lambda: _status(layout).get("state") == "ready" or process.poll() is not None, "readiness")
    assert process.poll() is None, process.communicate()[0]


def _children(pid: int) -> dict[str, int]:
    answer = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=True
    )
    rows = (line.split(maxsplit=1) for line in answer.stdout.splitlines())
    return {command: int(child) for child, command in rows}


def _ports_are_free(layout: Layout) -> bool:
    ports = layout.ports
    try:
        for port in (ports.api_server, ports.etcd, ports.etcd_peer):
            check_port(port, "the tests")
    except PortTaken:
        return False
    return True


def test_second_start_keeps_the_data_and_renews_the_credentials(layout: Layout, start: Start) -> None:
    api = AdminApi(layout)
    accounts = ("worker", "observer", "reaper")
    first = start()
    _until_ready(layout, first)
    api.expect("POST", "/api/v1/namespaces", {"metadata": {"name": "avis-fire"}})
    before = [layout.credential(account).read_text() for account in accounts]
    first.terminate()
    said, _ = first.communicate(timeout=SECONDS)
    assert first.returncode == 0
    assert said.splitlines()[-1] == "the local cluster is stopped"
    assert _status(layout)["state"] == "stopped"
    assert _ports_are_free(layout)

    second = start()
    _until_ready(layout, second)
    assert api.expect("GET", "/api/v1/namespaces/avis-fire")["status"]["phase"] == "Active"
    after = [layout.credential(account).read_text() for account in accounts]
    assert all(old != new for old, new in zip(before, after, strict=True))


def test_second_run_is_refused_and_nothing_outlives_the_first_when_it_is_killed(
    layout: Layout, start: Start
) -> None:
    first = start()
    _until_ready(layout, first)
    said, _ = (second := start()).communicate(timeout=SECONDS)
    assert second.returncode == 1
    assert f"already runs from {layout.directory} (process {first.pid})" in said
    assert _status(layout)["state"] == "ready"

    assert sorted(_children(first.pid)) == ["etcd", "kube-apiserver", "kube-controller"]
    first.kill()
    first.wait(SECONDS)
    _until(lambda: _ports_are_free(layout), "the end of the children")


@pytest.fixture
def slow_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Missing binaries, and a Go toolchain that takes for ever; returns where it notes its process id."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(
        '#!/bin/sh\nif [ "$1" = version ]; then echo go version go1.26.8; exit; fi\n'
        f"echo $$ > {tmp_path / 'pid'}\nexec sleep 600\n"
    )
    (tools / "go").chmod(0o755)
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "pid"


def _is_building(layout: Layout, pid: Path) -> bool:
    return _status(layout).get("state") == "building" and pid.exists() and pid.read_text() != ""


def test_build_is_told_in_the_status_and_can_be_interrupted(
    layout: Layout, start: Start, slow_build: Path
) -> None:
    process = start()
    _until(lambda: _is_building(layout, slow_build), "the build")
    assert "building etcd, 1 of 4, 0 s" in _status(layout)["detail"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert _status(layout)["state"] == "stopped"
    _until(lambda: not Path(f"/proc/{slow_build.read_text().strip()}").exists(), "the end of the build")


def test_run_ends_when_its_parent_dies(layout: Layout, start: Start, slow_build: Path) -> None:
    parent = start("sh", "-c", '"$@" & wait', "sh")
    _until(lambda: _is_building(layout, slow_build), "the build")
    parent.kill()
    parent.communicate(timeout=SECONDS)
    assert _status(layout)["state"] == "stopped"


def test_death_of_a_part_ends_the_run_with_the_end_of_its_log(layout: Layout, start: Start) -> None:
    process = start()
    _until_ready(layout, process)
    os.kill(_children(process.pid)["kube-controller"], signal.SIGKILL)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "kube-controller-manager was ended by SIGKILL. The end of" in said
    assert len(said.splitlines()) > 10
    status = _status(layout)
    assert status["state"] == "failed"
    assert "kube-controller-manager was ended by SIGKILL" in status["detail"]
    assert "\n" not in status["detail"]
    assert _ports_are_free(layout)


def test_taken_port_is_named_with_its_purpose(layout: Layout, start: Start) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", layout.ports.api_server))
        other.listen()
        said, _ = (process := start()).communicate(timeout=SECONDS)
    assert process.returncode == 1
    expected = (
        f"port {layout.ports.api_server} on 127.0.0.1 is taken, and it is needed for the Kubernetes API"
    )
    assert expected in said
    assert "Traceback" not in said
    assert expected in _status(layout)["detail"]


def test_refused_authentication_is_told_in_the_words_of_the_server(
    layout: Layout, start: Start, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("apiVersion: apiserver.config.k8s.io/v1\nkind: Nonsense\n")
    said, _ = (process := start(authentication=wrong)).communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "kube-apiserver ended with code 1" in said
    assert "Nonsense" in said


def test_missing_file_is_named(layout: Layout, start: Start, tmp_path: Path) -> None:
    said, _ = (process := start(manifests=tmp_path / "nowhere.yaml")).communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "nowhere.yaml is not a file" in said


def test_missing_binaries_are_told_in_the_status(
    layout: Layout, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    start().communicate(timeout=SECONDS)
    status = _status(layout)
    assert status["state"] == "failed"
    assert "KUBEBUILDER_ASSETS is" in status["detail"]


class Ticking:
    """A control plane that lives for so many looks, with an API of its own or a real one."""

    def __init__(self, api: AdminApi, looks: int) -> None:
        self.api = api
        self._looks = looks

    def check(self) -> None:
        if not self._looks:
            raise ChildDied("enough")
        self._looks -= 1


def test_credentials_are_renewed_while_it_runs(
    local_cluster: SharedCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "TOKEN_RENEWAL", datetime.timedelta(0))
    monkeypatch.setattr(supervisor, "_WATCH_SECONDS", 0.0)
    place = local_cluster.layout
    before = place.credential("worker").read_text()
    with pytest.raises(ChildDied):
        supervisor._watch(place, Ticking(AdminApi(place), 1), None, print)
    assert place.credential("worker").read_text() != before


def test_failed_renewal_is_said_and_tried_again(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "TOKEN_RENEWAL", datetime.timedelta(0))
    monkeypatch.setattr(supervisor, "_WATCH_SECONDS", 0.0)
    monkeypatch.setattr(supervisor, "_RENEWAL_RETRY_SECONDS", 0.0)
    said: list[str] = []
    with pytest.raises(ChildDied):
        supervisor._watch(layout, Ticking(AdminApi(layout), 2), None, said.append)
    assert len(said) == 2
    assert "could not be renewed, trying again" in said[0]


def test_token_is_renewed_well_before_its_end() -> None:
    assert bootstrap.TOKEN_RENEWAL * 2 < bootstrap.TOKEN_LIFETIME
