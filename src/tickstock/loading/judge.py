"""What an answer means: which bars to keep, which sessions are held now, and why others are not.

Pure. An empty answer is never coverage by itself: sessions that were asked for and came back
without a bar become holes with a cause and a day on which they may be asked for again.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

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
from tickstock.loading.truncation import HeldRange, is_thin, suspicious_runs
from tickstock.model import (
    Answer,
    Aside,
    Call,
    CallKind,
    Flags,
    Floats,
    Hole,
    HoleCause,
    Ints,
    Timeframe,
    epoch_day,
)
from tickstock.sessions import Calendar
from tickstock.spans import Span, intersect
from tickstock.words import plural

RECENT = timedelta(days=7)
RECENT_EMPTY_STANDS = timedelta(days=1)
OLD_EMPTY_STANDS = timedelta(days=30)
NOT_ENTITLED_STANDS = timedelta(days=30)
QUARANTINE_STANDS = timedelta(days=7)
NO_ROWS: Ints = np.empty(0, np.int64)
NO_SESSIONS: Floats = np.empty(0, np.float64)


@dataclass(frozen=True, slots=True)
class Target:
    """What a load wants of one instrument in one timeframe.

    With `spells`, only those days of `span`. `listed` and `delisted` are what is known of its life.
    `holds` spans the first and the last day of which a bar was held when work began, and `is_known`
    tells whether any was, in whatever timeframe.
    """

    instrument_id: int
    symbol: str
    span: Span
    spells: tuple[Span, ...] = ()
    listed: date | None = None
    delisted: date | None = None
    holds: Span | None = None
    is_known: bool = True

    def within(self, span: Span) -> tuple[Span, ...]:
        """The days of `span` that are wanted."""
        return intersect((span & self.span,), self.spells) if self.spells else (span & self.span,)


Targets = Mapping[str, Target]
"""By symbol, within one timeframe."""


class WantedTargets:
    """What a load wants in one timeframe, to be looked up by call."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self._by_symbol: dict[str, list[Target]] = {}
        for target in targets:
            self._by_symbol.setdefault(target.symbol, []).append(target)
        # On the days from one edge to the next, the targets are the same.
        self._edges = sorted({day for t in targets for day in (t.span.start, t.span.end)})
        self._latest: tuple[tuple[int, int], Targets] = ((-1, -1), {})

    def of(self, call: Call) -> Targets:
        """Those targets that a call can speak of, by symbol: on its days no ticker names two
        instruments, and an instrument that was renamed is wanted under each of its tickers."""
        if call.symbol:
            return _during(call.span, self._by_symbol.get(call.symbol, ()))
        place = bisect_right(self._edges, call.span.start), bisect_left(self._edges, call.span.end)
        if self._latest[0] != place:
            # Answers in hand share it: of many instruments it is larger than they are.
            self._latest = place, _during(call.span, self.targets)
        return self._latest[1]

    def under(self, symbol: str) -> Sequence[Target]:
        """Those that calls for a ticker speak of, on whatever days; all where it is empty, as in
        calls for the whole market."""
        return self._by_symbol.get(symbol, ()) if symbol else self.targets


def _during(span: Span, targets: Sequence[Target]) -> Targets:
    return {t.symbol: t for t in targets if t.span & span}


@dataclass(frozen=True, slots=True)
class AnswerVerdict:
    """One answer, judged.

    `instrument[i]` is whose bar row `i` of the answer is, and -1 where the row is not wanted;
    `order` lists the rows to write, by instrument and time. `quarantined` rows come with one
    reason each. `cells` counts the sessions that the answer holds, `off_session` the bars of
    wanted tickers on days that are no session. `again` are parts that look cut off, as calls.
    """

    instrument: Ints
    order: Ints
    quarantined: Ints
    reasons: tuple[str, ...]
    asked: tuple[tuple[int, Span], ...]
    holes: tuple[Hole, ...]
    cells: int
    off_session: int
    again: tuple[Call, ...] = ()


def narrowed(answer: Answer, targets: Targets) -> Answer:
    """The same answer with the bars of wanted tickers alone, all that `judge` looks at: of a whole
    market these may be few."""
    bars = answer.bars
    found = [targets.get(ticker) for ticker in bars.tickers]
    # The same text for all answers in hand: of a whole market it is as large as the bars.
    tickers = tuple(target.symbol for target in found if target)
    answer = replace(answer, tickers=answer.spoke_of)
    if len(tickers) == len(found):
        return replace(answer, bars=replace(bars, tickers=tickers))
    wanted = np.array([target is not None for target in found])
    kept = bars.rows(wanted[bars.owner])
    owner = (np.cumsum(wanted) - 1)[kept.owner]
    origins = tuple(pair for pair in answer.origins if pair[0] in targets)
    return replace(answer, bars=replace(kept, tickers=tickers, owner=owner), origins=origins)


def judge(
    answer: Answer,
    targets: Targets,
    calendar: Calendar,
    now: datetime,
    beside: Floats = NO_SESSIONS,
) -> AnswerVerdict:
    """Decide on one answer. `now` is timezone-aware; it only sets when empty answers expire.
    `beside` are the bars in sessions around a ticker's intraday answer, as far as they are held."""
    bars, call = answer.bars, answer.call
    instrument = _instruments(answer, targets)
    session = session_index(bars.at, call.timeframe, calendar)
    wanted = (
        (instrument >= 0) & (session >= 0) & ~_outside_spells(answer, session, targets, calendar)
    )
    bad, reasons = impossible(bars)
    sound = wanted & ~bad
    halves = _halves(call, session[sound], calendar, beside)
    halves |= _cut_short(answer, instrument[sound], session[sound], sound, calendar)
    good = np.flatnonzero(wanted & ~bad & ~np.isin(session, [*halves]))
    order = good[np.lexsort((bars.at[good], instrument[good]))]
    quarantined = np.flatnonzero(bad & wanted)
    held_by, held = _cells(instrument[order], session[order])
    spoiled = dict(_groups(*_by_instrument(instrument, quarantined)))
    told = _Unheld(answer, halves, _rows_aside(answer, targets, calendar), calendar, now)
    holes: list[Hole] = []
    asked: list[tuple[int, Span]] = []
    again: list[Call] = []
    alive = alive_held = 0
    parts: dict[object, _Part] = {}  # mostly one: the targets of a load share their span
    spoken = list(_spoken_of(call, targets))
    ids = np.array([target.instrument_id for target in spoken], np.int64)
    edges = (np.searchsorted(held_by, ids, side).tolist() for side in ("left", "right"))
    for target, start, end in zip(spoken, *edges, strict=True):
        key = (target.span, target.spells)
        part = parts.get(key) or _part(target.within(call.span), call.span, calendar, now)
        parts[key] = part
        asked += ((target.instrument_id, span) for span in part.spans)
        if target.listed is not None:
            alive, alive_held = alive + _is_alive(target, call.span), alive_held + (start < end)
        if end - start < part.count or target.instrument_id in spoiled:
            have = held[start:end]
            doubts = session[spoiled.get(target.instrument_id, NO_ROWS)]
            holes += told.holes(target, part, have, doubts)
            again += _cut_off(answer, target, part, have, calendar, now)
    if not call.symbol and is_thin(alive, alive_held) and answer.spoke_of:
        again.append(call)
    again += (replace(call, span=_from_to(calendar, s, s + 1)) for s in sorted(halves))
    return AnswerVerdict(
        instrument,
        order,
        quarantined,
        tuple(r for r, w in zip(reasons, wanted[bad].tolist(), strict=True) if w),
        tuple(asked),
        tuple(holes),
        len(held),
        int(((instrument >= 0) & (session < 0)).sum()),
        tuple(again),
    )


def _instruments(answer: Answer, targets: Targets) -> Ints:
    """Whose each bar is; -1 for a ticker that the load does not want."""
    owners = (targets.get(t) for t in answer.bars.tickers)
    ids = np.array([t.instrument_id if t else -1 for t in owners], np.int64)
    return ids[answer.bars.owner] if len(answer.bars) else NO_ROWS


def _outside_spells(answer: Answer, session: Ints, targets: Targets, calendar: Calendar) -> Flags:
    """Bars of wanted tickers on days on which they are not wanted."""
    outside = np.zeros(len(session), np.bool_)
    for owner, ticker in enumerate(answer.bars.tickers):
        target = targets.get(ticker)
        if target is not None and target.spells:
            rows = np.flatnonzero(answer.bars.owner == owner)
            inside = np.zeros(len(rows), np.bool_)
            for spell in target.spells:
                start, end = calendar.between(spell)
                inside |= (session[rows] >= start) & (session[rows] < end)
            outside[rows[~inside]] = True
    return outside


def _is_alive(target: Target, span: Span) -> bool:
    """Whether an instrument of known life was listed on all of `span`."""
    since, until = target.listed or date.min, target.delisted or date.max
    return since <= span.start and span.last <= until


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


def _by_instrument(instrument: Ints, rows: Ints) -> tuple[Ints, Ints]:
    ordered = rows[np.argsort(instrument[rows], kind="stable")]
    return instrument[ordered], ordered


def failure_holes(
    targets: Iterable[Target],
    spans: Sequence[Span],
    cause: HoleCause,
    detail: str,
    now: datetime,
    stands: timedelta | None = None,
) -> tuple[Hole, ...]:
    """The holes that calls leave which failed for good, for `spans` that do not touch. A failed
    span is asked again at the next load; a refusal by the plan of the account `stands` for a
    while."""
    expires = None if stands is None else now + stands
    return tuple(
        Hole(t.instrument_id, part, cause, detail, now, expires)
        for t in targets
        for span in spans
        for part in t.within(span)
        if part
    )


def _spoken_of(call: Call, targets: Targets) -> Iterator[Target]:
    """The targets that a call asks about."""
    named = (targets.get(call.symbol),) if call.symbol else targets.values()
    return (t for t in named if t and any(t.within(call.span)))


def session_index(at: Ints, timeframe: Timeframe, calendar: Calendar) -> Ints:
    """Index of each bar's session in the calendar, -1 for a day that is none."""
    if timeframe is not Timeframe.DAY:
        return calendar.sessions_of(at)
    if not len(at):
        return np.empty(0, np.int64)
    place = np.minimum(np.searchsorted(calendar.days, at), len(calendar.days) - 1)
    out: Ints = np.where(calendar.days[place] == at, place, -1)
    return out


def _cells(instrument: Ints, session: Ints) -> tuple[Ints, Ints]:
    """Each pair of an instrument and a session once, of columns ordered by both."""
    first = np.ones(len(session), np.bool_)
    first[1:] = (np.diff(instrument) != 0) | (np.diff(session) != 0)
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
    """The days from session `start` to the last one before `end`, and not a weekend more: a hole
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
    call: Call, session: Ints, calendar: Calendar, beside: Floats
) -> dict[int, tuple[int, int]]:
    """The sessions of a ticker that are not whole: how many bars came, and how many are usual."""
    if call.kind is not CallKind.TICKER or call.timeframe not in LEAST_BARS or not len(session):
        return {}
    sessions, counts = np.unique(session, return_counts=True)
    minutes = (calendar.closes[sessions] - calendar.opens[sessions]) // 60
    halves = half_sessions(counts, minutes, call.timeframe, beside)
    usual = int(np.median(np.concatenate((counts[~halves], beside)))) if halves.any() else 0
    return {int(s): (int(n), usual) for s, n in zip(sessions[halves], counts[halves], strict=True)}


def _cut_short(
    answer: Answer, instrument: Ints, session: Ints, sound: Flags, calendar: Calendar
) -> dict[int, tuple[int, int]]:
    """The session of a file of minutes that holds a part of it alone: of how many minutes it has
    bars, and how many there are."""
    call = answer.call
    if call.kind is not CallKind.FLAT_DAY or call.timeframe is not Timeframe.MINUTE:
        return {}
    if not len(session):
        return {}
    place = int(session[0])
    minutes = int(calendar.closes[place] - calendar.opens[place]) // 60
    at = (answer.bars.at[sound] - calendar.opens[place]) // 60
    inside = (at >= 0) & (at < minutes)
    if not inside.any():
        return {}
    _, counts = np.unique(instrument[inside], return_counts=True)
    first, last = int(at[inside].min()), int(at[inside].max())
    if not is_cut_short(counts, first, last, minutes):
        return {}
    return {place: (len(np.unique(at[inside])), minutes)}


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

    def holes(self, target: Target, part: _Part, have: Ints, bad: Ints) -> Iterator[Hole]:
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

    def _half(self, target: Target, session: int, count: int, usual: int) -> Hole:
        detail = (
            f"The vendor's answer of {self._today} holds {plural(count, 'bar')} of this session, "
            f"where {usual} are usual; it is not believed."
        )
        return self._hole(target, session, session + 1, HoleCause.FAILED, detail, None)

    def _spoilt(self, target: Target, start: int, end: int, detail: str) -> Hole:
        return self._hole(target, start, end, HoleCause.QUARANTINED, detail, QUARANTINE_STANDS)

    def _empty(self, target: Target, part: _Part, empty: Flags) -> Iterator[Hole]:
        if is_whole_empty(self.answer):
            cause, detail = self._unbelieved()
            for a, b in runs(empty):
                yield self._hole(target, part.start + a, part.start + b, cause, detail, None)
            return
        detail = f"The vendor's answer of {self._today} holds no bar."
        # A whole market tells of a name by all that it holds of others, one answer not so much.
        call = self.answer.call
        never = bool(call.symbol) and not (target.is_known or len(self.answer.bars))
        shortly = part.fresh | (never or not self.answer.is_sure)
        for flags, stands in ((~shortly, OLD_EMPTY_STANDS), (shortly, RECENT_EMPTY_STANDS)):
            for a, b in runs(empty & flags):
                start, end = part.start + a, part.start + b
                yield self._hole(target, start, end, HoleCause.VENDOR_EMPTY, detail, stands)

    def _unbelieved(self) -> tuple[HoleCause, str]:
        """Of a whole market without a ticker: it has not come yet, or something is wrong."""
        answer = self.answer
        file = f" (the file {answer.key})" if answer.key else ""
        detail = answer.note or (
            f"The vendor's answer of {self._today} for the whole market{file} has no row, though "
            "the exchange was open; it is not believed."
        )
        newest = is_newest(answer.call, self.calendar, self.now)
        return HoleCause.NOT_PUBLISHED if newest else HoleCause.FAILED, detail

    def _hole(
        self,
        target: Target,
        start: int,
        end: int,
        cause: HoleCause,
        detail: str,
        stands: timedelta | None,
    ) -> Hole:
        span = _from_to(self.calendar, start, end)
        expires = None if stands is None else self.now + stands
        return Hole(target.instrument_id, span, cause, detail[:500], self.now, expires)

    @property
    def _today(self) -> str:
        return f"{self.now.astimezone(UTC):%Y-%m-%d}"
