"""Real processes, small ones: Python programs that say something and wait."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.supervisor import StopRequested, SupervisionError, Supervisor

SECONDS = 20.0
SAYS_AND_WAITS = "print('hello', flush=True); import time; time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
IGNORES_SIGTERM = DEAF + SAYS_AND_WAITS


def python(source: str) -> list[str]:
    return [sys.executable, "-c", source]


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Said(list[str]):
    def __contains__(self, part: object) -> bool:
        return any(str(part) in line for line in self)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def supervisor(tmp_path: Path, said: Said) -> Iterator[Supervisor]:
    supervisor = Supervisor(tmp_path, said.append)
    with supervisor.running():
        yield supervisor


def pid_of(supervisor: Supervisor, name: str) -> int:
    return next(child.process.pid for child in supervisor._children if child.name == name)


def test_lines_of_a_child_appear_with_its_name(supervisor: Supervisor, said: Said) -> None:
    supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
    supervisor.wait(lambda: "hello" in said, seconds=SECONDS, what="its greeting")
    assert said == ["     web | hello"]


def test_a_child_that_dies_is_named_after_its_last_words(supervisor: Supervisor, said: Said) -> None:
    supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
    supervisor.start("beat", python("import sys; sys.exit('no such schedule')"), os.environ)
    with pytest.raises(SupervisionError, match=r"beat ended with code 1; .* in .*beat[.]log"):
        supervisor.wait(lambda: False, seconds=SECONDS, what="nothing")
    assert "beat | no such schedule" in said


def test_a_child_that_was_killed_is_named_with_the_signal(supervisor: Supervisor) -> None:
    supervisor.start("worker", python(SAYS_AND_WAITS), os.environ)
    os.kill(pid_of(supervisor, "worker"), signal.SIGKILL)
    with pytest.raises(SupervisionError, match="worker was ended by SIGKILL"):
        supervisor.wait(lambda: False, seconds=SECONDS, what="nothing")


def test_waiting_is_bounded(supervisor: Supervisor) -> None:
    supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
    with pytest.raises(SupervisionError, match="the portal was not ready within 0 s"):
        supervisor.wait(lambda: False, seconds=0.3, what="the portal")


def test_stop_ends_every_child_even_a_deaf_one(supervisor: Supervisor, said: Said) -> None:
    supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
    supervisor.start("deaf", python(IGNORES_SIGTERM), os.environ)
    supervisor.wait(lambda: "deaf | hello" in said, seconds=SECONDS, what="its handler")
    pids = [pid_of(supervisor, "web"), pid_of(supervisor, "deaf")]
    supervisor.stop(patience=0.3)
    assert not any(is_running(pid) for pid in pids)


def test_stop_ends_what_a_child_started(supervisor: Supervisor, said: Said) -> None:
    start = f"subprocess.Popen([sys.executable, '-c', {SAYS_AND_WAITS!r}], stdout=subprocess.DEVNULL)"
    source = f"import subprocess, sys, time; print({start}.pid, flush=True); time.sleep(600)"
    supervisor.start("web", python(source), os.environ)
    supervisor.wait(lambda: len(said) > 0, seconds=SECONDS, what="the process id")
    grandchild = int(said[0].partition("|")[2])
    supervisor.stop()
    eventually(lambda: not is_running(grandchild), "the end of the grandchild")


def test_sigterm_becomes_a_request_to_stop(supervisor: Supervisor) -> None:
    supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(StopRequested):
        supervisor.tick()


def test_children_are_gone_after_an_exception(tmp_path: Path, said: Said) -> None:
    supervisor = Supervisor(tmp_path, said.append)

    def fail_while_running() -> None:
        with supervisor.running():
            supervisor.start("web", python(SAYS_AND_WAITS), os.environ)
            pids.append(pid_of(supervisor, "web"))
            raise RuntimeError

    pids: list[int] = []
    with pytest.raises(RuntimeError):
        fail_while_running()
    assert not is_running(pids[0])


def test_signal_handlers_are_put_back(tmp_path: Path, said: Said) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Supervisor(tmp_path, said.append).running():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_run_waits_for_the_end_of_the_work(supervisor: Supervisor, said: Said) -> None:
    supervisor.run("seed", python("print('done')"), os.environ, seconds=SECONDS)
    assert said == ["    seed | done"]


def test_run_tells_why_the_work_failed(supervisor: Supervisor) -> None:
    with pytest.raises(SupervisionError, match="seed ended with code 3"):
        supervisor.run("seed", python("import sys; sys.exit(3)"), os.environ, seconds=SECONDS)


def test_run_ends_work_that_takes_too_long(supervisor: Supervisor, said: Said) -> None:
    source = f"import os; print(os.getpid(), flush=True); {SAYS_AND_WAITS}"
    with pytest.raises(SupervisionError, match="seed was not ready within 2 s"):
        supervisor.run("seed", python(source), os.environ, seconds=2)
    assert not is_running(int(said[0].partition("|")[2]))


def run_a_supervisor(tmp_path: Path, **options: object) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a process that supervises two children, and return it with the process ids of the children."""
    source = f"""
        import os, sys
        from pathlib import Path
        from portal.supervisor import StopRequested, Supervisor
        supervisor = Supervisor(Path({str(tmp_path)!r}), lambda line: None, **{options!r})
        with supervisor.running():
            for name in ("one", "two"):
                supervisor.start(name, [sys.executable, "-c", {SAYS_AND_WAITS!r}], os.environ)
            print(*(child.process.pid for child in supervisor._children), flush=True)
            supervisor.wait(lambda: False, seconds=600, what="nothing")
    """
    process = subprocess.Popen(
        python(textwrap.dedent(source)), stdout=subprocess.PIPE, text=True, process_group=0
    )
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


def test_no_orphan_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    process, children = run_a_supervisor(tmp_path)
    assert len(children) == 2
    with process:
        process.kill()
    for pid in children:
        eventually(lambda pid=pid: not is_running(pid), "the end of the children")  # type: ignore[misc]


def test_everything_ends_when_the_parent_is_another_one(tmp_path: Path) -> None:
    process, children = run_a_supervisor(tmp_path, parent=1_000_000_000)
    with process:
        assert process.wait(SECONDS) != 0
    assert not any(is_running(pid) for pid in children)
