"""Schedules: jobs that are made again and again, in exchange time, once for each due time."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import structlog

from tickstock.config import Settings
from tickstock.errors import BadInput, Conflict, TickStockError, Transient
from tickstock.loading.due import DueRule, due_times, next_due
from tickstock.loading.request import LoadRequest, duration_span, parse_duration, parse_timeframes
from tickstock.service.dates import Dates
from tickstock.service.jobs import Jobs
from tickstock.service.plans import Plans
from tickstock.service.requests import Requests
from tickstock.shortage import shortage
from tickstock.spans import Span
from tickstock.store import jobs
from tickstock.store import schedules as store
from tickstock.store.database import Database
from tickstock.store.jobs import Job
from tickstock.store.moment import database_now
from tickstock.store.schedules import Kept, Run, Schedule

log = structlog.get_logger("tickstock.schedules")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
LEASE = timedelta(minutes=5)
"""So long somebody has to plan and submit a job; then another may take the due time on."""
SPACE = uuid.UUID("6f1f3b9e-6c1f-4b63-9a55-0d8f3f1f7a57")
"""Ids of scheduled jobs are made from this and their due time: two can never be the same job."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule as people see it. `next` is None past the end of the list of sessions."""

    schedule: Schedule
    next: datetime | None
    last: Run | None


class Schedules:
    """Adds, lists, removes and performs schedules of the environment of the settings."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        dates: Dates,
        requests: Requests,
        plans: Plans,
        jobs: Jobs,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._settings = settings
        self._dates = dates
        self._requests = requests
        self._plans = plans
        self._jobs = jobs
        self._clock = clock

    def add(
        self,
        name: str,
        universe: str,
        at: time,
        *,
        after_close: bool = False,
        duration: str = "1w",
        timeframes: str = "day",
        created_by: str = "",
    ) -> Planned:
        """Load `universe` every day at `at` (New York), or after every close; see `DueRule`.

        Raises:
            BadInput: a name, time, duration or timeframe that will not do.
            UnknownUniverse, EmptyUniverse, BadExpression: the universe means nothing now.
            Conflict: there is one of that name.
        """
        if not NAME.fullmatch(name):
            raise BadInput(
                f"{name[:80]!r} cannot be the name of a schedule.",
                "Use up to 64 letters, digits and . _ - , first a letter or digit.",
            )
        rule = DueRule(at, after_close)
        parse_duration(duration)
        parse_timeframes(timeframes)
        self._requests.resolve(universe, duration="1d")
        made = Schedule(
            self._settings.environment, name, universe, at, after_close, duration, timeframes,
            self._settings.vendor, created_by,
        )  # fmt: skip
        with self._database.transaction() as connection:
            if not store.add(connection, made):
                raise Conflict(
                    f"There is a schedule {name} already.", f"tickstock schedule remove {name}"
                )
            now = database_now(connection)
        return Planned(made, next_due(rule, now, self._dates.calendar()), None)

    def planned(self) -> list[Planned]:
        """All of them, by name, with when they are due next."""
        calendar = self._dates.calendar()
        with self._database.transaction() as connection:
            kept = store.known(connection, self._settings.environment)
            now = database_now(connection)
        return [Planned(k.schedule, next_due(_rule(k), now, calendar), k.last) for k in kept]

    def remove(self, name: str) -> None:
        """Raises BadInput when there is none of that name. The jobs that it made stay."""
        with self._database.transaction() as connection:
            if not store.remove(connection, self._settings.environment, name):
                raise _nothing(name)

    def run_now(self, name: str, requested_by: str = "") -> Job:
        """Submit its job now, besides the due times. Raises BadInput for an unknown name, and
        what planning raises."""
        with self._database.transaction() as connection:
            kept = store.known(connection, self._settings.environment)
        for one in kept:
            if one.schedule.name == name:
                now = self._clock()
                request = self._request(one.schedule, now, now)
                return self._jobs.submit(self._plans.make(request), requested_by=requested_by)
        raise _nothing(name)

    # -- performing --------------------------------------------------------------------------
    def perform_due(self, worker: str) -> int:
        """Submit a job for every schedule that is due, unless somebody else does; how many.

        Due times that were missed, while nothing ran, are made up for by one job over all the
        days that they would have loaded.
        """
        calendar = self._dates.calendar()
        with self._database.transaction() as connection:
            kept = store.known(connection, self._settings.environment)
            now = database_now(connection)
        count = 0
        for one in kept:
            if one.schedule.vendor == self._settings.vendor:
                due = due_times(_rule(one), one.since, now, calendar)
                if due and self._perform(one.schedule, due, worker):
                    count += 1
        return count

    def _perform(self, schedule: Schedule, due: list[datetime], worker: str) -> bool:
        missed = len(due) - 1
        with self._database.transaction() as connection:
            if not store.take(connection, schedule, due[-1], missed, worker, LEASE):
                return False
        load_id, message = None, ""
        try:
            load_id = self._submit(schedule, due).id
        except Transient:
            raise  # taken on again when the lease has run out
        except TickStockError as e:
            message = str(e)
        except Exception as e:
            if short := shortage(e):
                raise short from e
            # The next due time may have better luck; this one would meet the same again and again.
            log.exception("a schedule met a fault of TickStock", schedule=schedule.name)
            message = f"An error inside TickStock ({type(e).__name__}); its log has the details."
        log.info("schedule performed", schedule=schedule.name, due=due[-1].isoformat(),
                 missed=missed, load=str(load_id), error=message)  # fmt: skip
        with self._database.transaction() as connection:
            store.settle(connection, schedule, due[-1], load_id, message)
        return load_id is not None

    def _submit(self, schedule: Schedule, due: list[datetime]) -> Job:
        """The job of a due time. It has an id of its own, and so is submitted once, whoever
        tries and however late."""
        key = f"{schedule.environment}/{schedule.name}/{due[-1].isoformat()}"
        load_id = uuid.uuid5(SPACE, key)
        if found := self._submitted(load_id):
            return found
        plan = self._plans.make(self._request(schedule, due[0], self._clock()))
        try:
            by = f"schedule {schedule.name}"
            return self._jobs.submit(plan, requested_by=by, load_id=load_id)
        except Conflict:
            if found := self._submitted(load_id):
                return found
            raise

    def _submitted(self, load_id: uuid.UUID) -> Job | None:
        with self._database.transaction() as connection:
            found = jobs.read_many(connection, [load_id])
        return found[0] if found else None

    def _request(self, schedule: Schedule, first_due: datetime, now: datetime) -> LoadRequest:
        lag, calendar = self._dates.limits().publication_lag, self._dates.calendar()
        span = duration_span(schedule.duration, calendar, now, lag)
        begin = duration_span(schedule.duration, calendar, min(first_due, now), lag).start
        days = Span(min(begin, span.start), span.end)
        return self._requests.resolve(
            schedule.universe, first=days.start, last=days.last, timeframes=schedule.timeframes
        )


def schedule_as_dict(planned: Planned) -> dict[str, Any]:
    """A schedule for `--json` and the API; times in UTC, `at` in New York time."""
    schedule, last = planned.schedule, planned.last
    return {
        "name": schedule.name,
        "universe": schedule.universe,
        "at": f"{schedule.at:%H:%M}",
        "after_close": schedule.after_close,
        "for": schedule.duration,
        "timeframes": schedule.timeframes,
        "vendor": schedule.vendor,
        "next": planned.next.isoformat() if planned.next else None,
        "last": None
        if last is None
        else {
            "due": last.due_at.isoformat(),
            "missed": last.missed,
            "state": last.state,
            "load": str(last.load_id) if last.load_id else None,
            "message": last.message,
        },
    }


def _rule(kept: Kept) -> DueRule:
    return DueRule(kept.schedule.at, kept.schedule.after_close)


def _nothing(name: str) -> BadInput:
    return BadInput(f"There is no schedule {name[:80]!r}.", "`tickstock schedule list` shows them.")
