"""Jobs, which is what programs that wait for a load call it: loads by the client's own id.

A job is a row of the load ledger with a client id; only what was refused has a table of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tickstock.model import LoadState
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("client_jobs.sql")
REFUSALS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Head:
    """What shows at once whether a job's status has moved. `age` in seconds since submission."""

    client_id: str
    load_id: uuid.UUID
    state: LoadState
    finished_at: datetime | None
    age: float


@dataclass(frozen=True, slots=True)
class Refused:
    """A job that became no load, and why. `age` in seconds."""

    client_id: str
    job_type: str
    reason: str
    at: datetime
    age: float

    @property
    def state(self) -> LoadState:
        return LoadState.FAILED

    @property
    def finished_at(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class SymbolsSoFar:
    """Symbols of an open or cancelled load that are done with, each list sorted."""

    good: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def heads(connection: Connection, window: timedelta) -> list[Head]:
    """Jobs that are open or ended within `window`, oldest first."""
    rows = connection.execute(QUERIES["heads"], {"window": window}).fetchall()
    return [Head(c, i, LoadState(s), f, a) for c, i, s, f, a in rows]


def refusals(connection: Connection, window: timedelta) -> list[Refused]:
    """Jobs refused within `window`, oldest first, without those that became a load later."""
    rows = connection.execute(QUERIES["refusals"], {"window": window}).fetchall()
    return [Refused(*row) for row in rows]


def refuse(connection: Connection, client_id: str, job_type: str, reason: str) -> None:
    """Keep the refusal for as long as somebody may ask."""
    params = {"client_id": client_id, "job_type": job_type, "reason": reason}
    connection.execute(QUERIES["refuse"], params)
    connection.execute(QUERIES["forget_refusals"], {"kept": REFUSALS_KEPT})


def open_loads(connection: Connection) -> list[uuid.UUID]:
    """Every open load that came from a client."""
    return [row[0] for row in connection.execute(QUERIES["open_of_clients"]).fetchall()]


def symbols_so_far(
    connection: Connection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, SymbolsSoFar]:
    """Symbols done with, by load; a load without items is missing."""
    rows = connection.execute(QUERIES["symbols"], {"ids": list(ids)}).fetchall()
    return {i: SymbolsSoFar(tuple(good or ()), tuple(bad or ())) for i, good, bad in rows}
