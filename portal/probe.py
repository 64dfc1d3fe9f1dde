"""The health check of a container: web answers, or a worker or beat has shown a sign of life. Exit code 0 or 1.

Standard library only and run by its path (`python -I portal/probe.py`): a look costs no more than Python itself.
"""

from __future__ import annotations

import http.client
import os
import sys
import time
from pathlib import Path

# A worker touches its file every 5 s (portal/workers.py).
STALE_SECONDS = 60.0
TIMEOUT_SECONDS = 3.0


def main() -> int:
    """Look at the process of this container; return the exit code."""
    if os.environ.get("BERTH_PROCESS", "web") == "worker":
        return 0 if _has_shown_life(Path(os.environ.get("BERTH_LIVENESS_FILE", ""))) else 1
    return 0 if _answers(os.environ.get("BERTH_BIND", "127.0.0.1:8088")) else 1


def _has_shown_life(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
    except OSError as error:
        print(f"no sign of life: {error}", file=sys.stderr)
        return False
    if age > STALE_SECONDS:
        print(f"the last sign of life is {age:.0f} s old", file=sys.stderr)
        return False
    return True


def _answers(bind: str) -> bool:
    port = int(bind.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/livez")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer on port {port}: {error}", file=sys.stderr)
        return False
    finally:
        connection.close()
    return status == http.HTTPStatus.OK


if __name__ == "__main__":
    sys.exit(main())
