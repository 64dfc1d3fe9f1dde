"""The whole of Berth as processes: web server, worker, beat and Redis beside a running control plane.

For browser tests, pictures and benchmarks. Nothing is imitated: what differs from an installation is where it listens.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from localcluster import services
from localcluster.processes import Child, free_ports, wait_until
from localcluster.testing import SharedCluster
from tests import mail_server
from tests.mail_server import MailServer

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60


@dataclass
class Stack:
    """A running portal. `environment` is that of its processes; `children` can be killed and started by tests."""

    cluster: SharedCluster
    directory: Path
    url: str
    environment: dict[str, str]
    redis_port: int
    mails: MailServer
    children: dict[str, Child] = field(default_factory=dict)

    def start(self, name: str) -> None:
        """Start one of `redis`, `web`, `worker`, `beat`."""
        python = sys.executable
        worker = self.environment | {"BERTH_PROCESS": "worker"}
        commands = {
            "redis": (services.redis(self.directory / "redis", self.redis_port), self.environment),
            "web": ([python, "-m", "gunicorn", "portal.wsgi"], self.environment),
            "worker": (
                [
                    python,
                    "-m",
                    "celery",
                    "-A",
                    "portal",
                    "worker",
                    "-P",
                    "threads",
                    "-c",
                    "4",
                ],
                worker,
            ),
            "beat": (
                [python, "-m", "celery", "-A", "portal", "beat", "-s", str(self.directory / "beat")],
                worker,
            ),
        }
        command, environment = commands[name]
        self.children[name] = Child(name, command, self.directory / "logs" / f"{name}.log", env=environment)

    def stop(self, name: str) -> None:
        """Stop one of them, as an operator would."""
        self.children.pop(name).stop()

    @contextlib.contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Inside, this process does nothing, and knows nothing of it afterwards."""
        pid = self.children[name].pid
        os.killpg(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.killpg(pid, signal.SIGCONT)

    def kill(self, name: str) -> None:
        """End it at once, as a machine that loses power would."""
        child = self.children.pop(name)
        os.killpg(child.pid, signal.SIGKILL)
        child.stop()

    def manage(self, *arguments: str) -> None:
        """Run a management command and wait for it; raises CalledProcessError if it fails."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=self.environment, check=True, timeout=120, cwd=ROOT)

    def answers(self) -> bool:
        """Whether the web server answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/livez", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def running(
    cluster: SharedCluster,
    directory: Path,
    *,
    database_url: str = "",
    clusters_file: Path | None = None,
    web_processes: int = 1,
) -> Iterator[Stack]:
    """Run a portal in `directory` until the block ends; SQLite unless a database is named.

    `clusters_file`, if given, says how the portal reaches the cluster.
    """
    web_port, redis_port = free_ports(2)
    url = f"http://localhost:{web_port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BERTH_")}
    environment |= {
        "BERTH_DATA_DIR": str(directory / "data"),
        "BERTH_SECRET_KEY": "a-key-of-the-tests-that-guards-nothing-and-is-long-enough",
        "BERTH_BASE_URL": url,
        "BERTH_LOGINS_PER_MINUTE": "100000",  # all people of a test have one address
        "BERTH_BIND": f"127.0.0.1:{web_port}",
        "BERTH_CLUSTERS": str(clusters_file or cluster.layout.clusters_file),
        "BERTH_ISSUERS": str(cluster.layout.issuers_file),
        "BERTH_BROKER_URL": f"redis://127.0.0.1:{redis_port}/0",
        "BERTH_STATIC_FROM_SOURCE": "1",
        "BERTH_SECOND_FACTOR": "nobody",  # it has tests of its own, and whoever sets one up is asked for it
        "BERTH_BREAK_GLASS": "1",  # so that there is a page to look at
        "BERTH_SWEEP_SECONDS": "2",
        "BERTH_WEB_PROCESSES": str(web_processes),
        "BERTH_NAMESPACES_PER_ADMIN": "100",  # tests share the people; the limit has tests of its own
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONPATH": str(ROOT),
    }
    environment.pop("DATABASE_URL", None)
    if database_url:
        environment["DATABASE_URL"] = database_url
    (directory / "data").mkdir(parents=True, exist_ok=True)
    with mail_server.running() as mails:
        environment |= {
            "BERTH_MAIL_URL": f"smtp://127.0.0.1:{mails.port}",
            "BERTH_MAIL_FROM": "berth@localhost",
        }
        stack = Stack(cluster, directory, url, environment, redis_port, mails)
        try:
            stack.manage("migrate", "--verbosity", "0")
            for name in ("redis", "web", "worker", "beat"):
                stack.start(name)
            web = [stack.children["web"]]
            wait_until(stack.answers, children=web, seconds=START_SECONDS, what="the portal")
            yield stack
        finally:
            for name in reversed(list(stack.children)):  # the broker last: a worker says goodbye to it
                stack.stop(name)
