"""An authenticator app: the six digits that it shows for a secret (RFC 6238, with SHA-1 and 30 seconds)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time

PERIOD = 30


def code(secret: str, *, periods_ago: int = 0) -> str:
    """Return the code of now, or of so many periods ago."""
    counter = int(time.time()) // PERIOD - periods_ago
    digest = hmac.new(base64.b32decode(secret), counter.to_bytes(8, "big"), hashlib.sha1).digest()
    at = digest[-1] & 0x0F
    return f"{(int.from_bytes(digest[at : at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def wrong(secret: str) -> str:
    """Return six digits that are the code of no moment near now."""
    near = {code(secret, periods_ago=ago) for ago in range(-3, 4)}
    return next(f"{number:06}" for number in range(10) if f"{number:06}" not in near)
