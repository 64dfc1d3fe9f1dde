"""Two transactions at once: threads with a connection each, let go at the same moment, many times."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db import connection, connections

from accounts.errors import Refusal

RUNS, MANY = 50, 200
LONGEST_START_SECONDS = 0.003
PATIENCE_SECONDS = 30
Act = Callable[[], object]


@dataclass
class Finish:
    """How one of the racers ended: with a value, or with a refusal in words. Any other error is raised by `race`."""

    value: object = None
    refusal: Refusal | None = None

    @property
    def won(self) -> bool:
        return self.refusal is None


def rounds(count: int = RUNS) -> Iterator[random.Random]:
    """Yield a source of chance for each run. The seed is printed: a failure shows it."""
    seed = random.getrandbits(32)
    for number in range(count):
        print(f"seed {seed}, run {number + 1} of {count}")
        yield random.Random(f"{seed}-{number}")


def race(chance: random.Random, *acts: Act) -> list[Finish]:
    """Let all act at the same moment, give or take what chance adds; return how each ended."""
    barrier = threading.Barrier(len(acts))
    finishes: list[Finish | None] = [None] * len(acts)
    errors: list[BaseException] = []

    def run(place: int, act: Act, late: float) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE_SECONDS)
            time.sleep(late)
            finishes[place] = Finish(act())
        except Refusal as refusal:
            finishes[place] = Finish(refusal=refusal)
        except BaseException as error:  # raised again below, in the thread of the test
            errors.append(error)
        finally:
            connections.close_all()

    delays = [chance.uniform(0, LONGEST_START_SECONDS) for _act in acts]
    threads = [
        threading.Thread(target=run, args=(place, act, late))
        for place, (act, late) in enumerate(zip(acts, delays, strict=True))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "a racer did not finish"
    for error in errors:
        raise error
    return [finish for finish in finishes if finish is not None]
