"""Spans against the plain sets of days that they stand for."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadDates
from tickstock.loading.bits import runs
from tickstock.spans import Span, day_of, days_of, intersect, subtract, union

DAY = timedelta(days=1)
BASE = date(2024, 2, 20)  # a leap day is near
SMALL = st.integers(0, 25)


@st.composite
def some_spans(draw: st.DrawFn) -> list[Span]:
    pairs = draw(st.lists(st.tuples(SMALL, SMALL), max_size=6))
    return [Span(BASE + min(p) * DAY, BASE + max(p) * DAY) for p in pairs]


def days(spans: list[Span] | tuple[Span, ...]) -> set[date]:
    return {day for span in spans for day in days_of(span)}


def is_canonical(spans: tuple[Span, ...]) -> bool:
    apart = all(a.end < b.start for a, b in pairwise(spans))
    return apart and all(spans)


@given(some_spans())
def test_a_union_holds_the_same_days_in_the_fewest_spans(spans: list[Span]) -> None:
    joined = union(spans)
    assert days(joined) == days(spans)
    assert is_canonical(joined)


@given(some_spans(), some_spans())
def test_subtracting_leaves_the_days_of_one_that_are_not_in_the_other(
    spans: list[Span], gaps: list[Span]
) -> None:
    left = subtract(spans, gaps)
    assert days(left) == days(spans) - days(gaps)
    assert is_canonical(left)


@given(some_spans(), some_spans())
def test_intersecting_keeps_the_days_in_both(a: list[Span], b: list[Span]) -> None:
    both = intersect(a, b)
    assert days(both) == days(a) & days(b)
    assert is_canonical(both)


@given(some_spans(), SMALL)
def test_a_span_contains_exactly_its_days(spans: list[Span], n: int) -> None:
    for span in spans:
        assert (BASE + n * DAY in span) == (BASE + n * DAY in days([span]))
        assert len(days([span])) == span.days
        assert bool(span) == bool(days([span]))


@given(some_spans().filter(lambda s: len(s) >= 2))
def test_the_overlap_of_two_spans_is_their_common_days(spans: list[Span]) -> None:
    a, b = spans[:2]
    assert days([a & b]) == days([a]) & days([b])


@given(st.lists(st.booleans()))
def test_runs_are_the_set_flags_in_ranges_that_do_not_touch(flags: list[bool]) -> None:
    found = list(runs(flags))
    assert [i for a, b in found for i in range(a, b)] == [i for i, f in enumerate(flags) if f]
    assert all(a[1] < b[0] for a, b in pairwise(found))


def test_inclusive_dates_are_both_inside() -> None:
    span = Span.inclusive(date(2024, 2, 28), date(2024, 3, 1))
    assert span.days == 3
    assert (span.last, str(span)) == (date(2024, 3, 1), "2024-02-28..2024-03-01")
    assert str(Span.inclusive(date(2024, 2, 29), date(2024, 2, 29))) == "2024-02-29"
    assert str(Span(BASE, BASE)) == "(empty at 2024-02-20)"


@pytest.mark.parametrize("make", [Span, Span.inclusive])
def test_dates_the_wrong_way_round_are_refused(make: type[Span]) -> None:
    with pytest.raises(BadDates, match=r"Give the earlier date first\.$"):
        make(date(2024, 1, 3), date(2024, 1, 2))


def test_days_are_numbered_from_1970() -> None:
    assert day_of(0) == date(1970, 1, 1)
    assert day_of(19_782) == date(2024, 2, 29)


def test_the_last_day_that_there_is_has_none_after_it() -> None:
    with pytest.raises(BadDates, match="9999-12-31 is the last day"):
        Span.inclusive(BASE, date.max)
