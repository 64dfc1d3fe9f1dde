"""How much is measured: little for `make bench`, all for `full`, or what the environment says (`BENCH_SEED=7`)."""

from __future__ import annotations

import os

FULL = "BENCH_FULL"


def size(name: str, usual: int, full: int | None = None) -> int:
    """Return the number that the environment gives as `BENCH_<NAME>`, else the usual one, or that of a full run."""
    if full is None or not os.environ.get(FULL):
        full = usual
    return int(os.environ.get(f"BENCH_{name}", full))


def seed() -> int:
    """Return where chance begins; printed with the figures that it is in."""
    return size("SEED", 1)
