"""Plans: which calls are made, what they cover, what they cost, and that none are fewer."""

import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tickstock.errors import BadInput
from tickstock.loading.bits import Bits
from tickstock.loading.grid import Grid, HeldSpans, build_grid
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.request import LoadRequest
from tickstock.model import (
    Call,
    CallKind,
    Flags,
    Gap,
    GapCause,
    Instrument,
    Limits,
    Timeframe,
    epoch_day,
)
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span

CALENDAR = shipped_calendar()
START = date(2020, 1, 2)
BASIC = Limits(calls_per_minute=5)
UNLIMITED = Limits()
DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE


def days_to(sessions: int) -> Span:
    first = CALENDAR.index(START)
    return Span.inclusive(START, CALENDAR.day(first + sessions - 1))


def grid_of(missing: Flags, timeframe: Timeframe = DAY, refresh: bool = False) -> Grid:
    """A grid in which exactly the cells of `missing` are not held."""
    first = CALENDAR.index(START)
    row, start, end = Bits.pack(~missing).runs()
    held = HeldSpans(row, CALENDAR.days[first + start], CALENDAR.days[first + end - 1] + 1)
    instruments = [Instrument(n, f"S{n:03}") for n in range(len(missing))]
    span = days_to(missing.shape[1])
    return build_grid(timeframe, instruments, span, CALENDAR, len(CALENDAR), held, refresh=refresh)


def plan_of(grids: list[Grid], limits: Limits, refresh: bool = False) -> Plan:
    symbols = tuple(i.symbol for i in grids[0].instruments)
    frames = tuple(grid.timeframe for grid in grids)
    request = LoadRequest("u", symbols, frames, days_to(len(grids[0].days)), refresh)
    return make_plan(request, grids, limits)


def plan_for(missing: Flags, limits: Limits, timeframe: Timeframe = DAY) -> Plan:
    return plan_of([grid_of(missing, timeframe)], limits)


def every(symbols: int, sessions: int) -> Flags:
    return np.ones((symbols, sessions), np.bool_)


def kinds(plan: Plan) -> tuple[int, int]:
    """Whole-market calls and ticker calls."""
    found = plan.calls_by_kind
    return found.get(CallKind.MARKET_DAY, 0), found.get(CallKind.TICKER, 0)


@pytest.mark.parametrize("limits", [BASIC, UNLIMITED])
@pytest.mark.parametrize(
    ("symbols", "sessions", "calls"),
    [(500, 1, (1, 0)), (5000, 1, (1, 0)), (10, 252, (0, 10)), (1, 1, (0, 1)), (500, 252, (252, 0))],
)
def test_the_cheaper_kind_is_taken(
    symbols: int, sessions: int, calls: tuple[int, int], limits: Limits
) -> None:
    plan = plan_for(every(symbols, sessions), limits)
    assert kinds(plan) == calls
    assert plan.exact
    assert plan.cells == symbols * sessions


@pytest.mark.parametrize("limits", [BASIC, UNLIMITED])
def test_a_mixture_beats_both_single_strategies(limits: Limits) -> None:
    missing = np.zeros((400, 250), np.bool_)
    missing[:, -2:] = True  # everybody lacks two days
    missing[:3] = True  # three are new
    plan = plan_for(missing, limits)
    assert kinds(plan) == (2, 3)
    assert plan.cells == 400 * 2 + 3 * 248
    assert plan.seconds < plan_for(missing, replace(limits, market_day=False)).seconds
    tickers = [p.call for p in plan.calls if p.call.kind is CallKind.TICKER]
    assert {c.span.last for c in tickers} == {CALENDAR.day(CALENDAR.index(START) + 247)}


def test_seconds_follow_the_binding_limit() -> None:
    assert plan_for(every(10, 252), BASIC).seconds == 120
    assert plan_for(every(10, 252), UNLIMITED).seconds == pytest.approx(1.5, rel=0.1)
    quick = Limits(calls_per_minute=6000)  # a hundred a second: latency and bytes decide
    assert plan_for(every(10, 252), quick).seconds == plan_for(every(10, 252), UNLIMITED).seconds


def test_nothing_missing_is_no_call() -> None:
    plan = plan_for(np.zeros((5, 30), np.bool_), BASIC)
    assert (plan.calls, plan.cells, plan.seconds, plan.bytes) == ((), 0, 0, 0)
    assert plan.exact
    assert [(item.expected, item.held) for item in plan.items] == [(30, 30)] * 5


def test_refresh_asks_for_all_that_is_expected() -> None:
    held = np.zeros((5, 30), np.bool_)
    plan = plan_of([grid_of(held, refresh=True)], BASIC, refresh=True)
    assert kinds(plan) == (0, 5)
    assert plan.cells == 150
    assert [(item.expected, item.held) for item in plan.items] == [(30, 30)] * 5


def days_of(call: Call) -> range:
    first = CALENDAR.index(START)
    start, stop = CALENDAR.between(call.span)
    return range(start - first, stop - first)


def covered(plan: Plan, grid: Grid) -> Flags:
    """The cells that the calls of the grid's timeframe would bring."""
    out = np.zeros((len(grid.instruments), len(grid.days)), np.bool_)
    rows = {one.symbol: n for n, one in enumerate(grid.instruments)}
    for call in (p.call for p in plan.calls if p.call.timeframe is grid.timeframe):
        row = slice(None) if call.kind is CallKind.MARKET_DAY else rows[call.symbol]
        out[row, list(days_of(call))] = True
    return out


MISSING = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9))
LIMITS = st.builds(
    Limits,
    calls_per_minute=st.sampled_from([0, 5, 6000]),
    base_bars=st.sampled_from([1, 3, 960, 2880, 50_000]),
    market_day=st.booleans(),
    bars_per_answer=st.sampled_from([0, 1, 3, 960, 2880]),
    longest_days=st.sampled_from([0, 1, 2, 4, 7]),
)


@given(MISSING, LIMITS, st.sets(st.sampled_from([DAY, HOUR, MINUTE]), min_size=1))
def test_every_missing_cell_is_brought_by_calls_within_their_limits(
    missing: Flags, limits: Limits, timeframes: set[Timeframe]
) -> None:
    grids = [grid_of(missing, timeframe) for timeframe in sorted(timeframes)]
    plan = plan_of(grids, limits)
    assert plan.cells == len(timeframes) * missing.sum()
    assert plan.exact or plan.least_seconds <= plan.seconds
    for grid in grids:
        assert covered(plan, grid)[missing].all()
    for planned in plan.calls:
        call, width = planned.call, len(days_of(planned.call))
        assert planned.cells >= 1
        assert limits.lack(call) == ""
        if call.kind is CallKind.MARKET_DAY:
            assert limits.market_day
            assert (call.timeframe, width, call.symbol) == (DAY, 1, "")
        else:
            base = 1 if call.timeframe is DAY else 960
            assert width == 1 or width * base <= limits.base_bars
            bars = {DAY: 1, HOUR: 16, MINUTE: 960}[call.timeframe]
            assert width == 1 or width * bars <= (limits.bars_per_answer or width * bars)


ALL = every(2, 30)


@pytest.mark.parametrize(
    ("limits", "timeframe", "said"),
    [
        (Limits(timeframes=(DAY,)), HOUR, "no hour bars"),
        (Limits(timeframes=(HOUR,), market_day=False), DAY, "no day bars"),
        (Limits(ticker=False, market_day=False), DAY, "no day bars"),
        (Limits(history=Span(date(2020, 1, 3), date(2100, 1, 1))), DAY, "bars of 2020-01-03"),
        (Limits(history=Span(date(1990, 1, 1), date(2020, 1, 31))), MINUTE, "bars of 1990-01-01"),
    ],
)
def test_what_a_vendor_has_no_call_for_is_refused_and_not_planned(
    limits: Limits, timeframe: Timeframe, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        plan_for(ALL, limits, timeframe)


def test_days_that_are_held_may_lie_outside_a_vendors_history() -> None:
    missing = ALL.copy()
    missing[:, :5] = False
    plan = plan_for(missing, Limits(history=Span(date(2020, 1, 9), date(2100, 1, 1))))
    assert plan.cells == missing.sum()


def test_calls_of_a_limited_length_in_days_go_by_the_calendar() -> None:
    plan = plan_for(every(1, 20), Limits(market_day=False, longest_days=7))  # 2 to 30 January
    assert [p.cells for p in plan.calls] == [5, 5, 4, 5, 1]  # the 20th is a holiday
    assert max(p.call.span.days for p in plan.calls) == 7
    assert plan.exact
    plan = plan_for(every(1, 21), Limits(market_day=False, longest_days=365))
    assert len(plan.calls) == 1


def fewest_calls(missing: Flags) -> int:
    """Every choice of whole-market days, and a ticker call for each row that is left."""
    return min(
        sum(days) + int(missing[:, ~np.array(days)].any(axis=1).sum())
        for days in product([False, True], repeat=missing.shape[1])
    )


@given(MISSING)
@settings(max_examples=60)
def test_where_the_limit_binds_no_fewer_calls_are_possible(missing: Flags) -> None:
    plan = plan_for(missing, BASIC)
    assert plan.exact
    assert len(plan.calls) == fewest_calls(missing)
    assert plan.seconds == plan.least_seconds == 12 * len(plan.calls)


@given(MISSING, LIMITS)
def test_a_plan_is_never_dearer_than_a_single_strategy(missing: Flags, limits: Limits) -> None:
    mixed = plan_for(missing, replace(limits, market_day=True))
    tickers = plan_for(missing, replace(limits, market_day=False))
    assert mixed.seconds <= tickers.seconds + 1e-9
    if limits.calls_per_minute == BASIC.calls_per_minute:
        assert len(mixed.calls) <= missing.any(axis=0).sum()


@pytest.mark.parametrize("timeframe", [HOUR, MINUTE])
def test_a_ticker_call_reads_at_most_the_vendors_minutes(timeframe: Timeframe) -> None:
    plan = plan_for(every(2, 252), BASIC, timeframe)
    assert [len(days_of(p.call)) for p in plan.calls] == [52, 52, 52, 52, 44] * 2
    assert [p.call.symbol for p in plan.calls] == ["S000"] * 5 + ["S001"] * 5


def test_held_sessions_are_fetched_again_only_where_that_is_cheaper() -> None:
    missing = np.zeros((1, 50), np.bool_)
    missing[0, [0, 2, 49]] = True
    assert kinds(plan_for(missing, BASIC, MINUTE)) == (0, 1)
    unlimited = plan_for(missing, UNLIMITED, MINUTE)
    assert [len(days_of(p.call)) for p in unlimited.calls] == [3, 1]
    assert not unlimited.exact
    assert unlimited.least_seconds < unlimited.seconds < plan_for(missing, BASIC, MINUTE).seconds


def test_a_call_of_limited_range_is_bounded_honestly() -> None:
    """Two calls a row by itself, one beside two whole-market days: the bound knows both."""
    limits = Limits(calls_per_minute=5, base_bars=2)
    missing = np.zeros((3, 5), np.bool_)
    missing[:, [0, 1, 4]] = True
    plan = plan_for(missing, limits)
    assert plan.least_seconds <= 12 * 4  # one whole-market day and three ticker calls
    assert plan.seconds <= 12 * 3  # three whole-market days


def test_calls_are_in_the_order_in_which_people_want_the_results() -> None:
    missing = np.zeros((30, 60), np.bool_)
    missing[:, [7, 3]] = True
    missing[[9, 2]] = True
    grids = [grid_of(missing, timeframe) for timeframe in (MINUTE, DAY, HOUR)]
    calls = [p.call for p in plan_of(grids, UNLIMITED).calls]
    assert [c.timeframe for c in calls] == sorted(
        (c.timeframe for c in calls), key=[DAY, HOUR, MINUTE].index
    )
    day = [c for c in calls if c.timeframe is DAY]
    assert [(c.kind, c.symbol) for c in day] == [
        (CallKind.MARKET_DAY, ""),
        (CallKind.MARKET_DAY, ""),
        (CallKind.TICKER, "S002"),
        (CallKind.TICKER, "S009"),
    ]
    assert day[0].span < day[1].span
    minutes = [(c.symbol, c.span) for c in calls if c.timeframe is MINUTE]
    assert minutes == sorted(minutes)


def test_what_is_not_asked_for_is_listed_with_its_cause() -> None:
    span = days_to(10)
    no_spans = HeldSpans(*np.empty((3, 0), np.int64))
    instruments = [Instrument(1, "OLD"), Instrument(2, "NEW", listed=date(2020, 1, 6))]
    empty = Span.inclusive(date(2020, 1, 8), date(2020, 1, 9))
    published = CALENDAR.index(START) + 9
    grid = build_grid(
        DAY,
        instruments,
        span,
        CALENDAR,
        published,
        no_spans,
        [Gap(1, empty, GapCause.VENDOR_EMPTY), Gap(2, empty, GapCause.FAILED)],
    )
    plan = make_plan(LoadRequest("u", ("OLD", "NEW"), (DAY,), span), [grid], UNLIMITED)
    last = Span.inclusive(span.last, span.last)
    assert {(s.cause, s.cells, s.examples) for s in plan.skips} == {
        (GapCause.NOT_LISTED, 2, (("NEW", Span.inclusive(START, date(2020, 1, 3))),)),
        (GapCause.NOT_PUBLISHED, 2, (("OLD", last), ("NEW", last))),
        (GapCause.VENDOR_EMPTY, 2, (("OLD", empty),)),
    }
    assert [(i.symbol, i.expected, i.held) for i in plan.items] == [("OLD", 9, 0), ("NEW", 7, 0)]
    assert plan.cells == 7 + 7


def test_the_digest_names_what_is_done_and_from_which_state() -> None:
    missing = np.zeros((3, 9), np.bool_)
    missing[1, 4:6] = True
    plan = plan_for(missing, BASIC)
    assert plan_for(missing, BASIC).digest == plan.digest
    assert len(plan.digest) == 64
    other = missing.copy()
    other[2, 0] = True
    assert plan_for(other, BASIC).digest != plan.digest
    # The same calls and counts, another session held.
    inner = np.zeros((1, 5), np.bool_)
    inner[0, [0, 1, 4]] = True
    shifted = inner[:, [0, 2, 1, 3, 4]]
    assert plan_for(inner, BASIC).calls == plan_for(shifted, BASIC).calls
    assert plan_for(inner, BASIC).digest != plan_for(shifted, BASIC).digest
    renamed = LoadRequest("v", plan.request.symbols, (DAY,), plan.request.span)
    assert make_plan(renamed, [grid_of(missing)], BASIC).digest != plan.digest


PINNED = "5e81ccf00465e1e854193644fdb10a4fea6c4474d6ac8f356639f9ec0ff44e96"


def test_the_digest_is_the_same_on_every_machine_and_in_every_version() -> None:
    missing = every(2, 3)
    assert plan_for(missing, BASIC).digest == PINNED


def test_a_plain_plan_does_not_wait_for_scipy() -> None:
    code = (
        "import sys; from tests.unit.test_planner import *;"
        "plan_for(every(500, 1), BASIC); plan_for(every(10, 252), BASIC);"
        "print('scipy' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert out.stdout == "False\n"


def test_a_grid_names_its_columns_by_their_dates() -> None:
    grid = grid_of(every(1, 3))
    assert grid.days[0] == epoch_day(START)
    assert grid.span(0, 3) == Span.inclusive(START, START + timedelta(days=4))
