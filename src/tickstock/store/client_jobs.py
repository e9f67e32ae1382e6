"""Jobs as programs know them that wait for them: by the client's own id.

A job is a row of the job ledger with a client id; only what was refused has a table of its own.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tickstock.model import JobState
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("client_jobs.sql")
REFUSALS_KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class JobHead:
    """What shows at once whether a job's status has moved. `age` in seconds since submission."""

    client_id: str
    load_id: uuid.UUID
    state: JobState
    finished_at: datetime | None
    age: float


@dataclass(frozen=True, slots=True)
class RefusedJob:
    """A job that became no job, and why. `age` in seconds."""

    client_id: str
    job_type: str
    reason: str
    at: datetime
    age: float

    @property
    def state(self) -> JobState:
        return JobState.FAILED

    @property
    def finished_at(self) -> datetime:
        return self.at


@dataclass(frozen=True, slots=True)
class SymbolsSoFar:
    """Symbols of an open or cancelled load that are done with, each list sorted."""

    good: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


def heads(connection: Connection, window: timedelta) -> list[JobHead]:
    """Jobs that are open or ended within `window`, oldest first."""
    return rows.every(connection, _head, QUERIES["heads"], {"window": window})


def refusals(connection: Connection, window: timedelta) -> list[RefusedJob]:
    """Jobs refused within `window`, oldest first, without those that became a job later."""
    return rows.every(connection, RefusedJob, QUERIES["refusals"], {"window": window})


def refuse(connection: Connection, client_id: str, job_type: str, reason: str) -> None:
    """Keep the refusal for as long as somebody may ask."""
    params = {"client_id": client_id, "job_type": job_type, "reason": reason}
    connection.execute(QUERIES["refuse"], params)
    connection.execute(QUERIES["forget_refusals"], {"kept": REFUSALS_KEPT})


def open_loads(connection: Connection) -> list[uuid.UUID]:
    """Every open job that came from a client."""
    return rows.scalars(connection, QUERIES["open_of_clients"])


def symbols_so_far(
    connection: Connection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, SymbolsSoFar]:
    """Symbols done with, by load; a job without items is missing."""
    return dict(rows.every(connection, _symbols, QUERIES["symbols"], {"ids": list(ids)}))


def _head(state: str, **rest: Any) -> JobHead:
    return JobHead(state=JobState(state), **rest)


def _symbols(
    load_id: uuid.UUID, good: list[str] | None, failed: list[str] | None
) -> tuple[uuid.UUID, SymbolsSoFar]:
    return load_id, SymbolsSoFar(tuple(good or ()), tuple(failed or ()))
