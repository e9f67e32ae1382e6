"""How far a load is. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from tickstock.model import Call, CallState, LoadState
from tickstock.store.jobs import Load
from tickstock.store.tallies import CallError, Holder, Tally

OPEN_STATES = (CallState.WAITING, CallState.LEASED)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a load is: a query over its calls, asked when somebody looks.

    `held` of `expected` sessions; `calls` were made, of `calls_planned` as far as is known; one
    that need not be made counts in neither. `percent` is 100 only for
    a load that completed. `seconds_left` is None when nothing is known about the pace yet.
    `seconds` from the start until its end, or until now. `holders` are those who have calls of it
    in hand.
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
    seconds: float | None
    seconds_left: float | None
    current: Call | None
    errors: tuple[CallError, ...]
    holders: tuple[Holder, ...] = ()

    @property
    def paused(self) -> bool:
        return self.load.paused_at is not None


def make_progress(
    load: Load,
    counts: Sequence[Tally],
    current: Call | None,
    errors: Sequence[CallError],
    holders: tuple[Holder, ...] = (),
    *,
    now: datetime,
) -> Progress:
    """The progress that a load and its calls, counted by state, amount to.

    `now` by the clock that dates loads, which is the database's.
    """
    by_state = {t.state: t for t in counts}
    done, failed = by_state.get(CallState.DONE), by_state.get(CallState.FAILED)
    # What ended without a request was no call, and some take more than one.
    ended = sum(t.made for s, t in by_state.items() if s not in OPEN_STATES)
    waiting = sum(t.calls for s, t in by_state.items() if s in OPEN_STATES)
    cancelled = by_state.get(CallState.CANCELLED)
    planned = ended + waiting + (cancelled.unmade if cancelled else 0)
    held = _held(load, done)
    return Progress(
        load=load,
        expected=int(load.summary["expected"]),
        held=held,
        calls_planned=planned,
        calls=ended,
        calls_failed=failed.calls - failed.unmade if failed else 0,
        rows_new=done.rows_new if done else 0,
        rows_changed=done.rows_changed if done else 0,
        percent=_percent(load, held),
        seconds=_seconds(load, now),
        seconds_left=_seconds_left(load, sum(t.lately for t in counts), planned, ended, now),
        current=current,
        errors=tuple(errors),
        holders=holders,
    )


def _held(load: Load, done: Tally | None) -> int:
    if load.report is not None:
        return int(load.report["held"])
    before = 0 if load.asked.refresh else int(load.summary["held"])
    return min(before + (done.held if done else 0), int(load.summary["expected"]))


def _percent(load: Load, held: int) -> int:
    """Sessions held of sessions expected; 100 is kept for a load that completed."""
    if load.state is LoadState.COMPLETED:
        return 100
    expected = int(load.summary["expected"])
    return min(99, 100 * held // expected) if expected else 0


def _seconds(load: Load, now: datetime) -> float | None:
    end = load.finished_at or now
    return (end - load.started_at).total_seconds() if load.started_at else None


def _seconds_left(load: Load, lately: int, calls: int, ended: int, now: datetime) -> float | None:
    """By the pace since somebody last began to work on it; before, by the plan's."""
    if load.state.finished:
        return 0.0
    if load.paused_at is not None:
        return None
    left = calls - ended
    if load.active_since is None or not lately:
        return float(load.summary["seconds"]) * left / max(calls, 1) or None
    return left * (now - load.active_since).total_seconds() / lately
