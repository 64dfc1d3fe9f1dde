"""The real programs refuse to start where something is unsafe, and say why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from localcluster.processes import free_ports
from portal import start as start_of_processes

ROOT = Path(__file__).parents[2]
FACTS = ROOT / "tests" / "facts"
CONFIGURATION_ERROR = 78
SECONDS = 60
PROGRAMS = {
    "web": ["gunicorn"],
    "worker": ["celery", "--app", "portal", "worker", "--pool", "solo"],
    "beat": ["celery", "--app", "portal", "beat", "--scheduler", "portal.workers:LiveScheduler"],
}


def start(name: str, directory: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """Start one of the programs with settings of production; `changes` make them unsafe."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "DATABASE_URL"))}
    settings = {
        "BERTH_BASE_URL": "https://berth.example.org",
        "BERTH_ALLOWED_HOSTS": "berth.example.org",
        "BERTH_TRUSTED_PROXIES": "1",
        "BERTH_SECRET_KEY": "k7Rw2PzV9xQe4TnB8mYc1LsD6hJf3GaU0oXiNvEbMtKqZrWpSy",
        "BERTH_BIND": f"127.0.0.1:{free_ports(1)[0]}",
        "BERTH_BROKER_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0",
        "BERTH_CLUSTERS": str(FACTS / "clusters.yaml"),
        "BERTH_ISSUERS": str(FACTS / "issuers.yaml"),
        "BERTH_DATA_DIR": str(directory),
        "BERTH_PROCESS": "web" if name == "web" else "worker",
    }
    return subprocess.run(
        [sys.executable, "-m", *PROGRAMS[name]],
        env=kept | settings | changes,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_a_program_with_unsafe_settings_does_not_start(name: str, tmp_path: Path) -> None:
    ended = start(name, tmp_path, BERTH_DEBUG="1")
    assert ended.returncode == CONFIGURATION_ERROR
    assert "portal.E001" in ended.stderr


def test_with_safe_settings_only_the_missing_tables_are_in_the_way(tmp_path: Path) -> None:
    ended = start("web", tmp_path)
    assert ended.returncode == CONFIGURATION_ERROR
    assert ended.stderr.count("(portal.") == ended.stderr.count("(portal.E020)") == 1
    assert "security." not in ended.stderr


def test_a_worker_needs_no_identity_provider(tmp_path: Path) -> None:
    ended = start("worker", tmp_path, BERTH_ISSUERS="")
    assert "accounts.W001" not in ended.stderr
    assert "portal.E020" in ended.stderr


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("app", ["accounts", "sessions"])
@pytest.mark.parametrize(("is_worker", "refused"), [(False, ["portal.E021"]), (True, [])])
def test_newer_database_stops_a_web_process_and_no_worker(
    settings: Settings, is_worker: bool, refused: list[str], app: str
) -> None:
    """Be it newer in what is ours or in what a library keeps. Workers go on with what ends (`namespaces.epoch`)."""
    settings.IS_WORKER = is_worker
    recorder = MigrationRecorder(connection)
    recorder.record_applied(app, "9999_from_the_future")
    try:
        assert [message.id for message in start_of_processes._migrations()] == refused
    finally:
        recorder.record_unapplied(app, "9999_from_the_future")


def test_even_a_demonstration_does_not_start_with_the_key_of_the_source_code(tmp_path: Path) -> None:
    ended = start(
        "web",
        tmp_path,
        BERTH_BASE_URL="http://localhost:8088",
        BERTH_ALLOWED_HOSTS="localhost",
        BERTH_SECRET_KEY="insecure-key-for-commands-only",
    )
    assert ended.returncode == CONFIGURATION_ERROR
    assert "BERTH_SECRET_KEY is not set" in ended.stderr
