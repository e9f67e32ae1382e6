"""How the installation is doing, in figures for people. Nothing decides anything by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from tickstock.store.queries import load

QUERIES = load("system.sql")
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """Calls that a worker has in hand; `seconds` that the first of its leases is still good."""

    worker: str
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A vendor's call budget; `seconds` until the next call may be sent."""

    vendor: str
    granted: int
    throttled: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is in the database. `bytes` counts all of it."""

    bytes: int
    instruments: int
    bars: int
    loads: int
    open_loads: int


def heartbeats(connection: Connection) -> list[float]:
    """Seconds since each worker process was last heard of."""
    return [row[1] for row in connection.execute(QUERIES["workers"])]


def leases(connection: Connection) -> list[LeaseRow]:
    return [LeaseRow(*row) for row in connection.execute(QUERIES["leases"])]


def budgets(connection: Connection) -> list[BudgetRow]:
    return [BudgetRow(*row) for row in connection.execute(QUERIES["budgets"])]


def sizes(connection: Connection) -> Sizes:
    row = connection.execute(QUERIES["sizes"]).fetchone()
    assert row is not None  # noqa: S101 -- one row, always
    return Sizes(*row)
