"""Worker processes, and sums that they add to. For people and metrics, never for correctness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("workers.sql")
FORGOTTEN_AFTER = timedelta(days=1)
ALIVE_SECONDS = 30.0
"""A worker process that was heard of within this time is alive (it beats every ten seconds)."""


@dataclass(frozen=True, slots=True)
class Me:
    """What a worker process says of itself."""

    name: str
    host: str
    pid: int
    vendor: str
    version: str


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """A worker process; `seconds` since it was last heard of, by the database's clock."""

    name: str
    host: str
    pid: int
    vendor: str
    version: str
    started_at: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Attendance:
    """Who could ask a vendor: how many worker processes are `alive`, when the last one was heard
    of, and how many seconds the vendor wants no call."""

    alive: int = 0
    heard_at: datetime | None = None
    held_off: float = 0.0


def introduce(connection: Connection, me: Me, engine_id: int) -> None:
    """Say which of the engine's workers this process is; forget those that it has forgotten."""
    names = Me.__match_args__
    facts = dict(zip(names, astuple(me), strict=True)) | {"engine_id": engine_id}
    connection.execute(QUERIES["introduce"], facts)
    connection.execute(QUERIES["forget"], {"silence": FORGOTTEN_AFTER})


def leave(connection: Connection, name: str) -> None:
    connection.execute(QUERIES["leave"], {"name": name})


def known(connection: Connection) -> list[WorkerRow]:
    """All that were heard of, the latest first."""
    return rows.every(connection, WorkerRow, QUERIES["known"])


def attendance(connection: Connection) -> dict[str, Attendance]:
    """By vendor, of those that have a worker or were ever asked."""
    asked = {"alive": timedelta(seconds=ALIVE_SECONDS)}
    return dict(rows.every(connection, _attendance, QUERIES["attendance"], asked))


def _attendance(vendor: str, **found: Any) -> tuple[str, Attendance]:
    return vendor, Attendance(**found)


def add_counts(connection: Connection, sums: Mapping[tuple[str, str], int]) -> None:
    """Add to the sums, in one order, so that no two workers can deadlock."""
    if not sums:
        return
    found = sorted(sums.items())
    connection.execute(
        QUERIES["add_counts"],
        {
            "names": [name for (name, _), _ in found],
            "labels": [label for (_, label), _ in found],
            "sums": [n for _, n in found],
        },
    )


def counts(connection: Connection) -> dict[tuple[str, str], int]:
    """All sums, by name and label."""
    return {(name, label): total for name, label, total in connection.execute(QUERIES["counts"])}
