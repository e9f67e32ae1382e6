"""The load ledger: what was asked for, in which calls, and who is at work on which.

Every call is a row with a state, a lease and a fence. Claiming raises the fence; a commit is
taken only while the fence is still the claimer's, in the transaction that writes the bars.
The clock of all leases is the database's.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from psycopg.types.multirange import Multirange

from tickstock.errors import UnknownLoad
from tickstock.failpoints import reach
from tickstock.loading.codec import decode, encode
from tickstock.loading.entitlement import Met, met_of
from tickstock.loading.judge import Target
from tickstock.loading.lengths import Lengths
from tickstock.loading.plan import Plan
from tickstock.loading.request import LoadRequest
from tickstock.model import Call, CallKind, CallState, Instrument, LoadState, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.store import coverage, database, instruments, locks, tasks
from tickstock.store.coverage import multirange
from tickstock.store.queries import load

QUERIES = load("ledger.sql")
Connection = psycopg.Connection[Any]


@dataclass(frozen=True, slots=True)
class Load:
    """One load as the ledger knows it. `request` is as it was written; `asked` is what it says,
    and `job` what a client's message said besides."""

    id: uuid.UUID
    client_id: str | None
    title: str
    requested_by: str
    request: dict[str, Any]
    summary: dict[str, Any]
    vendor: str
    priority: int
    state: LoadState
    message: str
    report: dict[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_at: datetime | None
    active_since: datetime | None
    parent_id: uuid.UUID | None

    @property
    def asked(self) -> LoadRequest:
        return decode(self.request)

    @property
    def job(self) -> dict[str, Any]:
        found = self.request.get("job")
        return found if isinstance(found, dict) else {}

    @property
    def met_a_fault(self) -> bool:
        """Whether it was ended by a fault of ours: then it has no report."""
        return self.state is LoadState.FAILED and self.report is None


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed call: ours to finish as long as its fence stands."""

    id: int
    fence: int
    attempt: int
    call: Call
    cells: int
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finished call brought. `tickers`: of a whole market, how many it spoke of."""

    id: int
    held: int
    rows_new: int
    rows_changed: int
    pages: int
    tickers: int | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class MarketDay:
    """The last answer of a load for one whole-market day: how many tickers it spoke of, and which
    file it was, if it was one. `depth`: how often it had been asked before."""

    call_id: int
    call: Call
    depth: int
    tickers: int
    key: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Calls of one load in one state; `lately`: ended since somebody last began to work on it."""

    state: CallState
    calls: int
    cells: int
    held: int
    rows_new: int
    rows_changed: int
    lately: int = 0


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker that has calls of a load in hand; the last of its leases is good until `until`."""

    worker: str
    calls: int
    until: datetime


@dataclass(frozen=True, slots=True)
class CallError:
    """What went wrong in calls of one load, by cause. `failed`: for good."""

    kind: str
    calls: int
    example: str
    symbol: str
    failed: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One instrument in one timeframe of a load, as it was when the load was submitted."""

    instrument_id: int
    symbol: str
    timeframe: Timeframe
    span: Span
    expected: int
    held_before: int
    spells: tuple[Span, ...] = ()


def submit(
    connection: Connection,
    plan: Plan,
    *,
    title: str,
    vendor: str,
    summary: dict[str, Any],
    job: Mapping[str, Any] | None = None,
    requested_by: str = "",
    client_id: str | None = None,
    priority: int = 0,
    load_id: uuid.UUID | None = None,
    parent_id: uuid.UUID | None = None,
) -> tuple[uuid.UUID, bool]:
    """Make a plan durable. Answers the load's id, and False when `client_id` had it already.

    `job` is what a client's message said besides the request, and is kept with it.
    """
    new = {
        "id": load_id or uuid.uuid4(),
        "client_id": client_id,
        "title": title,
        "requested_by": requested_by,
        "request": Jsonb(encode(plan.request) | ({"job": dict(job)} if job else {})),
        "summary": Jsonb(summary),
        "vendor": vendor,
        "priority": priority,
        "parent_id": parent_id,
    }
    row = connection.execute(QUERIES["add_load"], new).fetchone()
    if row is None:
        # Not `find`: a client's id may read like the start of another load's.
        known = find_client(connection, client_id or "")
        if known is None:
            raise UnknownLoad(f"The load {client_id!r} was removed meanwhile.", "Submit it again.")
        return known, False
    reach("submit.load_added")
    _add_items(connection, row[0], plan)
    reach("submit.items_added")
    _add_calls(connection, row[0], plan)
    reach("submit.calls_added")
    announce(connection, row[0])
    return row[0], True


def announce(connection: Connection, load_id: uuid.UUID) -> None:
    connection.execute(QUERIES["announce"], {"load_id": str(load_id)})


def claim(
    connection: Connection, load_id: uuid.UUID, worker: str, most: int, lease: timedelta
) -> list[Lease]:
    """Lease up to `most` calls, in the order of the plan."""
    params = {"load_id": load_id, "worker": worker, "most": most, "lease": lease}
    connection.execute(QUERIES["not_while_pausing"], _pauses(load_id))
    rows = connection.execute(QUERIES["claim"], params).fetchall()
    reach("ledger.leased")
    if rows:
        connection.execute(QUERIES["begin_load"], {"load_id": load_id})
        reach("ledger.begun")
    return [Lease(r[0], r[1], r[2], _call(r[3:8]), r[8], r[9]) for r in sorted(rows)]


def renew(connection: Connection, leases: Sequence[Lease], lease: timedelta) -> set[int]:
    """Hold on to the leases; answers the ids that are still ours."""
    rows = connection.execute(QUERIES["renew"], _mine(leases) | {"lease": lease}).fetchall()
    return {row[0] for row in rows}


def hand_back(connection: Connection, leases: Sequence[Lease]) -> None:
    """Graceful stop: what is not finished waits for somebody else, at once."""
    connection.execute(QUERIES["hand_back"], _mine(leases))


def fence_check(connection: Connection, leases: Sequence[Lease]) -> set[int]:
    """Lock those calls of `leases` that are still ours until the transaction ends."""
    rows = connection.execute(QUERIES["fence_check"], _mine(leases)).fetchall()
    return {row[0] for row in rows}


def finish_calls(connection: Connection, done: Sequence[Finished]) -> None:
    connection.execute(
        QUERIES["finish_calls"],
        {
            "ids": [d.id for d in done],
            "held": [d.held for d in done],
            "rows_new": [d.rows_new for d in done],
            "rows_changed": [d.rows_changed for d in done],
            "pages": [d.pages for d in done],
            "tickers": [d.tickers for d in done],
            "keys": [d.key for d in done],
        },
    )


def postpone(
    connection: Connection, lease: Lease, delay: timedelta, error: Exception, *, refund: bool
) -> None:
    """Try the call again after `delay`; with `refund` this attempt does not count."""
    params = _error(lease, error) | {"delay": delay, "refund": int(refund)}
    connection.execute(QUERIES["postpone"], params)
    reach("ledger.postponed")


def fail(connection: Connection, lease: Lease, error: Exception) -> bool:
    """Give the call up. False when the lease was lost."""
    failed = connection.execute(QUERIES["fail"], _error(lease, error)).fetchone() is not None
    reach("ledger.failed")
    return failed


def replace_call(connection: Connection, lease: Lease, parts: Sequence[Call]) -> None:
    """Let `parts` take the place of a call that has failed, in the same transaction."""
    if parts:
        connection.execute(QUERIES["replace"], {"id": lease.id})
        add_parts(connection, [(lease.id, part) for part in parts], deeper=0)


def add_parts(connection: Connection, parts: Sequence[tuple[int, Call]], *, deeper: int) -> None:
    """Add calls for parts of others: the other's id, and the call."""
    if parts:
        columns = {
            "parents": [parent for parent, _ in parts],
            "starts": [call.span.start for _, call in parts],
            "ends": [call.span.end for _, call in parts],
            "deeper": deeper,
        }
        connection.execute(QUERIES["add_parts"], columns)


def met(
    connection: Connection, load_id: uuid.UUID, timeframe: Timeframe, calendar: Calendar
) -> Met:
    """What ticker calls of a load have met of the account's plan."""
    params = {"load_id": load_id, "timeframe": timeframe}
    row = connection.execute(QUERIES["met"], params).fetchone()
    assert row is not None  # an aggregate always answers one row
    refused, start, end, tickers = row
    spans = [Span(r.lower, r.upper) for r in refused or ()]
    return met_of(spans, Span(start, end) if start else None, tickers, calendar)


def lengths(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, Lengths]:
    """How long ranges were that a load has had answered in time, and how long those that had to be
    cut; of timeframes in which there were some."""
    rows = connection.execute(QUERIES["lengths"], {"load_id": load_id}).fetchall()
    return {Timeframe(row[0]): Lengths(row[2] or 0, row[1]) for row in rows}


def lock_open(connection: Connection, load_id: uuid.UUID) -> bool:
    """Lock a load that has not ended and has no open calls; whether it is one."""
    row = connection.execute(QUERIES["lock_open"], {"load_id": load_id}).fetchone()
    return row is not None and not open_calls(connection, load_id)[0]


def market_days(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, list[MarketDay]]:
    """The whole-market days that a load was answered, each by its last answer."""
    found: dict[Timeframe, list[MarketDay]] = {}
    for row in connection.execute(QUERIES["market_days"], {"load_id": load_id}).fetchall():
        day = MarketDay(row[0], _call(row[1:6]), *row[6:])
        found.setdefault(day.call.timeframe, []).append(day)
    return found


def market_sizes(
    connection: Connection, load_id: uuid.UUID, like: Call, span: Span
) -> dict[date, int]:
    """How many tickers the last answers of a load's vendor spoke of, of whole-market days of this
    kind in `span`."""
    params = {"load_id": load_id, "kind": like.kind, "timeframe": like.timeframe}
    params |= {"start": span.start, "end": span.end}
    return dict(connection.execute(QUERIES["market_sizes"], params).fetchall())


def fail_rest(connection: Connection, load_id: uuid.UUID, error: Exception) -> list[Call]:
    """Give up every call that still waits, for an error that would meet each of them."""
    params = {"load_id": load_id, "error": str(error), "error_class": type(error).__name__}
    rows = connection.execute(QUERIES["fail_rest"], params).fetchall()
    reach("ledger.rest_failed")
    return [_call(r[1:6]) for r in rows]


def open_calls(connection: Connection, load_id: uuid.UUID) -> tuple[int, float]:
    """How many calls are not at an end, and the seconds until one more may be claimed."""
    row = connection.execute(QUERIES["open_calls"], {"load_id": load_id}).fetchone()
    assert row is not None  # an aggregate always answers one row
    return row[0], max(row[1], 0.0)


def in_vain(connection: Connection, load_id: uuid.UUID) -> bool:
    """Whether the vendor refused the key, or calls failed and none was answered: to whomever."""
    row = connection.execute(QUERIES["in_vain"], {"load_id": load_id}).fetchone()
    return bool(row and row[0])


def end_silent_copies(connection: Connection) -> int:
    """Take the locks from workers that began to send bars and fell silent; how many those are."""
    silence = {"silence": timedelta(seconds=database.SILENCE)}
    return connection.execute(QUERIES["end_silent_copies"], silence).rowcount


def finish(
    connection: Connection,
    load_id: uuid.UUID,
    state: LoadState,
    message: str,
    report: dict[str, Any],
) -> bool:
    """Write the verdict. False when calls are open or somebody else has written it."""
    params = {"load_id": load_id, "state": state, "message": message, "report": Jsonb(report)}
    done = connection.execute(QUERIES["finish_load"], params).fetchone() is not None
    reach("finish.written")
    if done:
        tasks.drop_waiting(connection, load_id)
        announce(connection, load_id)
    return done


def fail_load(connection: Connection, load_id: uuid.UUID, message: str, *, with_open: bool) -> bool:
    """End a load without a verdict. Its open calls are cancelled `with_open`; else there must be
    none. False when there are, or it has ended."""
    params = {"load_id": load_id, "message": message, "with_open": with_open}
    if connection.execute(QUERIES["fail_load"], params).fetchone() is None:
        return False
    _end_rest(connection, load_id)
    return True


def cancel(connection: Connection, load_id: uuid.UUID, message: str) -> bool:
    """End a load now; what is done stays done. False when it had ended."""
    params = {"load_id": load_id, "message": message}
    if connection.execute(QUERIES["cancel_load"], params).fetchone() is None:
        return False
    reach("cancel.load")
    _end_rest(connection, load_id)
    return True


def _end_rest(connection: Connection, load_id: uuid.UUID) -> None:
    """What is open of a load that has just ended, in the same transaction."""
    connection.execute(QUERIES["cancel_calls"], {"load_id": load_id})
    reach("cancel.calls")
    tasks.end_tasks(connection, load_id)
    announce(connection, load_id)


def reopen(connection: Connection, load_id: uuid.UUID, *, anyway: bool = False) -> int:
    """Let what failed or was cancelled be asked again; answers how many calls that is.

    With `anyway`, the load begins again also where no call is to be asked again.
    """
    connection.execute(QUERIES["lock_load"], {"load_id": load_id})
    count = connection.execute(QUERIES["reopen_calls"], {"load_id": load_id}).rowcount
    again = anyway or count > 0
    if again and connection.execute(QUERIES["reopen_load"], {"load_id": load_id}).rowcount:
        announce(connection, load_id)
    return count


def read(connection: Connection, load_id: uuid.UUID) -> Load:
    row = connection.execute(QUERIES["load"], {"load_id": load_id}).fetchone()
    if row is None:
        raise UnknownLoad(f"No load has the id {load_id}.", "`tickstock jobs list` shows them.")
    return _load(row)


def find(connection: Connection, text: str) -> uuid.UUID:
    """The id of the load that `text` names: an id, the start of one, or a client's own id."""
    prefix = "".join(c for c in text.lower() if c in "0123456789abcdef-") if text else "-"
    params = {"prefix": (prefix if prefix == text.lower() else "-") + "%", "text": text}
    rows = connection.execute(QUERIES["find"], params).fetchall()
    if not rows:
        raise UnknownLoad(f"No load is named {text!r}.", "`tickstock jobs list` shows them.")
    if len(rows) > 1 and not rows[0][1]:
        raise UnknownLoad(f"Several loads start with {text!r}.", "Give more of the id.")
    return rows[0][0]  # type: ignore[no-any-return]


def find_client(connection: Connection, client_id: str) -> uuid.UUID | None:
    """The load that a client has named exactly so."""
    return find_clients(connection, [client_id]).get(client_id)


def find_clients(connection: Connection, client_ids: Sequence[str]) -> dict[str, uuid.UUID]:
    """The loads that clients have named exactly so, by that name."""
    params = {"client_ids": list(client_ids)}
    return dict(connection.execute(QUERIES["loads_of_clients"], params).fetchall())


def read_many(connection: Connection, ids: Sequence[uuid.UUID]) -> list[Load]:
    """Those of the loads that exist, oldest first."""
    rows = connection.execute(QUERIES["loads_by_id"], {"ids": list(ids)}).fetchall()
    return [_load(row) for row in rows]


def newest(
    connection: Connection,
    most: int,
    state: LoadState | None = None,
    text: str = "",
    before: datetime | None = None,
) -> list[Load]:
    """The newest loads of `state`, with `text` in title or requester, made before `before`."""
    params = {"most": most, "state": state, "text": text, "before": before}
    rows = connection.execute(QUERIES["loads"], params).fetchall()
    return [_load(row) for row in rows]


def begin_activity(connection: Connection, load_id: uuid.UUID, worker: str) -> None:
    """Count the pace from now, where nobody but `worker` is at work on the load."""
    connection.execute(QUERIES["begin_activity"], {"load_id": load_id, "worker": worker})


def unfinished(
    connection: Connection, kept: timedelta, minutes: timedelta
) -> list[tuple[uuid.UUID, bool, str]]:
    """Loads without a verdict, newest first: those that a fault ended within `kept` (True, and
    what they say), and those that have nothing left to ask and stay open for `minutes`."""
    params = {"kept": kept, "minutes": minutes}
    return connection.execute(QUERIES["unfinished"], params).fetchall()


def holders(
    connection: Connection, ids: Sequence[uuid.UUID]
) -> dict[uuid.UUID, tuple[Holder, ...]]:
    """Who has calls of each load in hand, the one with the most first."""
    found: dict[uuid.UUID, tuple[Holder, ...]] = {}
    for load_id, *row in connection.execute(QUERIES["holders"], {"ids": list(ids)}).fetchall():
        found[load_id] = (*found.get(load_id, ()), Holder(*row))
    return found


def pause(connection: Connection, load_id: uuid.UUID) -> bool:
    """Let no call be claimed, and hand back those in hand. False when it has ended or is paused."""
    connection.execute(QUERIES["pausing"], _pauses(load_id))
    if connection.execute(QUERIES["pause_load"], {"load_id": load_id}).fetchone() is None:
        return False
    connection.execute(QUERIES["pause_calls"], {"load_id": load_id})
    tasks.end_tasks(connection, load_id)
    announce(connection, load_id)
    return True


def unpause(connection: Connection, load_id: uuid.UUID) -> bool:
    """Let calls be claimed again. False when the load was not paused."""
    if connection.execute(QUERIES["unpause_load"], {"load_id": load_id}).fetchone() is None:
        return False
    announce(connection, load_id)
    return True


def is_paused(connection: Connection, load_id: uuid.UUID) -> bool:
    """Whether calls of the load may not be claimed now."""
    row = connection.execute(QUERIES["is_paused"], {"load_id": load_id}).fetchone()
    return bool(row and row[0])


def prune(connection: Connection, before: datetime) -> int:
    """Remove finished loads of before a time with their calls; how many loads those were."""
    return connection.execute(QUERIES["prune"], {"before": before}).rowcount


def count_prunable(connection: Connection, before: datetime) -> int:
    """How many loads `prune` would remove."""
    row = connection.execute(QUERIES["count_prunable"], {"before": before}).fetchone()
    return int(row[0]) if row else 0


def tallies(connection: Connection, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[Tally]]:
    """Calls of each load by state."""
    found: dict[uuid.UUID, list[Tally]] = {i: [] for i in ids}
    for row in connection.execute(QUERIES["tally"], {"ids": list(ids)}).fetchall():
        found[row[0]].append(Tally(CallState(row[1]), *(int(n) for n in row[2:])))
    return found


def current(connection: Connection, load_id: uuid.UUID) -> Call | None:
    """What is being asked right now."""
    row = connection.execute(QUERIES["current"], {"load_id": load_id}).fetchone()
    return None if row is None else _call(row)


def errors(connection: Connection, load_id: uuid.UUID) -> list[CallError]:
    rows = connection.execute(QUERIES["call_errors"], {"load_id": load_id}).fetchall()
    return [CallError(*row) for row in rows]


def failed_symbols(connection: Connection, load_id: uuid.UUID) -> set[tuple[Timeframe, str]]:
    """Whose calls failed; the symbol is empty for a whole-market call."""
    rows = connection.execute(QUERIES["failed_symbols"], {"load_id": load_id}).fetchall()
    return {(Timeframe(timeframe), symbol) for timeframe, symbol in rows}


def items(connection: Connection, load_id: uuid.UUID) -> list[ItemRow]:
    rows = connection.execute(QUERIES["items"], {"load_id": load_id}).fetchall()
    return [
        ItemRow(i, s, Timeframe(t), Span(a, b), e, h, _spans(spells))
        for i, s, t, a, b, e, h, spells in rows
    ]


def targets(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, tuple[Target, ...]]:
    """What a load wants of its instruments, each under the tickers that it had at the time."""
    rows = items(connection, load_id)
    plain = {i.instrument_id: Instrument(i.instrument_id, i.symbol) for i in rows}
    dated = {i.id: i for i in instruments.with_lifetimes(connection, [*plain.values()])}
    holds = coverage.first_and_last(connection, [*plain])
    known = {i for i, _ in holds}
    found: dict[Timeframe, list[Target]] = {}
    for item in rows:
        one = dated[item.instrument_id]
        found.setdefault(item.timeframe, []).extend(
            Target(
                one.id,
                t.symbol,
                t.span,
                item.spells,
                one.listed,
                one.delisted,
                holds.get((one.id, item.timeframe)),
                one.id in known,
            )
            for t in one.called(item.span)
        )
    return {timeframe: tuple(wanted) for timeframe, wanted in found.items()}


def _add_items(connection: Connection, load_id: uuid.UUID, plan: Plan) -> None:
    if not plan.items:
        return
    connection.execute(
        QUERIES["add_items"],
        {
            "load_id": load_id,
            "ids": [i.instrument_id for i in plan.items],
            "timeframes": [i.timeframe for i in plan.items],
            "symbols": [i.symbol for i in plan.items],
            "starts": [i.span.start for i in plan.items],
            "ends": [i.span.end for i in plan.items],
            "expected": [i.expected for i in plan.items],
            "held": [i.held for i in plan.items],
            "spells": [multirange(i.spells) if i.spells else None for i in plan.items],
        },
    )


def _add_calls(connection: Connection, load_id: uuid.UUID, plan: Plan) -> None:
    if not plan.calls:
        return
    calls = [p.call for p in plan.calls]
    connection.execute(
        QUERIES["add_calls"],
        {
            "load_id": load_id,
            "positions": list(range(len(calls))),
            "kinds": [c.kind for c in calls],
            "timeframes": [c.timeframe for c in calls],
            "symbols": [c.symbol for c in calls],
            "starts": [c.span.start for c in calls],
            "ends": [c.span.end for c in calls],
            "cells": [p.cells for p in plan.calls],
        },
    )


def _spans(ranges: Multirange[date] | None) -> tuple[Span, ...]:
    found = ((r.lower, r.upper) for r in ranges or ())
    return tuple(Span(start, end) for start, end in found if start and end)


def _call(row: Sequence[Any]) -> Call:
    kind, timeframe, symbol, start, end = row
    return Call(CallKind(kind), Timeframe(timeframe), Span(start, end), symbol)


def _load(row: Sequence[Any]) -> Load:
    fields = dict(zip(Load.__match_args__, row, strict=True))
    return Load(**fields | {"state": LoadState(fields["state"])})


def _pauses(load_id: uuid.UUID) -> dict[str, Any]:
    return {"space": locks.PAUSES, "load_id": str(load_id)}


def _mine(leases: Sequence[Lease]) -> dict[str, Any]:
    return {"ids": [x.id for x in leases], "fences": [x.fence for x in leases]}


def _error(lease: Lease, error: Exception) -> dict[str, Any]:
    return {
        "id": lease.id,
        "fence": lease.fence,
        "error": str(error)[:2000],
        "error_class": type(error).__name__,
    }
