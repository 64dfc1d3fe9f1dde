"""The locks are complete, hashed and free of addresses, and the smaller ones are parts of the larger ones."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("runtime", "demo", "dev", "uv")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
WANTED = {
    "runtime": PROJECT["project"]["dependencies"],
    "demo": PROJECT["dependency-groups"]["dev"],
    "dev": PROJECT["dependency-groups"]["test"] + PROJECT["dependency-groups"]["lint"],
}
_ENTRY = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", re.MULTILINE)


def text(name: str) -> str:
    return (ROOT / "requirements" / f"{name}.txt").read_text()


def entries(name: str) -> dict[str, str]:
    return {canonicalize_name(package): version for package, version in _ENTRY.findall(text(name))}


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_is_in_a_lock(name: str) -> None:
    assert "://" not in text(name)
    assert not re.search(r"^--", text(name), re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_entry_has_a_hash(name: str) -> None:
    starts = [match.start() for match in _ENTRY.finditer(text(name))]
    assert starts
    ends = [*starts[1:], len(text(name))]
    for start, end in zip(starts, ends, strict=True):
        assert "--hash=sha256:" in text(name)[start:end]


@pytest.mark.parametrize("name", sorted(WANTED))
def test_every_dependency_is_locked_within_its_range(name: str) -> None:
    locked = entries(name)
    for line in WANTED[name]:
        wanted = Requirement(line)
        assert wanted.specifier.contains(locked[canonicalize_name(wanted.name)]), line


@pytest.mark.parametrize(("small", "large"), [("runtime", "demo"), ("demo", "dev")])
def test_a_smaller_lock_is_a_part_of_the_larger(small: str, large: str) -> None:
    assert entries(small).items() <= entries(large).items()
