"""What moment it is: by the database's clock, and by the newest change of a universe."""

from __future__ import annotations

from datetime import datetime

from tickstock.errors import DatabaseUnavailable
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("moment.sql")


def database_now(connection: Connection) -> datetime:
    """Now, by the clock that all kept times are of."""
    row = connection.execute(QUERIES["now"]).fetchone()
    if row is None:
        raise DatabaseUnavailable("PostgreSQL does not tell the time.", "Try again.")
    now: datetime = row[0]
    return now


def universe_revision(connection: Connection, environment: str) -> int | None:
    """The number of the newest change of any universe of `environment`; None where none was."""
    row = connection.execute(QUERIES["universe_revision"], {"environment": environment}).fetchone()
    return row[0] if row else None
