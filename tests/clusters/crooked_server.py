"""A TLS server that answers as it is told: broken, slow, or nothing at all. It imitates no API server.

For the faults between us and a cluster; what a cluster itself does is tested on a real one.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from clusters.config import ClusterConfig
from localcluster.certificates import Authority


@dataclass(frozen=True)
class Seen:
    """One request that came in."""

    method: str
    path: str
    authorization: str
    body: bytes


@dataclass
class CrookedServer:
    """`answer` is called with the handler of each request and writes to it what it likes."""

    url: str
    certificate_authority: str
    answer: Callable[[BaseHTTPRequestHandler], None]
    seen: list[Seen] = field(default_factory=list)

    def config(self, directory: Path, *, token: str = "first") -> ClusterConfig:
        """Return a cluster at this address, with a credential of every account."""
        credentials = {
            account: directory / f"{account}.kubeconfig" for account in ("worker", "observer", "reaper")
        }
        for path in credentials.values():
            self.write_credential(path, token)
        return ClusterConfig("crooked", "Crooked", self.url, self.certificate_authority, credentials, ())

    def write_credential(self, path: Path, token: str, **cluster: Any) -> None:
        """Write or replace a kubeconfig with this token."""
        document = {
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": self.url, **cluster}}],
            "users": [{"name": "u", "user": {"token": token}}],
        }
        new = path.with_suffix(".new")
        new.write_text(yaml.safe_dump(document))
        new.replace(path)


def send(
    status: int, body: bytes | dict[str, Any] = b"", **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return an answer that is sent as a whole."""
    content = json.dumps(body).encode() if isinstance(body, dict) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection without a word."""
    handler.close_connection = True
    with contextlib.suppress(OSError):
        handler.connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def crooked_server(authority: Authority) -> Iterator[CrookedServer]:
    """Serve until the block ends."""
    certificate, key = authority.server("crooked")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            authorization = self.headers.get("Authorization", "")
            served.seen.append(Seen(self.command, self.path, authorization, body))
            with contextlib.suppress(OSError):
                served.answer(self)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = handle_any

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Clients that give up are what the tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://127.0.0.1:{server.server_address[1]}"
    served = CrookedServer(url, authority.certificate_file.read_text(), hang_up)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
