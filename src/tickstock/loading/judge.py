"""What an answer means: which bars to keep, which sessions are held now, and why others are not.

Pure. An empty answer is never coverage by itself: sessions that were asked for and came back
without a bar become gaps with a cause and a day on which they may be asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from tickstock.bars import impossible
from tickstock.loading.bits import runs
from tickstock.loading.plausible import (
    LEAST_BARS,
    half_sessions,
    is_cut_short,
    is_newest,
    is_whole_empty,
)
from tickstock.loading.targets import AskedSpans, Target, TargetColumns, Targets, columns_of, once
from tickstock.loading.truncation import HeldRange, is_thin, suspicious_runs
from tickstock.loading.unheld import SharedGap
from tickstock.model import (
    Answer,
    Aside,
    Call,
    CallKind,
    Flags,
    Floats,
    Gap,
    GapCause,
    Ints,
    Timeframe,
    epoch_day,
)
from tickstock.sessions import Calendar
from tickstock.spans import Span, day_of
from tickstock.words import plural

RECENT = timedelta(days=7)
RECENT_EMPTY_STANDS = timedelta(days=1)
OLD_EMPTY_STANDS = timedelta(days=30)
NOT_ENTITLED_STANDS = timedelta(days=30)
QUARANTINE_STANDS = timedelta(days=7)
BLOCK = 1 << 16
"""Bars whose sessions are looked up at once: it takes room for several columns."""
NO_ROWS: Ints = np.empty(0, np.int64)
NO_SESSIONS: Floats = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class AnswerVerdict:
    """One answer, judged.

    `instrument[i]` is whose bar row `i` of the answer is, and -1 where the row is not wanted;
    `order` lists the rows to write, by instrument and time. `quarantined` rows come with one
    reason each. `own_gaps` are single ones, `shared_gaps` those that many have alike.
    `cells` counts the sessions that the answer holds, `off_session` the bars of wanted tickers on
    days that are no session. `again` are parts that look cut off, as calls.
    """

    instrument: Ints
    order: Ints
    quarantined: Ints
    reasons: tuple[str, ...]
    asked: AskedSpans
    own_gaps: tuple[Gap, ...]
    shared_gaps: tuple[SharedGap, ...]
    cells: int
    off_session: int
    again: tuple[Call, ...] = ()

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """Why sessions are not held, one by one."""
        return (*self.own_gaps, *(h for many in self.shared_gaps for h in many.each()))

    def part(self, low: int, high: int, first: int, end: int) -> AnswerVerdict:
        """What is said of the instruments from `low` to the one before `high`, whose rows stand in
        `order` from `first` to `end` (half-open)."""
        bad = _is_within(self.instrument[self.quarantined], low, high)
        asked = _is_within(self.asked.instrument, low, high)
        shared = ((h, _is_within(h.instrument, low, high)) for h in self.shared_gaps)
        return replace(
            self,
            order=self.order[first:end],
            quarantined=self.quarantined[bad],
            reasons=tuple(r for r, mine in zip(self.reasons, bad.tolist(), strict=True) if mine),
            asked=AskedSpans(*(c[asked] for c in self.asked.columns)),
            own_gaps=tuple(h for h in self.own_gaps if low <= h.instrument_id < high),
            shared_gaps=tuple(SharedGap(h.instrument[mine], h.gap) for h, mine in shared),
        )


def _is_within(instrument: Ints, low: int, high: int) -> Flags:
    flags: Flags = (instrument >= low) & (instrument < high)
    return flags


def judge(
    answer: Answer,
    targets: Targets,
    calendar: Calendar,
    now: datetime,
    beside: Floats = NO_SESSIONS,
) -> AnswerVerdict:
    """Decide on one answer. `now` is timezone-aware; it only sets when empty answers expire.
    `beside` are the bars in sessions around a ticker's intraday answer, as far as they are held."""
    bars, call, columns = answer.bars, answer.call, columns_of(targets)
    place = _places(answer, targets, columns)
    instrument = np.append(columns.ids, -1)[place]
    session = session_index(bars.at, call.timeframe, calendar)
    wanted = (place >= 0) & (session >= 0)
    if columns.by_intervals.any():
        wanted[wanted] = columns.is_inside(place[wanted], calendar.days[session[wanted]])
    bad, reasons = impossible(bars)
    sound = wanted & ~bad
    halves = _halves(call, session, sound, calendar, beside)
    halves |= _cut_short(answer, place, session, sound, calendar)
    good = np.flatnonzero(sound & ~np.isin(session, [*halves]) if halves else sound)
    order = _ordered(instrument, bars.at, good)
    quarantined = np.flatnonzero(bad & wanted)
    is_whole = order is good and len(good) == len(bars)  # of millions, no copies are made
    held_by, held = _cells(*((c if is_whole else c[order]) for c in (instrument, session)))
    spoken = _Spoken.of(columns, call, held_by, calendar)
    spoiled = dict(_groups(*_by_instrument(instrument, quarantined)))
    told = _Unheld(answer, halves, _rows_aside(answer, targets, calendar), calendar, now)
    lacking = spoken.lacking | np.isin(spoken.instrument, [*spoiled])
    shared, alike = _shared(told, columns, spoken, lacking, spoiled)
    gaps: list[Gap] = []
    again: list[Call] = []
    parts: dict[object, _Part] = {}  # mostly one: the targets of a job share their span
    for i in np.flatnonzero(lacking & ~alike).tolist():
        target: Target = columns.targets[spoken.place[i]]
        key = (target.span, target.intervals)
        part = parts.get(key) or _part(target.within(call.span), call.span, calendar, now)
        parts[key] = part
        have = held[spoken.held_from[i] : spoken.held_to[i]]
        doubts = session[spoiled.get(target.instrument_id, NO_ROWS)]
        gaps += told.gaps(target, part, have, doubts)
        again += _cut_off(answer, target, part, have, calendar, now)
    if not call.symbol and spoken.is_thin(columns, call.span) and answer.spoke_of:
        again.append(call)
    again += (replace(call, span=_from_to(calendar, s, s + 1)) for s in sorted(halves))
    return AnswerVerdict(
        instrument,
        order,
        quarantined,
        tuple(r for r, w in zip(reasons, wanted[bad].tolist(), strict=True) if w),
        spoken.asked,
        tuple(gaps),
        shared,
        len(held),
        int(((instrument >= 0) & (session < 0)).sum()),
        tuple(again),
    )


def _places(answer: Answer, targets: Targets, columns: TargetColumns) -> Ints:
    """Which target each bar is of; -1 for a ticker that the job does not want."""
    if answer.bars.tickers is columns.symbols:
        return answer.bars.owner
    places = {symbol: place for place, symbol in enumerate(targets)}
    found = np.array([places.get(t, -1) for t in answer.bars.tickers], np.int64)
    return found[answer.bars.owner] if len(answer.bars) else NO_ROWS


@dataclass(frozen=True, slots=True, eq=False)
class _Spoken:
    """The targets that a call asks about, in columns: the place and instrument of each, how many
    sessions are wanted, and where those that the answer holds begin and end."""

    place: Ints
    instrument: Ints
    wanted: Ints
    held_from: Ints
    held_to: Ints
    asked: AskedSpans

    @classmethod
    def of(cls, columns: TargetColumns, call: Call, held_by: Ints, calendar: Calendar) -> _Spoken:
        """Given whose each held session is."""
        owner, start, end = columns.within(call.span)
        if call.symbol:
            mine = np.array([s == call.symbol for s in columns.symbols], np.bool_)[owner]
            owner, start, end = owner[mine], start[mine], end[mine]
        if len(owner):
            calendar.between(Span(day_of(int(start.min())), day_of(int(end.max()))))  # or BadDates
        counts = calendar.before(end) - calendar.before(start)
        wanted = np.bincount(owner, counts, len(columns)).astype(np.int64)
        place = once(owner)
        ids = columns.ids[place]
        left, right = (np.searchsorted(held_by, ids, side) for side in ("left", "right"))
        asked = AskedSpans(columns.ids[owner], start, end)
        return cls(place, ids, wanted[place], left, right, asked)

    @property
    def lacking(self) -> Flags:
        """Which have not all that is wanted of them."""
        flags: Flags = self.held_to - self.held_from < self.wanted
        return flags

    def is_thin(self, columns: TargetColumns, span: Span) -> bool:
        """Whether too many are lacking of those that are known to be listed on all of `span`."""
        mine = self.place[columns.is_listed[self.place]]
        has = (self.held_from < self.held_to)[columns.is_listed[self.place]]
        alive = columns.first[mine] <= epoch_day(span.start)
        alive &= columns.last[mine] >= epoch_day(span.last)
        return is_thin(int(alive.sum()), int(has.sum()))


def _shared(
    told: _Unheld,
    columns: TargetColumns,
    spoken: _Spoken,
    lacking: Flags,
    spoiled: Mapping[int, Ints],
) -> tuple[tuple[SharedGap, ...], Flags]:
    """What is said alike of those without a bar in an answer for one session, and who these are."""
    alike = np.zeros(len(lacking), np.bool_)
    first, end = told.calendar.between(told.answer.call.span)
    if told.answer.call.symbol or end - first != 1 or first in told.halves:
        return (), alike
    alike = lacking & (spoken.wanted == 1) & (spoken.held_from == spoken.held_to)
    alike &= ~np.isin(spoken.instrument, [*spoiled, *told.aside])
    if not alike.any():
        return (), alike
    one: Target = columns.targets[spoken.place[np.flatnonzero(alike)[0]]]
    part = _part((told.answer.call.span,), told.answer.call.span, told.calendar, told.now)
    found = told.gaps(one, part, NO_ROWS, NO_ROWS)
    return tuple(SharedGap(spoken.instrument[alike], gap) for gap in found), alike


def _cut_off(
    answer: Answer, target: Target, part: _Part, have: Ints, calendar: Calendar, now: datetime
) -> Iterator[Call]:
    """What of a ticker's answer looks cut off, as calls."""
    if answer.call.kind is not CallKind.TICKER or answer.note:
        return
    held = np.zeros(part.end - part.start, np.bool_)
    held[have[(have >= part.start) & (have < part.end)] - part.start] = True
    expected = part.wanted.copy()
    days = calendar.days[part.start : part.end]
    if target.listed is not None:
        expected &= days >= epoch_day(target.listed)
    if target.delisted is not None:
        expected &= days <= epoch_day(target.delisted)
    known = target.listed is not None or target.delisted is not None
    first = calendar.day(int(have[0])) if len(have) else None
    found = HeldRange(expected, held, known, first)
    for a, b in suspicious_runs(answer, found, now):
        span = _from_to(calendar, part.start + a, part.start + b)
        yield replace(answer.call, span=span)


def _ordered(instrument: Ints, at: Ints, rows: Ints) -> Ints:
    """The rows by instrument and time; most answers come so."""
    is_whole = len(rows) == len(at)
    whose, when = (c if is_whole else c[rows] for c in (instrument, at))
    if ((whose[1:] > whose[:-1]) | ((whose[1:] == whose[:-1]) & (when[1:] >= when[:-1]))).all():
        return rows
    return rows[np.lexsort((when, whose))]


def _by_instrument(instrument: Ints, rows: Ints) -> tuple[Ints, Ints]:
    ordered = rows[np.argsort(instrument[rows], kind="stable")]
    return instrument[ordered], ordered


def failure_gaps(
    targets: Iterable[Target],
    spans: Sequence[Span],
    cause: GapCause,
    detail: str,
    now: datetime,
    stands: timedelta | None = None,
) -> tuple[Gap, ...]:
    """The gaps that calls leave which failed for good, for `spans` that do not touch. A failed
    span is asked again at the next job; a refusal by the plan of the account `stands` for a
    while."""
    expires = None if stands is None else now + stands
    return tuple(
        Gap(t.instrument_id, part, cause, detail, now, expires)
        for t in targets
        for span in spans
        for part in t.within(span)
        if part
    )


def _spoken_of(call: Call, targets: Targets) -> Iterator[Target]:
    """The targets that a call asks about."""
    named = (targets.get(call.symbol),) if call.symbol else targets.values()
    return (t for t in named if t and any(t.within(call.span)))


def session_index(
    at: Ints, timeframe: Timeframe, calendar: Calendar, *, block: int = BLOCK
) -> Ints:
    """Index of each bar's session in the calendar, -1 for a day that is none."""
    if timeframe is not Timeframe.DAY:
        blocks = (calendar.sessions_of(at[i : i + block]) for i in range(0, len(at), block))
        return np.concatenate([NO_ROWS, *blocks])
    if not len(at):
        return np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(calendar.days, at), len(calendar.days) - 1)
    out: Ints = np.where(calendar.days[place] == at, place, -1)
    return out


def _cells(instrument: Ints, session: Ints) -> tuple[Ints, Ints]:
    """Each pair of an instrument and a session once, of columns ordered by both."""
    first = np.ones(len(session), np.bool_)
    first[1:] = (instrument[1:] != instrument[:-1]) | (session[1:] != session[:-1])
    return instrument[first], session[first]


def _groups(keys: Ints, rows: Ints) -> Iterator[tuple[int, Ints]]:
    """Runs of equal keys, with the rows they stand for. `keys` is sorted."""
    if not len(keys):
        return
    cuts = np.flatnonzero(np.diff(keys)) + 1
    starts = np.concatenate(([0], cuts))
    for start, part in zip(starts.tolist(), np.split(rows, cuts), strict=True):
        yield int(keys[start]), part


def _from_to(calendar: Calendar, start: int, end: int) -> Span:
    """The days from session `start` to the last one before `end`, and not a weekend more: a gap
    never says anything about days that were not asked for."""
    return Span.inclusive(calendar.day(start), calendar.day(end - 1))


@dataclass(frozen=True, slots=True)
class _Part:
    """What a call asks of some targets: days, session numbers (half-open) from the first to the
    last of them; by session, which are wanted, and which are recent."""

    spans: tuple[Span, ...]
    start: int
    end: int
    wanted: Flags
    fresh: Flags
    count: int


def _part(spans: tuple[Span, ...], call: Span, calendar: Calendar, now: datetime) -> _Part:
    start, end = calendar.between(Span(spans[0].start, spans[-1].end) if spans else call)
    wanted = np.zeros(end - start, np.bool_)
    for span in spans:
        a, b = calendar.between(span)
        wanted[a - start : b - start] = True
    recent = epoch_day((now - RECENT).astimezone(UTC).date())
    fresh = calendar.days[start:end] >= recent
    return _Part(spans, start, end, wanted, fresh, int(wanted.sum()))


def _halves(
    call: Call, session: Ints, sound: Flags, calendar: Calendar, beside: Floats
) -> dict[int, tuple[int, int]]:
    """The sessions of a ticker that are not whole: how many bars came, and how many are usual."""
    if call.kind is not CallKind.TICKER or call.timeframe not in LEAST_BARS or not sound.any():
        return {}
    sessions, counts = np.unique(session[sound], return_counts=True)
    minutes = (calendar.closes[sessions] - calendar.opens[sessions]) // 60
    halves = half_sessions(counts, minutes, call.timeframe, beside)
    usual = int(np.median(np.concatenate((counts[~halves], beside)))) if halves.any() else 0
    return {int(s): (int(n), usual) for s, n in zip(sessions[halves], counts[halves], strict=True)}


def _cut_short(
    answer: Answer, owner: Ints, session: Ints, sound: Flags, calendar: Calendar
) -> dict[int, tuple[int, int]]:
    """The session of a file of minutes that holds a part of it alone: of how many minutes it has
    bars, and how many there are."""
    call = answer.call
    if call.kind is not CallKind.FLAT_DAY or call.timeframe is not Timeframe.MINUTE:
        return {}
    if not sound.any():
        return {}
    place = int(session[sound.argmax()])
    opens, closes = int(calendar.opens[place]), int(calendar.closes[place])
    minutes = (closes - opens) // 60
    counts, seen = np.zeros(int(owner.max()) + 1, np.int64), np.zeros(minutes, np.int64)
    for start in range(0, len(owner), BLOCK):
        some = slice(start, start + BLOCK)
        at = (answer.bars.at[some] - opens) // 60
        inside = sound[some] & (at >= 0) & (at < minutes)
        counts += np.bincount(owner[some][inside], minlength=len(counts))
        seen += np.bincount(at[inside], minlength=minutes)
    whose, when = counts[counts > 0], np.flatnonzero(seen)
    if not len(when) or not is_cut_short(whose, int(when[0]), int(when[-1]), minutes):
        return {}
    return {place: (len(when), minutes)}


def _rows_aside(
    answer: Answer, targets: Targets, calendar: Calendar
) -> dict[int, list[tuple[int, Aside]]]:
    """Of each instrument the rows that were put aside, with their sessions."""
    found: dict[int, list[tuple[int, Aside]]] = {}
    for row in answer.aside:
        target = targets.get(row.ticker)
        if target is not None and row.at is not None:
            at = np.array([row.at], np.int64)
            place = int(session_index(at, answer.call.timeframe, calendar)[0])
            found.setdefault(target.instrument_id, []).append((place, row))
    return found


@dataclass(frozen=True, slots=True)
class _Unheld:
    """What one answer says of the sessions that it does not hold. `halves` are sessions that are
    not whole, `aside` the rows that were put aside, by instrument."""

    answer: Answer
    halves: Mapping[int, tuple[int, int]]
    aside: Mapping[int, Sequence[tuple[int, Aside]]]
    calendar: Calendar
    now: datetime

    def gaps(self, target: Target, part: _Part, have: Ints, bad: Ints) -> Iterator[Gap]:
        lo, hi = part.start, part.end
        state = np.where(part.wanted, 0, 1)
        state[have[(have >= lo) & (have < hi)] - lo] = 1
        for session, (count, usual) in self.halves.items():
            if lo <= session < hi and state[session - lo] == 0:
                state[session - lo] = 1
                yield self._half(target, session, count, usual)
        for session, row in self.aside.get(target.instrument_id, ()):
            if lo <= session < hi and state[session - lo] == 0:
                state[session - lo] = 1
                detail = f"The vendor's row cannot be read: {row}."
                yield self._spoilt(target, session, session + 1, detail)
        spoiled = bad[(bad >= lo) & (bad < hi)] - lo
        state[spoiled[state[spoiled] == 0]] = 2
        yield from self._empty(target, part, state == 0)
        for a, b in runs(state == 2):
            yield self._spoilt(target, lo + a, lo + b, "The vendor's bar cannot be true.")

    def _half(self, target: Target, session: int, count: int, usual: int) -> Gap:
        detail = (
            f"The vendor's answer of {self._today} holds {plural(count, 'bar')} of this session, "
            f"where {usual} are usual; it is not believed."
        )
        return self._gap(target, session, session + 1, GapCause.FAILED, detail, None)

    def _spoilt(self, target: Target, start: int, end: int, detail: str) -> Gap:
        return self._gap(target, start, end, GapCause.QUARANTINED, detail, QUARANTINE_STANDS)

    def _empty(self, target: Target, part: _Part, empty: Flags) -> Iterator[Gap]:
        if is_whole_empty(self.answer):
            cause, detail = self._unbelieved()
            for a, b in runs(empty):
                yield self._gap(target, part.start + a, part.start + b, cause, detail, None)
            return
        detail = f"The vendor's answer of {self._today} holds no bar."
        # A whole market tells of a name by all that it holds of others, one answer not so much.
        call = self.answer.call
        never = bool(call.symbol) and not (target.is_known or len(self.answer.bars))
        shortly = part.fresh | (never or not self.answer.is_sure)
        for flags, stands in ((~shortly, OLD_EMPTY_STANDS), (shortly, RECENT_EMPTY_STANDS)):
            for a, b in runs(empty & flags):
                start, end = part.start + a, part.start + b
                yield self._gap(target, start, end, GapCause.VENDOR_EMPTY, detail, stands)

    def _unbelieved(self) -> tuple[GapCause, str]:
        """Of a whole market without a ticker: it has not come yet, or something is wrong."""
        answer = self.answer
        file = f" (the file {answer.key})" if answer.key else ""
        detail = answer.note or (
            f"The vendor's answer of {self._today} for the whole market{file} has no row, though "
            "the exchange was open; it is not believed."
        )
        newest = is_newest(answer.call, self.calendar, self.now)
        return GapCause.NOT_PUBLISHED if newest else GapCause.FAILED, detail

    def _gap(
        self,
        target: Target,
        start: int,
        end: int,
        cause: GapCause,
        detail: str,
        stands: timedelta | None,
    ) -> Gap:
        span = _from_to(self.calendar, start, end)
        expires = None if stands is None else self.now + stands
        return Gap(target.instrument_id, span, cause, detail[:500], self.now, expires)

    @property
    def _today(self) -> str:
        return f"{self.now.astimezone(UTC):%Y-%m-%d}"
