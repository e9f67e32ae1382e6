"""What is published of the database as tables for other engines, and what was.

A published table counts as a place of bar files: what changes is noted for it in the same way (see
`bar_files`), so that the next time only years are looked at in which something was written.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime

from tickstock.errors import DatabaseRefused, Transient
from tickstock.model import Timeframe
from tickstock.store import locks, rows
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.queries import load

QUERIES = load("lake.sql")
TICKERS = 0
"""In the place of a year, what its tickers were taken from: there is no such year."""


@dataclass(frozen=True, slots=True)
class LakeMoment:
    """What is published as of: which database, all before this transaction, at this time."""

    database: str
    watermark: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """How a table was published: its files by year, what its tickers were taken from, and before
    which transaction all is in it. `changes` are the first and the last year of each one since."""

    files: Mapping[int, str]
    named_by: str
    watermark: str
    changes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class InstrumentRow:
    instrument: int
    symbol: str
    kind: str | None
    figi: str | None
    cik: str | None
    listed: date | None
    delisted: date | None
    delisted_before: date | None


@dataclass(frozen=True, slots=True)
class DatedTicker:
    """`until` is the first day on which the ticker is no longer the instrument's."""

    instrument: int
    symbol: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class SplitRow:
    instrument: int
    symbol: str
    date: date
    split_from: float
    split_to: float
    kind: str


@contextmanager
def turn(database: Database) -> Iterator[None]:
    """Until this ends nobody else publishes from this database.

    Raises:
        Transient: somebody else does so now.
    """
    with database.transaction() as connection:
        params = {"space": locks.SINGLE, "what": locks.LAKE}
        if not rows.scalar(connection, QUERIES["take_turn"], params):
            raise Transient(
                "Somebody else is publishing to the lake from this database now.",
                "Try again when that has ended.",
            )
        yield


def read_moment(connection: Connection) -> LakeMoment:
    """The moment of a snapshot. Raises DatabaseRefused where the server does not say who it is."""
    found = connection.execute(QUERIES["moment"]).fetchone()
    if found is None or found[0] is None:
        raise DatabaseRefused(
            "The server does not tell which one it is, so that no table can be known as its own.",
            "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC",
        )
    return LakeMoment(*found)


def enrol(database: Database, table: uuid.UUID) -> None:
    """Have changes kept for a table from now on; before the snapshot that it is published from."""
    with database.transaction() as connection:
        connection.execute(QUERIES["enrol"], _place(table))


def strike(database: Database, table: uuid.UUID) -> None:
    """Keep no more changes for a table."""
    with database.transaction() as connection:
        connection.execute(QUERIES["strike"], _place(table))


def read_mark(connection: Connection, table: uuid.UUID) -> Mark | None:
    """What was published last; None where that is not known."""
    found = connection.execute(QUERIES["last_mark"], _place(table)).fetchall()
    if not found:
        return None
    years, names, watermark = found[0][:3]
    files = dict(zip(years, names, strict=True))
    named_by = files.pop(TICKERS, "")
    spans = tuple((row[3], row[4]) for row in found if row[3] is not None)
    return Mark(files, named_by, watermark, spans)


def write_mark(database: Database, table: uuid.UUID, mark: Mark) -> None:
    """A table is as this says."""
    names = {**mark.files, TICKERS: mark.named_by}
    params = _place(table) | {
        "watermark": mark.watermark, "years": list(names), "names": list(names.values()),
    }  # fmt: skip
    with database.transaction() as connection:
        connection.execute(QUERIES["mark"], params)


def read_instruments(connection: Connection) -> Sequence[InstrumentRow]:
    """Every instrument."""
    return rows.every(connection, InstrumentRow, QUERIES["instruments"])


def read_tickers(connection: Connection) -> Sequence[DatedTicker]:
    """Every dated ticker."""
    return rows.every(connection, DatedTicker, QUERIES["tickers"])


def read_splits(connection: Connection) -> Sequence[SplitRow]:
    """The splits in force."""
    return rows.every(connection, SplitRow, QUERIES["splits"])


def _place(table: uuid.UUID) -> dict[str, object]:
    return {"place": table, "timeframe": Timeframe.DAY}
