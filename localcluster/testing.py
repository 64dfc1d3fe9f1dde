"""One control plane for a whole test run, however many processes the run has.

The first process that asks starts it, the others join. Each user holds a lock that the kernel gives
back when the process ends, by whatever cause; when no lock is left, the control plane stops itself.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster import kubectl
from localcluster.binaries import Binaries, find_or_build
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout, Ports, load, prepare
from localcluster.people import PEOPLE, DemoPerson
from localcluster.processes import file_lock, module_environment

START_SECONDS = 300.0


@dataclass(frozen=True)
class SharedCluster:
    """A running control plane with its identity provider; other tests use it at the same time."""

    layout: Layout
    binaries: Binaries

    def kubectl_environment(self, home: Path, *, subject: str | None = None) -> dict[str, str]:
        """Return the environment in which `kubectl` is ours and its plugin logs in as `subject`."""
        return kubectl.environment(self.binaries, home, subject=subject)


@dataclass(frozen=True)
class Documents:
    """YAML that the control plane starts with."""

    manifests: str
    authentication: str


@contextlib.contextmanager
def shared_cluster(
    directory: Path, documents: Callable[[Layout], Documents], *, people: Sequence[DemoPerson] = PEOPLE
) -> Iterator[SharedCluster]:
    """Start or join the control plane of this directory; it is ready inside.

    `documents` is asked by the first user only, with the layout (ports are free ones, chosen now).
    Raises LocalClusterError with the end of its log if it does not start.
    """
    binaries = find_or_build(_say)
    directory.mkdir(parents=True, exist_ok=True)
    users = directory / "users.lock"
    with file_lock(users, shared=True):
        with file_lock(directory / "start.lock"):
            if not _is_running(directory):
                _start(directory, users, documents, people)
        yield SharedCluster(load(directory), binaries)


def wait_for_end(directory: Path) -> None:
    """Return when the control plane of this directory has ended, which nobody uses any more."""
    with file_lock(directory / "run.lock"):
        return


def _say(line: str) -> None:
    print(line, file=sys.__stderr__, flush=True)


def _is_running(directory: Path) -> bool:
    try:
        with file_lock(directory / "run.lock", wait=False):
            return False
    except BlockingIOError:
        return True


def _start(
    directory: Path, users: Path, documents: Callable[[Layout], Documents], people: Sequence[DemoPerson]
) -> None:
    layout = prepare(directory, ports=Ports.free(), people=people)
    texts = documents(layout)
    manifests, authentication = directory / "manifests.yaml", directory / "authentication.yaml"
    manifests.write_text(texts.manifests)
    authentication.write_text(texts.authentication)
    layout.status_file.unlink(missing_ok=True)
    log = layout.logs / "supervisor.log"
    command = [sys.executable, "-m", "localcluster", "run", "--with-identity-provider"]
    command += ["--directory", str(directory), "--users", str(users)]
    command += ["--manifests", str(manifests), "--authentication", str(authentication)]
    # Not subprocess: it outlives us when others still use it, and nobody waits for it.
    pid = os.posix_spawn(
        command[0],
        command,
        module_environment(),
        setpgroup=0,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
    )
    deadline = time.monotonic() + START_SECONDS
    while not _is_ready(layout):
        ended, _ = os.waitpid(pid, os.WNOHANG)
        if ended or time.monotonic() > deadline:
            tail = "\n".join(log.read_text(errors="replace").splitlines()[-30:])
            raise LocalClusterError(
                f"the control plane of the tests did not start. The end of {log}:\n{tail}"
            )
        time.sleep(0.1)


def _is_ready(layout: Layout) -> bool:
    try:
        return bool(json.loads(layout.status_file.read_text())["state"] == "ready")
    except FileNotFoundError:
        return False
