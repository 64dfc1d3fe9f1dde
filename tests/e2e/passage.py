"""A way to the API server that a test can close, and hold up: what a broken network looks like to a worker."""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from localcluster.processes import LOOPBACK, free_ports

_CHUNK = 1 << 16


class Passage:
    """Forwards connections to a port of this machine, byte by byte. As a context manager it is open inside."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._port = free_ports(1)[0]
        self._flow = threading.Event()
        self._flow.set()
        self._waiting = threading.Event()
        self._listener: socket.socket | None = None
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def address(self) -> str:
        """Where the API server seems to be."""
        return f"https://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        """Open."""
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.release()
        self.close()

    def open(self) -> None:
        """Accept connections."""
        listener = socket.create_server((LOOPBACK, self._port))
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections, and cut those that there are."""
        if self._listener is not None:
            # Closing alone does not wake the thread that accepts, and the port would stay taken until it wakes.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._connections.clear()

    def hold(self) -> None:
        """Let nothing pass: who asks, waits."""
        self._waiting.clear()
        self._flow.clear()

    def somebody_waits(self, seconds: float) -> bool:
        """Wait until somebody has asked while nothing passes; return whether that happened."""
        return self._waiting.wait(seconds)

    def release(self) -> None:
        """Let everything pass again, also what waits."""
        self._flow.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _address = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection((LOOPBACK, self._target), timeout=5)
            except OSError:
                near.close()
                continue
            far.settimeout(None)
            with self._lock:
                self._connections |= {near, far}
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(_CHUNK):
                if not self._flow.is_set():
                    self._waiting.set()
                    self._flow.wait()
                sink.sendall(chunk)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self._lock:
            self._connections -= {source, sink}
        source.close()
