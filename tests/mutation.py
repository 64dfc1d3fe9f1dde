"""`python -m tests.mutation`: break the code on purpose, and count how often the tests see it (`make mutants`).

mutmut changes one thing at a time in what carries Berth's promise and runs the tests that reach the place
(`[tool.mutmut]` in pyproject.toml). All of them take hours: unless told otherwise, a random sample is tried, whose seed
is printed. Those that survive are listed; `mutmut show NAME` in a copy of the tree shows one.

Works in a copy under build/, since mutmut leaves its own tree behind.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "build" / "mutation"
LEAST_SCORE = 0.85
SURVIVED, REACHED_BY_NO_TEST = 0, 33  # mutmut's words for what no test saw


def main() -> int:
    """Return 0 if the tests saw enough of what was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=400, help="how many to try; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    chosen = parser.parse_args()
    _copy()
    # Which places there are, mutmut says only once it has begun: with the smallest of the files.
    _mutmut(chosen.processes, "namespaces.policy.*")
    names = sorted(_results())
    size = min(chosen.sample or len(names), len(names))
    picked = random.Random(chosen.seed).sample(names, size)
    print(f"{size} of {len(names)} ways to break the code, seed {chosen.seed}", flush=True)
    _mutmut(chosen.processes, *picked)
    results = _results()
    missed = sorted(name for name in picked if results[name] in (SURVIVED, REACHED_BY_NO_TEST))
    untried = sum(results[name] is None for name in picked)
    for name in missed:
        print(f"not seen: {name}")
    score = 1 - (len(missed) + untried) / size
    spread = 1.96 * math.sqrt(score * (1 - score) / size) * math.sqrt(1 - size / len(names))
    print(
        f"score {score:.1%} ± {spread:.1%} of {size} ({untried} not tried); at least {LEAST_SCORE:.0%} is asked for"
    )
    return 0 if score >= LEAST_SCORE else 1


def _copy() -> None:
    """Lay a fresh copy of what git knows, as it is now, beside the tree."""
    shutil.rmtree(COPY, ignore_errors=True)
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (COPY / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, COPY / name)


def _mutmut(processes: int, *names: str) -> None:
    """Let mutmut try these. What it prints all the time goes to a file."""
    program = Path(sys.executable).with_name("mutmut")
    with (COPY / "mutmut.log").open("a") as log:
        done = subprocess.run(
            [str(program), "run", "--max-children", str(processes), *names],
            cwd=COPY,
            env=os.environ | {"PYTHONPATH": str(COPY)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    if done.returncode:
        sys.exit(f"mutmut ended with {done.returncode}; its words are in {COPY / 'mutmut.log'}")


def _results() -> dict[str, int | None]:
    """Return what became of each, None for those that were not tried."""
    found: dict[str, int | None] = {}
    for file in (COPY / "mutants").rglob("*.meta"):
        found.update(json.loads(file.read_text())["exit_code_by_key"])
    return found


if __name__ == "__main__":
    sys.exit(main())
