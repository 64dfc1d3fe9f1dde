"""A real worker and a real beat show that they are alive, again and again, also when the broker has gone."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import Celery
from celery.signals import worker_process_init
from celery.utils.timer2 import Timer
from django.db import OperationalError
from kombu.asynchronous.timer import Timer as HubTimer
from pytest_django import Settings

from localcluster import services
from localcluster.processes import free_ports
from portal import celery, celery_app, workers
from portal.workers import Attention, Duties

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
PROGRAMS = {
    "worker": ["worker", "--pool", "threads"],
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


def test_no_step_of_the_start_sends_to_the_broker_what_it_would_repeat_for_ever() -> None:
    controller, options = (
        SimpleNamespace(use_eventloop=True),
        {"task_events": False},
    )  # as for `celery worker`
    consumer = workers.LiveConsumer(
        lambda: None, app=celery_app, timer=Timer(), controller=controller, worker_options=options
    )
    steps = {step.alias for step in consumer.steps}  # type: ignore[attr-defined]
    assert {"Connection", "Tasks", "event loop"} <= steps
    assert steps & {"Heart", "Events", "Gossip", "Mingle"} == set()


def test_child_of_a_worker_waits_for_a_broker_no_longer_than_a_page() -> None:
    """It only sends: a broker that has died meanwhile would hold it until its time is over."""
    before = celery_app.conf.broker_transport_options
    celery_app.conf.broker_transport_options = celery._WORKER_TRANSPORT
    try:
        worker_process_init.send(sender=None)
        assert celery_app.conf.broker_transport_options["max_retries"] == 0
    finally:
        celery_app.conf.broker_transport_options = before


class TestDuties:
    """What a worker does of itself while there is no broker."""

    @pytest.fixture(autouse=True)
    def all_tasks(self) -> None:
        """Load the tasks as a worker does at its start."""
        celery_app.loader.import_default_modules()

    @pytest.fixture
    def done(self) -> list[str]:
        return []

    @pytest.fixture
    def duties(
        self, done: list[str], monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
    ) -> Iterator[Callable[[float], None]]:
        """Return a function that waits in a second of this clock, which begins at 0."""
        settings.LIVENESS_FILE = str(tmp_path / "alive")
        now = 0.0
        monkeypatch.setattr(workers, "time", SimpleNamespace(monotonic=lambda: now))
        app = Celery("duties", set_as_current=False)
        app.conf.duties = {
            "reconcile-due": {"task": "look", "schedule": 2.0, "kwargs": {"alone": True}},
            "sweep-clusters": {"task": "sweep", "schedule": 6.0, "kwargs": {}},
        }

        @app.task(name="look", shared=False)
        def look(*, alone: bool) -> None:
            assert alone
            done.append("look")
            if len(done) == 2:
                raise OperationalError("the database is away")

        @app.task(name="sweep", shared=False)
        def sweep() -> None:
            done.append("sweep")

        made = Duties(app)

        def wait(second: float) -> None:
            nonlocal now
            now = second
            made.wait()

        yield wait
        app.close()

    def test_what_is_due_is_looked_for_at_once(
        self, duties: Callable[[float], None], done: list[str]
    ) -> None:
        duties(0)
        assert done == ["look"]

    def test_each_is_done_as_often_as_said_whatever_became_of_the_last(
        self, duties: Callable[[float], None], done: list[str]
    ) -> None:
        for second in range(7):
            duties(second)
        assert done == ["look", "look", "look", "look", "sweep"]

    def test_life_is_shown_while_nothing_is_due(
        self, duties: Callable[[float], None], done: list[str], settings: Settings
    ) -> None:
        duties(0)
        Path(settings.LIVENESS_FILE).unlink()
        duties(1)
        assert Path(settings.LIVENESS_FILE).exists()
        assert done == ["look"]

    def test_worker_alone_does_what_beat_would_ask_for_and_calls_nobody(self) -> None:
        asked = {entry["task"] for entry in celery_app.conf.beat_schedule.values()}
        duties = celery_app.conf.duties.values()
        assert {entry["task"] for entry in duties} == asked
        for entry in duties:
            accepted = inspect.signature(celery_app.tasks[entry["task"]].run).parameters
            assert set(accepted) == set(entry["kwargs"])
            assert all(entry["kwargs"].values())

    def test_attention_is_paid_again_and_again_until_the_worker_ends(
        self, done: list[str], settings: Settings, tmp_path: Path
    ) -> None:
        settings.LIVENESS_FILE = str(tmp_path / "alive")
        app = Celery("attention", set_as_current=False)
        app.conf.attention = {"task": "look", "schedule": 0.001, "kwargs": {"alone": True}}

        @app.task(name="look", shared=False)
        def look(*, alone: bool) -> None:
            assert alone
            done.append("look")

        timer = HubTimer()
        worker = SimpleNamespace(app=app, timer=timer, steps=[])
        attention = Attention(worker)
        attention.stop(worker)  # a worker may end before this was begun
        attention.start(worker)
        for _wait, due in timer:
            assert due is not None or len(timer) == 1
            if due is not None:
                due()
            if len(done) == 2:
                break
        attention.stop(worker)
        assert [each.entry.canceled for each in timer.queue] == [True]
        app.close()

    def test_attention_names_a_task_that_asks_for_nothing(self) -> None:
        entry = celery_app.conf.attention
        assert not inspect.signature(celery_app.tasks[entry["task"]].run).parameters
        assert entry["kwargs"] == {}
