"""`python -m tests.model`: random histories, as many as wanted, or for as long as wanted (`make soak`).

Every batch has a seed of its own. A batch that fails is told with its shortest history; the same seed and number repeat
it: `python -m tests.model --seed SEED --histories NUMBER`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from tests.model.tally import MARK, Tally

BATCH = 100


def _batch(seed: int, histories: int, database: str) -> tuple[int, int, Tally | None, str]:
    """Run one batch; return its seed, its size, what came of it (None: it failed), and what it printed."""
    command = [sys.executable, "-m", "pytest", "--db", database, "-n", "0", "-q", "-s", "-p", "no:randomly"]
    environment = os.environ | {"MODEL_SEED": str(seed), "MODEL_HISTORIES": str(histories)}
    done = subprocess.run(
        [*command, "tests/model/test_model.py"], env=environment, capture_output=True, text=True
    )
    found = re.search(rf"^{MARK} (.*)$", done.stdout, re.MULTILINE)
    tally = Tally(**json.loads(found[1])) if found and done.returncode == 0 else None
    return seed, histories, tally, done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--histories", type=int, default=100, help="how many in all")
    parser.add_argument("--minutes", type=float, help="go on for so long, whatever the number")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first batch; the others follow")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--db", choices=("sqlite", "postgres"), default="sqlite")
    chosen = parser.parse_args()
    until = time.monotonic() + 60 * chosen.minutes if chosen.minutes else None
    left, seed, failed, total, done = chosen.histories, chosen.seed, 0, Tally(), 0
    with ThreadPoolExecutor(chosen.processes) as pool:
        running: set[Future[tuple[int, int, Tally | None, str]]] = set()
        while True:
            while len(running) < chosen.processes and (time.monotonic() < until if until else left > 0):
                size = BATCH if until else min(BATCH, left)
                running.add(pool.submit(_batch, seed, size, chosen.db))
                left, seed = left - size, seed + 1
            if not running:
                break
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            for each in ended:
                number, size, tally, text = each.result()
                if tally is None:
                    failed += 1
                    _tell(number, size, text)
                    continue
                done += size
                total.add(tally)
                print(f"seed {number}: {size} histories, {tally.told()}", flush=True)
    print(f"\n{done} histories of seeds {chosen.seed} to {seed - 1}, {total.told()}; {failed} batches failed")
    return 1 if failed or total.stale or total.foreign_changed else 0


def _tell(seed: int, size: int, text: str) -> None:
    lines = [line for line in text.splitlines() if re.match(r"(seed \d+:|happens\.|\w*Error: )", line)]
    shown = "\n".join(lines) or text[-3000:]
    print(f"FAILED, again by: python -m tests.model --seed {seed} --histories {size}\n{shown}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
