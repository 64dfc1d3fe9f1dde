"""The public directory under many readers: each asks again as soon as it was answered, over its own connection.

They come one after the other, as people do, and are measured from the moment when all are there: fifty that connect in
the same instant are taken by whichever process woke first, and stay with it while the other has nothing to do.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlencode, urlsplit

from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.stack import Stack

NAMESPACES, PEOPLE, MEMBERS, READERS, REQUESTS_EACH = 1000, 5000, 20, 50, 40
ARRIVAL_SECONDS = 0.02
SEED = 6
WORDS = (
    "wildfire", "climate", "galaxy", "neutrino", "python", "tensorflow", "pi 17", "wildfier", "tensorflwo",
    "nothing here",
)  # fmt: skip
FIXED = (
    "/namespaces/",
    "/namespaces/?software=Python",
    "/namespaces/?institution=University+7",
    "/namespaces/?sort=newest",
    "/namespaces/?sort=publications&field=galaxy",
)


def measure(stack: Stack) -> Iterator[Figure]:
    """Let READERS read at once; the first view of the directory is also measured alone.

    The workers rest: else they would make a thousand namespaces in the cluster beside it, which is another measurement.
    """
    for name in ("beat", "worker"):
        stack.stop(name)
    rows.run(stack.environment, "filling", f"make_directory({NAMESPACES}, {MEMBERS}, {PEOPLE})")
    what = f"with {NAMESPACES:,} namespaces, {PEOPLE:,} people, {NAMESPACES * MEMBERS:,} memberships"
    alone = _read(stack.url, ["/namespaces/"] * 60)[10:]
    yield Figure(f"directory {what}, one reader", alone, "ms", {"p95": 300.0})
    chance = random.Random(SEED)
    ways: tuple[tuple[str, Callable[[], str], float], ...] = (
        ("directory, first view", lambda: "/namespaces/", 300.0),
        ("directory, facets and sorts", lambda: chance.choice(FIXED), 200.0),
        ("directory, search", lambda: _search(chance), 200.0),
        ("namespace page", lambda: _page(chance), 200.0),
    )
    for name, path, target in ways:
        plans = [[path() for _request in range(REQUESTS_EACH)] for _reader in range(READERS)]
        times, seconds = _together(stack.url, plans)
        label = f"{name}, {READERS} concurrent readers, {what}"
        yield Figure(label, times, "ms", {"p95": target}, note=f"seed {SEED}")
        yield Figure(f"{label}: throughput", [len(times) / seconds], "requests/s", {})


def _search(chance: random.Random) -> str:
    """Return a search that is hardly ever the same: what is kept of answers helps little."""
    words = chance.choice(WORDS), f"university {chance.randrange(40)}"
    return f"/namespaces/?{urlencode({'q': ' '.join(chance.sample(words, chance.choice((1, 2))))})}"


def _page(chance: random.Random) -> str:
    number = chance.randrange(NAMESPACES)
    return f"/namespaces/nautilus/{_name(number)}/"


def _name(number: int) -> str:
    """Return the name that `filling.make_many` gives."""
    words = (
        "wildfire",
        "climate",
        "protein",
        "galaxy",
        "language",
        "ocean",
        "traffic",
        "genome",
        "vision",
        "neutrino",
    )
    return f"{words[number % 10]}-project{number}"


def _together(url: str, plans: list[list[str]]) -> tuple[list[float], float]:
    """Let all read at once, each its plan; return the milliseconds of every request, and the seconds of all."""
    found: list[list[float]] = [[] for _plan in plans]
    together = threading.Barrier(len(plans) + 1)

    def reader(number: int) -> None:
        found[number] = _read(url, plans[number], together)

    threads = [threading.Thread(target=reader, args=(number,)) for number in range(len(plans))]
    for thread in threads:
        thread.start()
        time.sleep(ARRIVAL_SECONDS)
    together.wait()
    begun = time.perf_counter()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    return [sample for samples in found for sample in samples], seconds


def _read(url: str, paths: list[str], together: threading.Barrier | None = None) -> list[float]:
    """Return the milliseconds of each request; raises if one is not answered with 200. The first is not counted."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    times = []
    for count, path in enumerate((paths[0], *paths)):
        if count == 1 and together is not None:
            together.wait()
        begun = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        times.append((time.perf_counter() - begun) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}")
    return times[1:]
