"""What came of histories, in numbers."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field

from tests.benchmarks.figures import Figure

MARK = "tally"
"""The line of the output of a run that holds its numbers begins with this."""


@dataclass
class Tally:
    """What came of some histories. Whatever is measured is counted by its value: there may be many thousands."""

    steps: int = 0
    stale: int = 0
    foreign_changed: int = 0
    lives: Counter[int] = field(default_factory=Counter)
    """How many sweeps a right that a late worker gave again was there, until it was gone or was decided again."""
    seconds: Counter[float] = field(default_factory=Counter)
    """How long a history took that ended well, to a tenth."""

    def gone_after(self, sweeps: int) -> None:
        self.lives[sweeps] += 1

    def ended_after(self, seconds: float) -> None:
        self.seconds[round(seconds, 1)] += 1

    @property
    def histories(self) -> int:
        return self.seconds.total()

    def told(self) -> str:
        return (
            f"{self.histories} histories, {self.steps} steps, {self.stale} stale grants,"
            f" {self.foreign_changed} foreign objects changed, {self.lives.total()} rights given again by late"
            f" workers, the longest for {max(self.lives, default=0)} sweeps"
        )

    def figures(self, where: str, note: str) -> list[Figure]:
        """Return what there is to say about how long things took."""
        found = (
            ("a right given again by a late worker was there for", self.lives, "sweeps"),
            ("a history took", self.seconds, "s"),
        )
        return [
            Figure(f"{where}: {name}", list(counts.elements()), unit, {}, note=note)
            for name, counts, unit in found
            if counts
        ]

    def add(self, other: Tally) -> None:
        self.steps += other.steps
        self.stale += other.stale
        self.foreign_changed += other.foreign_changed
        self.lives.update(other.lives)
        self.seconds.update(other.seconds)

    def line(self) -> str:
        """Return the line that says all of this to the process that started this one."""
        return f"{MARK} {json.dumps(vars(self))}"

    @classmethod
    def find(cls, output: str) -> Tally | None:
        """Return what the line in the output of a run says; None if there is none."""
        found = re.search(rf"^{MARK} (.*)$", output, re.MULTILINE)
        if found is None:
            return None
        said = json.loads(found[1])
        lives = Counter({int(sweeps): number for sweeps, number in said.pop("lives").items()})
        seconds = Counter({float(each): number for each, number in said.pop("seconds").items()})
        return cls(**said, lives=lives, seconds=seconds)
