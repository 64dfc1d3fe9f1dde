"""Calls into Django from the measuring process, which itself needs no database and no settings."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from tests.stack import ROOT


def run(environment: Mapping[str, str], module: str, call: str) -> Any:
    """Evaluate a call of a module of this package in a process with this environment; JSON carries the answer."""
    code = f"import json; from tests.benchmarks import {module}; print(json.dumps({module}.{call}))"
    command = [sys.executable, str(ROOT / "manage.py"), "shell", "--verbosity", "0", "-c", code]
    done = subprocess.run(
        command, env=dict(environment), check=True, stdout=subprocess.PIPE, text=True, timeout=1800
    )
    return json.loads(done.stdout.splitlines()[-1])
