"""Paths in mails that are completed only when they are sent, so that no table holds what opens them."""

from __future__ import annotations

from collections.abc import Callable

_COMPLETE: dict[str, Callable[[str], str]] = {}


def register(kind: str, completed: Callable[[str], str]) -> None:
    """Let the links of a kind of message be completed by this."""
    _COMPLETE[kind] = completed


def complete(kind: str, link: str) -> str:
    """Return the path that a mail of this kind leads to; for most kinds it is the stored one."""
    completed = _COMPLETE.get(kind)
    return completed(link) if completed and link else link
