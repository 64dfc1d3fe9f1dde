"""A namespace with as many members as a course has: adding 200 by one list, and the pages of 2,000 members."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.benchmarks.finding_people import PATIENCE_SECONDS, together
from tests.benchmarks.hand import Hand, hand
from tests.benchmarks.people import Browser, crowd, log_in
from tests.benchmarks.sizes import seed, size
from tests.stack import Stack

COURSE = "bench-course"
PATH = f"/namespaces/nautilus/{COURSE}/members/"
ADDED, READERS = 200, 50
PAUSE_SECONDS = 0.05


def measure(stack: Stack) -> Iterator[Figure]:
    """Add the list by the form, as an operator does, with the workers running; then let READERS read, without them."""
    browsers = [log_in(stack.url, stack.cluster.layout, person.subject) for person in crowd()]
    subjects = rows.run(stack.environment, "filling", f"make_course({size('MEMBERS', 2000)})")
    with hand(stack.environment) as asking:
        _wait(asking)  # until the namespace is there, and its admin is in
        committed, proved = _add(asking, browsers[0], subjects[:ADDED])
    what = f"adding {ADDED} people by one list"
    yield Figure(f"{what}: answer of the form", [committed], "s", {"max": 1.0})
    yield Figure(f"{what}: all active and proved", [proved], "s", {"max": 10.0})
    for name in ("beat", "worker"):
        stack.stop(name)
    members = rows.run(stack.environment, "filling", "enrol()")
    readers = [browsers[number % len(browsers)] for number in range(READERS)]
    chance, each = random.Random(seed()), size("REQUESTS_EACH", 20)
    ways = {"first view": (PATH,), "all ways": (PATH, f"{PATH}?who=silva", f"{PATH}?who=kim+1")}
    for name, paths in ways.items():
        times, seconds = together(readers, [chance.choices(paths, k=each) for _reader in readers])
        label = f"members of a namespace with {members:,}, {READERS} concurrent readers, {name}"
        yield Figure(label, times, "ms", {"p95": 300.0}, note=f"seed {seed()}")
        yield Figure(f"{label}: throughput", [len(times) / seconds], "requests/s", {})


def _add(asking: Hand, browser: Browser, subjects: list[str]) -> tuple[float, float]:
    """Return the seconds until the form was answered, and until the last one is proved."""
    begun = time.monotonic()
    answer = browser.post(f"{PATH}add/many/", people="\n".join(subjects), role="editor", save="yes")
    committed = time.monotonic() - begun
    if answer.status_code != 302:
        raise RuntimeError(f"the list was answered with {answer.status_code}")
    _wait(asking)
    return committed, time.monotonic() - begun


def _wait(asking: Hand) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while asking.ask("unproved", namespace=COURSE):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not everybody is in after {PATIENCE_SECONDS} s")
        time.sleep(PAUSE_SECONDS)
