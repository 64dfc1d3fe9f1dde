"""What a control plane is doing, in a file that the pages of the portal read."""

import datetime
import json
from pathlib import Path
from typing import Literal

from localcluster.processes import write_atomically

State = Literal["building", "starting", "ready", "stopped", "failed"]


class StatusFile:
    """Writes the file in one step each time; `since` changes with the state, not with the detail."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._state: State | None = None
        self._since = ""

    def write(self, state: State, detail: str) -> None:
        """Say what is going on; `detail` is one sentence for people."""
        if state != self._state:
            self._state = state
            self._since = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        document = {"state": state, "detail": detail, "since": self._since}
        write_atomically(self._path, json.dumps(document) + "\n", mode=0o644)
