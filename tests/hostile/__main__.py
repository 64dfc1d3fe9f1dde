"""`python -m tests.hostile`: hostile requests, as many as wanted (`make hostile`), in batches of a seed each.

What came of all is told at the end. A batch that fails is told with its requests; the same seed and number repeat it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.hostile.tally import Tally

BATCH = 5000
TEST = (
    "tests/hostile/test_hostile.py"
    "::test_hostile_requests_make_no_error_store_no_script_and_change_nothing_by_reading"
)


@dataclass(frozen=True)
class Batch:
    """Some requests from one seed."""

    seed: int
    size: int
    database: str

    def run(self) -> Tally | None:
        """Send them, tell what came of it, and return that if all was well."""
        command = [sys.executable, "-m", "pytest", "--db", self.database, "-n", "0", "-vv", "-s", TEST]
        numbers = {"HOSTILE_SEED": str(self.seed), "HOSTILE_REQUESTS": str(self.size)}
        done = subprocess.run(command, env=os.environ | numbers, capture_output=True, text=True)
        found = [line for line in done.stdout.splitlines() if line.startswith("HOSTILE ")]
        if done.returncode or not found:
            again = f"--db {self.database} --seed {self.seed} --requests {self.size}"
            print(f"FAILED, again by: python -m tests.hostile {again}\n{done.stdout[-8000:]}", flush=True)
            return None
        statuses, read, stored = json.loads(found[0].removeprefix("HOSTILE "))
        tally = Tally(Counter({int(status): count for status, count in statuses.items()}), read, stored)
        print(f"seed {self.seed}: {tally.told()}", flush=True)
        return tally


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.hostile", description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000, help="how many in all")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first batch; the others follow")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    begun = time.monotonic()
    batches = [
        Batch(chosen.seed + number, min(BATCH, chosen.requests - sent), chosen.db)
        for number, sent in enumerate(range(0, chosen.requests, BATCH))
    ]
    with ThreadPoolExecutor(chosen.processes) as pool:
        tallies = list(pool.map(Batch.run, batches))
    total, seconds = Tally(), time.monotonic() - begun
    for tally in tallies:
        total.add(tally or Tally())
    print(f"\nseeds {batches[0].seed} to {batches[-1].seed} on {chosen.db}: {total.told()}")
    print(
        f"{seconds:.0f} s, {(total.sent + total.read) / seconds:.0f} requests a second, the reading included"
    )
    print(f"{tallies.count(None)} batches failed")
    return 1 if None in tallies else 0


if __name__ == "__main__":
    sys.exit(main())
