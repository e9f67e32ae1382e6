"""Rows as values: a column goes to the field of its name, so that no query and no reader of one
depends on the order of columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from psycopg.rows import kwargs_row, scalar_row
from psycopg.sql import Composed

from tickstock.spans import Span
from tickstock.store.connection import Connection

T = TypeVar("T")
Params = Mapping[str, object] | None
Query = str | Composed


def every(
    connection: Connection, make: Callable[..., T], query: Query, params: Params = None
) -> list[T]:
    """What `make` makes of each row."""
    with connection.cursor(row_factory=kwargs_row(make)) as cursor:
        return cursor.execute(query, params).fetchall()


def first(
    connection: Connection, make: Callable[..., T], query: Query, params: Params = None
) -> T | None:
    """What `make` makes of the first row; None where there is none."""
    with connection.cursor(row_factory=kwargs_row(make)) as cursor:
        return cursor.execute(query, params).fetchone()


def only(connection: Connection, make: Callable[..., T], query: Query, params: Params = None) -> T:
    """What `make` makes of the row of a query that always answers one."""
    found = first(connection, make, query, params)
    assert found is not None
    return found


def scalar(connection: Connection, query: Query, params: Params = None) -> Any:
    """The value of a query for one; None where there is no row."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, params).fetchone()


def scalars(connection: Connection, query: Query, params: Params = None) -> list[Any]:
    """The values of a query for one column."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        return cursor.execute(query, params).fetchall()


def multirange(spans: Iterable[Span]) -> str:
    """Days as PostgreSQL reads a multirange of them."""
    return "{" + ",".join(f"[{s.start},{s.end})" for s in spans) + "}"
