"""The directory of the demonstration: it is used by one process at a time, and a reset takes away what was made there.

Whatever else lies in it belongs to somebody, and is never touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.processes import file_lock

LOCK = "dev.lock"
DATABASE = "berth.sqlite3"
DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
# All that the demonstration makes. The lock is the last to go: a reset that was interrupted can be repeated.
_MADE = (*DATABASE_FILES, "secret-key", "logs", "static", "redis", "cluster", LOCK)
RESET = "Put that right, or forget the data of the demonstration: make demo-reset"
_OTHER = "use another directory: BERTH_DATA_DIR=…"
_ELSEWHERE = f"Put that right, or {_OTHER}"
_SHOWN = 3


class CannotStart(Exception):
    """Something is in the way; the text says what, and what to do."""


@contextlib.contextmanager
def in_words(directory: Path, advice: str) -> Iterator[None]:
    """Turn what the system refuses and what is damaged inside into CannotStart, with this advice."""
    try:
        yield
    except LocalClusterError as error:
        raise CannotStart(f"{error}\n{advice}") from error
    except OSError as error:
        raise CannotStart(
            f"the directory of the demonstration, {directory}, cannot be used: {error.filename or directory}: "
            f"{error.strerror}.\n{advice}"
        ) from error


@contextlib.contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Inside, no other process runs or resets the demonstration in this directory, which is made if it is not there.

    Raises CannotStart if one does, if the directory cannot be used, or if it holds files of somebody else:
    demonstration people must not get rights in another database, and a reset must not delete what is not ours.
    """
    path = directory / LOCK
    with contextlib.ExitStack() as stack:
        with in_words(directory, _ELSEWHERE):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if (found := _entries(directory)) and LOCK not in found:
                raise CannotStart(
                    f"{directory} was not made by the demonstration: it holds {_enumerated(found)}. "
                    f"Move that away, or {_OTHER}"
                )
            try:
                lock = stack.enter_context(file_lock(path, wait=False))
            except BlockingIOError as error:
                raise CannotStart(
                    f"the demonstration in {directory} is running already (process {path.read_text().strip()}). "
                    f"Stop it with Ctrl-C where it runs, or {_OTHER}"
                ) from error
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
        yield


def forget(directory: Path) -> list[str]:
    """Delete what the demonstration made, and the directory if nothing else is in it; return the names that are left.

    Raises CannotStart if the demonstration did not make the directory, or runs in it.
    """
    with in_words(directory, _ELSEWHERE):
        if not os.path.lexists(directory):
            return []
        if LOCK not in _entries(directory):
            raise CannotStart(f"{directory} was not made by the demonstration; nothing was deleted")
    with locked(directory), in_words(directory, _ELSEWHERE):
        for name in _MADE:
            _delete(directory / name)
        left = _entries(directory)
        if not left and not directory.is_symlink():
            directory.rmdir()
    return left


def prepare_database(directory: Path) -> None:
    """Make the database readable by its owner only, wherever it lies. Raises LocalClusterError if it is damaged.

    SQLite gives its other files the mode of the database (https://sqlite.org/src, findCreateFileMode).
    """
    database = directory / DATABASE
    database.touch()
    for name in DATABASE_FILES:
        with contextlib.suppress(FileNotFoundError):
            (directory / name).chmod(0o600)
    try:
        with contextlib.closing(sqlite3.connect(database)) as connection:
            problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)") if row[0] != "ok"]
    except sqlite3.DatabaseError as error:
        problems = [str(error)]
    if problems:
        raise LocalClusterError(f"the database {database} is damaged: {problems[0]}")


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _entries(directory: Path) -> list[str]:
    return sorted(os.listdir(directory))


def _enumerated(names: list[str]) -> str:
    more = [f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []
    return ", ".join([*names[:_SHOWN], *more])
