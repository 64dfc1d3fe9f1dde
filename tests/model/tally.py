"""What came of histories, in numbers."""

from __future__ import annotations

from dataclasses import dataclass

MARK = "tally"
"""The line of the output of a run that holds its numbers begins with this."""


@dataclass
class Tally:
    """What came of one history."""

    steps: int = 0
    stale: int = 0
    foreign_changed: int = 0
    resurrected: int = 0
    longest_life: int = 0

    def told(self) -> str:
        return (
            f"{self.steps} steps, {self.stale} stale grants, {self.foreign_changed} foreign objects changed,"
            f" {self.resurrected} rights given again by late workers, the longest for {self.longest_life} sweeps"
        )

    def add(self, other: Tally) -> None:
        self.steps += other.steps
        self.stale += other.stale
        self.foreign_changed += other.foreign_changed
        self.resurrected += other.resurrected
        self.longest_life = max(self.longest_life, other.longest_life)
