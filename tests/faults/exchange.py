"""One call on its way through the proxy of the fault tests, and what may become of it there."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from localcluster.processes import LOOPBACK
from tests.faults import wire
from tests.faults.wire import Answer, Ended, Head, Request

HTML = b"<html><body><h1>Bad Gateway</h1></body></html>"


@dataclass
class Link:
    """The connection to the real API server that belongs to one visitor: opened when needed, kept alive."""

    port: int
    authority: Path
    _open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = field(default=None, init=False)

    async def send(self, request: Request) -> tuple[asyncio.StreamReader, Head]:
        """Send a request; return the beginning of its answer and where the rest comes from."""
        if self._open is not None and _is_over(self._open[0]):
            self.close()
        if self._open is None:
            context = ssl.create_default_context(cafile=str(self.authority))
            self._open = await asyncio.open_connection(LOOPBACK, self.port, ssl=context)
        reader, writer = self._open
        writer.write(wire.request_bytes(request))
        await writer.drain()
        return reader, await wire.read_head(reader)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].transport.abort()
            self._open = None


def _is_over(reader: asyncio.StreamReader) -> bool:
    return reader.at_eof() or reader.exception() is not None


@dataclass(frozen=True)
class Exchange:
    """A request, the way back to who sent it, and the way on to the API server."""

    request: Request
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)
    link: Link = field(repr=False)

    async def relay(self) -> None:
        """Pass the request on and its answer back, piece by piece."""
        source, head = await self.link.send(self.request)
        self.writer.write(wire.head_bytes(head))
        chunked = wire.header(head.headers, "transfer-encoding").lower() == "chunked"
        if self.request.method != "HEAD" and head.status not in (204, 304):
            async for piece in wire.read_body(source, head.headers):
                self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                await self.writer.drain()
            self.writer.write(b"0\r\n\r\n" if chunked else b"")
        await self.writer.drain()

    async def forward(self) -> Answer:
        """Pass the request on and return the whole answer, which nobody else has seen yet."""
        readable = [each for each in self.request.headers if each[0].lower() != "accept-encoding"]
        source, head = await self.link.send(replace(self.request, headers=readable))
        return Answer(head, b"".join([piece async for piece in wire.read_body(source, head.headers)]))

    async def answer(self, answer: Answer) -> None:
        """Send a whole answer back."""
        self.writer.write(wire.answer_bytes(answer))
        await self.writer.drain()


Effect = Callable[[Exchange], Awaitable[None]]


def delay(seconds: float) -> Effect:
    """The answer comes, later."""

    async def effect(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.relay()

    return effect


async def reset(exchange: Exchange) -> None:
    """The connection breaks, and the API server never heard of the request."""
    raise Ended


async def lose_answer(exchange: Exchange) -> None:
    """The API server does what was asked, and the connection breaks before it has said so."""
    await exchange.forward()
    raise Ended


async def swallow(exchange: Exchange) -> None:
    """Nothing comes, until who asked gives up."""
    while await exchange.reader.read(1024):
        pass
    raise Ended


async def mute(exchange: Exchange) -> None:
    """The answer begins, and nothing more comes, until who asked gives up."""
    _source, head = await exchange.link.send(exchange.request)
    exchange.writer.write(wire.head_bytes(head))
    await swallow(exchange)


def break_off(seconds: float = 0.2) -> Effect:
    """The answer comes for so long, and then the connection breaks."""

    async def effect(exchange: Exchange) -> None:
        try:
            await asyncio.wait_for(exchange.relay(), seconds)
        except TimeoutError:
            raise Ended from None

    return effect


async def only_bookmarks(exchange: Exchange) -> None:
    """A watch tells how far it has come, and no change."""
    source, head = await exchange.link.send(exchange.request)
    exchange.writer.write(wire.head_bytes(head))
    begun = b""
    async for piece in wire.read_body(source, head.headers):
        *lines, begun = (begun + piece).split(b"\n")
        for line in lines:
            if json.loads(line)["type"] == "BOOKMARK":
                exchange.writer.write(b"%x\r\n%b\n\r\n" % (len(line) + 1, line))
                await exchange.writer.drain()
    exchange.writer.write(b"0\r\n\r\n")
    await exchange.writer.drain()


def status(code: int, body: bytes = b"", **headers: str) -> Effect:
    """Somebody on the way answers, with this status, body and these headers (`Retry_After="7"`)."""

    async def effect(exchange: Exchange) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        await exchange.answer(Answer(Head(f"HTTP/1.1 {code} Faulty", named), body))

    return effect


def cut(size: int = 40) -> Effect:
    """The answer breaks off after this many bytes of its body."""

    async def effect(exchange: Exchange) -> None:
        whole = wire.answer_bytes(await exchange.forward())
        begin = whole.index(b"\r\n\r\n") + 4
        exchange.writer.write(whole[: begin + size])
        exchange.writer.close()  # in order: what was sent arrives
        await exchange.writer.wait_closed()
        raise Ended

    return effect


def drop_items(*names: str) -> Effect:
    """A list comes without the objects of these names, and says nothing of it."""

    async def effect(exchange: Exchange) -> None:
        answer = await exchange.forward()
        document = json.loads(answer.body)
        document["items"] = [
            item for item in document.get("items", []) if item["metadata"]["name"] not in names
        ]
        await exchange.answer(replace(answer, body=json.dumps(document).encode()))

    return effect


def first(act: Callable[[], object]) -> Effect:
    """Something happens in the world right before the API server hears of the request."""

    async def effect(exchange: Exchange) -> None:
        await asyncio.to_thread(act)
        await exchange.relay()

    return effect
