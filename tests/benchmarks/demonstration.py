"""`make demo` with everything cached: from the command to the first page, and until the main job can be done."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from localcluster.processes import free_ports
from tests.benchmarks.figures import Figure

STARTS = 5
PATIENCE_SECONDS = 120


def measure() -> Iterator[Figure]:
    """Start the demonstration STARTS times in fresh data directories, and once more in the last one."""
    pages, ready = [], []
    for _start in range(STARTS):
        with tempfile.TemporaryDirectory(prefix="berth-demo-") as place:
            page, cluster = _start_once(Path(place))
            pages.append(page)
            ready.append(cluster)
    yield Figure("make demo, everything cached: command to first page", pages, "s", {"max": 10.0})
    yield Figure("make demo, everything cached: command to main job possible", ready, "s", {"max": 20.0})


def _start_once(place: Path) -> tuple[float, float]:
    port = free_ports(1)[0]
    environment = os.environ | {"BERTH_DATA_DIR": str(place / "data"), "BERTH_DEMO_PORT": str(port)}
    log = place / "make.log"
    begun = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["make", "demo"], env=environment, stdout=output, stderr=output, process_group=0
        )
    try:
        page = _wait(lambda: _answers(f"http://localhost:{port}/"), process, log) - begun
        status = place / "data" / "cluster" / "status.json"
        ready = _wait(lambda: _is_ready(status), process, log) - begun
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
    return page, ready


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> float:
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while not condition():
        if process.poll() is not None or time.perf_counter() > deadline:
            raise RuntimeError(f"the demonstration did not come up:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    return time.perf_counter()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_ready(status: Path) -> bool:
    try:
        return bool(json.loads(status.read_text())["state"] == "ready")
    except (FileNotFoundError, ValueError):
        return False
