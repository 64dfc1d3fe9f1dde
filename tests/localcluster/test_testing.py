import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from localcluster import testing
from localcluster.admin_api import AdminApi
from localcluster.errors import LocalClusterError
from localcluster.layout import Layout, load
from localcluster.processes import module_environment
from localcluster.testing import Documents

SECONDS = 180.0
USER = """
import pathlib, sys
from localcluster.testing import shared_cluster
from tests.localcluster import documents
directory = pathlib.Path(sys.argv[1])
with shared_cluster(directory, documents.minimal):
    print((directory / "run.lock").read_text().strip(), flush=True)
    sys.stdin.readline()
"""


def _user(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=module_environment(),
    )


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about"
        time.sleep(0.05)


def test_processes_share_one_control_plane_until_the_last_is_gone(tmp_path: Path) -> None:
    directory = tmp_path / "shared"
    users = [_user(directory) for _ in range(2)]
    supervisors = {user.stdout.readline() for user in users if user.stdout is not None}
    assert len(supervisors) == 1

    users[0].send_signal(signal.SIGKILL)
    users[0].communicate()
    layout = load(directory)
    assert AdminApi(layout).is_ready()

    users[1].communicate("done\n", timeout=SECONDS)
    _until(lambda: json.loads(layout.status_file.read_text())["state"] == "stopped", "the stop")
    assert not AdminApi(layout).is_ready()


def test_start_that_fails_is_told_with_the_end_of_the_log(tmp_path: Path) -> None:
    def wrong(layout: Layout) -> Documents:
        return Documents(manifests="", authentication="kind: Nonsense\n")

    with (
        pytest.raises(LocalClusterError, match=r"did not start(.|\n)*kube-apiserver ended with code 1"),
        testing.shared_cluster(tmp_path / "shared", wrong),
    ):
        pass


def test_file_of_the_run_names_its_supervisor(local_cluster: testing.SharedCluster) -> None:
    pid = int((local_cluster.layout.directory / "run.lock").read_text())
    command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    assert command[1:4] == [b"-m", b"localcluster", b"run"]


def test_documents_are_asked_for_the_layout_that_is_used(local_cluster: testing.SharedCluster) -> None:
    written = (local_cluster.layout.directory / "authentication.yaml").read_text()
    assert f"url: {local_cluster.layout.issuer}\n" in written
