"""How long the portal takes for a login: the request that leads to the provider, and the one that comes back.

The second holds what the provider takes for the token and for what it says of the person, which the target does not
count: the figure is more than what is asked about, never less.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from tests.benchmarks.figures import Figure
from tests.benchmarks.people import crowd, log_in
from tests.benchmarks.sizes import size
from tests.stack import Stack

AT_ONCE = 4


def measure(stack: Stack) -> Iterator[Figure]:
    """Log people in one after the other, then four at a time. The workers rest."""
    for name in ("beat", "worker"):
        stack.stop(name)
    number = size("LOGINS", 200)
    people = [person.subject for person in crowd()]
    subjects = [people[count % len(people)] for count in range(number)]
    for subject in people:
        log_in(stack.url, stack.cluster.layout, subject)  # first logins, and what is read once
    alone = [_log_in(stack, subject) for subject in subjects]
    yield Figure("login, both requests of the portal, one at a time", alone, "ms", {"p95": 150.0})
    with ThreadPoolExecutor(AT_ONCE) as pool:
        together = list(pool.map(lambda subject: _log_in(stack, subject), subjects))
    yield Figure(f"the same, {AT_ONCE} at a time", together, "ms", {})


def _log_in(stack: Stack, subject: str) -> float:
    """Return the milliseconds that the portal took for both requests."""
    taken: list[float] = []

    def note(response: requests.Response, *_arguments: object, **_options: object) -> None:
        if response.url.startswith(f"{stack.url}/accounts/oidc/"):
            taken.append(response.elapsed.total_seconds() * 1000)

    log_in(stack.url, stack.cluster.layout, subject, note=note).session.close()
    if len(taken) != 2:
        raise RuntimeError(f"a login took {len(taken)} requests of the portal, not 2")
    return sum(taken)
