"""A TCP proxy between a portal and its PostgreSQL that cuts the connection at a COMMIT. It imitates nothing.

It knows no more of the protocol than where a message of the portal ends, and passes on the rest as it comes.
"""

from __future__ import annotations

import contextlib
import enum
import select
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from localcluster.processes import LOOPBACK

COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_CHUNK = 1 << 16


class Cut(enum.Enum):
    """What becomes of a COMMIT. Each time the portal learns no more than that its connection is gone."""

    ANSWER_LOST = "it is done, and the answer is lost"
    NEVER_ARRIVES = "it never arrives"
    UNNOTICED = "it never arrives, and the database does not notice that nobody is there any more"


class FrailDatabase:
    """The way to the database at `url`, which is on a socket in a directory. As a context manager it is open inside."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._next: Cut | None = None
        self._unnoticed: list[socket.socket] = []
        self._server = socket.create_server((LOOPBACK, 0))

    @property
    def url(self) -> str:
        """Where the database seems to be."""
        who, port = self._target.username or "postgres", self._server.getsockname()[1]
        return f"postgresql://{who}@{LOOPBACK}:{port}{self._target.path}?sslmode=disable&gssencmode=disable"

    @contextlib.contextmanager
    def cutting(self, how: Cut) -> Iterator[None]:
        """Let this become of the next COMMIT, which comes inside."""
        self._next = how
        yield
        assert self._next is None, "there was no COMMIT"

    def notice(self) -> None:
        """Let the database see that nobody is there any more."""
        while self._unnoticed:
            self._unnoticed.pop().close()

    def __enter__(self) -> Self:
        """Open."""
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close for good."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.notice()

    def _accept(self) -> None:
        while True:
            try:
                portal, _address = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._visit, args=(portal,), daemon=True).start()

    def _visit(self, portal: socket.socket) -> None:
        database = socket.socket(socket.AF_UNIX)
        database.connect(str(Path(parse_qs(self._target.query)["host"][0]) / ".s.PGSQL.5432"))
        how = None
        with contextlib.suppress(OSError):
            how = self._pass_on(portal, database)
        portal.close()
        if how is Cut.UNNOTICED:
            self._unnoticed.append(database)
        else:
            database.close()

    def _pass_on(self, portal: socket.socket, database: socket.socket) -> Cut | None:
        """Pass everything on until one of them hangs up, or a COMMIT is to be cut; return how it was."""
        unread, is_introduced = b"", False
        while True:
            ready, _, _ = select.select([portal, database], [], [])
            if database in ready:
                if not (said := database.recv(_CHUNK)):
                    return None
                portal.sendall(said)
            if portal in ready:
                if not (said := portal.recv(_CHUNK)):
                    return None
                unread += said
                while message := _first_message(unread, has_kind=is_introduced):
                    unread, is_introduced = unread[len(message) :], True
                    how = self._fate(message)
                    if how in (None, Cut.ANSWER_LOST):
                        database.sendall(message)
                    if how is Cut.ANSWER_LOST:
                        assert database.recv(_CHUNK)  # so it is done
                    if how is not None:
                        return how

    def _fate(self, message: bytes) -> Cut | None:
        if message != COMMIT:
            return None
        how, self._next = self._next, None
        return how


def _first_message(said: bytes, *, has_kind: bool) -> bytes:
    """Return the first whole message, or nothing. All but the introduction begin with a letter for their kind; the
    length that follows does not count it."""
    start = 1 if has_kind else 0
    if len(said) < start + 4:
        return b""
    end = start + int.from_bytes(said[start : start + 4])
    return said[:end] if len(said) >= end else b""
