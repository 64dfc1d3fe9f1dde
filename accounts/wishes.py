"""How long a wish waits for somebody to decide it, and rests after a no: the same for whatever people ask for."""

from __future__ import annotations

from datetime import timedelta

EXPIRES_AFTER = timedelta(days=30)
PAUSE = timedelta(days=7)
"""After a denial, before the same can be asked for again."""
