"""How an action says no. The message is for the person who tried; views translate the class into a status."""

from __future__ import annotations


class Refusal(Exception):
    """An action was refused and nothing was changed. `message` says why, in words for the person who tried."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class NotAllowed(Refusal):
    """The person may not do this, whatever the state (403)."""


class StateConflict(Refusal):
    """The state has moved on since the page was made, or a rule of the whole forbids it (409)."""


class TooMany(Refusal):
    """A limit on how many or how often is reached (429)."""


class BadInput(Refusal):
    """A value is not acceptable (400); `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
