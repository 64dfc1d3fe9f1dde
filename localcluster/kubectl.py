"""Calls of the kubectl that belongs to the local control plane, never of another one on this machine.

A kubectl that some distributions ship runs itself again without end when an exec plugin is named
`kubectl` and is not there. So PATH begins with ours, and every call has a time limit.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from localcluster.binaries import Binaries

PLUGIN_DIRECTORY = Path(__file__).parent / "plugin"
SUBJECT_VARIABLE = "BERTH_DEMO_SUBJECT"
CALL_SECONDS = 60.0


def search_path(binaries: Binaries) -> str:
    """Return a PATH with our kubectl first, then the stand-in for int128/kubelogin, then the system."""
    system = os.environ.get("PATH", os.defpath)
    return os.pathsep.join(
        [str(binaries.directory), str(PLUGIN_DIRECTORY), str(Path(sys.executable).parent), system]
    )


def environment(binaries: Binaries, home: Path, *, subject: str | None = None) -> dict[str, str]:
    """Return the environment for kubectl: caches below `home`, the plugin logs in as `subject`."""
    kept = {name: value for name, value in os.environ.items() if name not in ("KUBECONFIG", SUBJECT_VARIABLE)}
    person = {} if subject is None else {SUBJECT_VARIABLE: subject}
    return {
        **kept,
        "PATH": search_path(binaries),
        "HOME": str(home),
        "KUBECACHEDIR": str(home / "cache"),
        **person,
    }


def run(
    binaries: Binaries,
    arguments: Sequence[str],
    *,
    kubeconfig: Path,
    home: Path,
    subject: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run kubectl and return what came out, whatever its exit code.

    Raises subprocess.TimeoutExpired after CALL_SECONDS.
    """
    return subprocess.run(
        [binaries["kubectl"], f"--kubeconfig={kubeconfig}", *arguments],
        env=environment(binaries, home, subject=subject),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
    )
