"""What an answer means: which bars to keep, which sessions are held now, and why others are not.

Pure. An empty answer is never coverage by itself: sessions that were asked for and came back
without a bar become holes with a cause and a day on which they may be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np

from tickstock.bars import impossible
from tickstock.model import (
    Answer,
    Call,
    Flags,
    Gain,
    Hole,
    HoleCause,
    Ints,
    Timeframe,
    epoch_day,
)
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span, runs

RECENT = timedelta(days=7)
RECENT_EMPTY_STANDS = timedelta(days=1)
OLD_EMPTY_STANDS = timedelta(days=30)
NOT_ENTITLED_STANDS = timedelta(days=30)
QUARANTINE_STANDS = timedelta(days=7)
DAY_SECONDS = 86_400
NO_ROWS: Ints = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Target:
    """What a load wants of one instrument in one timeframe."""

    instrument_id: int
    symbol: str
    span: Span


Targets = Mapping[str, Target]
"""By symbol, within one timeframe."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One answer, judged.

    `instrument[i]` is whose bar row `i` of the answer is, and -1 where the row is not wanted;
    `order` lists the rows to write, by instrument and time. `quarantined` rows come with one
    reason each. `cells` counts the sessions that the answer holds, `off_session` the bars of
    wanted tickers on days that are no session.
    """

    instrument: Ints
    order: Ints
    quarantined: Ints
    reasons: tuple[str, ...]
    gains: tuple[Gain, ...]
    asked: tuple[tuple[int, Span], ...]
    holes: tuple[Hole, ...]
    cells: int
    off_session: int


def judge(answer: Answer, targets: Targets, calendar: Calendar, now: datetime) -> Verdict:
    """Decide on one answer. `now` is timezone-aware; it only sets when empty answers expire."""
    bars, call = answer.bars, answer.call
    instrument = _instruments(answer, targets)
    session = _session_index(bars.at, call.timeframe, calendar)
    wanted = (instrument >= 0) & (session >= 0)
    bad, reasons = impossible(bars)
    good = np.flatnonzero(wanted & ~bad)
    order = good[np.lexsort((bars.at[good], instrument[good]))]
    quarantined = np.flatnonzero(bad & wanted)
    kept = dict(_groups(instrument[order], order))
    spoiled = dict(_groups(*_by_instrument(instrument, quarantined)))
    origins = dict(answer.origins)
    gains: list[Gain] = []
    holes: list[Hole] = []
    asked: list[tuple[int, Span]] = []
    cells = 0
    for target in _spoken_of(call, targets):
        span = call.span & target.span
        asked.append((target.instrument_id, span))
        rows = kept.get(target.instrument_id, NO_ROWS)
        have = np.unique(session[rows])
        cells += len(have)
        if len(rows):
            origin = origins.get(target.symbol, answer.origin)
            gains.append(_gain(target, origin, rows, bars.at, call.timeframe, have, calendar))
        doubts = session[spoiled.get(target.instrument_id, NO_ROWS)]
        holes += _holes(target, span, have, doubts, calendar, now)
    return Verdict(
        instrument,
        order,
        quarantined,
        tuple(r for r, w in zip(reasons, wanted[bad].tolist(), strict=True) if w),
        tuple(gains),
        tuple(asked),
        tuple(holes),
        cells,
        int(((instrument >= 0) & (session < 0)).sum()),
    )


def _instruments(answer: Answer, targets: Targets) -> Ints:
    """Whose each bar is; -1 for a ticker that the load does not want."""
    owners = (targets.get(t) for t in answer.bars.tickers)
    ids = np.array([t.instrument_id if t else -1 for t in owners], np.int64)
    return ids[answer.bars.owner] if len(answer.bars) else NO_ROWS


def _by_instrument(instrument: Ints, rows: Ints) -> tuple[Ints, Ints]:
    ordered = rows[np.argsort(instrument[rows], kind="stable")]
    return instrument[ordered], ordered


def failure_holes(
    call: Call, targets: Targets, cause: HoleCause, detail: str, now: datetime
) -> tuple[Hole, ...]:
    """The holes that a call leaves which failed for good. A failed span is asked again at the
    next load; a refusal by the plan of the account stands for a while."""
    expires = now + NOT_ENTITLED_STANDS if cause is HoleCause.NOT_ENTITLED else None
    return tuple(
        Hole(t.instrument_id, call.span & t.span, cause, detail, now, expires)
        for t in _spoken_of(call, targets)
    )


def _spoken_of(call: Call, targets: Targets) -> Iterator[Target]:
    """The targets that a call asks about."""
    named = (targets.get(call.symbol),) if call.symbol else targets.values()
    return (t for t in named if t and call.span & t.span)


def _session_index(at: Ints, timeframe: Timeframe, calendar: Calendar) -> Ints:
    """Index of each bar's session in the calendar, -1 for a day that is none."""
    if timeframe is not Timeframe.DAY:
        return calendar.sessions_of(at)
    if not len(at):
        return np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(calendar.days, at), len(calendar.days) - 1)
    out: Ints = np.where(calendar.days[place] == at, place, -1)
    return out


def _groups(keys: Ints, rows: Ints) -> Iterator[tuple[int, Ints]]:
    """Runs of equal keys, with the rows they stand for. `keys` is sorted."""
    if not len(keys):
        return
    cuts = np.flatnonzero(np.diff(keys)) + 1
    starts = np.concatenate(([0], cuts))
    for start, part in zip(starts.tolist(), np.split(rows, cuts), strict=True):
        yield int(keys[start]), part


def _gain(
    target: Target,
    origin: str,
    rows: Ints,
    at: Ints,
    timeframe: Timeframe,
    have: Ints,
    calendar: Calendar,
) -> Gain:
    unit = DAY_SECONDS if timeframe is Timeframe.DAY else 1
    first, last = int(at[rows[0]]) * unit, int(at[rows[-1]]) * unit
    held = tuple(_session_spans(have, calendar))
    return Gain(target.instrument_id, origin, held, len(rows), first, last)


def _session_spans(indices: Ints, calendar: Calendar) -> Iterator[Span]:
    """Spans of days over runs of consecutive sessions, each up to the next session's day."""
    if not len(indices):
        return
    cuts = np.flatnonzero(np.diff(indices) > 1) + 1
    for part in np.split(indices, cuts):
        yield Span(_day(calendar, int(part[0])), _day(calendar, int(part[-1]) + 1))


def _day(calendar: Calendar, index: int) -> date:
    """The day of a session; past the calendar's end, the day after its last session."""
    last = len(calendar) - 1
    return calendar.day(index) if index <= last else calendar.day(last) + ONE_DAY


def _from_to(calendar: Calendar, start: int, end: int) -> Span:
    """The days from session `start` to the last one before `end`, and not a weekend more: a hole
    never says anything about days that were not asked for."""
    return Span.inclusive(calendar.day(start), calendar.day(end - 1))


def _holes(
    target: Target, span: Span, have: Ints, bad: Ints, calendar: Calendar, now: datetime
) -> Iterator[Hole]:
    lo, hi = calendar.between(span)
    state = np.zeros(hi - lo, np.int8)
    state[have[(have >= lo) & (have < hi)] - lo] = 1
    spoiled = bad[(bad >= lo) & (bad < hi)] - lo
    state[spoiled[state[spoiled] == 0]] = 2
    recent = epoch_day((now - RECENT).astimezone(UTC).date())
    fresh = calendar.days[lo:hi] >= recent
    yield from _empty_holes(target, (state == 0) & ~fresh, lo, calendar, now, OLD_EMPTY_STANDS)
    yield from _empty_holes(target, (state == 0) & fresh, lo, calendar, now, RECENT_EMPTY_STANDS)
    for a, b in runs(state == 2):
        part = _from_to(calendar, lo + a, lo + b)
        detail = "The vendor's bar cannot be true."
        yield Hole(
            target.instrument_id, part, HoleCause.QUARANTINED, detail, now, now + QUARANTINE_STANDS
        )


def _empty_holes(
    target: Target, flags: Flags, lo: int, calendar: Calendar, now: datetime, stands: timedelta
) -> Iterator[Hole]:
    detail = f"The vendor's answer of {now.astimezone(UTC):%Y-%m-%d} holds no bar."
    for a, b in runs(flags):
        part = _from_to(calendar, lo + a, lo + b)
        yield Hole(target.instrument_id, part, HoleCause.VENDOR_EMPTY, detail, now, now + stands)
