"""Half-open time arithmetic over New York session dates.

A span `[start, end)` holds the days `start <= d < end`. Half-open, so that neighbours join
without a gap or an overlap, the length is a subtraction, and an empty span is `start == end`.
What people type is inclusive (`--from A --to B`): `Span.inclusive` is the one door.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from tickstock.errors import BadDates

ONE_DAY = timedelta(days=1)
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Days from `start` up to, and without, `end`."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise BadDates(
                f"The span from {self.start} to {self.end} ends before it starts.",
                "Give the earlier date first.",
            )

    @classmethod
    def inclusive(cls, first: date, last: date) -> Span:
        """The span of both days and all between, as people write dates."""
        if last < first:
            raise BadDates(
                f"The last date {last} is before the first date {first}.",
                "Give the earlier date first.",
            )
        if last == date.max:
            raise BadDates(f"{last} is the last day that there is.", "Give an earlier last date.")
        return cls(first, last + ONE_DAY)

    @property
    def last(self) -> date:
        """The last day inside; for an empty span the day before `start`."""
        return self.end - ONE_DAY

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def __bool__(self) -> bool:
        return self.start < self.end

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __and__(self, other: Span) -> Span:
        """The days in both; empty (at `start`) when they share none."""
        start = max(self.start, other.start)
        return Span(start, max(start, min(self.end, other.end)))

    def __str__(self) -> str:
        if not self:
            return f"(empty at {self.start})"
        return str(self.start) if self.days == 1 else f"{self.start}..{self.last}"


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Sorted, disjoint, non-adjacent spans that hold the same days."""
    merged: list[Span] = []
    for span in sorted(s for s in spans if s):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)


def subtract(spans: Iterable[Span], gaps: Iterable[Span]) -> tuple[Span, ...]:
    """The days of `spans` that are in none of `gaps`."""
    cut = union(gaps)
    left: list[Span] = []
    for span in union(spans):
        start = span.start
        for gap in cut:
            if gap.end <= start:
                continue
            if gap.start >= span.end:
                break
            if gap.start > start:
                left.append(Span(start, gap.start))
            start = max(start, gap.end)
        if start < span.end:
            left.append(Span(start, span.end))
    return tuple(left)


def intersect(a: Iterable[Span], b: Iterable[Span]) -> tuple[Span, ...]:
    """The days that are in both."""
    left, right = union(a), union(b)
    out: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        both = left[i] & right[j]
        if both:
            out.append(both)
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return tuple(out)


def day_of(number: int) -> date:
    """The date that is `number` days after 1970-01-01."""
    return EPOCH + number * ONE_DAY


def days_of(span: Span) -> Iterator[date]:
    day = span.start
    while day < span.end:
        yield day
        day += ONE_DAY
