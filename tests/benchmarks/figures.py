"""One figure: samples, their summary, and the target they are held against."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """Samples in `unit`; `targets` maps a summary (`median`, `p95`, `p99`, `max`) to the most it may be.

    `least` maps it to the least; `note` says under which load and from which seed.
    """

    name: str
    samples: Sequence[float]
    unit: str
    targets: dict[str, float]
    least: dict[str, float] = field(default_factory=dict)
    note: str = ""

    def summary(self) -> dict[str, float]:
        """Return n and the usual quantiles (nearest rank)."""
        ordered = sorted(self.samples)

        def rank(share: float) -> float:
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        return {
            "min": ordered[0],
            "median": statistics.median(ordered),
            "p95": rank(0.95),
            "p99": rank(0.99),
            "max": ordered[-1],
        }

    @property
    def is_met(self) -> bool:
        """Whether every target holds."""
        summary = self.summary()
        return all(summary[name] <= most for name, most in self.targets.items()) and all(
            summary[name] >= least for name, least in self.least.items()
        )

    def row(self) -> dict[str, object]:
        """Return what goes into the file."""
        numbers = {name: round(value, 3) for name, value in self.summary().items()}
        limits = [f"{name} <= {most:g} {self.unit}" for name, most in self.targets.items()]
        limits += [f"{name} >= {least:g} {self.unit}" for name, least in self.least.items()]
        return {
            "name": self.name,
            "n": len(self.samples),
            **numbers,
            "unit": self.unit,
            "target": ", ".join(limits),
            "met": self.is_met,
            "note": self.note,
        }


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as a list of objects, each with its samples in the order in which they were taken."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps([figure.row() | {"samples": list(figure.samples)} for figure in figures]) + "\n"
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table for the screen."""
    columns = ("name", "n", "min", "median", "p95", "p99", "max", "unit", "target", "met", "note")
    rows = [columns, *(tuple(str(figure.row()[column]) for column in columns) for figure in figures)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
