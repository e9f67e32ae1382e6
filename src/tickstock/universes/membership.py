"""Dated membership: who was in a universe on which days, as a source says. Pure values."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TypeAlias

import msgspec

from tickstock.errors import BadDates
from tickstock.spans import Span, union

FOREVER = date.max
"""The end of an interval of a member still."""
ACTIONS = {"add": True, "added": True, "+": True, "remove": False, "removed": False, "-": False}
"""The words for joining and leaving."""
Move: TypeAlias = tuple[date, bool, str, int]
"""On a day a symbol joins, or leaves; the line that says so."""


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """`symbol` is a member on the days of `span`; `FOREVER` ends it for a member still."""

    symbol: str
    span: Span


@dataclass(frozen=True, slots=True)
class History:
    """What a source says about the members of a universe on `days`, and on no other day.

    Of each symbol the intervals are disjoint, do not touch, and begin inside `days`. Days before
    the first one are unknown, which is not the same as empty.
    """

    days: Span
    intervals: tuple[Interval, ...] = field(repr=False)
    source: str = ""

    def members(self, day: date) -> tuple[str, ...]:
        """The members on a day, sorted. Raises BadDates for one the source does not speak about."""
        if day not in self.days:
            raise BadDates(
                f"The source does not say who was in it on {day}.",
                f"It speaks about {self.days}.",
            )
        return tuple(sorted(interval.symbol for interval in self.intervals if day in interval.span))

    @property
    def digest(self) -> str:
        """Names the content: equal digests say the same about the same days."""
        rows = [(s.symbol, str(s.span.start), str(s.span.end)) for s in self.intervals]
        text = msgspec.json.encode([str(self.days.start), str(self.days.end), rows])
        return hashlib.sha256(text).hexdigest()


def make_history(intervals: Iterable[Interval], days: Span, source: str = "") -> History:
    """A history of these intervals: sorted, joined where they overlap or touch, within `days`.

    An interval that reaches the end of `days` goes on for ever: the source does not end it.
    """
    by_symbol: dict[str, list[Span]] = defaultdict(list)
    for interval in intervals:
        within = interval.span & Span(days.start, FOREVER)
        if within.start < days.end:
            by_symbol[interval.symbol].append(within)
    joined = tuple(
        Interval(symbol, span if span.end < days.end else Span(span.start, FOREVER))
        for symbol in sorted(by_symbol)
        for span in union(by_symbol[symbol])
    )
    return History(days, joined, source)


def from_lists(lists: Mapping[date, Collection[str]]) -> list[Interval]:
    """The intervals of lists of days, each of which stands until the next one."""
    since: dict[str, date] = {}
    intervals: list[Interval] = []
    for day in sorted(lists):
        members = lists[day]
        gone = [symbol for symbol in since if symbol not in members]
        intervals += [Interval(symbol, Span(since.pop(symbol), day)) for symbol in gone]
        for symbol in members:
            since.setdefault(symbol, day)
    return intervals + _still(since)


def from_changes(changes: Iterable[Move]) -> tuple[list[Interval], list[Move]]:
    """The intervals of changes by time, beginning with nobody; and those that cannot be: who joins
    is in it, or who leaves is not."""
    since: dict[str, date] = {}
    intervals: list[Interval] = []
    odd: list[Move] = []
    for day, joins, symbol, line in changes:
        if joins == (symbol in since):
            odd.append((day, joins, symbol, line))
        elif joins:
            since[symbol] = day
        else:
            intervals.append(Interval(symbol, Span(since.pop(symbol), day)))
    return intervals + _still(since), odd


def from_changes_back(
    changes: Sequence[Move], members: Iterable[str]
) -> tuple[list[Interval], list[Move]]:
    """The intervals of changes by time, read back from the members after the last one: who joined
    was no member before, who left was one. And those that cannot be."""
    until = dict.fromkeys(members, FOREVER)
    intervals: list[Interval] = []
    odd: list[Move] = []
    for day, joins, symbol, line in reversed(changes):
        if joins != (symbol in until):
            odd.append((day, joins, symbol, line))
        elif joins:
            intervals.append(Interval(symbol, Span(day, until.pop(symbol))))
        else:
            until[symbol] = day
    first = min((day for day, *_ in changes), default=FOREVER)
    return [
        *intervals,
        *(Interval(s, Span(first, end)) for s, end in until.items() if first < end),
    ], odd


def _still(since: Mapping[str, date]) -> list[Interval]:
    return [Interval(symbol, Span(day, FOREVER)) for symbol, day in since.items()]
