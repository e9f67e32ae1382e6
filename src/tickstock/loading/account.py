"""What the account at the vendor includes, learned from what it refuses. Pure.

A plan of the vendor includes the history from some day on, may leave out the newest sessions, and
may lack a timeframe, or a kind of call. Nothing tells so but refusals: a refused call is followed
by questions for one session each, laid so that few of them settle why it was. What they tell holds
for every other call of the kind and the timeframe.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from tickstock.model import Call, CallKind, Gap, GapCause, Ints, Limits, Timeframe, epoch_day
from tickstock.sessions import Calendar
from tickstock.spans import Span, subtract
from tickstock.words import plural

Range = tuple[int, int]
"""Sessions by their numbers in the calendar, half-open."""
Asked = tuple[CallKind, Timeframe]
"""What an account may include or not."""
PROBE = 5
"""Sessions before the newest one that every plan includes which includes anything."""
NEVER = 1 << 40
PLAN_YEARS = (20, 15, 10, 5, 2, 1)
"""How much history vendors sell: on one of these days the edge is looked for first."""
NAMES = 2
"""Tickers that are refused where nothing else is known: then it is not for the ticker."""
MOST_LAG = timedelta(days=10)
"""No plan leaves out more than the newest days: older ones are refused for another reason."""
STANDS = timedelta(days=30)
"""For so long it is not asked again whether the account has got more."""


@dataclass(frozen=True, slots=True)
class AccountLimit:
    """What is known of one kind of calls in one timeframe, as it is kept.

    No day before `since` is included, nor a session within `lag` after its close. `refused` are
    tickers of which nothing could be had; where the account `excludes` it, nothing at all can.
    """

    kind: CallKind
    timeframe: Timeframe
    since: date | None
    lag: timedelta
    refused: tuple[str, ...]
    excludes: bool
    learned_at: datetime

    @property
    def asked(self) -> Asked:
        return self.kind, self.timeframe

    def stands(self, now: datetime) -> bool:
        return now < self.learned_at + STANDS


AccountLimits = Sequence[AccountLimit]


@dataclass(slots=True)
class Met:
    """What calls of one kind and timeframe have met, as numbers of sessions.

    Calls were answered from session `first` to `last` (half-open; equal where none was). All up to
    `too_early` and from `too_late` on are known to be refused. `good` tickers were answered
    something, `refused` ones nothing in any of the `probes`: sessions that every plan includes
    which includes anything. `edges` are where the history of a plan may well begin, the likeliest
    first, and `hint` is where it does in another timeframe.
    """

    probes: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()
    hint: int | None = None
    first: int = NEVER
    last: int = 0
    too_early: int = -1
    too_late: int = NEVER
    good: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    has_begun: bool = False
    """Whether some call has come to its end."""
    _probed: dict[str, set[int]] = field(default_factory=dict)
    """Of tickers that were not answered anything yet, the sessions that were refused."""

    @property
    def is_answered(self) -> bool:
        return self.first < self.last

    @property
    def excludes(self) -> bool:
        """Whether the account includes nothing of it. There is one market, and many tickers."""
        enough = NAMES if any(self.refused) else 1
        return not self.is_answered and len(self.refused) >= enough

    @property
    def since(self) -> int | None:
        """The first session that is included, where that is known."""
        return self.first if self.is_answered and self.too_early + 1 == self.first else None

    def left(self, start: int, end: int, ticker: str) -> Range:
        """What of a range is not known to be refused."""
        if self.excludes or ticker in self.refused:
            return start, start
        low, high = max(start, self.too_early + 1), min(end, self.too_late)
        return (low, high) if low < high else (start, start)

    def holds(self, start: int, end: int) -> bool:
        """Whether a range lies within what was answered."""
        return self.first <= start and end <= self.last

    def was_answered(self, start: int, end: int, ticker: str) -> None:
        """A range was: that it had been refused before no longer holds."""
        self.has_begun = True
        self.good.add(ticker)
        self.refused.discard(ticker)
        self.first, self.last = min(self.first, start), max(self.last, end)
        if start <= self.too_early:
            self.too_early = -1
        if end > self.too_late:
            self.too_late = NEVER
        for session in self._probed.pop(ticker, ()):
            self._lies_outside(session)

    def was_refused(self, session: int, ticker: str) -> None:
        """A question for one session was."""
        if ticker in self.good:
            self._lies_outside(session)
            return
        probed = self._probed.setdefault(ticker, set())
        probed.add(session)
        if session == self.hint_probe:
            self.too_early = max(self.too_early, session)
        if probed >= set(self.probes):
            self.refused.add(ticker)

    def _lies_outside(self, session: int) -> None:
        if session < self.first:
            self.too_early = max(self.too_early, session)
        elif session >= self.last:
            self.too_late = min(self.too_late, session)

    @property
    def hint_probe(self) -> int:
        """The session before the one on which the history may begin; -1 where that is not known."""
        return -1 if self.hint is None else self.hint - 1

    def question_first(self, start: int, ticker: str, *, is_known: bool) -> int | None:
        """The session to be asked for before a range that begins at `start`; mostly none.

        `is_known`: the ticker was answered in another timeframe.
        """
        if self.refused and not self.is_answered and not self.excludes:
            return self._probe(ticker)
        begins_before = self.hint is not None and start < self.hint and start < self.first
        asks = is_known and begins_before and self.too_early < self.hint_probe < self.first
        return self.hint_probe if asks else None

    def question(self, start: int, end: int, ticker: str) -> int | None:
        """The session to be asked for to explain why a range was refused; none where it is, or
        where nothing explains it."""
        if ticker not in self.good:
            likely = () if ticker in self._probed else self._likely(start)
            return likely[0] if likely else self._probe(ticker)
        if start < self.first:
            return self._early(start)
        if end <= self.last or self.last >= self.too_late:
            return None
        return end - 1 if self.too_late >= end else (self.last + self.too_late) // 2

    def _probe(self, ticker: str) -> int | None:
        left = (s for s in self.probes if s not in self._probed.get(ticker, ()))
        return None if ticker in self.refused else next(left, None)

    def _early(self, start: int) -> int | None:
        """What to ask where a range may begin before what is included."""
        low, first = self.too_early, self.first
        if low + 1 == first:
            return None
        if first in self.edges:
            return first - 1
        likely = self._likely(start)
        if likely:
            return likely[0]
        return start if start > low else (low + first) // 2

    def _likely(self, start: int) -> list[int]:
        """Where the history may well begin, of what is not known of; the likeliest first."""
        low, end = max(self.too_early, start), min(self.first, *self.probes, NEVER)
        return [edge for edge in self.edges if low < edge < end]


def plan_edges(today: date, calendar: Calendar) -> tuple[int, ...]:
    """The sessions on which the history of a plan of whole years would begin today."""
    days = {_years_before(today, n) for n in PLAN_YEARS}
    days |= {today - timedelta(days=365 * n) for n in PLAN_YEARS}
    found = calendar.before(_days(sorted(d for d in days if d in calendar.known)))
    return tuple(sorted({int(n) for n in found}))


def met_of(
    kept: AccountLimit | None, probes: tuple[int, ...], edges: tuple[int, ...], calendar: Calendar
) -> Met:
    """What is known to begin with, by what is kept of earlier jobs."""
    met = Met(probes, edges)
    if kept is None:
        return met
    met.refused = set(kept.refused)
    if kept.since is not None:
        met.too_early = int(calendar.before(_days([kept.since]))[0]) - 1
    return met


def limit_of(asked: Asked, met: Met, calendar: Calendar, now: datetime) -> AccountLimit | None:
    """What is to be kept; None where nothing was refused for the account."""
    since, lag = None, timedelta(0)
    if met.too_early >= 0:
        since = calendar.day(met.too_early + 1)
    if met.too_late != NEVER:
        age = now - datetime.fromtimestamp(int(calendar.closes[met.too_late]), UTC)
        lag = age if age <= MOST_LAG else lag
    refused = tuple(sorted(met.refused))[:NAMES]
    if since is None and not lag and not refused:
        return None
    return AccountLimit(*asked, since, lag, refused, met.excludes, now)


# --- calls ---------------------------------------------------------------------------------
def left_of(call: Call, met: Met, calendar: Calendar) -> Span:
    """The days of a call that are not known to be refused."""
    start, end = calendar.between(call.span)
    low, high = met.left(start, end, call.symbol)
    if (low, high) == (start, end):
        return call.span
    if low == high:
        return Span(call.span.start, call.span.start)
    return Span.inclusive(calendar.day(low), calendar.day(high - 1))


def parts_of_refused(call: Call, met: Met, calendar: Calendar) -> tuple[Call, ...]:
    """The call that takes the place of a refused one, for what of it the account includes."""
    left = left_of(call, met, calendar)
    return (replace(call, span=left),) if left and left != call.span else ()


def is_too_new(span: Span, met: Met, calendar: Calendar) -> bool:
    """Whether days are refused for being new: tomorrow they may be had."""
    return met.is_answered and calendar.between(span)[0] >= met.last


# --- plans ---------------------------------------------------------------------------------
def within_account(limits: Limits, known: AccountLimits) -> Limits:
    """The vendor's limits with what this account is refused of them."""
    excluded = {limit.asked for limit in known if limit.excludes}
    no_market = (CallKind.MARKET_DAY, Timeframe.DAY) in excluded
    no_files = {t for kind, t in excluded if kind is CallKind.FLAT_DAY}
    files = limits.flat_days if not no_files else None
    has_column = {t for t in Timeframe if files and t is not Timeframe.HOUR}
    if limits.market_day and not no_market:
        has_column.add(Timeframe.DAY)
    no_ticker = {t for kind, t in excluded if kind is CallKind.TICKER}
    # Where there is no other way, it stays: the cells are not asked for.
    timeframes = tuple(t for t in limits.timeframes if t not in no_ticker & has_column)
    return replace(
        limits,
        market_day=limits.market_day and not no_market,
        flat_days=files,
        timeframes=timeframes,
    )


def gaps_of_account(
    timeframe: Timeframe,
    ids: Iterable[int],
    span: Span,
    limits: Limits,
    known: AccountLimits,
    told: Iterable[Gap],
) -> Iterator[Gap]:
    """What of `span` no instrument can be asked for, as answers that stand beside those `told`."""
    found = _not_included(timeframe, limits, known)
    if found is None:
        return
    limit, since = found
    left_out = Span(span.start, max(span.start, min(span.end, since or span.end)))
    said: dict[int, list[Span]] = {}
    for gap in told:
        if gap.cause is GapCause.NOT_ENTITLED:
            said.setdefault(gap.instrument_id, []).append(gap.span)
    day = f"{limit.learned_at:%Y-%m-%d}"
    detail = f"The vendor account does not include it, as calls of {day} have told."
    until = limit.learned_at + STANDS
    for one in ids if left_out else ():
        for part in subtract([left_out], said.get(one, ())):
            yield Gap(one, part, GapCause.NOT_ENTITLED, detail, limit.learned_at, until)


def _not_included(
    timeframe: Timeframe, limits: Limits, known: AccountLimits
) -> tuple[AccountLimit, date | None] | None:
    """What says that days of a timeframe are not included, whichever way they are asked for: those
    before a day, or all. Of a way that was not refused yet it is not known where it begins: as with
    the others."""
    ways = {CallKind.TICKER} if limits.ticker and timeframe in limits.timeframes else set()
    if limits.market_day and timeframe is Timeframe.DAY:
        ways.add(CallKind.MARKET_DAY)
    if limits.flat_days and timeframe is not Timeframe.HOUR:
        ways.add(CallKind.FLAT_DAY)
    mine = [limit for limit in known if limit.timeframe is timeframe and limit.kind in ways]
    open_ = ways - {limit.kind for limit in mine if limit.excludes}
    if mine and not open_:
        return mine[0], None
    edges = [limit for limit in mine if limit.since and limit.kind in open_]
    earliest = min(edges, key=lambda limit: limit.since or date.max, default=None)
    return (earliest, earliest.since) if earliest else None


def published_to(
    timeframe: Timeframe, calendar: Calendar, limits: Limits, known: AccountLimits, now: datetime
) -> int:
    """How many sessions of the calendar can be had: those that the vendor has published, and that
    are not too new for the account."""
    lags = [k.lag for k in known if k.timeframe is timeframe and not k.excludes]
    return calendar.published(now, max([limits.publication_lag, *lags]))


# --- words ---------------------------------------------------------------------------------
PLURALS = {Timeframe.DAY: "days", Timeframe.HOUR: "hours", Timeframe.MINUTE: "minutes"}
WAYS = {CallKind.MARKET_DAY: "whole-market calls", CallKind.FLAT_DAY: "files"}


def account_text(known: AccountLimits) -> str:
    """What the account includes, as far as is known: `2 years of days and hours, no minutes`."""
    parts: list[str] = []
    tickers = [limit for limit in known if limit.kind is CallKind.TICKER]
    by_since: dict[tuple[date | None, date, timedelta], list[str]] = {}
    for limit in sorted(tickers, key=lambda x: x.timeframe.value, reverse=True):
        if limit.excludes:
            continue
        if limit.since or limit.lag:
            key = limit.since, limit.learned_at.date(), limit.lag
            by_since.setdefault(key, []).append(PLURALS[limit.timeframe])
    for (since, learned, lag), frames in by_since.items():
        names = " and ".join(sorted(frames))
        if since:
            parts.append(f"{_length(since, learned)} of {names}")
        if lag:
            parts.append(f"no {names} newer than {_old(lag)}")
    parts += [f"no {PLURALS[x.timeframe]}" for x in tickers if x.excludes]
    parts += _ways(known)
    return ", ".join(parts)


def _ways(known: AccountLimits) -> Iterator[str]:
    for limit in known:
        if limit.kind is CallKind.TICKER:
            continue
        what = f"{WAYS[limit.kind]} of {PLURALS[limit.timeframe]}"
        if limit.excludes:
            yield f"no {what}"
        elif limit.since:
            yield f"{_length(limit.since, limit.learned_at.date())} of {what}"


def learned_on(known: AccountLimits) -> date | None:
    """The day of the oldest of it."""
    return min((limit.learned_at.date() for limit in known), default=None)


def _length(since: date, learned: date) -> str:
    """Whole years where it is some, give or take a holiday; else the day."""
    days = (learned - since).days
    years = round(days / 365.25)
    if years and abs(days - 365.25 * years) <= PROBE:
        return plural(years, "year")
    return f"what is since {since}"


def _old(lag: timedelta) -> str:
    return plural(lag.days, "day") if lag.days else plural(lag.seconds // 3600, "hour")


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # 29 February
        return day.replace(year=day.year - years, day=28)


def _days(days: Iterable[date]) -> Ints:
    return np.array([epoch_day(day) for day in days], np.int64)
