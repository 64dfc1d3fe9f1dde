"""Run a control plane in the foreground: build, start, bootstrap, keep the credentials fresh, stop."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Protocol

from localcluster import binaries, bootstrap, layout
from localcluster.admin_api import AdminApi
from localcluster.control_plane import ControlPlane
from localcluster.errors import LocalClusterError
from localcluster.identity_provider.process import ProviderProcess
from localcluster.processes import file_lock
from localcluster.status import StatusFile

_WATCH_SECONDS = 0.5
_RENEWAL_RETRY_SECONDS = 10.0

Say = Callable[[str], None]


class _StopRequested(BaseException):
    """SIGTERM or SIGINT came; not an error."""


def run(
    directory: Path,
    *,
    manifests: Path,
    authentication: Path,
    with_identity_provider: bool = False,
    users: Path | None = None,
    say: Say,
) -> None:
    """Run until SIGTERM, SIGINT, the death of the parent or (with `users`) of the last user.

    Raises LocalClusterError when it cannot start or when a part of it dies; everything is stopped then.
    """
    for path in (manifests, authentication):
        if not path.is_file():
            raise LocalClusterError(f"{path} is not a file")
    directory = directory.absolute()
    with _only_one(directory), _stoppable(_orphaned() if users is None else _unused(users)):
        place = layout.refresh(directory)
        status = StatusFile(place.status_file)
        try:
            _run(place, status, manifests, authentication, with_identity_provider, say)
        except _StopRequested:
            status.write("stopped", "The local cluster was stopped.")
            say("the local cluster is stopped")
        except LocalClusterError as error:
            status.write("failed", f"The local cluster failed: {str(error).splitlines()[0]}")
            raise


def _run(
    place: layout.Layout,
    status: StatusFile,
    manifests: Path,
    authentication: Path,
    with_identity_provider: bool,
    say: Say,
) -> None:
    def progress(line: str) -> None:
        say(line)
        status.write("building", f"The programs of the local cluster are being built: {line}.")

    with contextlib.ExitStack() as stack:
        provider = stack.enter_context(ProviderProcess(place)) if with_identity_provider else None
        found = binaries.find_or_build(progress)
        status.write("starting", "The local cluster is starting.")
        plane = stack.enter_context(ControlPlane(place, found, authentication=authentication))
        bootstrap.apply(place, found, manifests)
        bootstrap.write_credentials(place, plane.api)
        if bootstrap.has_policies(manifests):
            bootstrap.wait_for_policies(plane.api)
        status.write("ready", f"The local cluster is ready at {place.api_server}.")
        say(f"the local cluster is ready at {place.api_server} ({plane.seconds_to_ready:.1f} s after etcd)")
        _watch(place, plane, provider, say)


class _Watched(Protocol):
    api: AdminApi

    def check(self) -> None: ...


def _watch(place: layout.Layout, plane: _Watched, provider: ProviderProcess | None, say: Say) -> None:
    # The wall clock, because the lifetime of a token goes on while a laptop sleeps.
    renewal_due = time.time() + bootstrap.TOKEN_RENEWAL.total_seconds()
    while True:
        time.sleep(_WATCH_SECONDS)
        plane.check()
        if provider is not None:
            provider.check()
        if time.time() >= renewal_due:
            try:
                bootstrap.write_credentials(place, plane.api)
                renewal_due = time.time() + bootstrap.TOKEN_RENEWAL.total_seconds()
            except LocalClusterError as error:
                say(f"the credentials could not be renewed, trying again: {error}")
                renewal_due = time.time() + _RENEWAL_RETRY_SECONDS


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.ExitStack() as stack:
        path = directory / "run.lock"
        try:
            lock = stack.enter_context(file_lock(path, wait=False))
        except BlockingIOError as error:
            raise LocalClusterError(
                f"a local cluster already runs from {directory} (process {path.read_text().strip()})"
            ) from error
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


@contextlib.contextmanager
def _stoppable(pointless: Callable[[], bool]) -> Iterator[None]:
    """Raise _StopRequested inside on SIGTERM, on SIGINT and when `pointless()` comes true."""

    def request_stop(number: int, frame: FrameType | None) -> None:
        for later in (signal.SIGTERM, signal.SIGINT):
            signal.signal(later, signal.SIG_IGN)  # stopping takes a second or two; do not stop the stopping
        raise _StopRequested

    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_WATCH_SECONDS):
            if pointless():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    previous = {number: signal.signal(number, request_stop) for number in (signal.SIGTERM, signal.SIGINT)}
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        finished.set()
        watcher.join()
        for number, handler in previous.items():
            signal.signal(number, handler)


def _orphaned() -> Callable[[], bool]:
    parent = os.getppid()
    return lambda: os.getppid() != parent


def _unused(users: Path) -> Callable[[], bool]:
    """Whether nobody holds a shared lock on `users`; it stays locked from then on: nobody joins late."""
    stack = contextlib.ExitStack()

    def unused() -> bool:
        try:
            stack.enter_context(file_lock(users, wait=False))
        except BlockingIOError:
            return False
        return True

    return unused
