"""`python -m tests.model`: random histories, as many as wanted, or for as long as wanted (`make soak`).

Every batch has a seed of its own. What came of all of them is told at the end, with the usual quantiles. A batch that
fails is told with its shortest history; the same seed and number repeat it: `python -m tests.model --on memory --seed
SEED --histories NUMBER`. On `both`, every second batch is on a real API server, which it starts for itself.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from tests.benchmarks import figures
from tests.model.tally import Tally

BATCHES = {"memory": 100, "real": 20}
"""As many histories has a batch, by where they happen."""
TESTS = {
    "memory": "tests/model/test_model.py::test_everything_holds_in_random_histories",
    "real": "tests/model/test_model.py::test_everything_holds_in_random_histories_on_a_real_server",
}


@dataclass(frozen=True)
class Batch:
    """Some histories: where they happen, the seed, and how many."""

    where: str
    seed: int
    size: int

    def run(self, database: str) -> tuple[Batch, Tally | None, str]:
        """Return what came of it (None: it failed), and what it printed."""
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--db",
            database,
            "-n",
            "0",
            "-q",
            "-s",
            "-p",
            "no:randomly",
        ]
        size = str(self.size)
        numbers = {"MODEL_SEED": str(self.seed), "MODEL_HISTORIES": size, "MODEL_REAL_HISTORIES": size}
        done = subprocess.run(
            [*command, TESTS[self.where]], env=os.environ | numbers, capture_output=True, text=True
        )
        tally = Tally.find(done.stdout) if done.returncode == 0 else None
        return self, tally, done.stdout + done.stderr


def main() -> int:
    chosen = _parser().parse_args()
    until = time.monotonic() + 60 * chosen.minutes if chosen.minutes else None
    places = ("memory", "real") if chosen.on == "both" else (chosen.on,)
    turns = itertools.cycle(places)
    left, seed, failed = chosen.histories, chosen.seed, 0
    totals = {where: Tally() for where in places}
    seeds: dict[str, list[int]] = {where: [] for where in places}
    with ThreadPoolExecutor(chosen.processes) as pool:
        running: set[Future[tuple[Batch, Tally | None, str]]] = set()
        while True:
            while len(running) < chosen.processes and (time.monotonic() < until if until else left > 0):
                where = next(turns)
                size = BATCHES[where] if until else min(BATCHES[where], left)
                running.add(pool.submit(Batch(where, seed, size).run, chosen.db))
                seeds[where].append(seed)
                left, seed = left - size, seed + 1
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for each in ended:
                batch, tally, text = each.result()
                if tally is None:
                    failed += 1
                    _tell(batch, text)
                    continue
                totals[batch.where].add(tally)
                print(f"{batch.where}, seed {batch.seed}: {tally.told()}", flush=True)
    print()
    told: list[figures.Figure] = []
    for where, total in totals.items():
        if of := seeds[where]:
            note = f"seeds {of[0]} to {of[-1]}" + (", every second" if len(places) > 1 else "")
            print(f"{where}, {note}: {total.told()}")
            told += total.figures(where, note)
    print(figures.table(told))
    print(f"{failed} batches failed")
    return 1 if failed or any(total.stale or total.foreign_changed for total in totals.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--on", choices=("memory", "real", "both"), default="memory")
    parser.add_argument("--histories", type=int, default=100, help="how many in all")
    parser.add_argument("--minutes", type=float, help="go on for so long, whatever the number")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first batch; the others follow")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    return parser


def _tell(batch: Batch, text: str) -> None:
    lines = [line for line in text.splitlines() if re.match(r"(seed \d+:|happens\.|\w*Error: )", line)]
    shown = "\n".join(lines) or text[-3000:]
    again = f"--on {batch.where} --seed {batch.seed} --histories {batch.size}"
    print(f"FAILED, again by: python -m tests.model {again}\n{shown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
