"""Pictures for tests, as files: good ones, and such as somebody makes who wants to do harm."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

PLACE = "latitude of the author's garden"


def drawn(
    kind: str = "PNG", size: tuple[int, int] = (64, 48), mode: str = "RGB", color: Any = None, **how: Any
) -> bytes:
    """Return a picture of one colour, as a file of this kind."""
    written = BytesIO()
    Image.new(mode, size, color or 0).save(written, kind, **how)
    return written.getvalue()


def with_exif(kind: str, orientation: int = 1) -> bytes:
    """Return a picture that says where it was taken, and which side is up."""
    exif = Image.Exif()
    exif[0x010E], exif[0x0112] = PLACE, orientation
    return drawn(kind, (64, 32), exif=exif)


def moving(kind: str) -> bytes:
    """Return a picture of two frames."""
    frames = [Image.new("RGB", (20, 20), color) for color in ("red", "blue")]
    written = BytesIO()
    frames[0].save(written, kind, save_all=True, append_images=frames[1:], duration=100)
    return written.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_that_claims(width: int, height: int) -> bytes:
    """Return a file of a few bytes that claims to be of this size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def webp_that_claims(width: int, height: int) -> bytes:
    """Return a WebP whose head says this size and whose picture is small."""
    small = drawn(
        "WEBP",
        mode="RGBA",
        lossless=False,
        exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00",
    )
    assert small[12:16] == b"VP8X"
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return small[:24] + size + small[30:]


def jpeg_that_claims(width: int, height: int) -> bytes:
    """Return a JPEG whose frame says this size, while the small picture of its EXIF says another."""
    whole = with_exif("JPEG")
    frame = whole.index(b"\xff\xc0")
    return whole[: frame + 5] + struct.pack(">HH", height, width) + whole[frame + 9 :]


def scanned_too_often() -> bytes:
    """Return a progressive JPEG with its last scan a thousand times: each costs a walk over the whole picture."""
    whole = drawn("JPEG", (2000, 2000), progressive=True)
    last, end = whole.rindex(b"\xff\xda"), whole.rindex(b"\xff\xd9")
    return whole[:end] + whole[last:end] * 1000 + whole[end:]
