"""Sessions in the database, whose keys hold nothing that a database refuses."""

from __future__ import annotations

from django.contrib.sessions.backends import db


class SessionStore(db.SessionStore):
    """Take a key that Django cannot have made for none: PostgreSQL answers one with a NUL character with an error."""

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(super()._validate_session_key(key)) and str(key).isascii() and str(key).isalnum()  # type: ignore[misc]
