"""The job ledger: what was asked for, in which calls, and who is at work on which.

Every call is a row with a state, a lease and a fence. Claiming raises the fence; a commit is
taken only while the fence is still the claimer's, in the transaction that writes the bars.
The clock of all leases is the database's.

Two things are counted of a call: how often it was refused (`attempt`), and how often a worker died
or lost its lease with it (`lost`). A call that workers were lost with is claimed alone, so that it
takes no other with it and none is blamed for another; when it is set aside, `loading/poison.py`
says.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tickstock.errors import PoisonCall
from tickstock.failpoints import reach
from tickstock.loading.lengths import Lengths
from tickstock.loading.plan import Plan
from tickstock.loading.poison import MOST_LOST, is_poison
from tickstock.model import Call, CallKind, Timeframe
from tickstock.spans import Span
from tickstock.store import database, locks, losses, rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("ledger.sql")


@dataclass(frozen=True, slots=True)
class Lease:
    """A claimed call: ours to finish as long as its fence stands. `attempt`: from 1; `lost`: how
    many workers were lost with it."""

    id: int
    fence: int
    attempt: int
    call: Call
    cells: int
    depth: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """What a finished call brought. `tickers`: of a whole market, how many it spoke of; `asked`:
    how often the vendor was asked for it, where that was counted."""

    id: int
    held: int
    rows_new: int
    rows_changed: int
    pages: int
    tickers: int | None = None
    key: str | None = None
    asked: int | None = None


@dataclass(frozen=True, slots=True)
class MarketDay:
    """The last answer of a job for one whole-market day: how many tickers it spoke of, and which
    file it was, if it was one. `depth`: how often it had been asked before."""

    call_id: int
    call: Call
    depth: int
    tickers: int
    key: str


def claim(
    connection: Connection,
    load_id: uuid.UUID,
    worker: str,
    most: int,
    lease: timedelta,
    *,
    alone: bool = True,
) -> list[Lease]:
    """Lease up to `most` calls, in the order of the plan; where none waits, and if it is to have
    the worker to itself (`alone`), one that workers were lost with."""
    params = {"load_id": load_id, "worker": worker, "most": most, "lease": lease}
    connection.execute(QUERIES["not_while_pausing"], _pauses(load_id))
    found = rows.every(connection, _lease, QUERIES["claim"], params)
    if not found and alone:
        found = rows.every(connection, _lease, QUERIES["claim_lost"], params)
    reach("ledger.leased")
    if found:
        connection.execute(QUERIES["begin_load"], {"load_id": load_id})
        reach("ledger.begun")
    return sorted(found, key=lambda lease: lease.id)


def _lease(
    call_id: int, fence: int, attempt: int, cells: int, depth: int, lost: int, **call: Any
) -> Lease:
    return Lease(call_id, fence, attempt, call_of(**call), cells, depth, lost)


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A call with which workers were lost, the last one of them `worker`."""

    call_id: int
    worker: str
    lost: int
    call: Call


def set_aside(connection: Connection, load_id: uuid.UUID) -> list[tuple[Call, PoisonCall]]:
    """Fail the calls that workers die with; which those are, and what is said of each."""
    params = {"load_id": load_id, "most": MOST_LOST}
    found = []
    for one in rows.every(connection, _suspect, QUERIES["suspects"], params):
        if is_poison(one.lost, losses.beside(connection, load_id, one.call_id, one.worker)):
            error = PoisonCall(
                f"{one.lost} workers died or lost their lease with this call; it is set aside.",
                "See in the log, and in that of the machine, what ended them; then retry the job.",
            )
            said = {"error": str(error), "error_class": type(error).__name__}
            connection.execute(QUERIES["set_aside"], {"id": one.call_id} | said)
            found.append((one.call, error))
    reach("ledger.set_aside")
    return found


def _suspect(call_id: int, worker: str, lost: int, **call: Any) -> _Suspect:
    return _Suspect(call_id, worker, lost, call_of(**call))


def hold_claims(connection: Connection, load_id: uuid.UUID) -> None:
    """Let no call of a job be claimed until this transaction ends."""
    connection.execute(QUERIES["hold_claims"], _pauses(load_id))


def renew(connection: Connection, leases: Sequence[Lease], lease: timedelta) -> dict[int, bool]:
    """Hold on to the leases; answers the ids that are still ours, and whether they were renewed:
    those that are locked are not."""
    found = connection.execute(QUERIES["renew"], _mine(leases) | {"lease": lease}).fetchall()
    return dict(found)


def hand_back(
    connection: Connection, leases: Sequence[Lease], asked: Sequence[int] | None = None
) -> None:
    """Graceful stop: what is not finished waits for somebody else, at once. `asked` says how often
    the vendor was asked for each."""
    counts = [0] * len(leases) if asked is None else list(asked)
    connection.execute(QUERIES["hand_back"], _mine(leases) | {"asked": counts})


def fence_check(connection: Connection, leases: Sequence[Lease]) -> set[int]:
    """Lock those calls of `leases` that are still ours until the transaction ends."""
    return set(rows.scalars(connection, QUERIES["fence_check"], _mine(leases)))


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
            "asked": [d.asked for d in done],
        },
    )


def postpone(
    connection: Connection,
    lease: Lease,
    delay: timedelta,
    error: Exception,
    *,
    refund: bool,
    asked: int = 1,
) -> None:
    """Try the call again after `delay`; with `refund` this attempt does not count. It has taken
    `asked` requests."""
    params = _error(lease, error) | {"delay": delay, "counts": int(not refund), "asked": asked}
    connection.execute(QUERIES["postpone"], params)
    reach("ledger.postponed")


def fail(connection: Connection, lease: Lease, error: Exception, asked: int = 1) -> bool:
    """Give the call up, after `asked` requests more. False when the lease was lost."""
    params = _error(lease, error) | {"asked": asked}
    failed = connection.execute(QUERIES["fail"], params).fetchone() is not None
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


def lengths(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, Lengths]:
    """How long ranges were that a job has had answered in time, and how long those that had to be
    cut; of timeframes in which there were some."""
    found = connection.execute(QUERIES["lengths"], {"load_id": load_id})
    return {Timeframe(name): Lengths(works or 0, too_long) for name, too_long, works in found}


def market_days(connection: Connection, load_id: uuid.UUID) -> dict[Timeframe, list[MarketDay]]:
    """The whole-market days that a job was answered, each by its last answer."""
    found: dict[Timeframe, list[MarketDay]] = {}
    for day in rows.every(connection, _market_day, QUERIES["market_days"], {"load_id": load_id}):
        found.setdefault(day.call.timeframe, []).append(day)
    return found


def _market_day(call_id: int, depth: int, tickers: int, file_key: str, **call: Any) -> MarketDay:
    return MarketDay(call_id, call_of(**call), depth, tickers, file_key)


def market_sizes(
    connection: Connection, load_id: uuid.UUID, like: Call, span: Span
) -> dict[date, int]:
    """How many tickers the last answers of a job's vendor spoke of, of whole-market days of this
    kind in `span`."""
    params = {"load_id": load_id, "kind": like.kind, "timeframe": like.timeframe}
    params |= {"start": span.start, "end": span.end}
    return dict(connection.execute(QUERIES["market_sizes"], params).fetchall())


def fail_rest(connection: Connection, load_id: uuid.UUID, error: Exception) -> list[Call]:
    """Give up every call that still waits, for an error that would meet each of them."""
    params = {"load_id": load_id, "error": str(error), "error_class": type(error).__name__}
    failed = rows.every(connection, call_of, QUERIES["fail_rest"], params)
    reach("ledger.rest_failed")
    return failed


def open_calls(connection: Connection, load_id: uuid.UUID) -> tuple[int, float]:
    """How many calls are not at an end, and the seconds until one more may be claimed."""
    row = connection.execute(QUERIES["open_calls"], {"load_id": load_id}).fetchone()
    assert row is not None  # an aggregate always answers one row
    return row[0], max(row[1], 0.0)


def end_silent_copies(connection: Connection) -> int:
    """Take the locks from workers that began to send bars and fell silent; how many those are."""
    silence = {"silence": timedelta(seconds=database.SILENCE)}
    return connection.execute(QUERIES["end_silent_copies"], silence).rowcount


def add_calls(connection: Connection, load_id: uuid.UUID, plan: Plan) -> None:
    """The calls of a job that is being submitted."""
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


def call_of(kind: str, timeframe: str, symbol: str, start: date, end: date) -> Call:
    """The call of a row."""
    return Call(CallKind(kind), Timeframe(timeframe), Span(start, end), symbol)


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
