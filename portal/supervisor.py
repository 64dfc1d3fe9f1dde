"""One process that runs others: starts them, shows what they say, ends them all when one ends or when it is told to.

Children write into log files, never into pipes: a terminal that stands still then stops nobody, and a
supervisor that was killed leaves no broken pipe. Each child has a process group of its own, so that Ctrl-C
reaches the supervisor alone, and dies with the supervisor, however that ended. Everything happens in one
thread, because Linux binds the life of a child to the thread that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from localcluster.processes import dying_with_parent

TICK_SECONDS = 0.1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Write = Callable[[str], None]


class StopRequested(BaseException):
    """Ctrl-C, SIGTERM, a closed terminal, or the end of the parent: not an error."""


class SupervisionError(Exception):
    """A child ended, or was not ready in time; the text is for the person in front."""


class _Child:
    """One program, and the part of its log that nobody has seen yet."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, env: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        self.name = name
        self.log = log
        self.quiet = quiet
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("ab") as output:
            self._seen = output.tell()
            self._rest = b""
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                process_group=0,
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )

    def new_lines(self) -> list[str]:
        """Return the complete lines written since the last call."""
        with self.log.open("rb") as log:
            log.seek(self._seen)
            found = log.read()
        self._seen += len(found)
        *lines, self._rest = (self._rest + found).split(b"\n")
        return [line.decode(errors="replace").rstrip() for line in lines]

    def how_it_ended(self) -> str:
        """Return a sentence, or nothing if the program still runs."""
        code = self.process.poll()
        if code is None:
            return ""
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        return f"{self.name} {how}; what it said is above and in {self.log}"

    def kill(self) -> None:
        """End what is left of the whole process group, at once."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Supervisor:
    """Runs children, each with a log in `logs`; `write` shows a line to the person in front.

    Use it inside `running()`. `parent` is the process id whose end ends everything, if any.
    """

    def __init__(self, logs: Path, write: Write, *, parent: int | None = None) -> None:
        self._logs = logs
        self._write = write
        self._parent = parent
        self._children: list[_Child] = []
        self._stop_requested = False

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Inside, signals end the run in order; at the end every child is gone, whatever happened."""
        previous = {number: signal.getsignal(number) for number in _STOP_SIGNALS}
        for number, handler in previous.items():
            if handler is not signal.SIG_IGN:  # nohup wants to survive its terminal
                signal.signal(number, self._request_stop)
        try:
            yield
        finally:
            self.stop()
            for number, handler in previous.items():
                signal.signal(number, handler)

    def start(
        self, name: str, command: Sequence[str], env: Mapping[str, str], *, quiet: bool = False
    ) -> None:
        """Start a child that is to run until the end; its output appears with its name before it.

        That of a quiet one appears only if it ends.
        """
        self._children.append(_Child(name, command, self._logs / f"{name}.log", env, quiet=quiet))

    def run(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        seconds: float,
    ) -> None:
        """Start a child and wait until it has done its work. Raises SupervisionError if it fails."""
        child = _Child(name, command, self._logs / f"{name}.log", env)
        try:
            self.wait(lambda: self._has_ended(child), seconds=seconds, what=name)
            if child.process.returncode:
                self._complain(child)
        finally:
            child.kill()

    def wait(self, ready: Callable[[], bool], *, seconds: float, what: str) -> None:
        """Wait until `ready()` holds. Raises SupervisionError when a child ends first, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.tick()
            if time.monotonic() > deadline:
                raise SupervisionError(
                    f"{what} was not ready within {seconds:.0f} s; the logs are in {self._logs}"
                )

    def tick(self) -> None:
        """Show what the children wrote. Raises SupervisionError if one has ended, StopRequested if all shall end."""
        time.sleep(TICK_SECONDS)
        for child in self._children:
            if not child.quiet:
                self._show(child)
        if self._stop_requested or (self._parent is not None and os.getppid() != self._parent):
            raise StopRequested
        for child in self._children:
            self._complain(child)

    def stop(self, *, patience: float = 10.0) -> None:
        """End every child: SIGTERM to all at once, SIGKILL to the groups of those left after `patience` seconds.

        Another Ctrl-C meanwhile ends the patience.
        """
        self._stop_requested = False
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + patience
        while any(child.process.poll() is None for child in self._children):
            if self._stop_requested or time.monotonic() > deadline:
                break
            time.sleep(TICK_SECONDS / 2)
        for child in self._children:
            child.kill()
        self._children.clear()

    def _complain(self, child: _Child) -> None:
        """Raise SupervisionError if the child has ended, after its last words were shown."""
        if how := child.how_it_ended():
            self._show(child)
            raise SupervisionError(how)

    def _has_ended(self, child: _Child) -> bool:
        ended = child.process.poll() is not None
        self._show(child)
        return ended

    def _request_stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stop_requested = True

    def _show(self, child: _Child) -> None:
        for line in child.new_lines():
            self._write(f"{child.name:>8} | {line}")
