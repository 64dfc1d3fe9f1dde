"""Pictures that people give as logos, made anew: nothing of what came is kept but what it shows.

The bytes say what a picture is and how large it would be, and that is read here, before a decoder sees them: it would
take memory for every point that a file of a few bytes claims to have.
"""

from __future__ import annotations

import hashlib
import struct
from io import BytesIO
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from PIL import Image, ImageOps

LARGEST = 512 * 1024
MOST_PIXELS = 2048 * 2048  # 4 megapixels
SIDE = 256  # of the square that a logo fits into
CONTENT_TYPE = "image/webp"
_MOST_SCANS = 64  # of a JPEG: a few bytes of file make a decoder walk over the whole picture once more
_QUALITY = 90


def digest_of(content: bytes) -> str:
    """Return what tells this picture from all others, as it stands in addresses and in the audit."""
    return hashlib.sha256(content).hexdigest()


def made_anew(data: bytes) -> bytes:
    """Return the picture as WebP that fits into a square of SIDE points. Raises ValidationError with what is wrong."""
    if len(data) > LARGEST:
        raise ValidationError(_("At most 512 KiB; this file has more."), code="large")
    kind = _kind(data)
    try:
        width, height = _SIZES[kind](data)
    except (struct.error, IndexError, StopIteration):
        raise _unreadable() from None
    if width * height > MOST_PIXELS:
        raise ValidationError(
            _("At most 4 megapixels; this picture has %(width)d × %(height)d. Make it smaller first.")
            % {"width": width, "height": height},
            code="pixels",
        )
    try:
        return _redrawn(data, kind, (width, height))
    except ValidationError:
        raise
    except Exception:  # decoders do not say what they raise for a file that is broken on purpose
        raise _unreadable() from None


def _kind(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise ValidationError(_("Choose a PNG, JPEG or WebP picture: this file is none."), code="kind")


def _unreadable() -> ValidationError:
    return ValidationError(
        _("This picture is broken: it cannot be read to its end. Save it anew and try again."), code="broken"
    )


def _redrawn(data: bytes, kind: str, size: tuple[int, int]) -> bytes:
    with Image.open(BytesIO(data), formats=[kind]) as opened:
        picture: Any = opened
        if picture.size != size:
            raise _unreadable()
        if kind != "JPEG" and getattr(picture, "n_frames", 1) > 1:
            raise ValidationError(_("This picture moves. Choose one that stands still."), code="moves")
        picture.draft("RGB", (2 * SIDE, 2 * SIDE))  # JPEG only: decoded no larger than is needed
        picture = ImageOps.exif_transpose(picture)
        if picture.mode.startswith(
            "I"
        ):  # 16 bits of grey, of which conversion would cut off all but the lowest
            picture = picture.point(lambda value: value * (1 / 256)).convert("L")
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    written = BytesIO()
    picture.save(written, "WEBP", quality=_QUALITY, method=6)
    return written.getvalue()


def _size_of_png(data: bytes) -> tuple[int, int]:
    name, width, height = struct.unpack_from(">4sII", data, 12)
    if name != b"IHDR":
        raise StopIteration
    return width, height


def _size_of_webp(data: bytes) -> tuple[int, int]:
    name = data[12:16]
    if name == b"VP8X":
        width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
    elif name == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif name == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    else:
        raise StopIteration
    return width, height


def _size_of_jpeg(data: bytes) -> tuple[int, int]:
    """Walk over the segments to the one that begins the picture: others may hold pictures of their own."""
    if data.count(b"\xff\xda") > _MOST_SCANS:
        raise StopIteration
    place = 2
    while True:
        marker, length = struct.unpack_from(">HH", data, place)
        if marker in _FRAMES:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return width, height
        if marker < 0xFFC0 or marker == 0xFFDA or length < 2:
            raise StopIteration
        place += 2 + length


_FRAMES = {0xFFC0, 0xFFC1, 0xFFC2}  # those that decoders know
_SIZES = {"PNG": _size_of_png, "JPEG": _size_of_jpeg, "WEBP": _size_of_webp}
