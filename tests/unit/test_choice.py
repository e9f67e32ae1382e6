"""The choice of calls against brute force, with files beside the other kinds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import product

import numpy as np
import pytest

from tests.unit.test_planner import (
    BASIC,
    CALENDAR,
    DAY,
    HOUR,
    MINUTE,
    START,
    UNLIMITED,
    days_to,
    every,
    grid_of,
    plan_for,
    plan_of,
)
from tickstock.errors import BadInput
from tickstock.loading.choice import SLAB_WINDOWS, choose
from tickstock.loading.grid import Grid
from tickstock.loading.prices import (
    FILE_BYTES,
    LATENCY,
    MARKET_DAY_BYTES,
    Prices,
    prices_for,
    session_bytes,
    width_of,
)
from tickstock.loading.windows import Windows
from tickstock.model import CallKind, Flags, Limits, Timeframe
from tickstock.spans import Span

ALWAYS = Span(date(2000, 1, 1), date(2030, 1, 1))
FILES = replace(UNLIMITED, flat_days=ALWAYS)
LIMITED_WITH_FILES = replace(BASIC, flat_days=ALWAYS)


def terms(rng: np.random.Generator, sessions: int) -> Limits:
    """What a vendor may be like; where it has files, for a part of the days or all of them."""
    day = CALENDAR.day(CALENDAR.index(START) + int(rng.integers(0, sessions + 1)))
    flat = (None, ALWAYS, Span(day, ALWAYS.end))[rng.integers(3)]
    return Limits(
        calls_per_minute=float(rng.choice([0, 5, 60])),
        base_bars=int(rng.choice([960, 2 * 960, 3 * 960, 50_000])),
        market_day=bool(rng.integers(2)),
        flat_days=flat,
        price_per_call=float(rng.choice([0, 0, 0.01])),
    )


def cases(seed: int, count: int, rows: int, columns: int) -> Iterator[tuple[Flags, Limits]]:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        shape = rng.integers(1, rows + 1), rng.integers(1, columns + 1)
        yield rng.random(shape) < rng.choice([0.1, 0.3, 0.6, 1.0]), terms(rng, shape[1])


def column_prices(timeframe: Timeframe, limits: Limits, shape: tuple[int, int]) -> list[int | None]:
    """What each session costs for all tickers: the cheaper way, None where there is none.

    Written anew from the rules: 600 units (kilobytes in a plain line's 0.15 s) for a question,
    a unit a kilobyte.
    """
    prices = fitted(timeframe, limits, shape)
    out: list[int | None] = []
    for column in range(shape[1]):
        day = CALENDAR.day(CALENDAR.index(START) + column)
        ways = []
        if limits.market_day and timeframe is DAY:
            ways.append(prices.per_call + 400)
        if limits.flat_days is not None and day in limits.flat_days and timeframe is not HOUR:
            ways.append(600 + (200 if timeframe is DAY else 20_000))
        out.append(min(ways, default=None))
    return out


def fitted(timeframe: Timeframe, limits: Limits, shape: tuple[int, int]) -> Prices:
    whole = 400_000
    if limits.flat_days is not None and timeframe in FILE_BYTES:
        whole += FILE_BYTES[timeframe] + round(LATENCY * 4_000_000)
    return prices_for(limits, shape[0] * shape[1] * session_bytes(timeframe) + shape[1] * whole)


def row_price(row: Flags, timeframe: Timeframe, limits: Limits, per_call: int) -> int:
    """The cheapest windows over the missing sessions of one row, by trying all of them."""
    width = width_of(timeframe, limits)
    first = CALENDAR.index(START)
    longest = limits.longest_days or len(CALENDAR)

    def fits(start: int, end: int) -> bool:
        last = CALENDAR.day(first + end - 1)
        return (last - CALENDAR.day(first + start)).days < longest

    best = [0]
    for end in range(1, len(row) + 1):
        ways = [best[end - 1]] if not row[end - 1] else []
        ways += [
            best[start] + per_call + (end - start) * session_bytes(timeframe) // 1000
            for start in range(max(0, end - width), end)
            if fits(start, end)
        ]
        best.append(min(ways))
    return best[-1]


def cheapest(missing: Flags, timeframe: Timeframe, limits: Limits) -> int:
    """Every set of sessions asked for all tickers, and the cheapest windows for the rest."""
    per_call = fitted(
        timeframe, limits, (int(missing.any(axis=1).sum()), missing.shape[1])
    ).per_call
    prices = column_prices(timeframe, limits, (int(missing.any(axis=1).sum()), missing.shape[1]))
    ways = [(False,) if price is None else (False, True) for price in prices]
    memo: dict[bytes, int] = {}

    def of_row(row: Flags) -> int:
        key = row.tobytes()
        if key not in memo:
            memo[key] = row_price(row, timeframe, limits, per_call)
        return memo[key]

    return min(
        sum(p or 0 for p, taken in zip(prices, chosen, strict=True) if taken)
        + sum(of_row(row) for row in missing & ~np.array(chosen))
        for chosen in product(*ways)
    )


def test_day_bars_are_had_at_the_least_price_by_brute_force() -> None:
    for missing, limits in cases(1, 1000, 6, 7):
        choice = choose(grid_of(missing), limits)
        assert choice.exact
        assert choice.price == choice.least == cheapest(missing, DAY, limits), (missing, limits)


def test_minute_bars_are_bounded_on_both_sides_by_brute_force() -> None:
    reached = 0
    for missing, limits in cases(2, 1000, 5, 7):
        choice = choose(grid_of(missing, MINUTE), limits)
        truth = cheapest(missing, MINUTE, limits)
        cut = missing.sum()  # prices are cut to whole kilobytes, window by window
        assert choice.least - cut <= truth <= choice.price, (missing, limits)
        seconds = choice.prices.seconds
        assert not choice.exact or seconds(choice.price) <= seconds(truth) + cut / 4000
        reached += choice.price == truth
    assert reached > 950  # the heuristics is good, though nothing promises it


@pytest.mark.parametrize("timeframe", [DAY, MINUTE])
def test_calls_of_limited_days_are_bounded_on_both_sides_by_brute_force(
    timeframe: Timeframe,
) -> None:
    for missing, limits in cases(4, 60, 4, 7):
        for days in (1, 2, 4, 6):
            limited = replace(limits, longest_days=days)
            choice = choose(grid_of(missing, timeframe), limited)
            truth = cheapest(missing, timeframe, limited)
            cut = missing.sum()
            assert choice.least - cut <= truth <= choice.price, (missing, limited)
            seconds = choice.prices.seconds
            assert not choice.exact or seconds(choice.price) <= seconds(truth) + cut / 4000


@pytest.mark.parametrize("timeframe", [DAY, MINUTE])
def test_no_plan_is_dearer_than_the_best_single_strategy(timeframe: Timeframe) -> None:
    for missing, limits in cases(3, 500, 60, 120):
        grid = grid_of(missing, timeframe)
        price = choose(grid, limits).price
        tickers = choose(grid, replace(limits, market_day=False, flat_days=None))
        assert price <= repriced(tickers.windows, grid, limits)
        if all(p is not None for p in column_prices(timeframe, limits, missing.shape)):
            columns = replace(limits, ticker=False)
            assert price <= choose(grid, columns).price


def repriced(windows: Windows, grid: Grid, limits: Limits) -> int:
    """These windows at the prices that hold when there are other ways too."""
    shape = int(grid.missing.any_in_row().sum()), len(grid.days)
    prices = fitted(grid.timeframe, limits, shape)
    return int(prices.of(windows.length * session_bytes(grid.timeframe)).sum())


# --- what people will see --------------------------------------------------------------------
def kinds(missing: Flags, limits: Limits, timeframe: Timeframe = DAY) -> dict[str, int]:
    found = plan_for(missing, limits, timeframe).calls_by_kind
    return {kind.value: n for kind, n in found.items()}


def test_files_take_the_place_of_limited_calls() -> None:
    assert kinds(every(500, 252), BASIC) == {"market_day": 252}
    assert kinds(every(500, 252), LIMITED_WITH_FILES) == {"flat_day": 252}
    assert kinds(every(500, 60), BASIC, MINUTE) == {"ticker": 1000}
    assert kinds(every(500, 60), LIMITED_WITH_FILES, MINUTE) == {"flat_day": 60}
    # A few tickers are not worth twenty megabytes a day.
    assert kinds(every(2, 52), LIMITED_WITH_FILES, MINUTE) == {"ticker": 2}
    assert kinds(every(1, 1), FILES) == {"ticker": 1}


def test_hour_bars_come_in_no_file() -> None:
    assert kinds(every(50, 20), LIMITED_WITH_FILES, HOUR) == {"ticker": 50}
    with pytest.raises(BadInput, match="no hour bars"):
        plan_for(every(2, 2), replace(FILES, ticker=False, market_day=False), HOUR)


def test_days_without_a_file_are_asked_otherwise() -> None:
    day = CALENDAR.day(CALENDAR.index(START) + 8)
    limits = replace(LIMITED_WITH_FILES, flat_days=Span(ALWAYS.start, day), market_day=False)
    plan = plan_for(every(300, 10), limits, MINUTE)
    files = [p.call for p in plan.calls if p.call.kind is CallKind.FLAT_DAY]
    others = [p.call for p in plan.calls if p.call.kind is CallKind.TICKER]
    assert not files or max(c.span.last for c in files) < day
    assert len(others) == 300
    with pytest.raises(BadInput, match="no 1min bars"):
        plan_for(every(1, 10), replace(limits, ticker=False), MINUTE)


def test_a_source_of_files_alone_asks_each_session_once() -> None:
    limits = replace(FILES, ticker=False, market_day=False)
    missing = np.zeros((3, 9), np.bool_)
    missing[1, [2, 5]] = missing[2, 5] = True
    plan = plan_for(missing, limits)
    assert plan.exact
    assert [(p.call.kind, p.cells) for p in plan.calls] == [
        (CallKind.FLAT_DAY, 1),
        (CallKind.FLAT_DAY, 2),
    ]


def test_files_are_outside_the_call_limit_and_the_bill() -> None:
    limits = replace(LIMITED_WITH_FILES, price_per_call=0.02)
    plan = plan_of([grid_of(every(40, 3)), grid_of(every(40, 3), HOUR)], limits)
    assert plan.calls_by_kind == {
        CallKind.FLAT_DAY: 3,
        CallKind.TICKER: 40,
    }
    assert plan.price == pytest.approx(0.8)
    assert plan.seconds == pytest.approx(40 * 12, rel=0.01)


def test_wide_minute_grids_are_decided_slab_by_slab() -> None:
    rng = np.random.default_rng(5)
    missing = rng.random((40, 400)) < 0.5
    limits = replace(LIMITED_WITH_FILES, base_bars=10 * 960)
    choice = choose(grid_of(missing, MINUTE), limits)
    tickers = choose(grid_of(missing, MINUTE), replace(limits, flat_days=None))
    assert 0 < choice.least <= choice.price
    assert choice.prices.seconds(choice.price) <= 12 * len(tickers.windows) * 1.1
    assert days_to(400).last - START > timedelta(400)


@pytest.mark.parametrize("slab_windows", [1, 2, 3, SLAB_WINDOWS])
def test_slabs_of_any_size_leave_nothing_out(slab_windows: int) -> None:
    """In slabs of one window, of a few, and in more than one of the real size."""
    for missing, limits in cases(7, 60, 5, 60 if slab_windows == SLAB_WINDOWS else 25):
        grid = grid_of(missing, MINUTE)
        choice = choose(grid, replace(limits, base_bars=960), slab_windows=slab_windows)
        left = missing.copy()
        left[:, choice.days] = False
        for row, start, end in zip(
            choice.windows.row, choice.windows.start, choice.windows.end, strict=True
        ):
            left[row, start:end] = False
        assert not left.any()
        assert choice.day_cells.sum() + choice.windows.cells.sum() == missing.sum()
        assert choice.least <= choice.price


def test_an_answer_goes_before_a_file_of_the_same_price(monkeypatch: pytest.MonkeyPatch) -> None:
    assert kinds(every(300, 2), FILES) == {"flat_day": 2}
    monkeypatch.setitem(FILE_BYTES, DAY, MARKET_DAY_BYTES)
    assert kinds(every(300, 2), FILES) == {"market_day": 2}
