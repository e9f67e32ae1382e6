"""A connection in a transaction, as those outside the store hand it on: they know no psycopg."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
from psycopg.errors import LockNotAvailable

from tickstock.errors import Transient
from tickstock.sealed_place import FolderPlace, SealedPlace

Connection = psycopg.Connection[Any]
DRIVER_ERROR = psycopg.Error
"""What the job engine lets through, over connections of its own, besides its own errors."""


class BarConnection(psycopg.Connection[Any]):
    """A connection that knows where sealed files are: whoever reads bars over it finds all."""

    sealed_place: SealedPlace | None = None


def sealed_place(connection: Connection) -> SealedPlace:
    """Where sealed files are; the working folder for a connection of unknown origin."""
    place = connection.sealed_place if isinstance(connection, BarConnection) else None
    return place or FolderPlace(Path())


def take_turn(connection: Connection, query: str, what: str) -> None:
    """Lock with a query that does not wait for long. Raises Transient while another process is at
    `what`."""
    try:
        connection.execute(query)
    except LockNotAvailable as e:
        raise Transient(f"Another process {what}.", "Wait until it has ended.") from e
