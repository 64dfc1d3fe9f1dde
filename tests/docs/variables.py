"""Which variables of the environment the settings read."""

from __future__ import annotations

import ast
from pathlib import Path

SETTINGS = Path(__file__).parents[2] / "portal" / "settings.py"


def read_by_settings() -> set[str]:
    """Return the names in every call `env.kind("NAME", …)` of the settings."""
    found = set()
    for node in ast.walk(ast.parse(SETTINGS.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        reader = node.func.value
        if isinstance(reader, ast.Name) and reader.id == "env":
            name = ast.literal_eval(node.args[0])
            found.add(name)
    return found
