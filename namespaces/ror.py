"""The data dump of the Research Organization Registry (https://ror.org), schema 2, read record by record.

The file has hundreds of megabytes: only a piece of it is in memory at any time.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from accounts.text import legible

ADDRESS = "https://ror.org/"
STATUSES = ("active", "inactive", "withdrawn")
NAME_LENGTH, OTHER_NAMES_LENGTH = 300, 2000
LARGEST_RECORD = 4 * 1024 * 1024  # characters
_PIECE = 256 * 1024
_ID = re.compile(rf"{re.escape(ADDRESS)}(0[a-hj-km-np-tv-z0-9]{{6}}[0-9]{{2}})\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_BETWEEN = re.compile(r"[\s,]*")


class BadFile(Exception):
    """What is wrong with a file, and where."""


@dataclass(frozen=True)
class Record:
    """An organisation: its id without the address, the name that ROR shows, the others, its country (ISO 3166)."""

    ror: str
    name: str
    other_names: tuple[str, ...]
    country: str
    status: str


def records(path: Path) -> Iterator[Record]:
    """Yield every organisation of a dump, which may be in a zip file. Raises BadFile that names file and record."""
    number = 0
    try:
        with _opened(path) as file:
            for number, value in enumerate(_values(file), 1):
                yield _numbered(number, value)
    except BadFile as error:
        raise BadFile(f"{path}: {error}") from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{path}: after record {number}: this is not UTF-8") from error
    except (OSError, zipfile.BadZipFile, EOFError) as error:
        raise BadFile(f"{path}: cannot be read: {error}") from error


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    if not zipfile.is_zipfile(path):
        with path.open(encoding="utf-8") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".json")]
        wanted = [name for name in names if name.endswith("_schema_v2.json")] or names
        if len(wanted) != 1:
            raise BadFile(f"it holds {len(wanted)} files that could be meant; unpack it and name the one")
        with archive.open(wanted[0]) as packed, io.TextIOWrapper(packed, "utf-8") as file:
            yield file


def _values(file: TextIO) -> Iterator[Any]:
    """Yield the elements of a JSON array, of which never more than one and a piece of the next is in memory."""
    text, decoder, is_over, number = file.read(_PIECE).lstrip("\ufeff \t\r\n"), json.JSONDecoder(), False, 0
    if not text.startswith("["):
        raise BadFile("this is no JSON array, as a data dump of ROR is")
    place = 1
    while True:
        place = _BETWEEN.match(text, place).end()  # type: ignore[union-attr]
        if text.startswith("]", place):
            return
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            if is_over or len(text) - place > LARGEST_RECORD:
                raise BadFile(f"after record {number}: this cannot be read as JSON") from error
        else:
            number += 1
            yield value
            continue
        more = file.read(_PIECE)
        text, place, is_over = text[place:] + more, 0, not more


def _numbered(number: int, value: object) -> Record:
    try:
        return _record(value)
    except BadFile as error:
        raise BadFile(f"record {number}: {error}") from error


def _record(value: object) -> Record:
    if not isinstance(value, dict):
        raise BadFile("it is no object")
    said = str(value.get("id"))
    found = _ID.match(said)
    if not found:
        raise BadFile(f"its id is {said[:60]!r}, not an address as https://ror.org/03s65by71")
    if "names" not in value and "name" in value:
        raise BadFile(f"{said} is of schema 1: take the file of schema 2, whose name ends in _schema_v2.json")
    names = [(_text(name.get("value")), name.get("types")) for name in _objects(value.get("names"))]
    shown = [name for name, types in names if name and isinstance(types, list) and "ror_display" in types]
    if not shown:
        raise BadFile(f"{said} has no name of type ror_display")
    if value.get("status") not in STATUSES:
        raise BadFile(
            f"{said} has the status {str(value.get('status'))[:60]!r}, not one of {', '.join(STATUSES)}"
        )
    others = dict.fromkeys(name for name, _types in names if name and name != shown[0])
    return Record(found[1], shown[0], tuple(others), _country(value), value["status"])


def _country(value: dict[str, Any]) -> str:
    for location in _objects(value.get("locations")):
        details = location.get("geonames_details")
        code = str(details.get("country_code", "")) if isinstance(details, dict) else ""
        if _COUNTRY.match(code):
            return code
    return ""


def _objects(value: object) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: object) -> str:
    return legible(value)[:NAME_LENGTH] if isinstance(value, str) else ""
