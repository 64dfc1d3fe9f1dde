"""What came of hostile requests, in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Tally:
    """The answers by status, the pages that were read afterwards, and how often the corpus stood in them."""

    statuses: Counter[int] = field(default_factory=Counter)
    read: int = 0
    stored: int = 0

    @property
    def sent(self) -> int:
        return sum(self.statuses.values())

    def add(self, other: Tally) -> None:
        self.statuses += other.statuses
        self.read += other.read
        self.stored += other.stored

    def told(self) -> str:
        """Return it in words."""
        counts = ", ".join(f"{status}: {count}" for status, count in sorted(self.statuses.items()))
        return f"{self.sent} requests ({counts}), {self.read} pages read, {self.stored} texts of the corpus in them"
