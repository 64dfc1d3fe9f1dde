"""Logos are made anew from what a picture shows; what would cost much, or is something else, is refused before."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from io import BytesIO

import pytest
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from namespaces import logos
from namespaces.logos import LARGEST, SIDE, made_anew
from tests.drawings import (
    PLACE,
    drawn,
    jpeg_that_claims,
    moving,
    png_that_claims,
    scanned_too_often,
    webp_that_claims,
    with_exif,
)

KINDS = ("PNG", "JPEG", "WEBP")
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><script>alert(1)</script>"


def opened(content: bytes) -> Image.Image:
    picture = Image.open(BytesIO(content), formats=["WEBP"])
    picture.load()
    return picture


def code(data: bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        made_anew(data)
    return str(refused.value.code)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("size", "shown"), [((1024, 512), (SIDE, SIDE // 2)), ((40, 30), (40, 30)), ((2048, 2048), (SIDE, SIDE))]
)
def test_picture_is_scaled_to_fit_and_never_up(
    kind: str, size: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert opened(made_anew(drawn(kind, size))).size == shown


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_a_png_is_read(mode: str) -> None:
    assert opened(made_anew(drawn("PNG", mode=mode))).size == (64, 48)


def test_colours_and_what_one_looks_through_stay() -> None:
    picture = opened(made_anew(drawn("PNG", mode="RGBA", color=(200, 30, 40, 0))))
    assert picture.mode == "RGBA"
    assert picture.getpixel((5, 5))[3] == 0  # type: ignore[index]
    red, green, blue = opened(made_anew(drawn("JPEG", color="#c81e28"))).getpixel((5, 5))  # type: ignore[misc]
    assert abs(red - 200) + abs(green - 30) + abs(blue - 40) < 15
    grey = opened(made_anew(drawn("PNG", mode="I;16", color=0x8080))).getpixel((5, 5))
    assert abs(grey[0] - 0x80) < 4  # type: ignore[index]


@pytest.mark.parametrize("kind", KINDS)
def test_what_came_with_the_picture_is_gone(kind: str) -> None:
    data = with_exif(kind) + b"<script>alert(1)</script>"
    assert PLACE.encode() in data
    content = made_anew(data)
    for word in (PLACE.encode(), b"script", b"EXIF", b"ICCP", b"XMP"):
        assert word not in content


def test_profile_of_colours_is_not_kept() -> None:
    assert b"ICCP" not in made_anew(drawn("PNG", icc_profile=b"a profile with words in it" * 10))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_picture_of_a_phone_stands_upright(kind: str) -> None:
    assert opened(made_anew(with_exif(kind, orientation=6))).size == (32, 64)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", SVG, HTML, b"GIF89a" + SVG, drawn("GIF"), drawn("BMP"), drawn("TIFF"), drawn("ICO"), b"%PDF-1.7",
        b" " + drawn(), HTML + drawn("JPEG"), b"RIFF\0\0\0\0WAVEfmt ",
    ],
)  # fmt: skip
def test_what_is_no_picture_of_these_kinds_is_refused(data: bytes) -> None:
    assert code(data) == "kind"


def test_kind_is_what_the_bytes_say() -> None:
    """A TIFF that begins like a JPEG is read as a JPEG, and as nothing else."""
    assert code(b"\xff\xd8\xff" + drawn("TIFF")) == "broken"


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_picture_that_moves_is_refused(kind: str) -> None:
    assert code(moving(kind)) == "moves"


def test_first_of_two_pictures_of_a_camera_is_taken() -> None:
    assert opened(made_anew(moving("MPO"))).getpixel((5, 5))[0] > 200  # type: ignore[index]


def test_file_that_is_too_large_is_refused_unread() -> None:
    assert made_anew(drawn("PNG").ljust(LARGEST, b"\0"))
    assert code(drawn("PNG").ljust(LARGEST + 1, b"\0")) == "large"


@pytest.mark.parametrize("claims", [png_that_claims, webp_that_claims, jpeg_that_claims])
@pytest.mark.parametrize("size", [(2049, 2048), (20_000, 20_000), (1, 4_194_305), (65_535, 65_535)])
def test_picture_of_too_many_points_is_refused_by_what_it_claims(claims, size: tuple[int, int]) -> None:  # type: ignore[no-untyped-def]
    if claims is jpeg_that_claims and max(size) > 65_535:
        size = (65_535, 65)
    tracemalloc.start()
    try:
        assert code(claims(*size)) == "pixels"
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "data",
    [
        png_that_claims(0, 0), png_that_claims(300, 300), webp_that_claims(1000, 1000), jpeg_that_claims(1000, 0),
        drawn("PNG", (300, 300))[:-30], drawn("JPEG")[:200], drawn("WEBP")[:40], b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe0\x00\x00", b"RIFF\0\0\0\0WEBPVP8X", b"RIFF\0\0\0\0WEBPJUNK" + bytes(40),
    ],
)  # fmt: skip
def test_picture_that_is_broken_is_told_so(data: bytes) -> None:
    assert code(data) == "broken"


def test_jpeg_with_a_thousand_scans_is_refused_unread() -> None:
    assert len(scanned_too_often()) < LARGEST
    assert code(scanned_too_often()) == "broken"


@given(st.sampled_from(KINDS), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
def test_whatever_is_bent_in_a_file_is_read_or_refused(kind: str, bends: list[tuple[int, int]]) -> None:
    data = bytearray(drawn(kind, (16, 16)))
    for place, value in bends:
        data[place % len(data)] = value
    with suppress(ValidationError):
        assert max(opened(made_anew(bytes(data))).size) <= SIDE


def test_digest_is_of_the_content() -> None:
    assert logos.digest_of(b"a") != logos.digest_of(b"b")
    assert len(logos.digest_of(b"a")) == 64
