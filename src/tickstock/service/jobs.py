"""Jobs: submitted with their plan, cancelled, tried again, and watched."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from tickstock.config import Settings
from tickstock.failpoints import reach
from tickstock.loading.plan import Plan
from tickstock.loading.priority import priority_of
from tickstock.model import CallState, JobState
from tickstock.service.actions import Actions
from tickstock.service.bounds import check_most, check_priority
from tickstock.service.plans import Plans, summary_of, with_instruments
from tickstock.service.progress import Progress, make_progress
from tickstock.service.verdicts import Verdicts
from tickstock.store import actions, jobs, tallies, workers
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.jobs import Job
from tickstock.store.moment import database_now
from tickstock.store.tallies import Tally
from tickstock.store.workers import Attendance


class Jobs:
    """Submits, cancels, tries again, finds and watches."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        plans: Plans,
        actions: Actions,
        verdicts: Verdicts,
    ) -> None:
        self._database = database
        self._settings = settings
        self._plans = plans
        self._actions = actions
        self._verdicts = verdicts

    def submit(
        self,
        plan: Plan,
        *,
        title: str | None = None,
        requested_by: str = "",
        client_id: str | None = None,
        priority: int | None = None,
        digest: str | None = None,
        job: Mapping[str, Any] | None = None,
        load_id: uuid.UUID | None = None,
        parent_id: uuid.UUID | None = None,
    ) -> Job:
        """Make the plan durable and wake the workers, in one transaction.

        A `client_id` that is known already adds nothing: the answer is the job that has it.
        Jobs of a higher `priority` go first; by default, the fewer calls the higher.
        A `load_id` that exists is refused as a Conflict; `parent_id` is the job that it repeats.
        `job` is what a client's message said besides, kept with the request.
        With `digest` the plan is made again first, and refused when the state has moved.
        """
        from tickstock.service.queue import defer_drain

        priority = priority_of(len(plan.calls)) if priority is None else priority
        check_priority(priority)
        with self._database.transaction() as connection:
            if digest is not None:
                self._plans.refuse_stale(connection, plan.request, digest)
            plan = with_instruments(connection, plan)
            load_id, new = jobs.submit(
                connection,
                plan,
                title=title or plan.request.universe,
                vendor=self._settings.vendor,
                summary=summary_of(plan),
                job=job,
                requested_by=requested_by,
                client_id=client_id,
                priority=priority,
                load_id=load_id,
                parent_id=parent_id,
            )
            if new and (plan.calls or self._actions_due(connection, plan)):
                defer_drain(connection, load_id, self._settings.vendor, priority)
            elif new:
                self._verdicts.write(connection, load_id)
            reach("submit.deferred")
            return jobs.read(connection, load_id)

    def _actions_due(self, connection: Connection, plan: Plan) -> bool:
        targets = {i.symbol: i.instrument_id for i in plan.items}
        return bool(self._actions.calls(connection, targets, refresh=plan.request.refresh))

    def cancel(self, load_id: uuid.UUID, reason: str = "Cancelled.") -> bool:
        """End a job now: what is done stays done. False when it had ended."""
        with self._database.transaction() as connection:
            return jobs.cancel(connection, load_id, reason)

    def retry(self, load_id: uuid.UUID) -> int:
        """Ask again for what failed or was cancelled; how many calls that is. The splits and
        dividends count as one, and so does a job that a fault has ended."""
        from tickstock.service.queue import defer_drain

        with self._database.transaction() as connection:
            load = jobs.read(connection, load_id)
            outcome = actions.outcome(connection, load_id)
            is_over = load.state.finished
            lacking = is_over and outcome is not None and outcome.state != "done"
            more = lacking or load.met_a_fault
            count = jobs.reopen(connection, load_id, anyway=more) + more
            if count:
                defer_drain(connection, load_id, load.vendor, load.priority)
            return count

    # -- looking -----------------------------------------------------------------------------
    def find(self, text: str) -> uuid.UUID:
        """The id that an id, the start of one, or a client's own id stands for."""
        with self._database.transaction() as connection:
            return jobs.find(connection, text)

    def newest(
        self,
        most: int = 20,
        state: JobState | None = None,
        *,
        text: str = "",
        before: datetime | None = None,
        **other: Any,
    ) -> list[Progress]:
        """The jobs that `store.jobs.newest` lists, with their progress."""
        check_most(most)
        with self._database.snapshot() as connection:
            found = jobs.newest(connection, most, state, text, before, **other)
            return _look(connection, found, lambda _: False)

    def progress_of(self, ids: Sequence[uuid.UUID]) -> list[Progress]:
        """Progress of those of the jobs that exist, oldest first."""
        with self._database.snapshot() as connection:
            return progress_then(connection, ids)

    def progress(self, load_id: uuid.UUID) -> Progress:
        with self._database.snapshot() as connection:
            return _look(connection, [jobs.read(connection, load_id)], lambda _: True)[0]


def progress_then(connection: Connection, ids: Sequence[uuid.UUID]) -> list[Progress]:
    """As `Jobs.progress_of`, as of the moment of a snapshot."""
    found = jobs.read_many(connection, ids)
    return _look(connection, found, lambda t: any(x.state is CallState.FAILED for x in t))


def _look(
    connection: Connection,
    loads: Sequence[Job],
    has_errors: Callable[[Sequence[Tally]], bool],
) -> list[Progress]:
    """How far each of these is; with the errors of those whose calls may have some that matter."""
    ids = [x.id for x in loads]
    counts = tallies.by_state(connection, ids)
    open_ = [x.id for x in loads if not x.state.finished]
    holders = tallies.holders(connection, open_) if open_ else {}
    present = workers.attendance(connection) if open_ else {}
    at_work = {x: tallies.current(connection, x) for x in holders}
    faulty = {x: tallies.errors(connection, x) for x in ids if has_errors(counts[x])}
    now = database_now(connection)
    return [
        make_progress(
            x,
            counts[x.id],
            at_work.get(x.id),
            faulty.get(x.id, ()),
            holders.get(x.id, ()),
            present.get(x.vendor, Attendance()),
            now=now,
        )
        for x in loads
    ]
