"""How far jobs are: their calls by state, who has them in hand, and what went wrong."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tickstock.model import Call, CallState, Timeframe
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.ledger import call_of
from tickstock.store.queries import load

QUERIES = load("tallies.sql")
RECENT = timedelta(minutes=1)
"""The pace of a job is that of the calls that ended so long before the last of them."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls of one job in one state.

    `lately`: of a job that is open, ended since somebody last began to work on it, in the minute
    (`RECENT`) before the last that ended, at `last_at`. `unmade` are those for which the vendor was
    never asked, and `made` how often it was for the others.
    """

    state: CallState
    calls: int
    cells: int
    held: int
    rows_new: int
    rows_changed: int
    lately: int = 0
    last_at: datetime | None = None
    unmade: int | None = None
    made: int | None = None

    @property
    def not_asked(self) -> int:
        """Calls for which the vendor was never asked."""
        if self.unmade is not None:
            return self.unmade
        return self.calls if self.state is CallState.CANCELLED else 0

    @property
    def asked(self) -> int:
        """How often the vendor was asked for the others."""
        return self.calls - self.not_asked if self.made is None else self.made


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker that has calls of a job in hand; the last of its leases is good until `until`."""

    worker: str
    calls: int
    until: datetime


@dataclass(frozen=True, slots=True)
class CallError:
    """What went wrong in calls of one job, by cause. `failed`: for good."""

    kind: str
    calls: int
    example: str
    symbol: str
    failed: int


def holders(
    connection: Connection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[Holder, ...]]:
    """Who has calls of each job in hand, the one with the most first."""
    found: dict[uuid.UUID, tuple[Holder, ...]] = {}
    for load_id, holder in rows.every(connection, _holder, QUERIES["holders"], {"ids": list(ids)}):
        found[load_id] = (*found.get(load_id, ()), holder)
    return found


def _holder(load_id: uuid.UUID, **rest: Any) -> tuple[uuid.UUID, Holder]:
    return load_id, Holder(**rest)


def by_state(connection: Connection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Tally]]:
    """Calls of each job by state."""
    found: dict[uuid.UUID, list[Tally]] = {i: [] for i in ids}
    asked = {"ids": list(ids), "recent": RECENT}
    for load_id, tally in rows.every(connection, _tally, QUERIES["tally"], asked):
        found[load_id].append(tally)
    return found


def _tally(
    load_id: uuid.UUID, state: str, last_at: datetime | None, **counts: int
) -> tuple[uuid.UUID, Tally]:
    sums = {name: int(n) for name, n in counts.items()}
    return load_id, Tally(CallState(state), **sums, last_at=last_at)


def current(connection: Connection, load_id: uuid.UUID) -> Call | None:
    """What is being asked right now."""
    return rows.first(connection, call_of, QUERIES["current"], {"load_id": load_id})


def errors(connection: Connection, load_id: uuid.UUID) -> list[CallError]:
    return rows.every(connection, CallError, QUERIES["call_errors"], {"load_id": load_id})


def failed_symbols(connection: Connection, load_id: uuid.UUID) -> set[tuple[Timeframe, str]]:
    """Whose calls failed; the symbol is empty for a whole-market call."""
    found = connection.execute(QUERIES["failed_symbols"], {"load_id": load_id})
    return {(Timeframe(timeframe), symbol) for timeframe, symbol in found}
