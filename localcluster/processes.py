"""Child processes that never outlive us, files that two processes agree on, ports that are free."""

import contextlib
import ctypes
import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from localcluster.errors import LocalClusterError

LOOPBACK = "127.0.0.1"
LOG_TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class ChildDied(LocalClusterError):
    """A child process ended although nobody asked it to; the message carries the end of its log."""


class PortTaken(LocalClusterError):
    """Another program listens on a port that we need."""


def dying_with_parent(sent: signal.Signals) -> Callable[[], None]:
    """Return a function for `preexec_fn` that binds the life of the child to the life of this process.

    Linux delivers `sent` to the child when the *thread* that started it ends (prctl(2),
    PR_SET_PDEATHSIG), however that came about, SIGKILL included. Elsewhere nothing happens: there
    the supervisor must stop its children itself.
    """
    parent = os.getpid()

    def bind() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, sent)
        if os.getppid() != parent:  # it died between fork and prctl
            os._exit(1)

    return bind


class Child:
    """One program in a process group of its own, its output in a log file."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, *, env: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=env,
                process_group=0,
                preexec_fn=dying_with_parent(signal.SIGKILL),  # noqa: PLW1509
            )

    @property
    def pid(self) -> int:
        """The process id, also that of the process group."""
        return self._process.pid

    def is_alive(self) -> bool:
        """Whether the program still runs."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise ChildDied with the end of the log if the program has ended."""
        code = self._process.poll()
        if code is not None:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
            raise ChildDied(f"{self.name} {how}. The end of {self.log}:\n{self.log_tail()}")

    def log_tail(self, lines: int = LOG_TAIL_LINES) -> str:
        """Return the last lines that this run of the program wrote."""
        with self.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, size - 64 * 1024))
            text = log.read().decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(it wrote nothing)"

    def stop(self, *, patience: float = 10.0) -> None:
        """End the program: SIGTERM, and SIGKILL to its whole group after `patience` seconds."""
        if self.is_alive():
            self._process.terminate()
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def wait_until(ready: Callable[[], bool], *, children: Sequence[Child], seconds: float, what: str) -> None:
    """Poll until `ready()` holds.

    Raises ChildDied as soon as one of the children ends, LocalClusterError with the end of the last
    child's log when `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while not ready():
        for child in children:
            child.check()
        if time.monotonic() > deadline:
            tail = f" The end of {children[-1].log}:\n{children[-1].log_tail()}" if children else ""
            raise LocalClusterError(f"{what} was not ready within {seconds:.0f} s.{tail}")
        time.sleep(0.05)


def check_port(port: int, purpose: str) -> None:
    """Raise PortTaken if somebody listens on this loopback port; `purpose` says what we need it for.

    Raises LocalClusterError if we may not listen there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise LocalClusterError(
                    f"port {port} on {LOOPBACK} cannot be used for {purpose}: {error.strerror}. Choose another port."
                ) from error
            raise PortTaken(
                f"port {port} on {LOOPBACK} is taken, and it is needed for {purpose}. "
                "Stop the program that listens there and start again."
            ) from error


def free_ports(count: int) -> list[int]:
    """Return that many different loopback ports on which nobody listens now."""
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [probe.getsockname()[1] for probe in probes]


@contextlib.contextmanager
def file_lock(path: Path, *, shared: bool = False, wait: bool = True) -> Iterator[IO[str]]:
    """Hold a lock on a file; the kernel gives it back however this process ends.

    Raises BlockingIOError if `wait` is False and somebody else holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as lock:
        mode = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        fcntl.flock(lock, mode if wait else mode | fcntl.LOCK_NB)
        yield lock


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o600) -> None:
    """Replace a file in one step: a reader sees the old content or the new, never a part."""
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(data)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def module_environment() -> dict[str, str]:
    """Return an environment in which `python -m localcluster…` works from any directory."""
    source = str(Path(__file__).parent.parent)
    paths = [source, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
