"""Vendors that answer too little, refuse a part, or fail at random: nothing wrong is kept, and
nothing is missing without being said."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.kit import CALENDAR, span
from tests.loading_rig import (
    NOW,
    code,
    rig,
    sql,
    stored,
    synthetic_table,
    tell_lives,
    truth_of,
    write_folder,
)
from tickstock.errors import NotEntitled
from tickstock.model import Answer, Call, CallKind, JobState, Timeframe, epoch_day
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.vendors.replay.faults import Fault, What

DAY = Timeframe.DAY
YEARS = span("2022-01-03", "2024-12-31")


# --- answers that are cut off ------------------------------------------------------------------
def newest_only(sessions: int) -> Callable[[Call, Answer], Answer]:
    """A vendor that answers a long range with its newest part, and does not say so."""

    def change(call: Call, answer: Answer) -> Answer:
        bars = answer.bars
        return replace(answer, bars=bars.rows(np.arange(max(0, len(bars) - sessions), len(bars))))

    return change


def test_three_years_that_became_seven_months_are_asked_again(
    database: Database, tmp_path: Path
) -> None:
    here = rig(database, tmp_path, vendor={"symbols": ["A"]}, change=newest_only(300))
    tell_lives(database, ["A"])
    made = here.plan(symbols=["A"], first=YEARS.start, last=YEARS.last)
    progress = here.load(made)
    assert here.asked == 3 == progress.calls == progress.calls_planned
    assert progress.load.state is JobState.COMPLETED
    assert stored(database) == truth_of(synthetic_table(["A"], YEARS))
    rows = sql(database, "SELECT depth, state, parent_id IS NULL FROM tickstock.calls ORDER BY id")
    assert rows == [(0, "done", True), (1, "done", False), (2, "done", False)]


def test_how_often_a_part_is_asked_again_is_bounded(database: Database, tmp_path: Path) -> None:
    here = rig(database, tmp_path, vendor={"symbols": ["A"]}, change=newest_only(20))
    tell_lives(database, ["A"])
    progress = here.load(here.plan(symbols=["A"], first=YEARS.start, last=YEARS.last))
    assert here.asked == 3
    assert progress.load.state is JobState.COMPLETED  # with every other session explained
    causes = progress.load.report["causes"]
    assert causes == {"vendor_empty": progress.expected - 60}


def test_a_page_that_is_lost_is_found_without_knowing_anything(
    database: Database, tmp_path: Path
) -> None:
    year = span("2024-01-02", "2024-12-31")
    fault = Fault(What.PAGE_MISSING, nth=(1,))
    here = rig(database, tmp_path, vendor={"symbols": ["A"], "page_bars": 100}, faults=(fault,))
    progress = here.load(here.plan(symbols=["A"], first=year.start, last=year.last))
    assert progress.load.state is JobState.COMPLETED
    assert stored(database) == truth_of(synthetic_table(["A"], year))
    assert progress.calls == 2


def test_what_is_to_be_asked_again_survives_a_crash(database: Database, tmp_path: Path) -> None:
    """The parts stand in the ledger with the answer that they follow from."""
    year = span("2024-01-02", "2024-12-31")
    fault = Fault(What.PAGE_MISSING, nth=(1,))
    here = rig(database, tmp_path, vendor={"symbols": ["A"], "page_bars": 100}, faults=(fault,))
    load = here.tick.jobs.submit(here.plan(symbols=["A"], first=year.start, last=year.last))

    class Killed(BaseException):
        pass

    def die_on_parts(call: Call, answer: Answer | None) -> Answer:
        if call.span != year and call.span.start != year.start:
            raise Killed
        assert answer is not None
        return answer

    here.change = die_on_parts
    with pytest.raises(Killed):
        here.work(load.id)
    assert sql(database, "SELECT count(*) FROM tickstock.calls WHERE depth = 1") == [(1,)]
    sql(database, "UPDATE tickstock.calls SET lease_until = now() WHERE state = 'leased'")
    here.change, here.faults = None, ()
    assert here.work(load.id).load.state is JobState.COMPLETED
    assert stored(database) == truth_of(synthetic_table(["A"], year))


def test_a_thin_session_of_all_tickers_is_asked_again(database: Database, tmp_path: Path) -> None:
    symbols = [f"T{n:02}" for n in range(40)]
    day = span("2024-03-07")
    times = iter([0, 1, 1])

    def half_at_first(call: Call, answer: Answer | None) -> Answer:
        assert answer is not None
        if call.kind is CallKind.MARKET_DAY and next(times) == 0:
            bars = answer.bars
            return replace(answer, bars=bars.rows(np.arange(len(bars)) % 3 == 0))
        return answer

    here = rig(database, tmp_path, vendor={"symbols": symbols}, change=half_at_first)
    tell_lives(database, symbols)
    progress = here.load(here.plan(symbols=symbols, first=day.start, last=day.last))
    assert here.asked == 2
    assert progress.load.state is JobState.COMPLETED
    assert len(stored(database)) == 40


# --- refused in part -----------------------------------------------------------------------------
def from_day(first: date, last: date = date.max) -> Callable[[Call, Answer], Answer]:
    """A plan with the history from `first` to `last`; a range beyond it is refused as a whole."""

    def change(call: Call, answer: Answer) -> Answer:
        if call.span.start < first or call.span.last > last:
            raise NotEntitled(f"no {call}", "pay")
        return answer

    return change


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2023, 5, 9), date.max),
        (date(2022, 1, 4), date.max),
        (date(2024, 12, 31), date.max),
        (date(2023, 5, 9), date(2024, 12, 30)),
    ],
)
def test_the_part_that_the_plan_includes_is_loaded(
    database: Database, tmp_path: Path, first: date, last: date
) -> None:
    symbols = ["A", "B", "C", "D"]
    here = rig(database, tmp_path, vendor={"symbols": symbols}, change=from_day(first, last))
    progress = here.load(here.plan(symbols=symbols, first=YEARS.start, last=YEARS.last))
    included = YEARS & Span(first, min(last, YEARS.last) + timedelta(1))
    assert stored(database) == truth_of(synthetic_table(symbols, included))
    start, end = CALENDAR.between(included)
    causes = progress.load.report["causes"]
    assert causes == {"not_entitled": progress.expected - 4 * (end - start)}
    assert progress.load.state is JobState.WITH_ERRORS
    assert code(progress) == 3
    assert here.asked < 160  # four at once, before any answer is written
    assert here.plan(symbols=symbols, first=YEARS.start, last=YEARS.last).calls == ()


def test_a_plan_that_includes_nothing_is_told_soon(database: Database, tmp_path: Path) -> None:
    symbols = ["A", "B"]
    here = rig(database, tmp_path, vendor={"symbols": symbols}, change=from_day(date.max))
    progress = here.load(here.plan(symbols=symbols, first=YEARS.start, last=YEARS.last))
    assert stored(database) == {}
    assert progress.load.report["causes"] == {"not_entitled": progress.expected}
    assert (progress.load.state, code(progress)) == (JobState.FAILED, 4)
    assert here.asked < 100


# --- bars that somebody should look at -----------------------------------------------------------
def test_doubtful_bars_are_kept_flagged_and_listed(database: Database, tmp_path: Path) -> None:
    month = span("2012-03-01", "2012-03-30")
    bars = synthetic_table(["A", "B"], month)

    def day(n: int) -> date:
        return date(1970, 1, 1) + timedelta(int(bars.at[n]))

    bars.high[2] = bars.open[2] - 0.01
    bars.low[2] = min(bars.low[2], bars.high[2] - 1)
    for name in ("open", "high", "low", "close"):
        getattr(bars, name)[5:22] *= 3  # a split that is written nowhere
    for name in ("open", "high", "low", "close", "volume"):
        getattr(bars, name)[30] = getattr(bars, name)[29]
    bars.volume[35] = -1
    here = rig(database, tmp_path, vendor={"folder": write_folder(tmp_path / "v", bars)})
    asked = {"symbols": ["A", "B"], "first": month.start, "last": month.last}
    # In two jobs, the later days first: what comes before a bar may come later.
    half = month.start + timedelta(days=5)
    here.load(here.plan(symbols=["A", "B"], first=half, last=month.last))
    progress = here.load(here.plan(**asked))
    assert progress.load.report["causes"] == {"quarantined": 1}
    assert len(stored(database)) == len(bars) - 1
    (found,) = here.tick.missing.find(["A", "B"], [DAY], month).suspects
    listed = [(d.symbol, d.at.date(), d.reason, d.detail[:5]) for d in found.doubtful]
    assert listed == [
        ("A", day(2), "high below open or close", ""),
        ("A", day(5), "opens far from the close before", listed[1][3]),
        ("B", day(30), "repeats the bar before", ""),
    ]
    assert [(d.symbol, d.at.date(), d.reason) for d in found.quarantined] == [
        ("B", day(35), "volume is below zero")
    ]
    # A split that is known explains the jump.
    (one,) = sql(database, "SELECT id FROM tickstock.instruments WHERE symbol = 'A'")
    sql(
        database,
        "INSERT INTO tickstock.splits (instrument_id, vendor_id, origin, ticker, execution_date,"
        " split_from, split_to) VALUES (%s, 'x', 'massive', 'A', %s, 3, 1)",
        one[0],
        day(5),
    )
    (found,) = here.tick.missing.find(["A", "B"], [DAY], month).suspects
    assert [d.at.date() for d in found.doubtful] == [day(2), day(30)]


def test_a_corrected_bar_is_doubtful_no_longer(database: Database, tmp_path: Path) -> None:
    week = span("2012-03-05", "2012-03-09")
    bars = synthetic_table(["A"], week)
    sound = float(bars.high[1])
    bars.high[1] = bars.open[1] - 0.01
    bars.low[1] = min(bars.low[1], bars.high[1] - 1)
    here = rig(database, tmp_path, vendor={"folder": write_folder(tmp_path / "v", bars)})
    asked = {"symbols": ["A"], "first": week.start, "last": week.last}
    here.load(here.plan(**asked))
    assert sql(database, "SELECT count(*) FROM tickstock.doubts") == [(1,)]
    bars.high[1] = max(sound, bars.open[1], bars.close[1])
    here.vendor = {"folder": write_folder(tmp_path / "v", bars)}
    progress = here.load(here.plan(**asked, refresh=True))
    assert progress.rows_changed == 1
    assert sql(database, "SELECT count(*) FROM tickstock.doubts") == [(0,)]
    assert epoch_day(week.start) in {at for _, at in stored(database)}
    assert NOW.tzinfo is not None
