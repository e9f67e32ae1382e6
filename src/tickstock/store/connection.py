"""A connection in a transaction, as those outside the store hand it on: they know no psycopg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable

from tickstock.errors import Transient

Connection = psycopg.Connection[Any]
DRIVER_ERROR = psycopg.Error
"""What the job engine lets through, over connections of its own, besides its own errors."""


class BarConnection(psycopg.Connection[Any]):
    """A connection that knows where sealed files are: whoever reads bars over it finds all."""

    sealed_files: Path | None = None


def sealed_folder(connection: Connection) -> Path:
    """Where sealed files are; the working folder for a connection of unknown origin."""
    folder = connection.sealed_files if isinstance(connection, BarConnection) else None
    return folder or Path()


def take_turn(connection: Connection, query: str, what: str) -> None:
    """Lock with a query that does not wait for long. Raises Transient while another process is at
    `what`."""
    try:
        connection.execute(query)
    except LockNotAvailable as e:
        raise Transient(f"Another process {what}.", "Wait until it has ended.") from e
