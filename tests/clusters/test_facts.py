"""Reading of files of facts. What each field of the clusters file says is in `test_config`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from clusters.facts import ConfigError, read, signature


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "facts.yaml"


def test_a_key_that_is_given_twice_is_named_with_its_line(path: Path) -> None:
    path.write_text("things:\n- name: a\n  name: b\n")
    with pytest.raises(ConfigError, match=r"facts\.yaml: line 3: 'name' is given twice"):
        read(path, ("things",))


def test_a_file_that_is_too_large_is_not_read(path: Path) -> None:
    path.write_text("#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="larger than"):
        read(path, ("things",))


def test_sources_are_the_file_and_the_files_it_names(path: Path, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("hello")
    path.write_text("things:\n- {name: a, note: note.txt}\n")
    document = read(path, ("things",))
    [entry] = document.entries("things", "thing", label="name")
    assert entry.file_text("note") == "hello"
    assert document.sources() == (path, tmp_path / "note.txt")


@pytest.mark.parametrize("change", ["written", "replaced", "removed"])
def test_signature_changes_with_the_file(path: Path, change: str) -> None:
    path.write_text("a")
    before = signature((path,))
    assert before == signature((path,))
    if change == "written":
        path.write_text("ab")
    elif change == "replaced":
        path.with_suffix(".new").write_text("a")
        os.replace(path.with_suffix(".new"), path)
    else:
        path.unlink()
    assert signature((path,)) != before
