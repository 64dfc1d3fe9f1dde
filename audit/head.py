"""How far the record has come: its newest event, and whether it holds a certain one.

The database of one moment can be told from a later one, and from another one, by a single event: numbers are used
again after a restore, fingerprints are not.
"""

from __future__ import annotations

import hashlib
import json

from audit.models import Event

# Not `at`: its precision differs between databases, and the fingerprint must survive a move to another one.
_COLUMNS = (
    "id", "actor", "request_id", "act", "object_type", "object_id", "namespace_id", "before", "after", "outcome",
)  # fmt: skip


def newest() -> tuple[int, str]:
    """Return number and fingerprint of the newest event; 0 and nothing where there is none."""
    event = Event.objects.order_by("-pk").first()
    return (event.pk, _fingerprint(event)) if event is not None else (0, "")


def holds(number: int, fingerprint: str) -> bool:
    """Whether this very event was recorded here."""
    event = Event.objects.filter(pk=number).first()
    return event is not None and _fingerprint(event) == fingerprint


def _fingerprint(event: Event) -> str:
    content = json.dumps([getattr(event, column) for column in _COLUMNS], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
