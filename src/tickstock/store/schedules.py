"""Schedules, and which of their due times somebody has taken on."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from typing import Any

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("schedules.sql")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Load `universe` again and again. `at` is New York time; see `loading.due.Rule`."""

    environment: str
    name: str
    universe: str
    at: time
    after_close: bool
    duration: str
    timeframes: str
    vendor: str
    created_by: str = ""

    def command(self) -> list[str]:
        """The words of the command line that adds it."""
        words = ["tickstock", "schedule", "add", self.name, self.universe]
        words += ["--at", f"{self.at:%H:%M}", "--for", self.duration]
        words += ["--timeframes", self.timeframes] if self.timeframes != "day" else []
        return words + (["--after-close"] if self.after_close else [])


@dataclass(frozen=True, slots=True)
class Run:
    """What came of a due time. `missed` due times before it are made up for by the same job."""

    due_at: datetime
    missed: int
    worker: str
    state: str
    load_id: uuid.UUID | None
    message: str
    ran_at: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A schedule; what is due later than `since` is still to be taken on. `last` run, if any."""

    schedule: Schedule
    since: datetime
    last: Run | None


def add(connection: Connection, schedule: Schedule) -> bool:
    """False when the name is taken."""
    return connection.execute(QUERIES["add"], asdict(schedule)).rowcount > 0


def remove(connection: Connection, environment: str, name: str) -> bool:
    """Also forgets its runs, not their jobs. False when there is no such schedule."""
    params = {"environment": environment, "name": name}
    return connection.execute(QUERIES["remove"], params).rowcount > 0


def known(connection: Connection, environment: str) -> list[Kept]:
    """All schedules of an environment, by name."""
    schedules = rows.every(connection, _kept, QUERIES["known"], {"environment": environment})
    runs = rows.every(connection, _run, QUERIES["last_runs"], {"environment": environment})
    last = dict(runs)
    return [Kept(one, since, last.get(one.name)) for one, since in schedules]


def _kept(since: datetime, **schedule: Any) -> tuple[Schedule, datetime]:
    return Schedule(**schedule), since


def _run(name: str, **run: Any) -> tuple[str, Run]:
    return name, Run(**run)


def forget_runs(connection: Connection, before: datetime) -> None:
    """Forget runs of before a time, but not the last one of a schedule."""
    connection.execute(QUERIES["forget_runs"], {"before": before})


def take(
    connection: Connection,
    schedule: Schedule,
    due_at: datetime,
    missed: int,
    worker: str,
    lease: timedelta,
) -> bool:
    """Take a due time on. False when somebody else has, and is at it or done with it."""
    params = _of(schedule, due_at) | {"missed": missed, "worker": worker, "lease": lease}
    return connection.execute(QUERIES["take"], params).rowcount > 0


def settle(
    connection: Connection,
    schedule: Schedule,
    due_at: datetime,
    load_id: uuid.UUID | None,
    message: str,
) -> None:
    """Say what came of a due time: a job, or why there is none."""
    params = _of(schedule, due_at) | {"load_id": load_id, "message": message[:2000]}
    connection.execute(QUERIES["settle"], params)


def _of(schedule: Schedule, due_at: datetime) -> dict[str, Any]:
    return {"environment": schedule.environment, "name": schedule.name, "due_at": due_at}
