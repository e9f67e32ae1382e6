"""Loading: from what somebody asks, over the plan, to a durable load and its progress."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from typing import Any

from tickstock.config import Settings
from tickstock.errors import BadDates, StalePlan
from tickstock.failpoints import reach
from tickstock.loading.codec import encode
from tickstock.loading.grid import Grid, build_grid
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.priority import priority_of
from tickstock.loading.report import ItemResult, Report, item_results, make_report
from tickstock.loading.request import (
    Duration,
    LoadRequest,
    duration_span,
    padded,
    parse_timeframes,
)
from tickstock.model import CallState, Hole, Instrument, LoadState, Timeframe
from tickstock.service.actions import Actions, outcome_as_dict, with_actions
from tickstock.service.doubts import count_doubts
from tickstock.service.progress import Progress, make_progress
from tickstock.service.universes import Resolved, Universes
from tickstock.service.vendor import vendor_limits
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import Span
from tickstock.store import actions, coverage, instruments, job_items, jobs, ledger, tallies
from tickstock.store.bar_names import taken_names
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.job_items import ItemRow
from tickstock.store.jobs import Load
from tickstock.store.moment import database_now
from tickstock.vendors import Limits

LOOKED_THROUGH = 500_000
"""Sessions that a load may span and have its doubts counted though it had nothing to ask."""


class Loads:
    """Plan, submit, watch, cancel, retry."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        universes: Universes,
        actions: Actions,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._settings = settings
        self._universes = universes
        self._actions = actions
        self._clock = clock

    # -- asking ------------------------------------------------------------------------------
    def calendar(self) -> Calendar:
        with self._database.transaction() as connection:
            return read_calendar(connection)

    def warning(self) -> str | None:
        """What whoever plans should know of the list of sessions; None where all is well."""
        return shipped_calendar().ending(self._clock())

    def limits(self) -> Limits:
        """What the configured vendor can do, as far as settings tell."""
        return vendor_limits(self._settings, shipped_calendar(), self._clock())

    def span(
        self,
        duration: str | Duration | None = None,
        first: date | None = None,
        last: date | None = None,
    ) -> Span:
        """The days of a duration (`1d`, `3mo`, `1 Year`), or from `first` to `last`, both in."""
        calendar, limits = self.calendar(), self.limits()
        if first is None and last is None:
            lag = limits.publication_lag
            return duration_span(duration or "1y", calendar, self._clock(), lag)
        if duration is not None:
            raise BadDates(
                f"Both a duration ({duration}) and dates were given.", "Give one of them."
            )
        if first is None:
            raise BadDates(f"A last date ({last}) was given without a first one.", "Add --from.")
        end = last or calendar.last_published(self._clock(), limits.publication_lag)
        return Span.inclusive(first, end)

    def request(
        self,
        universe: str = "",
        *,
        symbols: Sequence[str] = (),
        csv: str | None = None,
        duration: str | Duration | None = None,
        first: date | None = None,
        last: date | None = None,
        timeframes: str = "day",
        refresh: bool = False,
        pad: int = 0,
    ) -> LoadRequest:
        """What is asked for, resolved to symbols: by name, by expression, by list or by file.

        An expression over a past span (`index_sp500 @ 2015-01-01..2020-12-31`) asks for each symbol
        on the days on which it was in, with `pad` days before and after, and takes no other dates.
        """
        frames = parse_timeframes(timeframes)
        if csv is None and not symbols:
            found = self._universes.resolve(universe)
            if found.spells:
                given = duration or first or last
                return self._as_it_was(universe, found, frames, given, refresh=refresh, pad=pad)
            span, chosen = self.span(duration, first, last), found.symbols
            return LoadRequest(universe, chosen, frames, span, refresh, revision=found.revision)
        if csv is not None:
            source, chosen = f"{FROM_CSV}{csv}", self._universes.csv_symbols(csv)
        else:
            source, chosen = universe or "symbols", tuple(dict.fromkeys(symbols))
        return LoadRequest(source, chosen, frames, self.span(duration, first, last), refresh)

    def _as_it_was(
        self,
        universe: str,
        found: Resolved,
        timeframes: tuple[Timeframe, ...],
        given: object,
        *,
        refresh: bool,
        pad: int,
    ) -> LoadRequest:
        if given:
            raise BadDates(
                f"Other dates were given beside those in {universe!r}.",
                "Give one of them; --pad widens the spells.",
            )
        spells = padded(found.spells, pad, self.calendar().known)
        hull = Span(min(s[0].start for s in spells), max(s[-1].end for s in spells))
        return LoadRequest(
            universe, found.symbols, timeframes, hull, refresh, spells, found.revision, pad
        )

    def resolved_again(self, request: LoadRequest) -> LoadRequest:
        """The same request with the symbols that its universe or file names now."""
        if request.universe.startswith(FROM_CSV):
            name = request.universe.removeprefix(FROM_CSV)
            return replace(request, symbols=self._universes.csv_symbols(name))
        if not request.revision:
            return request
        if request.spells:
            frames = ",".join(request.timeframes)
            return self.request(
                request.universe, timeframes=frames, refresh=request.refresh, pad=request.pad
            )
        found = self._universes.resolve(request.universe)
        return replace(request, symbols=found.symbols, revision=found.revision)

    def plan(self, request: LoadRequest) -> Plan:
        """The cheapest calls for what is missing. Nothing is written, so a reader may plan too."""
        with self._database.transaction() as connection:
            return self._plan(connection, request)

    def _plan(self, connection: Connection, request: LoadRequest) -> Plan:
        chosen, spells = _chosen(connection, request)
        grids = [
            self.grid(
                connection,
                chosen,
                timeframe,
                request.span,
                refresh=request.refresh,
                spells=spells,
            )
            for timeframe in request.timeframes
        ]
        return make_plan(request, grids, self.limits())

    def grid(
        self,
        connection: Connection,
        chosen: Sequence[Instrument],
        timeframe: Timeframe,
        span: Span,
        *,
        refresh: bool = False,
        spells: Sequence[tuple[Span, ...]] = (),
        told: list[Hole] | None = None,
    ) -> Grid:
        """What is expected, held and missing of these instruments, as the database has it now; by
        the answers about holes that still stand, or by those `told`."""
        now, ids = self._clock(), [i.id for i in chosen]
        calendar = read_calendar(connection)
        if told is None:
            told = coverage.standing_holes(connection, timeframe, ids, now)
        return build_grid(
            timeframe,
            chosen,
            span,
            calendar,
            calendar.published(now, self.limits().publication_lag),
            coverage.held_spans(connection, timeframe, ids),
            told,
            refresh=refresh,
            spells=spells,
        )

    # -- doing -------------------------------------------------------------------------------
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
    ) -> Load:
        """Make the plan durable and wake the workers, in one transaction.

        A `client_id` that is known already adds nothing: the answer is the load that has it.
        Loads of a higher `priority` go first; by default, the fewer calls the higher.
        A `load_id` that exists is refused as a Conflict; `parent_id` is the load that it repeats.
        `job` is what a client's message said besides, kept with the request.
        With `digest` the plan is made again first, and refused when the state has moved.
        """
        from tickstock.service.queue import defer_drain

        priority = priority_of(len(plan.calls)) if priority is None else priority
        with self._database.transaction() as connection:
            if digest is not None:
                self._refuse_stale(connection, plan.request, digest)
            plan = _with_instruments(connection, plan)
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
                self._finish(connection, load_id)
            reach("submit.deferred")
            return jobs.read(connection, load_id)

    def _actions_due(self, connection: Connection, plan: Plan) -> bool:
        targets = {i.symbol: i.instrument_id for i in plan.items}
        return bool(self._actions.calls(connection, targets, refresh=plan.request.refresh))

    def _refuse_stale(self, connection: Connection, request: LoadRequest, digest: str) -> None:
        now = self._plan(connection, request)
        if now.digest != digest:
            raise StalePlan(
                "The plan that was shown no longer fits: bars, universe or sessions changed since.",
                "Look at the new plan and submit that one.",
            )

    def finish(self, load_id: uuid.UUID) -> Report | None:
        """Write the verdict on a load without open calls. None when it is not at its end, or
        somebody else has written it."""
        reach("finish.begin")
        with self._database.brief() as connection:
            report = self._finish(connection, load_id)
        reach("finish.committed")
        return report

    def fail(self, load_id: uuid.UUID, message: str, *, with_open: bool) -> bool:
        """End a load by a fault, without a report. Calls that are open end with it, or, unless
        `with_open`, stand against it. False then, and when it has ended."""
        with self._database.brief() as connection:
            return jobs.fail_load(connection, load_id, message, with_open=with_open)

    def _finish(self, connection: Connection, load_id: uuid.UUID) -> Report | None:
        # In this order: a call that ends after this look is not in the results that follow.
        if ledger.open_calls(connection, load_id)[0]:
            return None
        outcome = actions.outcome(connection, load_id)
        report = with_actions(make_report(self._results(connection, load_id)), outcome)
        counts = tallies.by_state(connection, [load_id])[load_id]
        body = report.as_dict() | {"rows_new": sum(t.rows_new for t in counts)}
        body["rows_changed"] = sum(t.rows_changed for t in counts)
        body["actions"] = outcome_as_dict(outcome)
        body["doubts"] = self._doubts(connection, load_id)
        body["names_taken"] = [str(name) for name in taken_names(connection)]
        done = jobs.finish(connection, load_id, report.state, report.message, body)
        return report if done else None

    def _doubts(self, connection: Connection, load_id: uuid.UUID) -> dict[str, int] | None:
        """How many doubts there are; None of a large load that had nothing to ask, whose bars are
        not read only to say so."""
        load = jobs.read(connection, load_id)
        if not load.summary["calls"] and load.summary["expected"] > LOOKED_THROUGH:
            return None
        items = job_items.read(connection, load_id)
        return asdict(count_doubts(connection, items, self._clock()))

    def results(self, load_id: uuid.UUID) -> list[ItemResult]:
        """Sessions held against sessions expected of every symbol of a load, now."""
        with self._database.transaction() as connection:
            return self._results(connection, load_id)

    def _results(self, connection: Connection, load_id: uuid.UUID) -> list[ItemResult]:
        groups: dict[tuple[Timeframe, Span], list[ItemRow]] = {}
        for item in job_items.read(connection, load_id):
            groups.setdefault((item.timeframe, item.span), []).append(item)
        found: list[ItemResult] = []
        for (timeframe, span), group in groups.items():
            plain = [Instrument(item.instrument_id, item.symbol) for item in group]
            listed = instruments.with_lifetimes(connection, plain)
            spells = [i.spells or (span,) for i in group] if any(i.spells for i in group) else ()
            found += item_results(self.grid(connection, listed, timeframe, span, spells=spells))
        if not jobs.read(connection, load_id).asked.refresh:
            return found
        # What was held before is held still, but it was to be asked again.
        vain = tallies.failed_symbols(connection, load_id)
        return [
            replace(i, in_vain=bool({(i.timeframe, i.symbol), (i.timeframe, "")} & vain))
            for i in found
        ]

    def cancel(self, load_id: uuid.UUID, reason: str = "Cancelled.") -> bool:
        """End a load now: what is done stays done. False when it had ended."""
        with self._database.transaction() as connection:
            return jobs.cancel(connection, load_id, reason)

    def retry(self, load_id: uuid.UUID) -> int:
        """Ask again for what failed or was cancelled; how many calls that is. The splits and
        dividends count as one, and so does a load that a fault has ended."""
        from tickstock.service.queue import defer_drain

        with self._database.transaction() as connection:
            load = jobs.read(connection, load_id)
            outcome = actions.outcome(connection, load_id)
            lacking = outcome is not None and outcome.state == "failed"
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
        state: LoadState | None = None,
        *,
        text: str = "",
        before: datetime | None = None,
    ) -> list[Progress]:
        """The newest loads with their progress: of `state`, with `text` in title or requester,
        made before `before`."""
        with self._database.transaction() as connection:
            loads = jobs.newest(connection, most, state, text, before)
            counts = tallies.by_state(connection, [x.id for x in loads])
            now = database_now(connection)
        return [make_progress(x, counts[x.id], None, (), now=now) for x in loads]

    def progress_of(self, ids: Sequence[uuid.UUID]) -> list[Progress]:
        """Progress of those of the loads that exist, oldest first."""
        with self._database.transaction() as connection:
            loads = jobs.read_many(connection, ids)
            counts = tallies.by_state(connection, ids)
            at_work = {
                x.id: tallies.current(connection, x.id)
                for x in loads
                if x.state is LoadState.RUNNING
            }
            faulty = {
                x.id: tallies.errors(connection, x.id)
                for x in loads
                if any(t.state is CallState.FAILED for t in counts[x.id])
            }
            now = database_now(connection)
        return [
            make_progress(x, counts[x.id], at_work.get(x.id), faulty.get(x.id, ()), now=now)
            for x in loads
        ]

    def progress(self, load_id: uuid.UUID) -> Progress:
        with self._database.transaction() as connection:
            load = jobs.read(connection, load_id)
            counts = tallies.by_state(connection, [load_id])[load_id]
            current = None if load.state.finished else tallies.current(connection, load_id)
            errors = tallies.errors(connection, load_id)
            holders = tallies.holders(connection, [load_id]).get(load_id, ())
            now = database_now(connection)
        return make_progress(load, counts, current, errors, holders, now=now)


FROM_CSV = "csv:"
"""How a request names a file in place of a universe."""


def _chosen(
    connection: Connection, request: LoadRequest
) -> tuple[list[Instrument], list[tuple[Span, ...]]]:
    """The instruments that are asked for, each once, and their days where the request has some."""
    if request.spells:
        wanted = list(zip(request.symbols, request.spells, strict=True))
        found = instruments.foresee_dated(connection, wanted, request.span)
        return [one for one, _ in found], [days for _, days in found]
    named = instruments.foresee_instruments(connection, request.symbols, request.span)
    # Two tickers of one instrument (before and after a rename) are asked for once.
    once: dict[int, Instrument] = {}
    for symbol in request.symbols:
        once.setdefault(named[symbol].id, named[symbol])
    return [*once.values()], []


def _with_instruments(connection: Connection, plan: Plan) -> Plan:
    """The plan with instruments made for the symbols that had none when it was made."""
    fresh = sorted({item.symbol for item in plan.items if item.instrument_id < 0})
    if not fresh:
        return plan
    found = instruments.ensure_instruments(connection, fresh, plan.request.span)
    items = (
        replace(item, instrument_id=found[item.symbol].id) if item.instrument_id < 0 else item
        for item in plan.items
    )
    return replace(plan, items=tuple(items))


def summary_of(plan: Plan) -> dict[str, Any]:
    """The plan in figures, as kept with the load and shown before it."""
    return {
        "symbols": len({i.symbol for i in plan.items}),
        "expected": sum(i.expected for i in plan.items),
        "held": sum(i.held for i in plan.items),
        "missing": plan.cells,
        "calls": len(plan.calls),
        "calls_by_kind": {k.value: n for k, n in sorted(plan.calls_by_kind.items())},
        "bars": plan.expected_bars,
        "bytes": plan.bytes,
        "seconds": round(plan.seconds, 1),
        "exact": plan.exact,
        "digest": plan.digest,
    }


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """A plan for `--json` and the API; days are both included."""
    return {
        "request": encode(plan.request),
        "summary": summary_of(plan),
        "calls": [
            {
                "kind": p.call.kind,
                "timeframe": p.call.timeframe,
                "symbol": p.call.symbol,
                "from": p.call.span.start.isoformat(),
                "to": p.call.span.last.isoformat(),
                "cells": p.cells,
            }
            for p in plan.calls
        ],
        "skips": [
            {"timeframe": s.timeframe, "cause": s.cause, "cells": s.cells} for s in plan.skips
        ],
    }
