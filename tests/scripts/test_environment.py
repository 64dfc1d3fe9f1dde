"""The virtual environment that the first command makes: whole or anew, by one command at a time, for this very path."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60.0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree that needs no packages: nothing is fetched."""
    tree = tmp_path / "tree"
    (tree / "scripts").mkdir(parents=True)
    (tree / "requirements").mkdir()
    shutil.copy(ROOT / "scripts" / "environment.sh", tree / "scripts")
    for name in ("demo.txt", "dev.txt", "uv.txt"):
        (tree / "requirements" / name).touch()
    return tree


def start(tree: Path) -> subprocess.Popen[str]:
    variables = {"BERTH_PYTHON": sys.executable, "PIP_NO_INDEX": "1"}
    return subprocess.Popen(
        ["sh", str(tree / "scripts" / "environment.sh"), "demo"],
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )


def made(tree: Path) -> str:
    """Run the script to its end; return what it said."""
    process = start(tree)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    return said


def has_pip(tree: Path) -> bool:
    return not subprocess.run(
        [tree / ".venv/bin/pip", "--version"], capture_output=True, check=False
    ).returncode


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_is_there_is_left_alone(tree: Path) -> None:
    assert "making .venv" in made(tree)
    assert made(tree) == ""


def test_an_environment_without_pip_is_made_anew(tree: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tree / ".venv"], check=True)
    assert "making .venv" in made(tree)
    assert has_pip(tree)


def test_an_interrupted_start_can_be_repeated_and_says_nothing_of_its_inside(tree: Path) -> None:
    process = start(tree)
    until((tree / ".venv/bin/python").exists)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode != 0
    assert "Traceback" not in said
    made(tree)
    assert has_pip(tree)


def test_a_tree_that_was_moved_gets_a_new_environment(tree: Path) -> None:
    made(tree)
    moved = tree.rename(tree.with_name("moved"))
    assert "making .venv" in made(moved)
    assert has_pip(moved)
    assert f"{moved}/.venv" in (moved / ".venv/bin/pip").read_text()


def test_two_first_starts_make_one_environment(tree: Path) -> None:
    both = [start(tree), start(tree)]
    said = "".join(process.communicate(timeout=SECONDS)[0] for process in both)
    assert [process.returncode for process in both] == [0, 0], said
    assert said.count("making .venv with") == 1
    assert has_pip(tree)


def test_who_waits_for_another_is_told_so(tree: Path) -> None:
    with (tree / ".venv.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start(tree)
        assert process.stdout is not None
        assert "another command is making .venv" in process.stdout.readline()
    said, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said


def test_a_killed_start_does_not_block_the_next(tree: Path) -> None:
    process = start(tree)
    until((tree / ".venv.lock").exists)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate(timeout=SECONDS)
    made(tree)
    assert has_pip(tree)
