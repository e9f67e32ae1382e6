"""The trading sessions of the New York Stock Exchange (XNYS): which days, from when to when.

Sessions are named by their New York date. `data/xnys.csv` lists the days on which the exchange
is closed or keeps other hours; every other weekday in its range is a session from 9:30 to 16:00.
The file is written by `scripts/generate_sessions.py`. Days outside its range are never guessed.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache, cached_property
from importlib.resources import files

import numpy as np

from tickstock.clock import NEW_YORK, new_york_date
from tickstock.errors import BadDates, BadFile
from tickstock.model import Ints, epoch_day
from tickstock.spans import ONE_DAY, Span, day_of, union

OPENS, CLOSES = time(9, 30), time(16)
SATURDAY = 5
ENDS_SOON = timedelta(days=365)
"""How long before the end of the list people are told: a release a year is time enough."""


@dataclass(frozen=True, eq=False)
class Calendar:
    """All sessions of the days in `known`, in order, in three columns of the same length.

    `days`: the session's date as days since 1970-01-01. `opens` and `closes`: the regular
    session's bounds in seconds since the epoch, UTC. The columns are read-only.
    """

    known: Span
    days: Ints
    opens: Ints
    closes: Ints

    def __post_init__(self) -> None:
        if (np.diff(self.days) <= 0).any():
            raise BadDates("The sessions of a calendar are not in order.", "Sort them by date.")
        for column in (self.days, self.opens, self.closes):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.days)

    def day(self, index: int) -> date:
        """The date of session number `index`."""
        return day_of(int(self.days[index]))

    def index(self, day: date) -> int:
        """The number of the session on `day`. BadDates where it is none, or out of range."""
        self._must_know(day)
        at = int(self.before(np.array([epoch_day(day)]))[0])
        if at < len(self) and self.days[at] == epoch_day(day):
            return at
        hint = f"The session before it is {self.day(at - 1)}." if at else ""
        raise BadDates(f"The exchange is closed on {day:%A}, {day}.", hint)

    def between(self, span: Span) -> tuple[int, int]:
        """The sessions in `span` as a half-open range of numbers. BadDates out of range."""
        if span:
            self._must_know(span.start)
            self._must_know(span.last)
        start, end = self.before(np.array([epoch_day(span.start), epoch_day(span.end)]))
        return int(start), int(end)

    def joined(self, spans: Iterable[Span]) -> list[Span]:
        """The same sessions in as few spans as they take: no session lies between two that are made
        one. Sorted."""
        found: list[Span] = []
        for span in union(spans):
            if found and self._count_between(found[-1].end, span.start) == 0:
                found[-1] = Span(found[-1].start, span.end)
            else:
                found.append(span)
        return found

    def _count_between(self, start: date, end: date) -> int:
        first, last = self.before(np.array([epoch_day(start), epoch_day(end)]))
        return int(last - first)

    def before(self, days: Ints) -> Ints:
        """How many sessions come before each of `days` (days since 1970-01-01).

        Days outside the calendar count as its edges.
        """
        table = self._counts
        return table[np.clip(days - epoch_day(self.known.start), 0, len(table) - 1)]

    def sessions_of(self, instants: Ints) -> Ints:
        """The number of the session on whose New York date each instant falls, -1 for none.

        `instants` in seconds since the epoch, UTC. Trading before the open (from 4:00) and after
        the close (until 20:00) belongs to the same date.
        """
        place = np.searchsorted(self._midnights, instants, side="right") - 1
        inside = (place >= 0) & (instants < self._midnights[place] + 86_400)
        return np.where(inside, place, -1).astype(np.int64)

    def with_closures(self, days: Iterable[date]) -> Calendar:
        """The calendar with `days` closed too, say, for a day of mourning. Closed days stay so."""
        closed = np.array([epoch_day(day) for day in days], np.int64)
        open_ = ~np.isin(self.days, closed)
        return Calendar(self.known, self.days[open_], self.opens[open_], self.closes[open_])

    def published(self, now: datetime, lag: timedelta) -> int:
        """How many of the sessions known are final at `now`: closed, and `lag` has passed since.

        Past the end of the list those after it are not known, and not counted: see `ending`.
        """
        if now.tzinfo is None:
            raise BadDates(f"The moment {now} has no time zone.", "Give it in UTC.")
        settled = now - lag
        return int(np.searchsorted(self.closes, int(settled.timestamp()), side="right"))

    def last_published(self, now: datetime, lag: timedelta) -> date:
        """The latest session that is final at `now`."""
        count = self.published(now, lag)
        if not count:
            raise BadDates(
                f"No session is closed at {now:%Y-%m-%d}.",
                f"The list of sessions begins on {self.known.start}.",
            )
        return self.day(count - 1)

    def ending(self, now: datetime) -> str | None:
        """What to tell people from a year before the end of the list on; None until then."""
        today = new_york_date(now)
        if self.known.last - today > ENDS_SOON:
            return None
        ends = "ended" if today > self.known.last else "ends"
        return (
            f"The list of sessions {ends} on {self.known.last}: later sessions are neither planned "
            "nor loaded. Install a newer version of tickstock."
        )

    def _must_know(self, day: date) -> None:
        if day not in self.known:
            raise BadDates(
                f"The date {day} is outside the list of sessions.", f"It covers {self.known}."
            )

    @cached_property
    def _counts(self) -> Ints:
        """For every day of `known` and the one after: how many sessions come before it."""
        first = epoch_day(self.known.start)
        return np.searchsorted(self.days, np.arange(first, first + self.known.days + 1))

    @cached_property
    def _midnights(self) -> Ints:
        """When each session's date begins in New York, in epoch seconds.

        The clock is changed on Sundays, so that every session's date has 24 hours.
        """
        return _instants([self.day(i) for i in range(len(self))], time(0))


@cache
def shipped_calendar() -> Calendar:
    """The sessions that come with this version."""
    text = files("tickstock").joinpath("data/xnys.csv").read_text(encoding="utf-8")
    return read_calendar(text)


def read_calendar(text: str) -> Calendar:
    """The calendar that a file like `data/xnys.csv` describes. BadFile where it does not."""
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    try:
        listed = {kind: _of_kind(rows, kind) for kind in ("from", "closed", "hours", "through")}
        ((first, _),), ((last, _),) = listed["from"].items(), listed["through"].items()
        known = Span.inclusive(first, last)
        return _calendar(known, listed["closed"], listed["hours"])
    except (KeyError, TypeError, ValueError, BadDates) as error:
        raise BadFile(
            f"The list of sessions cannot be read: {error}.",
            "Write it again with generate_sessions.py.",
        ) from error


def _of_kind(rows: list[dict[str, str]], kind: str) -> dict[date, dict[str, str]]:
    return {date.fromisoformat(row["date"]): row for row in rows if row["kind"] == kind}


def _calendar(known: Span, closed: Collection[date], hours: dict[date, dict[str, str]]) -> Calendar:
    weekdays = (known.start + n * ONE_DAY for n in range(known.days))
    days = [d for d in weekdays if d.weekday() < SATURDAY and d not in closed]
    opens, closes = _instants(days, OPENS), _instants(days, CLOSES)
    place = {day: i for i, day in enumerate(days)}
    for day, row in hours.items():
        opens[place[day]] = _instants([day], time.fromisoformat(row["opens"]))[0]
        closes[place[day]] = _instants([day], time.fromisoformat(row["closes"]))[0]
    return Calendar(known, np.array([epoch_day(d) for d in days], np.int64), opens, closes)


def _instants(days: Iterable[date], at: time) -> Ints:
    """Epoch seconds of the time `at` in New York on each of `days`."""
    stamps = [datetime.combine(day, at, NEW_YORK).timestamp() for day in days]
    return np.array(stamps, np.int64)
