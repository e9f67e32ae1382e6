"""How jobs end: their verdicts, and what is held of what they were to hold."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import datetime

from tickstock.failpoints import reach
from tickstock.loading.grid import Grid
from tickstock.loading.report import ItemResult, Report, item_results, make_report
from tickstock.model import Instrument, Timeframe
from tickstock.service.actions import outcome_as_dict, with_actions
from tickstock.service.doubts import count_doubts
from tickstock.service.grids import Grids
from tickstock.spans import Span
from tickstock.store import actions, asides, instruments, job_items, jobs, ledger, tallies
from tickstock.store.bar_names import taken_names
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.job_items import ItemRow

LOOKED_THROUGH = 500_000
"""Sessions that a job may span and have its doubts counted though it had nothing to ask."""


class Verdicts:
    """Ends jobs, by what is held or by a fault."""

    def __init__(self, database: Database, grids: Grids, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._grids = grids
        self._clock = clock

    def finish(self, load_id: uuid.UUID, *, in_vain: bool = False) -> Report | None:
        """Write the verdict on a job without open calls. None when it is not at its end, or
        somebody else has written it. `in_vain`: its splits and dividends are not asked for."""
        reach("finish.begin")
        with self._database.brief() as connection:
            report = self.write(connection, load_id, in_vain=in_vain)
        reach("finish.committed")
        return report

    def fail(self, load_id: uuid.UUID, message: str, *, with_open: bool) -> bool:
        """End a job by a fault, without a report. Calls that are open end with it, or, unless
        `with_open`, stand against it. False then, and when it has ended."""
        with self._database.brief() as connection:
            return jobs.fail_load(connection, load_id, message, with_open=with_open)

    def write(
        self, connection: Connection, load_id: uuid.UUID, *, in_vain: bool = False
    ) -> Report | None:
        """As `finish`, in a transaction of the caller's."""
        # Locked, so that nobody adds calls or begins to ask for splits and dividends from here on.
        if jobs.lock(connection, load_id).state.finished:
            return None
        # In this order: a call that ends after this look is not in the results that follow.
        if ledger.open_calls(connection, load_id)[0]:
            return None
        if in_vain:
            actions.stop(connection, load_id)
        outcome = actions.outcome(connection, load_id)
        if outcome is not None and not (outcome.is_over or in_vain):
            return None
        report = with_actions(make_report(self._results(connection, load_id)), outcome)
        counts = tallies.by_state(connection, [load_id])[load_id]
        body = report.as_dict() | {"rows_new": sum(t.rows_new for t in counts)}
        body["rows_changed"] = sum(t.rows_changed for t in counts)
        body["actions"] = outcome_as_dict(outcome)
        body["aside"] = asdict(asides.of_load(connection, load_id))
        body["doubts"] = self._doubts(connection, load_id)
        body["names_taken"] = [str(name) for name in taken_names(connection)]
        done = jobs.finish(connection, load_id, report.state, report.message, body)
        return report if done else None

    def _doubts(self, connection: Connection, load_id: uuid.UUID) -> dict[str, int] | None:
        """How many doubts there are; None of a large job that had nothing to ask, whose bars are
        not read only to say so."""
        load = jobs.read(connection, load_id)
        if not load.summary["calls"] and load.summary["expected"] > LOOKED_THROUGH:
            return None
        items = job_items.read(connection, load_id)
        return asdict(count_doubts(connection, items, self._clock()))

    def results(self, load_id: uuid.UUID) -> list[ItemResult]:
        """Sessions held against sessions expected of every symbol of a job, now."""
        with self._database.transaction() as connection:
            return self._results(connection, load_id)

    def grids(self, load_id: uuid.UUID) -> list[Grid]:
        """What a job was to hold, and what of it is held now: a grid a timeframe and span."""
        with self._database.transaction() as connection:
            return list(self._grids_of(connection, load_id))

    def _grids_of(self, connection: Connection, load_id: uuid.UUID) -> Iterator[Grid]:
        groups: dict[tuple[Timeframe, Span], list[ItemRow]] = {}
        for item in job_items.read(connection, load_id):
            groups.setdefault((item.timeframe, item.span), []).append(item)
        for (timeframe, span), group in groups.items():
            plain = [Instrument(item.instrument_id, item.symbol) for item in group]
            listed = instruments.with_lifetimes(connection, plain)
            intervals = (
                [i.intervals or (span,) for i in group] if any(i.intervals for i in group) else ()
            )
            yield self._grids.of(connection, listed, timeframe, span, intervals=intervals)

    def _results(self, connection: Connection, load_id: uuid.UUID) -> list[ItemResult]:
        found = [i for grid in self._grids_of(connection, load_id) for i in item_results(grid)]
        if not jobs.read(connection, load_id).asked.refresh:
            return found
        # What was held before is held still, but it was to be asked again.
        vain = tallies.failed_symbols(connection, load_id)
        return [
            replace(i, in_vain=bool({(i.timeframe, i.symbol), (i.timeframe, "")} & vain))
            for i in found
        ]
