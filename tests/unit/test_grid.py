"""The grid against a plain reading of the rules, one cell at a time."""

from collections import Counter
from datetime import date, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickstock.loading.causes import REMEMBERED, SETTLED
from tickstock.loading.grid import (
    DaySpans,
    Grid,
    HeldSpans,
    build_grid,
    by_cause,
    gaps_of,
    joined,
)
from tickstock.model import Gap, GapCause, Instrument, Timeframe, epoch_day
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span

CALENDAR = shipped_calendar()
FIRST = date(2024, 12, 20)  # Christmas, New Year and a day of mourning lie ahead
LAST = date(2025, 1, 15)
DAYS = st.integers(-5, 32).map(lambda n: FIRST + timedelta(days=n))


def spans_of(draw_days: st.SearchStrategy[date]) -> st.SearchStrategy[Span]:
    pairs = st.tuples(draw_days, st.integers(0, 12))
    return pairs.map(lambda p: Span(p[0], p[0] + timedelta(days=p[1])))


INSTRUMENTS = st.lists(st.tuples(st.none() | DAYS, st.none() | DAYS), min_size=0, max_size=5).map(
    lambda dates: [Instrument(7 * n + 3, f"S{n}", *d) for n, d in enumerate(dates)][::-1]
)
IDS = st.sampled_from([3, 10, 17, 24, 31, 99])
HELD = st.lists(st.tuples(IDS, spans_of(DAYS)), max_size=6)
GAPS = st.lists(st.builds(Gap, IDS, spans_of(DAYS), st.sampled_from(REMEMBERED)), max_size=5)


def held_spans(held: list[tuple[int, Span]]) -> HeldSpans:
    flat = [(i, epoch_day(s.start), epoch_day(s.end)) for i, s in held]
    return HeldSpans(*np.array(flat, np.int64).reshape(-1, 3).T)


def build(
    instruments: list[Instrument],
    held: list[tuple[int, Span]],
    gaps: list[Gap] | dict[GapCause, DaySpans],
    published: date = LAST,
    refresh: bool = False,
) -> Grid:
    count = CALENDAR.between(Span(CALENDAR.known.start, published + timedelta(days=1)))[1]
    return build_grid(
        Timeframe.DAY,
        instruments,
        Span.inclusive(FIRST, LAST),
        CALENDAR,
        count,
        held_spans(held),
        gaps,
        refresh=refresh,
    )


def cause_of(
    one: Instrument,
    day: date,
    published: date,
    held: list[tuple[int, Span]],
    gaps: list[Gap],
) -> GapCause | None:
    """Why `day` is not held, by the words of the contract; None when it is."""
    if (one.listed and day < one.listed) or (one.delisted and day > one.delisted):
        return GapCause.NOT_LISTED
    if day > published:
        return GapCause.NOT_PUBLISHED
    if any(i == one.id and day in span for i, span in held):
        return None
    known = {h.cause for h in gaps if h.instrument_id == one.id and day in h.span}
    return next((cause for cause in REMEMBERED if cause in known), GapCause.NEVER_ASKED)


@given(INSTRUMENTS, HELD, GAPS, DAYS, st.booleans())
def test_every_cell_is_held_or_has_the_cause_that_the_rules_give(
    instruments: list[Instrument],
    held: list[tuple[int, Span]],
    gaps: list[Gap],
    published: date,
    refresh: bool,
) -> None:
    grid = build(instruments, held, gaps, published, refresh)
    first, stop = CALENDAR.between(Span.inclusive(FIRST, LAST))
    days = [CALENDAR.day(n) for n in range(first, stop)]
    assert grid.days.tolist() == [epoch_day(day) for day in days]
    flags = {cause: cells.unpack() for cause, cells in grid.gaps.items()}
    have, expected, missing = (t.unpack() for t in (grid.held, grid.expected, grid.missing))
    for row, one in enumerate(instruments):
        for column, day in enumerate(days):
            cause = cause_of(one, day, published, held, gaps)
            found = [c for c in flags if flags[c][row, column]]
            assert found == ([] if cause is None else [cause])
            assert have[row, column] == (cause is None)
            due = cause is not GapCause.NOT_LISTED and day <= published
            assert expected[row, column] == due
            ask = due if refresh else due and cause is not None and cause not in SETTLED
            assert missing[row, column] == ask


JAN_2 = Span.inclusive(date(2025, 1, 2), date(2025, 1, 3))


def test_counts_and_examples_speak_of_sessions() -> None:
    late = Instrument(3, "LATE", listed=date(2025, 1, 8))
    whole = Instrument(4, "WHOLE")
    empty = Gap(4, JAN_2, GapCause.VENDOR_EMPTY)
    grid = build([late, whole], [(4, Span(FIRST, date(2024, 12, 31)))], [empty])
    assert grid.counts() == {
        GapCause.NOT_LISTED: 11,
        GapCause.VENDOR_EMPTY: 2,
        # From 31 December, without New Year, the empty days, and the closed 9 January.
        GapCause.NEVER_ASKED: 5 + 8,
    }
    assert grid.examples(GapCause.VENDOR_EMPTY) == (("WHOLE", JAN_2),)
    assert grid.examples(GapCause.NOT_LISTED) == (
        ("LATE", Span.inclusive(FIRST, date(2025, 1, 7))),
    )
    assert [symbol for symbol, _ in grid.examples(GapCause.NEVER_ASKED)] == ["LATE", "WHOLE"]
    assert len(grid.examples(GapCause.NEVER_ASKED, most=1)) == 1


@given(GAPS, GAPS)
def test_gaps_are_the_same_one_by_one_and_by_cause(some: list[Gap], others: list[Gap]) -> None:
    everybody = [Instrument(n, f"S{n}") for n in (3, 10, 17, 24, 31, 99)]
    told = joined(by_cause(some), by_cause(others))
    one_by_one, flat = (build(everybody, [], gaps) for gaps in ([*some, *others], told))
    assert one_by_one.counts() == flat.counts()
    for cause, cells in one_by_one.gaps.items():
        assert (cells.packed == flat.gaps[cause].packed).all()
    again = [gap for cause in told for gap in gaps_of(cause, told)]
    assert Counter(again) == Counter([*some, *others])
    assert list(gaps_of(GapCause.NOT_LISTED, {})) == []


def test_failed_cells_are_asked_again_and_empty_ones_only_after_they_expire() -> None:
    one = Instrument(4, "X")
    for cause, asked in ((GapCause.FAILED, 2), (GapCause.VENDOR_EMPTY, 0)):
        everything_else = [(4, Span(FIRST, JAN_2.start)), (4, Span(JAN_2.end, LAST + timedelta(1)))]
        grid = build([one], everything_else, [Gap(4, JAN_2, cause)])
        assert grid.missing.count() == asked
        assert grid.counts() == {cause: 2}


def test_a_span_without_sessions_and_a_grid_without_instruments_are_empty() -> None:
    weekend = Span.inclusive(date(2025, 1, 11), date(2025, 1, 12))
    grid = build_grid(
        Timeframe.DAY, [Instrument(1, "A")], weekend, CALENDAR, 9000, held_spans([]), []
    )
    assert (len(grid.days), grid.counts(), bool(grid.missing)) == (0, {}, False)
    assert build([], [(3, JAN_2)], []).counts() == {}
