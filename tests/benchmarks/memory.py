"""How much memory a process has had."""

from __future__ import annotations

from pathlib import Path


def peak_megabytes(pid: int) -> float:
    """Return the most memory that a process has had in RAM (Linux: VmHWM in /proc/PID/status, in kB)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
