"""What somebody asks to be loaded: symbols, timeframes and days, read from what people type."""

from __future__ import annotations

import math
import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from tickstock.errors import BadDates, BadInput, EmptyUniverse
from tickstock.model import HISTORY_STARTS, MARKET, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span, union
from tickstock.universes.suggest import did_you_mean, shown

MOST_YEARS = 50
MOST_PAD = 3660
DAYS_PER_YEAR = 365.2425


@dataclass(frozen=True, slots=True)
class LoadRequest:
    """Hold the bars of `symbols` in `timeframes` for the sessions of `span`.

    `universe` is what was asked for, as text; `symbols` is what it meant at that moment, and
    `revision` a text that changes with any universe that was read for it, empty where none was.
    `refresh` asks again for what is held already. With `intervals` (in the order of `symbols`),
    only those days of each symbol are wanted: a universe as it was, each interval with `pad` days
    before and after it.
    """

    universe: str
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    span: Span
    refresh: bool = False
    intervals: tuple[tuple[Span, ...], ...] = ()
    revision: str = ""
    pad: int = 0

    @property
    def is_market(self) -> bool:
        """Whether every row of whole sessions is wanted, whoever they are of."""
        return self.symbols == (MARKET,)

    def __post_init__(self) -> None:
        if not self.symbols:
            raise EmptyUniverse(f"{shown(self.universe)} names no symbol.", "Nothing to load.")
        if not self.timeframes:
            raise BadInput("No timeframe was given.", "Give one of: day, hour, 1min.")
        if not self.span:
            raise BadDates(f"The span {self.span} holds no day.", "Give an earlier first day.")


def padded(
    intervals: Sequence[tuple[Span, ...]], days: int, known: Span
) -> tuple[tuple[Span, ...], ...]:
    """Each interval with so many days more before and after it, within `known`."""
    if not 0 <= days <= MOST_PAD:
        raise BadDates(f"A pad of {days} days is not possible.", f"Give 0 to {MOST_PAD}.")
    wide = timedelta(days=days)
    first, end = known.start, known.end
    return tuple(
        union(Span(max(s.start - wide, first), min(s.end + wide, end)) for s in of)
        for of in intervals
    )


class Unit(StrEnum):
    """What a duration is counted in. Sessions are only those that are closed and published."""

    SESSION = "d"
    CALENDAR_DAY = "days"
    MONTH = "mo"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Duration:
    """How far back from the last published session. `count` is without meaning for ALL."""

    count: int
    unit: Unit


FACTORS = {
    "d": (1, Unit.SESSION),
    "day": (1, Unit.SESSION),
    "w": (7, Unit.CALENDAR_DAY),
    "week": (7, Unit.CALENDAR_DAY),
    "mo": (1, Unit.MONTH),
    "month": (1, Unit.MONTH),
    "y": (12, Unit.MONTH),
    "year": (12, Unit.MONTH),
}
WRITTEN = re.compile(r"(\d{1,5}) ?([a-z]+?)s?")

CLIENT_YEARS = {
    0.003: "1d",
    0.005: "2d",
    0.02: "1w",
    0.08: "1mo",
    0.25: "3mo",
    0.5: "6mo",
}
"""Fractions of a year that existing clients send for their choices shorter than one."""

TIMEFRAMES = {
    "1min": Timeframe.MINUTE,
    "minute": Timeframe.MINUTE,
    "hour": Timeframe.HOUR,
    "day": Timeframe.DAY,
    "week": Timeframe.WEEK,
    "month": Timeframe.MONTH,
}
"""Words for timeframes; `minute` is how some clients write `1min`."""


def parse_duration(text: str) -> Duration:
    """`1d`, `2d`, `1w`, `3mo`, `5y`, `all`, or in words, `3 Months`. BadDates otherwise."""
    word = text.strip().lower()
    if word == "all":
        return Duration(0, Unit.ALL)
    match = WRITTEN.fullmatch(word)
    if match and match[2] in FACTORS:
        factor, unit = FACTORS[match[2]]
        duration = Duration(int(match[1]) * factor, unit)
        if duration.count and _years(duration) <= MOST_YEARS:
            return duration
    raise BadDates(
        f"{shown(text)} is not a duration of up to {MOST_YEARS} years.",
        "Write it like 1d, 2d, 1w, 1mo, 3mo, 6mo, 1y, 5y, or all.",
    )


def _years(duration: Duration) -> float:
    months = duration.unit is Unit.MONTH
    return duration.count / 12 if months else duration.count / DAYS_PER_YEAR


def age_of(text: str) -> timedelta:
    """An age like `30d`, `2w` or `6mo`; a month counts 30 days, a year 360. BadDates otherwise."""
    duration = parse_duration(text)
    if duration.unit is Unit.ALL:
        raise BadDates("`all` is not an age.", "Write it like 30d, 2w, 6mo or 1y.")
    return timedelta(days=duration.count * (30 if duration.unit is Unit.MONTH else 1))


def years_to_duration(years: float) -> Duration:
    """The duration that a client means by a number of years, which may be a small fraction.

    Parts of a year that are no client's choice count as calendar days, rounded.
    BadDates for what is not above 0 and at most 50.
    """
    if not 0 < years <= MOST_YEARS:  # NaN fails every comparison
        raise BadDates(
            f"A job of {years:g} years is not possible.", f"Give more than 0, up to {MOST_YEARS}."
        )
    for choice, text in CLIENT_YEARS.items():
        if math.isclose(years, choice):
            return parse_duration(text)
    if math.isclose(years, round(years)):
        return Duration(12 * round(years), Unit.MONTH)
    return Duration(max(1, round(years * DAYS_PER_YEAR)), Unit.CALENDAR_DAY)


def duration_span(
    duration: Duration | str, calendar: Calendar, now: datetime, lag: timedelta
) -> Span:
    """The days up to the last session that is published at `now`, `duration` back from it.

    Sessions are counted one by one. A week holds the seven days that end with the last session;
    a month or year begins after the same date a month or year before it (after the month's last
    day where there is no such date). No span begins before the calendar does.
    """
    asked = parse_duration(duration) if isinstance(duration, str) else duration
    last = calendar.last_published(now, lag)
    return Span(max(_start(asked, calendar, last), calendar.known.start), last + ONE_DAY)


def _start(duration: Duration, calendar: Calendar, last: date) -> date:
    match duration.unit:
        case Unit.SESSION:
            return calendar.day(max(0, calendar.index(last) + 1 - duration.count))
        case Unit.CALENDAR_DAY:
            return last - (duration.count - 1) * ONE_DAY
        case Unit.MONTH:
            return months_before(last, duration.count) + ONE_DAY
        case Unit.ALL:
            return min(HISTORY_STARTS, last)


def months_before(day: date, months: int) -> date:
    """The same date `months` earlier, or that month's last day when it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def parse_timeframes(text: str) -> tuple[Timeframe, ...]:
    """The timeframes to fetch for a list like `day,hour,1min`, without repetition.

    `week` and `month` are derived from day bars, and so mean `day`. BadInput for other words.
    """
    words = [word for word in re.split(r"[,\s]+", text.strip().lower()) if word]
    for word in words:
        if word not in TIMEFRAMES:
            raise BadInput(
                f"{shown(word)} is not a timeframe. {did_you_mean(word, TIMEFRAMES)}".rstrip(),
                "Give some of: day, hour, 1min.",
            )
    if not words:
        raise BadInput("No timeframe was given.", "Give some of: day, hour, 1min.")
    return tuple(dict.fromkeys(TIMEFRAMES[word].stored for word in words))
