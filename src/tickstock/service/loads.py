"""Loading: from what somebody asks, over the plan, to a durable load and its progress."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import psycopg

from tickstock.config import Settings
from tickstock.errors import BadDates, StalePlan
from tickstock.loading.grid import Grid, build_grid
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.report import ItemResult, Report, item_results, make_report
from tickstock.loading.request import Duration, LoadRequest, duration_span, parse_timeframes
from tickstock.model import Call, CallState, Instrument, LoadState, Timeframe
from tickstock.service.universes import Universes
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.store import coverage, instruments, ledger
from tickstock.store.calendar import read_calendar
from tickstock.store.database import Database
from tickstock.store.ledger import CallError, Load, Tally
from tickstock.vendors import Limits

Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is: a query over its calls, asked when somebody looks.

    `held` of `expected` sessions; `calls` of `calls_planned` at an end; `percent` is 100 only for
    a load that completed. `seconds_left` is None when nothing is known about the pace yet.
    """

    load: Load
    expected: int
    held: int
    calls_planned: int
    calls: int
    calls_failed: int
    rows_new: int
    rows_changed: int
    percent: int
    seconds_left: float | None
    current: Call | None
    errors: tuple[CallError, ...]


class Loads:
    """Plan, submit, watch, cancel, retry."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        universes: Universes,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._settings = settings
        self._universes = universes
        self._clock = clock

    # -- asking ------------------------------------------------------------------------------
    def calendar(self) -> Calendar:
        with self._database.transaction() as connection:
            return read_calendar(connection)

    def limits(self) -> Limits:
        """What the configured vendor can do, as far as settings tell."""
        calls = self._settings.massive_calls_per_minute
        real = self._settings.vendor == "massive"
        return Limits(
            calls_per_minute=calls if real else 0.0,
            publication_lag=self._settings.publication_lag,
        )

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
    ) -> LoadRequest:
        """What is asked for, resolved to symbols: by name, by expression, by list or by file."""
        if csv is not None:
            source, found = f"csv:{csv}", self._universes.csv_symbols(csv)
        elif symbols:
            source, found = universe or "symbols", tuple(dict.fromkeys(symbols))
        else:
            source, found = universe, self._universes.members(universe)
        span = self.span(duration, first, last)
        return LoadRequest(source, tuple(found), parse_timeframes(timeframes), span, refresh)

    def plan(self, request: LoadRequest) -> Plan:
        """The cheapest calls for what is missing; nothing is written but new instruments."""
        with self._database.transaction() as connection:
            return self._plan(connection, request)

    def _plan(self, connection: Connection, request: LoadRequest) -> Plan:
        found = instruments.ensure_instruments(connection, request.symbols)
        chosen = [replace(found[s], symbol=s) for s in request.symbols]
        grids = [
            self.grid(connection, chosen, t, request.span, refresh=request.refresh)
            for t in request.timeframes
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
    ) -> Grid:
        """What is expected, held and missing of these instruments, as the database has it now."""
        now, ids = self._clock(), [i.id for i in chosen]
        calendar = read_calendar(connection)
        return build_grid(
            timeframe,
            chosen,
            span,
            calendar,
            calendar.published(now, self.limits().publication_lag),
            coverage.held_spans(connection, timeframe, ids),
            coverage.standing_holes(connection, timeframe, ids, now),
            refresh=refresh,
        )

    # -- doing -------------------------------------------------------------------------------
    def submit(
        self,
        plan: Plan,
        *,
        title: str | None = None,
        requested_by: str = "",
        client_id: str | None = None,
        priority: int = 0,
        digest: str | None = None,
        job: Mapping[str, Any] | None = None,
    ) -> Load:
        """Make the plan durable and wake the workers, in one transaction.

        A `client_id` that is known already adds nothing: the answer is the load that has it.
        `job` is what a client's message said besides, kept with the request.
        With `digest` the plan is made again first, and refused when the state has moved.
        """
        from tickstock.service.queue import defer_drain

        with self._database.transaction() as connection:
            if digest is not None:
                self._refuse_stale(connection, plan.request, digest)
            load_id, new = ledger.submit(
                connection,
                plan,
                title=title or plan.request.universe,
                vendor=self._settings.vendor,
                summary=summary_of(plan),
                request=request_as_dict(plan.request) | ({"job": dict(job)} if job else {}),
                requested_by=requested_by,
                client_id=client_id,
                priority=priority,
            )
            if new and plan.calls:
                defer_drain(connection, load_id, priority)
            if new and not plan.calls:
                self._finish(connection, load_id)
            return ledger.read(connection, load_id)

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
        with self._database.transaction() as connection:
            return self._finish(connection, load_id)

    def _finish(self, connection: Connection, load_id: uuid.UUID) -> Report | None:
        report = make_report(self._results(connection, load_id))
        counts = ledger.tallies(connection, [load_id])[load_id]
        body = report.as_dict() | {"rows_new": sum(t.rows_new for t in counts)}
        body["rows_changed"] = sum(t.rows_changed for t in counts)
        done = ledger.finish(connection, load_id, report.state, report.message, body)
        return report if done else None

    def results(self, load_id: uuid.UUID) -> list[ItemResult]:
        """Sessions held against sessions expected of every symbol of a load, now."""
        with self._database.transaction() as connection:
            return self._results(connection, load_id)

    def _results(self, connection: Connection, load_id: uuid.UUID) -> list[ItemResult]:
        groups: dict[tuple[Timeframe, Span], list[Instrument]] = {}
        for item in ledger.items(connection, load_id):
            chosen = Instrument(item.instrument_id, item.symbol)
            groups.setdefault((item.timeframe, item.span), []).append(chosen)
        found: list[ItemResult] = []
        for (timeframe, span), group in groups.items():
            listed = instruments.with_lifetimes(connection, group)
            found += item_results(self.grid(connection, listed, timeframe, span))
        return found

    def cancel(self, load_id: uuid.UUID, reason: str = "Cancelled.") -> bool:
        """End a load now: what is done stays done. False when it had ended."""
        with self._database.transaction() as connection:
            return ledger.cancel(connection, load_id, reason)

    def retry(self, load_id: uuid.UUID) -> int:
        """Ask again for what failed or was cancelled; how many calls that is."""
        from tickstock.service.queue import defer_drain

        with self._database.transaction() as connection:
            load = ledger.read(connection, load_id)
            count = ledger.reopen(connection, load_id)
            if count:
                defer_drain(connection, load_id, load.priority)
            return count

    # -- looking -----------------------------------------------------------------------------
    def find(self, text: str) -> uuid.UUID:
        """The id that an id, the start of one, or a client's own id stands for."""
        with self._database.transaction() as connection:
            return ledger.find(connection, text)

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
            loads = ledger.newest(connection, most, state, text, before)
            counts = ledger.tallies(connection, [x.id for x in loads])
        return [self._progress(x, counts[x.id], None, ()) for x in loads]

    def progress_of(self, ids: Sequence[uuid.UUID]) -> list[Progress]:
        """Progress of those of the loads that exist, oldest first."""
        with self._database.transaction() as connection:
            loads = ledger.read_many(connection, ids)
            counts = ledger.tallies(connection, ids)
            at_work = {
                x.id: ledger.current(connection, x.id)
                for x in loads
                if x.state is LoadState.RUNNING
            }
            faulty = {
                x.id: ledger.errors(connection, x.id)
                for x in loads
                if any(t.state is CallState.FAILED for t in counts[x.id])
            }
        return [
            self._progress(x, counts[x.id], at_work.get(x.id), faulty.get(x.id, ())) for x in loads
        ]

    def progress(self, load_id: uuid.UUID) -> Progress:
        with self._database.transaction() as connection:
            load = ledger.read(connection, load_id)
            counts = ledger.tallies(connection, [load_id])[load_id]
            current = None if load.state.finished else ledger.current(connection, load_id)
            errors = ledger.errors(connection, load_id)
        return self._progress(load, counts, current, errors)

    def _progress(
        self,
        load: Load,
        counts: Iterable[Tally],
        current: Call | None,
        errors: Sequence[CallError],
    ) -> Progress:
        by_state = {t.state: t for t in counts}
        done, failed = by_state.get(CallState.DONE), by_state.get(CallState.FAILED)
        ended = sum(t.calls for s, t in by_state.items() if s not in OPEN_STATES)
        before = 0 if load.request.get("refresh") else int(load.summary["held"])
        held = min(before + (done.held if done else 0), int(load.summary["expected"]))
        if load.report is not None:
            held = int(load.report["held"])
        return Progress(
            load=load,
            expected=int(load.summary["expected"]),
            held=held,
            calls_planned=int(load.summary["calls"]),
            calls=ended,
            calls_failed=failed.calls if failed else 0,
            rows_new=done.rows_new if done else 0,
            rows_changed=done.rows_changed if done else 0,
            percent=_percent(load, held),
            seconds_left=self._seconds_left(load, ended),
            current=current,
            errors=tuple(errors),
        )

    def _seconds_left(self, load: Load, ended: int) -> float | None:
        if load.state.finished:
            return 0.0
        left = int(load.summary["calls"]) - ended
        if load.started_at is None or not ended:
            return float(load.summary["seconds"]) or None
        return left * (self._clock() - load.started_at).total_seconds() / ended


OPEN_STATES = (CallState.WAITING, CallState.LEASED)


def _percent(load: Load, held: int) -> int:
    """Sessions held of sessions expected; 100 is kept for a load that completed."""
    if load.state is LoadState.COMPLETED:
        return 100
    expected = int(load.summary["expected"])
    return min(99, 100 * held // expected) if expected else 0


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


def request_as_dict(request: LoadRequest) -> dict[str, Any]:
    return {
        "universe": request.universe,
        "symbols": list(request.symbols),
        "timeframes": [t.value for t in request.timeframes],
        "from": request.span.start.isoformat(),
        "to": request.span.last.isoformat(),
        "refresh": request.refresh,
    }
