"""Reading of a YAML file of facts, with errors that name the file, the entry and the field.

Relative paths inside are relative to the file. Nothing is guessed or repaired: a field that is not known,
given twice or of another type is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

_MAX_BYTES = 1 << 20
Signature = tuple[tuple[str, int, int, int], ...]


class ConfigError(ValueError):
    """A file of facts cannot be used. The text names file, entry and field, and holds no secret.

    `sources` are the files that were read until then, where they are known.
    """

    sources: tuple[Path, ...] = ()


class _UniqueKeyLoader(yaml.SafeLoader):
    """The safe loader, but a key that is given twice is an error instead of the last one winning."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                line = node.value[index][0].start_mark.line + 1
                raise ConfigError(f"line {line}: {key!r} is given twice")
        return super().construct_mapping(node, deep=deep)


@dataclass(frozen=True)
class Entry:
    """One mapping of the file, which knows where it stands."""

    values: dict[str, Any]
    place: str
    folder: Path
    read_files: list[Path] = field(repr=False)

    def error(self, name: str, problem: str) -> ConfigError:
        """Return the error to raise about one of the fields."""
        return ConfigError(f'{self.place}: field "{name}": {problem}')

    def sources(self) -> tuple[Path, ...]:
        """Return every file that was read so far, the file of facts itself first."""
        return tuple(self.read_files)

    def known(self, names: Sequence[str], *, hint: str = "") -> None:
        """Refuse fields that are not among the names."""
        for name in self.values:
            if name not in names:
                close = get_close_matches(str(name), names, n=1)
                proposal = f'did you mean "{close[0]}"?' if close else f"there are: {', '.join(names)}"
                raise self.error(str(name), f"is not known; {proposal}{f' ({hint})' if hint else ''}")

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, *, default: str | None = None, empty: bool = False) -> str:
        """Return a text; `empty` allows the empty one, which must still be written."""
        value = self.values.get(name)
        if value is None and default is not None:
            return default
        if value is None:
            raise self.error(name, 'must be given, if only as ""' if empty else "must be given")
        if not isinstance(value, str):
            raise self.error(name, f"must be a text, not {value!r}; put it in quotes")
        if not value.strip() and not empty:
            raise self.error(name, "must not be empty")
        return value

    def https(self, name: str) -> str:
        """Return an absolute https address without user-info, query and fragment."""
        value = self.text(name)
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise self.error(name, f"is not an address: {value!r}") from error
        if parts.scheme != "https" or not host or not value.isprintable() or " " in value:
            raise self.error(name, f"must be an address that begins with https://, not {value!r}")
        if "@" in parts.netloc or parts.query or parts.fragment:
            raise self.error(name, "must be an address without user name, query and fragment")
        return value

    def path(self, name: str) -> Path:
        """Return a path, seen from the folder of the file; it need not exist."""
        return self.folder / self.text(name)

    def file_text(self, name: str) -> str:
        """Return the content of the text file that the field names."""
        path = self.path(name)
        self.read_files.append(path)
        return _content(path, lambda problem: self.error(name, problem))

    def mapping(self, name: str) -> Entry:
        """Return the mapping that the field holds."""
        value = self.values.get(name)
        if not isinstance(value, dict):
            raise self.error(
                name, "must be given" if value is None else "must be a mapping of names to values"
            )
        return Entry(value, f'{self.place}: in "{name}"', self.folder, self.read_files)

    def entries(self, name: str, word: str, *, label: str) -> list[Entry]:
        """Return the list of mappings in the field, at least one; errors call each by its `label` field."""
        value = self.values.get(name)
        if not isinstance(value, list) or not value:
            raise self.error(name, f"must be a list of at least one {word}")
        entries = []
        for number, values in enumerate(value, start=1):
            if not isinstance(values, dict):
                raise self.error(name, f"item {number} must be a mapping of fields to values")
            called = values.get(label)
            known_as = f'"{called}"' if isinstance(called, str) else f"number {number}"
            entries.append(Entry(values, f"{self.place}: {word} {known_as}", self.folder, self.read_files))
        return entries


def read(path: Path, fields: Sequence[str]) -> Entry:
    """Read a file of facts whose top level has these fields; raise ConfigError."""
    text = _content(path, lambda problem: ConfigError(f"{path}: {problem}"))
    try:
        document = yaml.load(text, Loader=_UniqueKeyLoader)  # noqa: S506 - a subclass of the safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        raise ConfigError(f"{path}: {where}is not valid YAML") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: must hold a mapping with the field {fields[0]!r}")
    entry = Entry(document, str(path), path.parent, [path])
    entry.known(fields)
    return entry


def signature(paths: tuple[Path, ...]) -> Signature:
    """Return what changes when one of the files is written or replaced."""
    found = []
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            found.append((str(path), 0, 0, 0))
        else:
            found.append((str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(found)


def _content(path: Path, error: Any) -> str:
    """Return the text of a file, or raise what `error` makes of the problem."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise error(f"{path} is larger than {_MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except OSError as problem:
        raise error(f"{path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{path} is not UTF-8 text") from problem
