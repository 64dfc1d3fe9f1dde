import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster.errors import LocalClusterError
from localcluster.processes import (
    Child,
    ChildDied,
    PortTaken,
    check_port,
    file_lock,
    free_ports,
    module_environment,
    wait_until,
    write_atomically,
)


def _shell(script: str, tmp_path: Path) -> Child:
    return Child("the child", ["sh", "-c", script], tmp_path / "logs" / "child.log")


def _gone(pid: int) -> bool:
    """Whether the process ended; a zombie whose new parent has not looked yet has ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_end_of_a_child_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    child = _shell("echo first; echo the reason >&2; exit 3", tmp_path)
    with pytest.raises(ChildDied, match=r"the child ended with code 3(.|\n)*first\nthe reason"):
        wait_until(lambda: False, children=[child], seconds=10, what="it")


def test_log_of_an_earlier_run_is_not_taken_for_this_one(tmp_path: Path) -> None:
    for word in ("old", "new"):
        child = _shell(f"echo {word}", tmp_path)
        child._process.wait(10)
    assert child.log_tail() == "new"


def test_signal_that_ended_a_child_is_named(tmp_path: Path) -> None:
    child = _shell("kill -9 $$", tmp_path)
    with pytest.raises(ChildDied, match="was ended by SIGKILL"):
        wait_until(lambda: False, children=[child], seconds=10, what="it")


def test_waiting_is_bounded(tmp_path: Path) -> None:
    child = _shell("echo thinking; exec sleep 60", tmp_path)
    with pytest.raises(LocalClusterError, match=r"the answer was not ready within 0 s"):
        wait_until(lambda: False, children=[child], seconds=0.2, what="the answer")
    child.stop()


def test_child_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    child = _shell("trap '' TERM; echo ready; while :; do sleep 0.1; done", tmp_path)
    wait_until(lambda: "ready" in child.log_tail(), children=[child], seconds=10, what="the child")
    child.stop(patience=0.2)
    assert not child.is_alive()


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel of Linux does this, others have no such means"
)
def test_child_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time; from localcluster.processes import Child\n"
        "child = Child('c', ['sleep', '600'], pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True); time.sleep(600)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.communicate(timeout=10)
    wait_until(lambda: _gone(child), children=[], seconds=10, what="the end of the child")


def test_taken_port_is_named_with_its_purpose() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} on 127.0.0.1 is taken.*needed for the tests"):
            check_port(port, "the tests")


def test_port_that_may_not_be_used_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcluster.processes.LOOPBACK", "192.0.2.1")  # nobody can listen there
    with pytest.raises(LocalClusterError, match=r"port 18080 .*cannot be used for the tests") as refused:
        check_port(18080, "the tests")
    assert not isinstance(refused.value, PortTaken)


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    for port in ports:
        check_port(port, "the tests")


def test_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_atomically(path, "one")
    write_atomically(path, b"two", mode=0o640)
    assert path.read_text() == "two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["secret"]


def test_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "secret"
    write_atomically(path, "one")

    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, "two")
    assert path.read_text() == "one"
    assert os.listdir(tmp_path) == ["secret"]


def test_lock_is_exclusive_unless_shared(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        file_lock(path, shared=True),
        file_lock(path, shared=True, wait=False),
        pytest.raises(BlockingIOError),
        file_lock(path, wait=False),
    ):
        pass
    with file_lock(path, wait=False) as lock:
        assert not lock.closed
