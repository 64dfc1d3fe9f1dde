"""HTTP/1.1 on an open connection: reading and writing requests and answers, for the proxy of the fault tests.

Only what the API server and its clients use: lengths, chunks, no trailers, no upgrade (RFC 9112, sections 6 and 7).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_CHUNK = 1 << 16
Headers = list[tuple[str, str]]


class Ended(Exception):
    """The other side closed the connection where a message should begin or go on."""


@dataclass(frozen=True)
class Request:
    """One request: `target` is path and query."""

    method: str
    target: str
    headers: Headers = field(default_factory=list, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True)
class Head:
    """Status line and headers of an answer."""

    line: str
    headers: Headers

    @property
    def status(self) -> int:
        return int(self.line.split()[1])


@dataclass(frozen=True)
class Answer:
    """A whole answer."""

    head: Head
    body: bytes


def header(headers: Headers, name: str) -> str:
    """Return the value of a header, empty where there is none."""
    return next((value for key, value in headers if key.lower() == name), "")


async def read_request(reader: asyncio.StreamReader) -> Request:
    """Return the next request; raise Ended where there is none."""
    line, headers = await _head(reader)
    method, target, _version = line.split(" ", 2)
    body = b"".join([piece async for piece in read_body(reader, headers, to_the_end=False)])
    return Request(method, target, headers, body)


async def read_head(reader: asyncio.StreamReader) -> Head:
    """Return the beginning of an answer; its body is still to be read."""
    return Head(*await _head(reader))


async def read_body(
    reader: asyncio.StreamReader, headers: Headers, *, to_the_end: bool = True
) -> AsyncIterator[bytes]:
    """Yield the body as it comes, without the frame of its chunks."""
    if header(headers, "transfer-encoding").lower() == "chunked":
        while size := int((await _line(reader)).split(";")[0], 16):
            yield await _exactly(reader, size)
            await _line(reader)
        await _line(reader)
        return
    length = header(headers, "content-length")
    if not length:
        while to_the_end and (piece := await reader.read(_CHUNK)):
            yield piece
        return
    left = int(length)
    while left:
        piece = await reader.read(min(left, _CHUNK))
        if not piece:
            raise Ended
        left -= len(piece)
        yield piece


def request_bytes(request: Request) -> bytes:
    """Return a request as it is sent, its body with a length."""
    headers = _with_length(request.headers, len(request.body)) if request.body else request.headers
    return _head_bytes(f"{request.method} {request.target} HTTP/1.1", headers) + request.body


def head_bytes(head: Head) -> bytes:
    """Return the beginning of an answer as it is sent."""
    return _head_bytes(head.line, head.headers)


def answer_bytes(answer: Answer) -> bytes:
    """Return an answer as it is sent, its body with a length."""
    return _head_bytes(answer.head.line, _with_length(answer.head.headers, len(answer.body))) + answer.body


def _with_length(headers: Headers, length: int) -> Headers:
    framing = {"content-length", "transfer-encoding"}
    return [each for each in headers if each[0].lower() not in framing] + [("Content-Length", str(length))]


def _head_bytes(line: str, headers: Headers) -> bytes:
    lines = [line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


async def _head(reader: asyncio.StreamReader) -> tuple[str, Headers]:
    first = await _line(reader)
    headers: Headers = []
    while line := await _line(reader):
        name, _, value = line.partition(":")
        headers.append((name.strip(), value.strip()))
    return first, headers


async def _line(reader: asyncio.StreamReader) -> str:
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise Ended
    return line.rstrip(b"\r\n").decode("latin-1")


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError:
        raise Ended from None
