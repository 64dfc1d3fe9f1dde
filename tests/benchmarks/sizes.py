"""How much is measured: little enough for `make bench`, unless the environment says more (`BENCH_REVOCATIONS=1000`)."""

from __future__ import annotations

import os


def size(name: str, usual: int) -> int:
    """Return the number that the environment gives as `BENCH_<NAME>`, else the usual one."""
    return int(os.environ.get(f"BENCH_{name}", usual))


def seed() -> int:
    """Return where chance begins; printed with the figures that it is in."""
    return size("SEED", 1)
