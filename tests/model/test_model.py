"""Random histories on the cluster in memory: a few of them here; `python -m tests.model` runs as many as wanted."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.history import Setting, outcome, shortest, told
from tests.model.machine import History
from tests.model.tally import Tally

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "60"))
REAL_HISTORIES = int(os.environ.get("MODEL_REAL_HISTORIES", "2"))
SEED = int(os.environ.get("MODEL_SEED", "1"))
STEPS = 60
SHORTEN_SECONDS = 60


@pytest.mark.usefixtures("in_memory")
def test_everything_holds_in_random_histories() -> None:
    _let_happen(HISTORIES)


@pytest.mark.usefixtures("on_a_real_server")
def test_everything_holds_in_random_histories_on_a_real_server() -> None:
    _let_happen(REAL_HISTORIES)


def _let_happen(number: int) -> None:
    """A history that fails is made shorter and told as lines of a test: they belong into `test_histories`."""
    Setting.tally, Setting.failed = Tally(), ()
    chosen = settings(
        max_examples=number,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        phases=(Phase.generate,),  # what Hypothesis would do with a failure takes minutes: `shortest` does it
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(SEED)(History), settings=chosen)
    except Exception:
        steps = shortest(Setting.failed, seconds=SHORTEN_SECONDS)
        print(f"seed {SEED}:\n{told(steps)}\n{outcome(steps)}")
        raise
    print(f"\n{Setting.tally.line()}")
