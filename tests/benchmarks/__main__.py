"""`make bench`: measure, print a table, write build/bench.json. Names on the command line choose what to measure.

`full` is everything, each as often as the promise asks for. What was measured is written even if the next one fails.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType

import yaml

from clusters import authentication, manifests
from clusters.config import load
from localcluster import services
from localcluster.layout import Layout
from localcluster.testing import Documents, SharedCluster, shared_cluster, wait_for_end
from tests import stack
from tests.benchmarks import (
    access,
    course,
    demonstration,
    directory,
    figures,
    finding_people,
    leaks,
    logins,
    outage,
    resurrection,
    revocation,
    scale,
    sizes,
    suspension,
    sweep,
    throughput,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.people import crowd
from tests.faults.frail_plane import frail_plane

RESULT = Path("build/bench.json")
DATABASE_END_SECONDS = 20
ON_A_STACK: dict[str, Callable[[stack.Stack], Iterator[Figure]]] = {
    "access": access.measure,
    "course": course.measure,
    "sweep": sweep.measure,
    "directory": directory.measure,
    "revocation": revocation.measure,
    "resurrection": resurrection.measure,
    "scale": scale.measure,
    "throughput": throughput.measure,
    "leaks": leaks.measure,
    "logins": logins.measure,
    "suspension": suspension.measure,
}


def documents(layout: Layout) -> Documents:
    """Return what the cluster is told about rights and logins."""
    config = load(layout.clusters_file)["nautilus"]
    reserved = ("default", "kube-*", "berth-*")
    return Documents(
        manifests=yaml.safe_dump_all(manifests.render(config, reserved=reserved)),
        authentication=yaml.safe_dump(authentication.render(config)),
    )


@contextlib.contextmanager
def _database(directory: Path) -> Iterator[str]:
    """Run PostgreSQL until the block ends, not until this process does: its directory is removed before that."""
    url = services.postgres(directory)
    try:
        yield url
    finally:
        pid_file = directory / "postmaster.pid"
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)  # "fast" shutdown
        deadline = time.monotonic() + DATABASE_END_SECONDS
        while pid_file.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL did not end within {DATABASE_END_SECONDS} s")
            time.sleep(0.05)


def _measure_on_a_stack(name: str, place: Path) -> list[Figure]:
    try:
        with (
            shared_cluster(place / "cluster", documents, people=crowd()) as cluster,
            _database(place / "postgres") as url,
            # As many processes as docker-compose.yml starts.
            stack.running(cluster, place / "portal", database_url=url, web_processes=2) as portal,
        ):
            return list(ON_A_STACK[name](portal))
    finally:
        wait_for_end(place / "cluster")  # it still writes there


def _measure_outage() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as directory:
        place = Path(directory)
        with (
            frail_plane(place / "cluster", documents) as frail,
            _database(place / "postgres") as url,
            stack.running(
                SharedCluster(frail.layout, frail.binaries), place / "portal", database_url=url
            ) as portal,
        ):
            return list(outage.measure(frail, portal))


def _measure_people() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as directory:
        place = Path(directory)
        try:
            with (
                shared_cluster(place / "cluster", documents, people=crowd()) as cluster,
                _database(place / "postgres") as url,
            ):
                for database, address in (("PostgreSQL", url), ("SQLite", "")):
                    portal = place / database
                    with stack.running(cluster, portal, database_url=address, web_processes=2) as running:
                        yield from finding_people.measure(running, database)
        finally:
            wait_for_end(place / "cluster")


# Those that need something else than a stack on a cluster that stays.
ON_ITS_OWN: dict[str, Callable[[], Iterable[Figure]]] = {
    "demonstration": demonstration.measure,
    "outage": _measure_outage,
    "people": _measure_people,
}


# What `make bench` takes; the others fill big clusters or wait for minutes.
USUAL = ("access", "logins", "sweep", "directory", "demonstration", "revocation", "suspension")


def main() -> None:
    signal.signal(signal.SIGTERM, _end)
    every = [*ON_A_STACK, *ON_ITS_OWN]
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(every)}; or full: all of them at full size")
    chosen: list[str] = parser.parse_args().names or [*USUAL]
    if unknown := set(chosen) - {"full", *every}:
        parser.error(f"there is nothing named {', '.join(sorted(unknown))} to measure")
    if chosen == ["full"]:
        os.environ[sizes.FULL] = "1"
        chosen = every
    print(f"{os.cpu_count()} processors, load before: {os.getloadavg()[0]:.1f}", flush=True)
    found: list[Figure] = []
    try:
        for name in chosen:
            print(f"measuring: {name}", flush=True)
            begun = time.monotonic()
            found += _measured(name)
            print(f"measured: {name}, {time.monotonic() - begun:.0f} s", flush=True)
    finally:
        figures.write(found, RESULT)
        print(figures.table(found))
        print(f"written to {RESULT}")


def _measured(name: str) -> Iterable[Figure]:
    if name in ON_ITS_OWN:
        return list(ON_ITS_OWN[name]())
    with tempfile.TemporaryDirectory(prefix="berth-bench-") as place:
        return _measure_on_a_stack(name, Path(place))


def _end(number: int, _frame: FrameType | None) -> None:
    """End as at Ctrl-C: everything that was started is stopped on the way out."""
    sys.exit(128 + number)


if __name__ == "__main__":
    main()
