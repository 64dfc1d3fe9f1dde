"""What the settings make of the environment; read in a process of its own each time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def manage(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the shell of `manage.py` with these variables and no others of ours."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("BERTH_", "DATABASE_URL"))
    }
    return subprocess.run(
        [sys.executable, "manage.py", "shell", "--no-imports", "--command", program],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["100%", "a?b", "a#b", "%41", "a b"])
def test_the_database_lies_in_the_directory_of_that_very_name(tmp_path: Path, name: str) -> None:
    directory = tmp_path / name
    directory.mkdir()
    program = "from django.db import connection; connection.ensure_connection()"
    done = manage(program, BERTH_DATA_DIR=str(directory))
    assert done.returncode == 0, done.stderr
    assert (directory / "berth.sqlite3").exists()


@pytest.mark.parametrize("zone", ["Mars/X", "Europe", "/etc/localtime", "../UTC", ""])
def test_what_is_no_time_zone_is_refused_in_words(zone: str) -> None:
    done = manage("from django.conf import settings; settings.TIME_ZONE", BERTH_TIME_ZONE=zone)
    assert done.returncode == 1
    assert f"BERTH_TIME_ZONE={zone} is not a time zone" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_time_zone_is_used() -> None:
    done = manage("from django.conf import settings; print(settings.TIME_ZONE)", BERTH_TIME_ZONE="Asia/Tokyo")
    assert done.stdout.strip() == "Asia/Tokyo"
