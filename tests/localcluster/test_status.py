import json
from pathlib import Path

import time_machine

from localcluster.status import StatusFile


def test_since_is_the_beginning_of_the_state(tmp_path: Path) -> None:
    status = StatusFile(tmp_path / "status.json")
    with time_machine.travel("2026-11-24T10:00:00+00:00", tick=False):
        status.write("building", "one")
    with time_machine.travel("2026-11-24T10:05:00+00:00", tick=False):
        status.write("building", "two")
    assert json.loads((tmp_path / "status.json").read_text()) == {
        "state": "building",
        "detail": "two",
        "since": "2026-11-24T10:00:00+00:00",
    }
    with time_machine.travel("2026-11-24T10:06:00+00:00", tick=False):
        status.write("ready", "done")
    assert json.loads((tmp_path / "status.json").read_text())["since"] == "2026-11-24T10:06:00+00:00"


def test_status_can_be_read_by_the_web_process(tmp_path: Path) -> None:
    StatusFile(tmp_path / "status.json").write("stopped", "over")
    assert (tmp_path / "status.json").stat().st_mode & 0o777 == 0o644
