"""`manage.py` before any command runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SECONDS = 60.0


@pytest.mark.parametrize("loaded", ["django/core/management/__init__", "yaml/__init__", "portal/settings"])
def test_ctrl_c_at_the_beginning_shows_nothing_of_the_inside(tmp_path: Path, loaded: str) -> None:
    """Python says which modules it has loaded; at one of them comes Ctrl-C."""
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-v", "manage.py", "dev", "--reset"],
            cwd=ROOT,
            env=os.environ | {"BERTH_DATA_DIR": str(tmp_path / "data")},
            stdout=subprocess.DEVNULL,
            stderr=output,
        )
        deadline = time.monotonic() + SECONDS
        while f"/{loaded}.py".encode() not in log.read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.send_signal(signal.SIGINT)
        assert process.wait(SECONDS) == 130
    assert b"Traceback" not in log.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((b"reconcile", b"\xff"), "an argument is not UTF-8"),
        ((b"reconcile", b"--all"), "the database cannot be used"),
        ((b"restore", b"diff", b"--cluster", b"nautilus"), "the database cannot be used"),
    ],
    ids=["not UTF-8", "no database", "no database to restore"],
)
def test_what_stops_a_command_is_said_in_one_line(
    tmp_path: Path, arguments: tuple[bytes, ...], words: str
) -> None:
    nowhere = {"DATABASE_URL": f"sqlite:///{tmp_path}/no-such-directory/berth.sqlite3"}
    command = [sys.executable.encode(), b"manage.py", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | nowhere, capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
