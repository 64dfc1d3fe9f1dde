"""One history from its beginning to its end: a world of its own, checked after each step, and taken back afterwards.

    with history() as happens:
        happens.work("pass", "avis-fire", Fate())

Steps are noted as they are taken, so that a history that fails can be told, repeated, and made shorter.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

from django.db import connection, transaction

from tests.model import checks
from tests.model.crew import Fate
from tests.model.door import Fault
from tests.model.tally import Tally
from tests.model.world import World


class Setting:
    """Where histories happen: `begin` makes a new world. What came of all of them is added up."""

    begin: Callable[[], World]
    tally = Tally()
    failed: Sequence[Step] = ()


@dataclass(frozen=True)
class Step:
    """One thing that happened."""

    name: str
    arguments: tuple[Any, ...]
    options: dict[str, Any]

    def anew(self) -> Step:
        """Return the same step with fates and faults that nothing has happened to."""
        fresh = tuple(replace(each) if isinstance(each, Fate | Fault) else each for each in self.arguments)
        return Step(self.name, fresh, self.options)

    def __str__(self) -> str:
        given = [repr(each) for each in self.arguments]
        given += [f"{name}={value!r}" for name, value in self.options.items()]
        return f"happens.{self.name}({', '.join(given)})"


class Happens:
    """A world in which every step is noted, and followed by a look at everything that must hold."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.steps: list[Step] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        def take(*arguments: Any, **options: Any) -> None:
            step = Step(name, arguments, options)
            self.steps.append(step.anew())
            getattr(self.world, name)(*arguments, **options)
            checks.after_step(self.world)

        return take


@contextlib.contextmanager
def history() -> Iterator[Happens]:
    """Let a history happen, and see at its end that all becomes well."""
    # Ids are drawn from a chance of the history's own, so that it is the same whenever it is repeated.
    system = uuid.os  # type: ignore[attr-defined]
    uuid.os = SimpleNamespace(urandom=random.Random(0).randbytes)  # type: ignore[attr-defined]
    random.seed(0)
    begun = time.monotonic()
    try:
        with transaction.atomic():
            world = Setting.begin()
            try:
                yield Happens(world)
                checks.at_end(world)
                world.tally.ended_after(time.monotonic() - begun)
            finally:
                world.end()
                Setting.tally.add(world.tally)
                transaction.set_rollback(True)
    finally:
        connection.run_on_commit = []
        uuid.os = system  # type: ignore[attr-defined]


def outcome(steps: Sequence[Step]) -> str:
    """Let these steps happen; return what went wrong, or nothing."""
    try:
        with history() as happens:
            for step in [each.anew() for each in steps]:
                getattr(happens, step.name)(*step.arguments, **step.options)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def shortest(steps: Sequence[Step], *, seconds: float) -> list[Step]:
    """Return the fewest of these steps that go wrong in the same way, as far as they are found in that time."""
    wrong = _sort(outcome(steps))
    kept, deadline, size = list(steps), time.monotonic() + seconds, max(1, len(steps) // 2)
    while wrong and time.monotonic() < deadline:
        start, before = 0, len(kept)
        while start < len(kept) and time.monotonic() < deadline:
            fewer = kept[:start] + kept[start + size :]
            if _sort(outcome(fewer)) == wrong:
                kept = fewer
            else:
                start += size
        if size == 1 and len(kept) == before:
            break
        size = max(1, size // 2)
    return kept


def told(steps: Sequence[Step]) -> str:
    """Return the steps as lines of a test."""
    return "\n".join(str(step) for step in steps)


def _sort(wrong: str) -> str:
    """Return what sort of failure it is: the invariant, without names."""
    return " ".join(wrong.split()[:3])
