"""Passes over a whole cluster, with the calls to its API server counted. Runs inside Django (`rows.run`)."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings

from clusters import kube
from clusters.api import Account, ClusterApi
from clusters.config import ClusterConfig
from clusters.models import Cluster, ClusterStatus
from namespaces import reconciliation, sweeping
from namespaces.models import Namespace
from tests.benchmarks import deciding
from tests.benchmarks.memory import peak_megabytes

PATIENCE_SECONDS = 120
_calls: Counter[str] = Counter()


class _Counting:
    """The real adapter, with its calls counted."""

    def __init__(self, api: ClusterApi) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            answer = getattr(self._api, name)(*arguments, **options)
            if name == "list_pages":
                return _counted(answer)
            _calls[name] += 1
            return answer

        return call


def _counted(pages: Iterator[Any]) -> Iterator[Any]:
    for page in pages:
        _calls["list"] += 1
        yield page


def connect(config: ClusterConfig, account: Account) -> _Counting:
    """Connect as the worker does, counting."""
    return _Counting(kube.connect(config, account))


def look(passes: int) -> dict[str, Any]:
    """Sweep the cluster so many times; raise RuntimeError if anything differs: that is not what is measured."""
    settings.CLUSTER_CONNECT = f"{__name__}.connect"
    cluster = Cluster.objects.get()
    empty = peak_megabytes(os.getpid())
    seconds, computing = [], []
    for _pass in range(passes):
        begun, computed = time.perf_counter(), time.process_time()
        differing = sweeping.sweep(cluster).differing
        seconds.append(time.perf_counter() - begun)
        computing.append(time.process_time() - computed)
        if differing:
            raise RuntimeError(f"{len(differing)} namespaces differ")
    writes = sum(_calls[name] for name in ("create", "replace", "delete"))
    return {
        "seconds": seconds, "writes": writes, "calls": _calls.total() / passes,
        "computing": computing, "megabytes": peak_megabytes(os.getpid()), "empty_megabytes": empty,
    }  # fmt: skip


def look_after_changes(changes: int) -> dict[str, float]:
    """Let somebody in to each of so many namespaces, calling nobody, and do what a worker does at a sweep.

    Return the seconds until all differences were seen, until all were made right, which one more look confirms, and
    until all were proved: nobody waits for the proof of another (`sweeping.reconcile_each`).
    Raises RuntimeError where other namespaces were seen to differ than those, or any still does or owes its proofs.
    """
    cluster = Cluster.objects.get()
    expected = set(
        Namespace.objects.filter(name__in=deciding.join(0, changes, 1)).values_list("pk", flat=True)
    )
    begun = time.perf_counter()
    differing = sweeping.sweep(cluster).differing
    seen = time.perf_counter() - begun
    for namespace_id in differing:
        reconciliation.reconcile(namespace_id, hurry=True)
    made = time.perf_counter() - begun
    peak = peak_megabytes(os.getpid())
    left = sweeping.sweep(cluster).differing
    resumed = time.perf_counter()
    owing = [each for each in differing if reconciliation.reconcile(each) is not None]
    proved = made + time.perf_counter() - resumed
    if set(differing) != expected or left or owing:
        raise RuntimeError(
            f"{len(differing)} namespaces differed after {changes} changes, {len(left)} still do, "
            f"{len(owing)} owe proofs"
        )
    return {"seen": seen, "made": made, "proved": proved, "megabytes": peak}


def wait_for_sweeps(number: int) -> int:
    """Return when workers have swept the cluster so many times; raise TimeoutError if they do not."""
    seen = {_swept_at()}
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(seen) <= number:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(seen) - 1} sweeps in {PATIENCE_SECONDS} seconds")
        time.sleep(0.2)
        seen.add(_swept_at())
    return number


def _swept_at() -> datetime | None:
    return ClusterStatus.objects.get().swept_at
