"""The directory of the demonstration: one process at a time, and nobody else's files are touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from portal.demonstration_directory import CannotStart, forget, locked

ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "data"


def _used(directory: Path) -> None:
    """Make what a run of the demonstration makes."""
    with locked(directory):
        for name in ("logs", "static", "redis", "cluster"):
            (directory / name).mkdir()
            (directory / name / "file").touch()
        for name in ("berth.sqlite3", "berth.sqlite3-wal", "berth.sqlite3-shm", "secret-key"):
            (directory / name).touch()


def reset(**variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
    return subprocess.run(
        [sys.executable, "manage.py", "dev", "--reset"],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_second_start_is_told_who_runs(directory: Path) -> None:
    with locked(directory), pytest.raises(CannotStart, match=r"is running already \(process \d+\)"):
        locked(directory).__enter__()


def test_a_reset_waits_for_the_end_of_the_run(directory: Path) -> None:
    with locked(directory), pytest.raises(CannotStart, match="is running already"):
        forget(directory)
    assert directory.exists()


def test_a_reset_deletes_everything_that_was_made(directory: Path) -> None:
    _used(directory)
    assert forget(directory) == []
    assert not directory.exists()


def test_a_reset_of_nothing_is_no_error(directory: Path) -> None:
    forget(directory)
    assert not directory.exists()


def test_a_reset_leaves_what_others_put_there_and_says_so(directory: Path) -> None:
    _used(directory)
    (directory / "thesis.tex").write_text("years of work")
    said = reset(BERTH_DATA_DIR=str(directory))
    assert "Left there, because the demonstration did not make it: thesis.tex" in said.stdout
    assert os.listdir(directory) == ["thesis.tex"]


def test_a_reset_spares_a_directory_that_the_demonstration_did_not_make(directory: Path) -> None:
    directory.mkdir()
    (directory / "thesis.tex").write_text("years of work")
    with pytest.raises(CannotStart, match="nothing was deleted"):
        forget(directory)
    assert (directory / "thesis.tex").exists()


@pytest.mark.parametrize("name", ["thesis.tex", "berth.sqlite3", "logs", ".git"])
def test_a_directory_with_files_of_somebody_else_is_refused_and_stays_as_it_is(
    directory: Path, name: str
) -> None:
    directory.mkdir()
    (directory / name).touch()
    with pytest.raises(CannotStart, match=rf"was not made by the demonstration: it holds {name}\."):
        locked(directory).__enter__()
    assert os.listdir(directory) == [name]


def test_an_empty_directory_may_be_used(directory: Path) -> None:
    directory.mkdir()
    _used(directory)
    forget(directory)
    assert not directory.exists()


def test_a_reset_through_a_symlink_empties_the_directory_and_keeps_the_link(tmp_path: Path) -> None:
    link, target = tmp_path / "link", tmp_path / "target"
    target.mkdir()
    link.symlink_to(target)
    _used(link)
    assert forget(link) == []
    assert os.listdir(target) == []
    with locked(link):
        assert (target / "dev.lock").exists()


def test_a_reset_does_not_follow_a_symlink_inside(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "thesis.tex").touch()
    with locked(directory):
        (directory / "logs").symlink_to(tmp_path / "elsewhere")
    forget(directory)
    assert os.listdir(tmp_path / "elsewhere") == ["thesis.tex"]


def test_no_name_of_a_directory_means_the_default(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    program = "from portal.settings import DATA_DIR; print(DATA_DIR)"
    said = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=os.environ | {"BERTH_DATA_DIR": "", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert said.stdout.strip() == str(ROOT / ".berth")


@pytest.mark.parametrize("kind", ["file", "below a file", "dangling link", "below nothing"])
def test_a_directory_that_cannot_be_used_is_named_in_words(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    path = {
        "file": tmp_path / "file",
        "below a file": tmp_path / "file" / "data",
        "dangling link": tmp_path / "link",
        "below nothing": Path("/proc/nothing/data"),
    }[kind]
    with pytest.raises(CannotStart, match=r"cannot be used: (?s:.*)BERTH_DATA_DIR"):
        locked(path).__enter__()


def test_a_reset_of_what_is_no_directory_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = reset(BERTH_DATA_DIR=str(tmp_path / "file"))
    assert said.returncode == 1
    assert "Not a directory" in said.stderr
    assert "Traceback" not in said.stderr
    assert (tmp_path / "file").exists()
