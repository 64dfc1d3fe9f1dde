"""Random histories on the cluster in memory: a few hundred of them; `python -m tests.model` runs as many as wanted."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.internal.conjecture import engine
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import History, Setting
from tests.model.world import Tally

HISTORIES = int(os.environ.get("MODEL_HISTORIES", "200"))
SEED = int(os.environ.get("MODEL_SEED", "1"))
SHRINK_SECONDS = int(os.environ.get("MODEL_SHRINK_SECONDS", "30"))
STEPS = 60


@pytest.mark.usefixtures("in_memory")
def test_everything_holds_in_random_histories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_SHRINKING_SECONDS", SHRINK_SECONDS)  # of its own it takes five minutes
    Setting.tally = Tally()
    begun = time.process_time()
    machine = seed(SEED)(History)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"seed {SEED}: {HISTORIES} histories, {Setting.tally}, {time.process_time() - begun:.1f} s of processor")
