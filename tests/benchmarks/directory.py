"""The public directory under many readers: each asks again as soon as it was answered, over its own connection."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from tests.benchmarks import rows
from tests.benchmarks.figures import Figure
from tests.stack import Stack

NAMESPACES, MEMBERS, READERS, REQUESTS_EACH = 1000, 10, 50, 40
PATHS = (
    "/namespaces/",
    "/namespaces/?q=wildfire",
    "/namespaces/?software=Python",
    "/namespaces/?institution=University+7",
    "/namespaces/?page=3",
    "/namespaces/nautilus/wildfire-project0/",
)


def measure(stack: Stack) -> Iterator[Figure]:
    """Let READERS read at once; the first view of the directory is also measured alone.

    The workers rest: else they would make a thousand namespaces in the cluster beside it, which is another measurement.
    """
    for name in ("beat", "worker"):
        stack.stop(name)
    rows.run(stack.environment, "filling", f"make_many({NAMESPACES}, {MEMBERS})")
    alone = _read(stack.url, ["/namespaces/"] * 60)[10:]
    yield Figure("directory with 1,000 namespaces, one reader", alone, "ms", {"p95": 300.0})
    plans = [random.Random(number).choices(PATHS, k=REQUESTS_EACH) for number in range(READERS)]
    for name, paths in (
        ("first view", [["/namespaces/"] * REQUESTS_EACH] * READERS),
        ("search, facets, pages", plans),
    ):
        found: list[list[float]] = [[] for _reader in range(READERS)]

        def reader(number: int, plan: list[str], found: list[list[float]] = found) -> None:
            found[number] = _read(stack.url, plan)

        threads = [threading.Thread(target=reader, args=(number, plan)) for number, plan in enumerate(paths)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
        times = [sample for samples in found for sample in samples]
        label = f"directory with 1,000 namespaces, {READERS} concurrent readers, {name}"
        yield Figure(label, times, "ms", {"p95": 300.0})
        yield Figure(f"{label}: throughput", [len(times) / seconds], "requests/s", {})


def _read(url: str, paths: list[str]) -> list[float]:
    """Return the milliseconds of each request; raises if one is not answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    times = []
    for path in paths:
        begun = time.perf_counter()
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        times.append((time.perf_counter() - begun) * 1000)
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}")
    return times
