"""The people page under many readers, on each database: search, levels, sorts, page after page.

Half of the readers are operators, half people of level admin, who may not know of every namespace.
"""

from __future__ import annotations

import html
import http.client
import random
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from urllib.parse import urlsplit
from uuid import UUID

from tests.benchmarks import rows
from tests.benchmarks.directory import ARRIVAL_SECONDS
from tests.benchmarks.figures import Figure
from tests.benchmarks.people import Browser, crowd, log_in
from tests.benchmarks.sizes import seed, size
from tests.stack import Stack

READERS = 20
PATIENCE_SECONDS = 120
NEXT = re.compile(r'rel="next" href="([^"]+)"')
STEPS = (
    "/users/",
    "/users/?sort=seen",
    "/users/?sort=new",
    "/users/?level=guest",
    "/users/?state=dormant&sort=seen",
    f"/users/?after=Lena+Kim~{UUID(int=0)}",
    "/users/?q=silva",
    "/users/?q=university+7",
    "/users/?q=http%3A%2F%2Fcilogon.org%2FserverA%2Fusers%2F900077",
)
GO_ON = "go on"
"""A step of a plan: the page after the last one, where there is one, else the first."""


def measure(stack: Stack, database: str) -> Iterator[Figure]:
    """Let READERS read at once, and one alone: each step of the plan in turn.

    The workers rest: else they would make the namespaces in the cluster, which is another measurement.
    """
    for name in ("beat", "worker"):
        stack.stop(name)
    people, memberships = size("PEOPLE", 20_000), size("MEMBERSHIPS", 100_000)
    requests_each = size("REQUESTS_EACH", 40)
    readers = [log_in(stack.url, stack.cluster.layout, person.subject) for person in crowd()[:READERS]]
    rows.run(stack.environment, "filling", f"make_people({people}, {memberships}, {seed()})")
    what = f"/users/ with {people:,} people, {memberships:,} memberships, {database}"
    note = f"seed {seed()}"
    for step in STEPS:
        alone = _read(readers[0], [step] * 12)[2:]
        yield Figure(f"{what}, one reader: {step}", alone, "ms", {}, note=note)
    chance = random.Random(seed())
    plans = [chance.choices((*STEPS, *[GO_ON] * len(STEPS)), k=requests_each) for _reader in readers]
    for name, paths in (("first view", [["/users/"] * requests_each] * READERS), ("all ways", plans)):
        times, seconds = together(readers, paths)
        label = f"{what}, {READERS} concurrent readers, {name}"
        yield Figure(label, times, "ms", {"p95": 300.0}, note=note)
        yield Figure(f"{label}: throughput", [len(times) / seconds], "requests/s", {}, note=note)


def together(readers: list[Browser], plans: list[list[str]]) -> tuple[list[float], float]:
    """Let all read at once, each its plan; return the milliseconds of every request, and the seconds of all."""
    barrier = threading.Barrier(len(readers) + 1, timeout=PATIENCE_SECONDS)
    with ThreadPoolExecutor(len(readers)) as pool:
        reading = []
        for reader, plan in zip(readers, plans, strict=True):
            reading.append(pool.submit(_read, reader, plan, barrier))
            time.sleep(ARRIVAL_SECONDS)
        barrier.wait()
        begun = time.perf_counter()
        wait(reading)
        seconds = time.perf_counter() - begun
    return [sample for done in reading for sample in done.result()], seconds


def _read(browser: Browser, plan: list[str], together: threading.Barrier | None = None) -> list[float]:
    """Return the milliseconds of each request; raises if one is not answered with 200. The first is not counted."""
    parts = urlsplit(browser.url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE_SECONDS)
    cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in browser.session.cookies)
    times, body = [], ""
    for count, step in enumerate((plan[0], *plan)):
        if count == 1 and together is not None:
            together.wait()
        following = NEXT.search(body) if step == GO_ON else None
        path = html.unescape(following[1]) if following else "/users/" if step == GO_ON else step
        begun = time.perf_counter()
        try:
            response = _ask(connection, path, cookies)
        except http.client.RemoteDisconnected:
            if count != 1:
                raise
            response = _ask(connection, path, cookies)  # too long idle, until the last of the others had come
        content = response.read()
        times.append((time.perf_counter() - begun) * 1000)
        body = content.decode()
        if response.status != 200:
            raise RuntimeError(f"{path} was answered with {response.status}")
    return times[1:]


def _ask(connection: http.client.HTTPConnection, path: str, cookies: str) -> http.client.HTTPResponse:
    connection.request("GET", path, headers={"Cookie": cookies})
    return connection.getresponse()
