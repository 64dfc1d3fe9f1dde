"""The public directory under many readers: each asks again as soon as it was answered, over its own connection.

They come one after the other, as people do, and are measured from the moment when all are there: fifty that connect in
the same instant are taken by whichever process woke first, and stay with it while the other has nothing to do.
"""

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
ARRIVAL_SECONDS = 0.02
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
        together = threading.Barrier(READERS + 1)

        def reader(
            number: int,
            plan: list[str],
            found: list[list[float]] = found,
            together: threading.Barrier = together,
        ) -> None:
            found[number] = _read(stack.url, plan, together)

        threads = [threading.Thread(target=reader, args=(number, plan)) for number, plan in enumerate(paths)]
        for thread in threads:
            thread.start()
            time.sleep(ARRIVAL_SECONDS)
        together.wait()
        begun = time.perf_counter()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - begun
        times = [sample for samples in found for sample in samples]
        label = f"directory with 1,000 namespaces, {READERS} concurrent readers, {name}"
        yield Figure(label, times, "ms", {"p95": 300.0})
        yield Figure(f"{label}: throughput", [len(times) / seconds], "requests/s", {})


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
