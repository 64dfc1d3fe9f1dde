"""Questions that every page asks, put together once in a process: Django takes longer to make one from objects than the
database takes to answer it.

What is asked stays where it was said, in functions that return query sets. Only the values that differ between two
readers are left open: the function is called once with stand-ins for them, and later the real ones are put in their
places. So nothing else that changes may stand in such a question: moments are those of the database's clock, and what a
file says is given as a part of what is `known`. Settings are those of the process.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Container, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar

import psycopg.sql
from django.core.exceptions import EmptyResultSet
from django.core.signals import setting_changed
from django.db import connection
from django.db.models import Model, QuerySet

from accounts.models import User

Given = User | uuid.UUID | str
Shape = tuple[str, Hashable]
M = TypeVar("M", bound=Model)
_RIGHTS = ("level", "is_superuser", "is_active")
_STAND_INS = uuid.UUID("b3f6c1de-8f0c-4d0e-9a51-6a0f7c1f2b44")


@dataclass(frozen=True)
class _Statement:
    sql: str
    params: tuple[Any, ...]
    places: tuple[tuple[int, str], ...]
    """Where in the parameters the value of which name belongs."""
    converters: dict[int, tuple[list[Callable[..., Any]], Any]]


class Prepared:
    """A question whose answer is rows of values: `make` returns a query set of `values_list`.

    What is `known` makes another question. What is `given` by name does not: a key, a text, or a person, of whom
    `make` can ask the key and the rights, and nothing else. There is one statement for each combination of rights.
    """

    def __init__(self, make: Callable[..., QuerySet[Any, Any]], kept: int = 100) -> None:
        self._make = make
        self._statement = lru_cache(kept)(self._compile)
        setting_changed.connect(self._forget, weak=False)  # as tests do

    def _forget(self, **_kwargs: object) -> None:
        self._statement.cache_clear()

    def rows(self, *known: Hashable, **given: Given) -> list[tuple[Any, ...]]:
        """Ask, in one query, and return the rows as the query set would."""
        statement = self._statement(known, *((name, _shape(value)) for name, value in given.items()))
        if statement is None:
            return []
        params = list(statement.params)
        for place, name in statement.places:
            params[place] = _parameter(given[name])
        with _cursor() as cursor:
            cursor.execute(statement.sql, params)
            found: list[tuple[Any, ...]] = cursor.fetchall()
        return [_converted(row, statement) for row in found] if statement.converters else found

    def _compile(self, known: tuple[Hashable, ...], *shapes: Shape) -> _Statement | None:
        stand_ins = {name: _stand_in(name, shape) for name, shape in shapes}
        try:
            with connection.execute_wrapper(_refuse):
                compiler, again = (
                    self._make(*known, **stand_ins).query.get_compiler(connection=connection) for _ in (1, 2)
                )
                sql, params = compiler.as_sql()
                if (sql, params) != again.as_sql():
                    raise ValueError("the question is another one each time it is made")
        except EmptyResultSet:  # nothing can ever be found
            return None
        names = {_parameter(value): name for name, value in stand_ins.items()}
        if connection.vendor == "postgresql":
            sql, params = _with_constants(sql, params, names)
        places = tuple((place, names[param]) for place, param in enumerate(params) if param in names)
        selected = [expression for expression, _sql, _alias in compiler.select]
        return _Statement(sql, tuple(params), places, compiler.get_converters(selected))


def columns(model: type[Model], path: str = "") -> list[str]:
    """Return the names of all values of a row, as `values_list` takes them; `path` leads to a row beside it."""
    return [f"{path}{field.attname}" for field in model._meta.concrete_fields]


def from_row(model: type[M], row: Sequence[Any]) -> M:
    """Return the object of a row of `columns`, as a query set would have made it."""
    return model.from_db(connection.alias, columns(model), row)


def _shape(value: Given) -> Hashable:
    """Return what makes another question of a value: the rights of a person, the type of any other."""
    if isinstance(value, User):
        return tuple(getattr(value, name) for name in _RIGHTS)
    return "text" if isinstance(value, str) else "key"


def _stand_in(name: str, shape: Hashable) -> Given:
    """Return what cannot be mixed up with anything that is asked about. The other columns of a person would have to be
    looked up, and that is refused."""
    key = uuid.uuid5(_STAND_INS, name)
    if isinstance(shape, tuple):
        return User.from_db(connection.alias, ("id", *_RIGHTS), (key, *shape))
    return str(key) if shape == "text" else key


def _refuse(*_args: object) -> None:
    raise ValueError("what is looked up while the question is made would be the answer for everybody")


def _parameter(value: Given) -> uuid.UUID | str:
    """Return the value as the database takes it."""
    key = value.pk if isinstance(value, User) else value
    return key if isinstance(key, str) or connection.features.has_native_uuid_field else key.hex


class _PlannedOnce(psycopg.Cursor[Any]):
    """A cursor whose statements PostgreSQL plans once for a connection: that takes several times as long as carrying
    them out. Django's have values put into the text, so that it is always another one."""

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        self._query = super()._convert_query(query, params)  # where Django's log of queries looks
        return self._query


def _cursor() -> Any:
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    return connection._prepare_cursor(_PlannedOnce(connection.connection))  # type: ignore[attr-defined]


def _with_constants(sql: str, params: Sequence[Any], open_: Container[Any]) -> tuple[str, list[Any]]:
    """Write all parameters that are not open into the statement of PostgreSQL: a plan that has to hold for any value
    uses no index of some rows, and would read whole tables."""
    connection.ensure_connection()
    texts = [
        "%s" if param in open_ else psycopg.sql.quote(param, connection.connection).replace("%", "%%")
        for param in params
    ]
    return sql.replace("%%", "%%%%") % tuple(texts), [param for param in params if param in open_]


def _converted(row: tuple[Any, ...], statement: _Statement) -> tuple[Any, ...]:
    """Return the row with the values that the database keeps in another way as Python's."""
    values = list(row)
    for place, (functions, expression) in statement.converters.items():
        for function in functions:
            values[place] = function(values[place], expression, connection)
    return tuple(values)
