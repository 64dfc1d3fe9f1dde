"""`manage.py watch` as a process: it shows that it lives, whatever is away, and ends when it is told to."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.processes import free_ports
from portal import celery

ROOT = Path(__file__).parents[2]
SECONDS = 60.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """That of a watch on an empty database; neither the clusters nor the broker answer."""
    directory = tmp_path_factory.mktemp("watch")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("BERTH_", "DATABASE_URL"))}
    facts = ROOT / "tests" / "facts"
    environment = kept | {
        "BERTH_DATA_DIR": str(directory),
        "BERTH_SECRET_KEY": "a-key-of-the-tests-that-guards-nothing-and-is-long-enough",
        "BERTH_PROCESS": "worker",
        "BERTH_CLUSTERS": str(facts / "clusters.yaml"),
        "BERTH_ISSUERS": str(facts / "issuers.yaml"),
        "BERTH_BROKER_URL": f"redis://127.0.0.1:{free_ports(1)[0]}/0",
        "BERTH_LIVENESS_FILE": str(directory / "alive"),
    }
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env=environment, check=True, timeout=120)
    return environment


def watch(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", "watch", *arguments],
        cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def test_shows_life_again_and_again_and_ends_at_once(environment: dict[str, str]) -> None:
    alive = Path(environment["BERTH_LIVENESS_FILE"])
    with watch(**environment) as process:
        for _time in range(2):
            deadline = time.monotonic() + SECONDS
            while not alive.exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            alive.unlink()
        process.terminate()
        said, _nothing = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, said
    told = [line for line in said.splitlines() if "not watched" in line]
    assert len(told) == 3, said  # once for each kind, however often they were tried
    assert "Traceback" not in said


@pytest.fixture
def patient_broker() -> Iterator[None]:
    """Inside, Celery is configured as in a worker."""
    before = celery.app.conf.broker_transport_options
    celery.app.conf.broker_transport_options = celery._WORKER_TRANSPORT
    yield
    celery.app.conf.broker_transport_options = before


def test_broker_that_says_nothing_is_waited_for_no_longer_than_by_a_page(patient_broker: None) -> None:
    """Else two knocks would take longer than a probe waits for a sign of life."""
    celery.be_impatient()
    assert celery.app.conf.broker_transport_options["socket_timeout"] <= 0.5
    assert celery.app.conf.broker_transport_options["max_retries"] == 0


def test_cluster_that_is_not_known_is_named(environment: dict[str, str]) -> None:
    with watch("atlantis", **environment) as process:
        said, _nothing = process.communicate(timeout=SECONDS)
    assert process.returncode == 1
    assert "names no cluster atlantis" in said


def test_unsafe_settings_are_refused(environment: dict[str, str]) -> None:
    without = {name: value for name, value in environment.items() if name != "BERTH_SECRET_KEY"}
    with watch(**without) as process:
        said, _nothing = process.communicate(timeout=SECONDS)
    assert process.returncode == 78
    assert "BERTH_SECRET_KEY" in said
