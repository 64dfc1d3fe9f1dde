"""A real worker and a real beat show that they are alive, again and again, also when the broker has gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localcluster import services
from localcluster.processes import free_ports

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
PROGRAMS = {
    "worker": ["worker", "--pool", "threads", "--without-gossip", "--without-mingle"],
    "beat": ["beat", "--scheduler", "portal.workers:LiveScheduler"],
}


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The settings of a worker whose database has every table."""
    directory = tmp_path_factory.mktemp("workers")
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


@pytest.fixture
def redis(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    port = int(environment["BERTH_BROKER_URL"].rpartition(":")[2].partition("/")[0])
    with subprocess.Popen(services.redis(tmp_path / "redis", port), stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


@pytest.fixture(params=sorted(PROGRAMS))
def program(
    request: pytest.FixtureRequest, environment: dict[str, str], redis: subprocess.Popen[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    Path(environment["BERTH_LIVENESS_FILE"]).unlink(missing_ok=True)
    command = [sys.executable, "-m", "celery", "--quiet", "--app", "portal", *PROGRAMS[request.param]]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        yield process
        process.send_signal(signal.SIGKILL)


def test_it_touches_its_file_again_and_again(
    program: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    alive = Path(environment["BERTH_LIVENESS_FILE"])
    eventually(alive.exists, "the first sign of life")
    alive.unlink()
    eventually(alive.exists, "another sign of life")
    assert program.poll() is None


def test_it_lives_on_without_a_broker(
    program: subprocess.Popen[bytes], redis: subprocess.Popen[bytes], environment: dict[str, str]
) -> None:
    alive = Path(environment["BERTH_LIVENESS_FILE"])
    eventually(alive.exists, "the first sign of life")
    redis.kill()
    redis.wait()
    alive.unlink()
    eventually(alive.exists, "a sign of life without a broker")
    assert program.poll() is None
