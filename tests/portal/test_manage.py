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
