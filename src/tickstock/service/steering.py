"""Steering loads: pause, resume, do again, forget."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import datetime, timedelta

from tickstock.config import Settings
from tickstock.service.jobs import Jobs
from tickstock.service.plans import Plans
from tickstock.store import job_items, jobs, receipts, schedules
from tickstock.store.database import Database
from tickstock.store.jobs import Job
from tickstock.store.moment import database_now


class Steering:
    """What can be done with loads besides submitting, cancelling and retrying them."""

    def __init__(
        self, database: Database, settings: Settings, plans: Plans, submitted: Jobs
    ) -> None:
        self._database = database
        self._settings = settings
        self._plans = plans
        self._jobs = submitted

    def pause(self, load_id: uuid.UUID) -> bool:
        """Let no call of a job be asked until it is resumed, and hand back what is in hand.
        What is done stays done. False when it has ended, or is paused already."""
        with self._database.transaction() as connection:
            return jobs.pause(connection, load_id)

    def resume(self, load_id: uuid.UUID) -> bool:
        """Go on with a paused job. False when it is not paused."""
        from tickstock.service.queue import defer_drain

        with self._database.transaction() as connection:
            if not jobs.unpause(connection, load_id):
                return False
            load = jobs.read(connection, load_id)
            defer_drain(connection, load_id, load.vendor, load.priority)
        return True

    def clone(self, load_id: uuid.UUID, requested_by: str = "") -> Job:
        """A new job for the same request (symbols, timeframes, days), planned as of now."""
        with self._database.transaction() as connection:
            old = jobs.read(connection, load_id)
            request = old.asked
            if not request.intervals:  # kept with the items alone, before the request had them
                intervals = {i.symbol: i.intervals for i in job_items.read(connection, load_id)}
                if any(intervals.values()):
                    of_each = tuple(intervals.get(s, ()) for s in request.symbols)
                    request = replace(request, intervals=of_each)
        plan = self._plans.make(request)
        return self._jobs.submit(plan, title=old.title, requested_by=requested_by, parent_id=old.id)

    def prune(self, age: timedelta | None = None, *, dry_run: bool = False) -> tuple[int, datetime]:
        """Forget jobs that ended longer ago than `age` (by default the setting says), with their
        calls; how many, and ended before when. So are receipts that nobody has been able to look at
        for as long. Bars, coverage and gaps stay as they are."""
        kept = timedelta(days=self._settings.jobs_kept_days) if age is None else age
        with self._database.transaction() as connection:
            before = database_now(connection) - kept  # by the clock that dated their ends
            if dry_run:
                return jobs.count_prunable(connection, before), before
            count = jobs.prune(connection, before)
            schedules.forget_runs(connection, before)
            receipts.forget(connection, before)
        return count, before
