"""How far a job is. Pure: all faces say what stands here."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tickstock.model import Call, CallState, JobState
from tickstock.store.jobs import Job
from tickstock.store.tallies import RECENT, CallError, Holder, Tally
from tickstock.store.workers import Attendance

OPEN_STATES = (CallState.WAITING, CallState.LEASED)
PRIOR_CALLS = 3
"""The plan's pace counts as much as so many calls: the first answers alone say little."""
UNATTENDED = Attendance()
BETWEEN = timedelta(seconds=5)
"""Somebody who ended a call so lately is still at work, though no call is in hand."""


class Halt(enum.StrEnum):
    """Why nothing is asked for a job that has not ended."""

    PAUSED = "paused"
    NO_WORKER = "no_worker"


@dataclass(frozen=True, slots=True)
class Standstill:
    """Nothing is asked, since when, and for how many seconds."""

    why: Halt
    since: datetime
    seconds: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: a query over its calls, asked when somebody looks.

    `held` of `expected` sessions. Of `calls_planned` calls, `calls` were made, and of these
    `calls_failed` failed; `calls_not_asked` are not going to be, because the job has ended; the
    rest are open. `percent` is 100 only for a job that completed.

    `seconds` from the start until its end, or until now. `calls_a_minute` is the pace of the last
    minute, and None before the first call; `seconds_left` follows from it and from the plan, which
    knows the rate limit. At a `standstill` these three stand where they were. `held_off` is how
    many seconds the vendor wants no call. `holders` are those who have calls of it in hand.
    """

    load: Job
    expected: int
    held: int
    calls_planned: int
    calls: int
    calls_failed: int
    rows_new: int
    rows_changed: int
    percent: int
    seconds: float | None
    seconds_left: float | None
    current: Call | None
    errors: tuple[CallError, ...]
    holders: tuple[Holder, ...] = ()
    calls_not_asked: int = 0
    calls_a_minute: float | None = None
    standstill: Standstill | None = None
    held_off: float = 0.0

    @property
    def paused(self) -> bool:
        return self.load.paused_at is not None

    @property
    def lacks_worker(self) -> bool:
        return self.standstill is not None and self.standstill.why is Halt.NO_WORKER

    @property
    def calls_open(self) -> int:
        return self.calls_planned - self.calls - self.calls_not_asked


def figures_of(progress: Progress) -> dict[str, Any]:
    """What every face says in JSON of how far a job is."""
    still = progress.standstill
    return {
        "state": progress.load.state.value,
        "paused": progress.paused,
        "percent": progress.percent,
        "held": progress.held,
        "expected": progress.expected,
        "calls": progress.calls,
        "calls_planned": progress.calls_planned,
        "calls_failed": progress.calls_failed,
        "calls_not_asked": progress.calls_not_asked,
        "calls_a_minute": progress.calls_a_minute,
        "bars_new": progress.rows_new,
        "bars_changed": progress.rows_changed,
        "seconds_left": progress.seconds_left,
        "standstill": still.why.value if still else None,
        "standstill_since": still.since.isoformat() if still else None,
    }


def make_progress(
    load: Job,
    counts: Sequence[Tally],
    current: Call | None,
    errors: Sequence[CallError],
    holders: tuple[Holder, ...] = (),
    attendance: Attendance = UNATTENDED,
    *,
    now: datetime,
) -> Progress:
    """The progress that a job and its calls, counted by state, amount to.

    `now` by the clock that dates loads, which is the database's.
    """
    by_state = {t.state: t for t in counts}
    done, failed = by_state.get(CallState.DONE), by_state.get(CallState.FAILED)
    cancelled = by_state.get(CallState.CANCELLED)
    not_asked = cancelled.not_asked if cancelled else 0
    open_calls = sum(t.calls for s, t in by_state.items() if s in OPEN_STATES)
    # What ended without a request was no call, and some take more than one.
    made = sum(t.asked for s, t in by_state.items() if s not in OPEN_STATES)
    still = _standstill(load, counts, bool(holders), open_calls, attendance, now)
    until = still.since if still else now
    lately, elapsed = _lately(load, counts, until)
    held_off = 0.0 if load.state.finished or still else attendance.held_off
    held = _held(load, done)
    return Progress(
        load=load,
        expected=int(load.summary["expected"]),
        held=held,
        calls_planned=made + open_calls + not_asked,
        calls=made,
        calls_failed=failed.calls - failed.not_asked if failed else 0,
        rows_new=done.rows_new if done else 0,
        rows_changed=done.rows_changed if done else 0,
        percent=_percent(load, held),
        seconds=_seconds(load, until),
        seconds_left=0.0
        if load.state.finished
        else _seconds_left(load, open_calls, lately, elapsed, held_off),
        current=current,
        errors=tuple(errors),
        holders=holders,
        calls_not_asked=not_asked,
        calls_a_minute=60 * lately / elapsed if lately and elapsed else None,
        standstill=still,
        held_off=held_off,
    )


def _held(load: Job, done: Tally | None) -> int:
    if load.report is not None:
        return int(load.report["held"])
    before = 0 if load.asked.refresh else int(load.summary["held"])
    return min(before + (done.held if done else 0), int(load.summary["expected"]))


def _percent(load: Job, held: int) -> int:
    """Sessions held of sessions expected; 100 is kept for a job that completed."""
    if load.state is JobState.COMPLETED:
        return 100
    expected = int(load.summary["expected"])
    return min(99, 100 * held // expected) if expected else 0


def _standstill(
    load: Job,
    counts: Sequence[Tally],
    in_hand: bool,
    open_calls: int,
    attendance: Attendance,
    now: datetime,
) -> Standstill | None:
    if load.state.finished:
        return None
    if load.paused_at is not None:
        return _since(Halt.PAUSED, load.paused_at, now)
    waits = load.state is JobState.SUBMITTED or open_calls
    if not waits or in_hand or attendance.alive:
        return None
    signs = [load.created_at, _last(counts), attendance.heard_at, load.active_since]
    since = max(sign for sign in signs if sign is not None)
    return _since(Halt.NO_WORKER, since, now) if now - since >= BETWEEN else None


def _since(why: Halt, since: datetime, now: datetime) -> Standstill:
    return Standstill(why, since, max(0.0, (now - since).total_seconds()))


def _seconds(load: Job, until: datetime) -> float | None:
    end = load.finished_at or until
    return max(0.0, (end - load.started_at).total_seconds()) if load.started_at else None


def _last(counts: Sequence[Tally]) -> datetime | None:
    """When the last call was made."""
    return max((t.last_at for t in counts if t.last_at is not None), default=None)


def _lately(load: Job, counts: Sequence[Tally], until: datetime) -> tuple[int, float]:
    """Calls made since somebody last began to work on it, in the minute before the last of them at
    most; and the seconds from there until now."""
    if load.active_since is None or load.state.finished:
        return 0, 0.0
    last = _last(counts)
    start = load.active_since if last is None else max(load.active_since, last - RECENT)
    return sum(t.lately for t in counts), max(0.0, (until - start).total_seconds())


def _seconds_left(
    load: Job, open_calls: int, lately: int, elapsed: float, held_off: float
) -> float | None:
    """By the plan's pace at first, and by that of late the more it says."""
    planned = float(load.summary["seconds"]) / max(int(load.summary["calls"]), 1)
    a_call = (PRIOR_CALLS * planned + elapsed) / (PRIOR_CALLS + lately)
    return held_off + open_calls * a_call if open_calls and a_call else None
