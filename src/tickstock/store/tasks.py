"""What the ledger and the job engine know of each other: the tasks that stand for a job."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("tasks.sql")


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a slice of a job would find. `seconds` until a call of it may be claimed."""

    vendor: str
    priority: int
    is_due: bool
    open_calls: int
    seconds: float


def end_tasks(connection: Connection, load_id: uuid.UUID) -> None:
    """Begin no slice of the job, and tell those who are at one."""
    connection.execute(QUERIES["end_tasks"], {"load_id": str(load_id)})


def drop_waiting(connection: Connection, load_id: uuid.UUID) -> None:
    """Begin no slice of the job."""
    connection.execute(QUERIES["drop_waiting"], {"load_id": str(load_id)})


def unattended(connection: Connection, vendor: str) -> dict[uuid.UUID, int]:
    """Open jobs that no task stands for, most urgent first, with their priorities."""
    return dict(connection.execute(QUERIES["unattended"], {"vendor": vendor}).fetchall())


def readiness(connection: Connection, load_id: uuid.UUID) -> Readiness | None:
    """None for a job that is gone."""
    return rows.first(connection, Readiness, QUERIES["readiness"], {"load_id": load_id})


def count_orphans(connection: Connection, silence: timedelta) -> int:
    """How many tasks are with workers that were not heard of for `silence`."""
    return int(rows.scalar(connection, QUERIES["count_orphans"], {"silence": silence}))


def could_be_shared(connection: Connection, load_id: uuid.UUID, silence: timedelta) -> bool:
    """Whether calls of the job wait while workers besides one were heard of within `silence`."""
    params = {"load_id": load_id, "silence": silence}
    return bool(rows.scalar(connection, QUERIES["could_be_shared"], params))


def most_urgent(connection: Connection, queue: str, besides: Iterable[uuid.UUID]) -> int | None:
    """The priority of the first task that waits for a job not in `besides`; None if none does."""
    params = {"queue": queue, "load_ids": [str(load_id) for load_id in besides]}
    found: int | None = rows.scalar(connection, QUERIES["most_urgent"], params)
    return found
