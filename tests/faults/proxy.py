"""A TLS proxy between a worker and the API server that breaks what it is told to break. It imitates nothing.

What no rule fits is passed on, byte by byte as it comes; what is broken, is broken on its way: every answer that is not
named in a rule comes from the real API server. It runs in a thread of the test, so that the workers of the test itself
and those in processes of their own can use it by the file of facts that `detour` writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from localcluster.certificates import Authority
from localcluster.layout import CLUSTER, Layout
from localcluster.processes import LOOPBACK, free_ports
from tests.faults import wire
from tests.faults.exchange import Effect, Exchange, Link
from tests.faults.wire import Ended, Request

PATIENCE_SECONDS = 20


@dataclass
class Rule:
    """What is to happen to calls of a method whose path and query the pattern finds; empty fits every method.

    `times` is how often, None for always; `chance` how likely each time. `hits` counts how often it did.
    """

    effect: Effect
    method: str = ""
    path: str = ""
    times: int | None = None
    chance: float = 1.0
    hits: int = 0

    def fits(self, request: Request, chance: random.Random) -> bool:
        """Whether the rule is for this request; counts if so."""
        if self.method not in ("", request.method) or not re.search(self.path, request.target):
            return False
        if (self.times is not None and self.hits >= self.times) or chance.random() >= self.chance:
            return False
        self.hits += 1
        return True


@dataclass
class Proxy:
    """The way to the API server of one control plane. As a context manager it is open inside.

    `calls` are the requests that came in, in their order, `visits` how many connections they came by. `seed` makes
    rules by chance repeatable.
    """

    layout: Layout
    seed: int = 0
    rules: list[Rule] = field(default_factory=list)
    calls: list[Request] = field(default_factory=list)
    visits: int = 0
    port: int = field(default_factory=lambda: free_ports(1)[0])

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """Where the API server seems to be."""
        return f"https://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        """Open."""
        self._thread.start()
        self._run(self._open())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close for good."""
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_SECONDS)
        self._loop.close()

    @contextlib.contextmanager
    def breaking(
        self,
        effect: Effect,
        method: str = "",
        path: str = "",
        *,
        times: int | None = None,
        chance: float = 1.0,
    ) -> Iterator[Rule]:
        """Inside, this happens to the calls that fit. The rule that was made last comes first."""
        rule = Rule(effect, method, path, times, chance)
        self.rules.insert(0, rule)
        try:
            yield rule
        finally:
            self.rules.remove(rule)

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Inside, nobody listens at the address, and whoever was connected is cut off."""
        self._run(self._close())
        try:
            yield
        finally:
            self._run(self._open())

    def made(self, method: str, path: str) -> list[str]:
        """Return the targets of the calls that came in with this method, and whose target the pattern finds."""
        return [call.target for call in self.calls if call.method == method and re.search(path, call.target)]

    def writes(self) -> list[Request]:
        """Return the calls that came in and may change something; a review asks, and a dry run changes nothing."""
        asking = re.compile("reviews|dryRun=All")
        return [call for call in self.calls if call.method != "GET" and not asking.search(call.target)]

    def _run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)  # type: ignore[arg-type]

    async def _open(self) -> None:
        certificate, key = Authority(self.layout.pki).server("faults-proxy")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self._server = await asyncio.start_server(self._visit, LOOPBACK, self.port, ssl=context)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        for visit in tuple(self._tasks):
            visit.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.visits += 1
        link = Link(self.layout.ports.api_server, self.layout.certificate_authority)
        try:
            while True:
                request = await wire.read_request(reader)
                self.calls.append(request)
                await self._serve(Exchange(request, reader, writer, link))
        except (Ended, OSError, ssl.SSLError, asyncio.CancelledError):
            pass  # the end of a visit, by whichever side: the next one begins anew
        finally:
            self._tasks.discard(task)
            link.close()
            _hang_up(writer)

    async def _serve(self, exchange: Exchange) -> None:
        rule = next((rule for rule in tuple(self.rules) if rule.fits(exchange.request, self._chance)), None)
        if rule is None:
            await exchange.relay()
        else:
            await rule.effect(exchange)


def _hang_up(writer: asyncio.StreamWriter) -> None:
    """Close at once, with a reset: what was sent was sent."""
    plain = writer.get_extra_info("socket")
    if plain is not None:
        with contextlib.suppress(OSError):
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def detour(layout: Layout, server: str, directory: Path, *, name: str = CLUSTER) -> Path:
    """Write facts and credentials in which the cluster of `layout` is at another address; return the clusters file."""
    document = yaml.safe_load(layout.clusters_file.read_text())
    entry = next(each for each in document["clusters"] if each["name"] == CLUSTER)
    entry |= {
        "name": name,
        "title": name.title(),
        "server": server,
        "certificate_authority_file": str(layout.certificate_authority),
    }
    del entry["status_file"]  # like a cluster that runs elsewhere
    for trust in entry["issuers"]:
        trust["certificate_authority_file"] = str(layout.certificate_authority)
    for account in entry["credentials"]:
        credential = yaml.safe_load(layout.credential(account).read_text())
        credential["clusters"][0]["cluster"]["server"] = server
        path = directory / f"{name}-{account}.kubeconfig"
        path.touch(0o600)
        path.write_text(yaml.safe_dump(credential))
        entry["credentials"][account] = str(path)
    path = directory / f"{name}.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def join(directory: Path, *files: Path) -> Path:
    """Write one clusters file with the clusters of several."""
    clusters = [entry for file in files for entry in yaml.safe_load(file.read_text())["clusters"]]
    path = directory / "clusters.yaml"
    path.write_text(yaml.safe_dump({"clusters": clusters}))
    return path
