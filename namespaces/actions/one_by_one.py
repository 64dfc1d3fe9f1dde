"""Doing something with each of many rows, of which one may be bad."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog
from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError, connection, models

from accounts.errors import Refusal

logger = structlog.get_logger(__name__)
# Of a row. Not that a worker is told to end what takes too long: that is an Exception as well, and ends the round.
FAULTS = (
    Refusal, DatabaseError, ObjectDoesNotExist, ArithmeticError, AssertionError, AttributeError, LookupError, TypeError,
    ValueError,
)  # fmt: skip
Row = TypeVar("Row", bound=models.Model)


def each(act: Callable[[Row], bool], rows: Iterable[Row]) -> int:
    """Do something with each row, which is a transaction of its own; return for how many it was done.

    Where it fails that is logged, and the next look tries again: no row is in the way of those after it. Raises
    DatabaseError where the database itself is away.
    """
    done = 0
    for row in rows:
        try:
            done += act(row)
        except FAULTS as error:
            if isinstance(error, DatabaseError) and not connection.is_usable():
                raise
            logger.exception("one of many could not be done", what=row._meta.label_lower, key=str(row.pk))
    return done
