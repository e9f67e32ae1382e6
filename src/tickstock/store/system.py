"""How the installation is doing, in figures for people. Nothing decides anything by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("system.sql")


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


def leases(connection: Connection) -> list[LeaseRow]:
    return rows.every(connection, LeaseRow, QUERIES["leases"])


def budgets(connection: Connection) -> list[BudgetRow]:
    return rows.every(connection, BudgetRow, QUERIES["budgets"])


def sizes(connection: Connection) -> Sizes:
    return rows.only(connection, Sizes, QUERIES["sizes"])


@dataclass(frozen=True, slots=True)
class Signs:
    """What tells whether the installation is well. `now` is the database's clock; leases are stale
    when nobody renewed them and nobody took them over; `unattended` jobs are open ones that no
    worker has calls of in hand."""

    now: datetime
    sessions_through: date | None
    closures: int
    stale_leases: int
    open_loads: int
    unattended: int
    paused: int
    universes: int
    universes_changed: datetime | None
    origins: list[str]
    schedules: int


def signs(connection: Connection, environment: str) -> Signs:
    return rows.only(connection, Signs, QUERIES["signs"], {"environment": environment})


def load_states(connection: Connection) -> dict[str, int]:
    """How many jobs there are of each state; paused ones by themselves."""
    return dict(connection.execute(QUERIES["states"]).fetchall())


def call_states(connection: Connection) -> dict[str, int]:
    """How many calls of open jobs there are of each state."""
    return dict(connection.execute(QUERIES["call_states"]).fetchall())
