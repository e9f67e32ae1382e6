"""Loads of every shape against an honest vendor: complete, by the predicted calls and no others."""

from __future__ import annotations

import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.flat_kit import put, session_files, synthetic_files
from tests.kit import CALENDAR, sessions, span
from tests.loading_rig import (
    NOW,
    FilesOf,
    code,
    invented,
    random_cells,
    rig,
    sql,
    stored,
    truth_of,
    unhold,
    write_folder,
)
from tickstock.errors import BadInput
from tickstock.model import CallKind, HoleCause, LoadState, Timeframe
from tickstock.spans import ONE_DAY, Span
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments

DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE
LISTING = tuple(f"S{n:03}" for n in range(40))
S3 = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S"}


@pytest.fixture
def runs(request: pytest.FixtureRequest) -> int | None:
    found: int | None = request.config.getoption("--runs")
    return found


def test_the_calls_made_are_the_calls_planned(
    database: Database, tmp_path: Path, runs: int | None
) -> None:
    """Random loads one after the other into one database, at vendors of every kind."""
    rng = np.random.default_rng(7)
    last = CALENDAR.last_published(NOW, timedelta(hours=8))
    end, done, kinds = time.monotonic() + 15, 0, set()
    while done < (runs or 10_000) and (runs or time.monotonic() < end):
        settings = {"MASSIVE_CALLS_PER_MINUTE": str(rng.choice([0, 5]))}
        with_files = bool(rng.integers(2))
        files = FilesOf(LISTING) if with_files else None
        here = rig(
            database, tmp_path, settings=settings | (S3 if with_files else {}),
            vendor={"symbols": LISTING}, files=files,
        )  # fmt: skip
        symbols = [str(s) for s in rng.choice(LISTING, int(rng.integers(1, 41)), replace=False)]
        back = int(rng.integers(0, 200))
        first = last - timedelta(days=back + int(rng.integers(0, 40)))
        frames = "day" if rng.random() < 0.7 else str(rng.choice(["hour", "1min", "day,hour"]))
        if frames != "day":
            symbols, first = symbols[:4], last - timedelta(days=back + 5)
        made = here.plan(
            symbols=symbols, first=first, last=last - timedelta(days=back), timeframes=frames,
            refresh=bool(rng.random() < 0.1),
        )  # fmt: skip
        progress = here.load(made)
        assert here.asked == len(made.calls) == progress.calls
        assert progress.load.state is LoadState.COMPLETED
        assert progress.held == progress.expected
        kinds |= set(made.calls_by_kind)
        done += 1
    assert done >= 20
    assert kinds == set(CallKind)


def test_five_hundred_holes_heal_in_one_load_and_nothing_else_is_asked(
    database: Database, tmp_path: Path
) -> None:
    symbols = tuple(f"H{n:03}" for n in range(100))
    year = span("2024-01-02", "2024-12-31")
    here = rig(database, tmp_path, vendor={"symbols": symbols})
    first = here.plan(symbols=symbols, first=year.start, last=year.last)
    assert here.load(first).load.state is LoadState.COMPLETED
    truth = truth_of(invented(symbols, year))
    assert stored(database) == truth
    ids = [row[0] for row in sql(database, "SELECT id FROM tickstock.instruments ORDER BY id")]
    holes = random_cells(np.random.default_rng(3), ids, sessions(year), 500)
    unhold(database, holes)
    assert len(stored(database)) == len(truth) - 500
    healing = here.plan(symbols=symbols, first=year.start, last=year.last)
    assert healing.cells == 500
    assert len(healing.calls) <= 100
    progress = here.load(healing)
    assert (here.asked, progress.rows_new) == (len(healing.calls), 500)
    assert (progress.load.state, progress.held) == (LoadState.COMPLETED, len(truth))
    assert stored(database) == truth
    again = here.plan(symbols=symbols, first=year.start, last=year.last)
    assert again.calls == ()


def test_gaps_of_the_vendor_are_explained_and_left_alone_until_they_expire(
    database: Database, tmp_path: Path
) -> None:
    month = span("2012-03-01", "2012-03-30")
    bars = invented(["A", "B"], month)
    lacking = np.isin(bars.at, bars.at[[3, 4, 9]]) & (bars.owner == 1)
    folder = write_folder(tmp_path / "vendor", bars.rows(~lacking))
    passed = [timedelta(0)]
    here = rig(
        database, tmp_path, vendor={"folder": folder}, shift=lambda: passed[0]
    )  # fmt: skip
    asked = {"symbols": ["A", "B"], "first": month.start, "last": month.last}
    progress = here.load(here.plan(**asked))
    assert progress.load.state is LoadState.COMPLETED  # every session is held or explained
    assert progress.load.report["causes"] == {"vendor_empty": 3}
    for later in (0, 1, 29):
        passed[0] = timedelta(days=later)
        plan = here.plan(**asked)
        assert plan.calls == ()
        assert [(s.cause, s.cells) for s in plan.skips] == [(HoleCause.VENDOR_EMPTY, 3)]
    passed[0] = timedelta(days=31)
    plan = here.plan(**asked)
    assert [(p.call.symbol, p.cells) for p in plan.calls] == [("B", 3)]
    view = here.tick.missing.find(["A", "B"], [DAY], month)
    assert [(g.cause, g.cells, g.symbols) for g in view.gaps] == [("vendor_empty", 3, 1)]
    assert view.gaps[0].advice == "`tickstock load` asks for these."


@pytest.mark.parametrize(
    ("first", "last", "count"),
    [
        ("2024-11-25", "2024-11-29", 4),  # Thanksgiving, and a half day after it
        ("2024-07-01", "2024-07-05", 4),  # a half day before the fourth
        ("2024-03-04", "2024-03-15", 10),  # the clock goes forward on the 10th
        ("2024-10-28", "2024-11-08", 10),  # and back on 3 November
        ("2025-01-06", "2025-01-10", 4),  # 9 January: a day of mourning
        ("2024-02-26", "2024-03-01", 5),  # a leap day
    ],
)
def test_weeks_unlike_others_are_held_whole(
    database: Database, tmp_path: Path, first: str, last: str, count: int
) -> None:
    week = span(first, last)
    here = rig(
        database, tmp_path, settings=S3, files=FilesOf(["A", "B"]), vendor={"symbols": ["A", "B"]}
    )
    made = here.plan(
        symbols=["A", "B"], first=week.start, last=week.last, timeframes="day,hour,1min"
    )
    assert made.cells == 2 * 3 * count
    progress = here.load(made)
    assert progress.load.state is LoadState.COMPLETED
    assert progress.held == progress.expected == 6 * count
    for timeframe in Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE:
        assert stored(database, timeframe) == truth_of(invented(["A", "B"], week, timeframe))


def test_a_closed_day_that_the_calendar_did_not_know_is_no_gap(
    database: Database, tmp_path: Path
) -> None:
    """As on 9 January 2025, before the calendar had it: empty, explained, and gone when told."""
    from tickstock.store.calendar import add_closure

    week = span("2012-03-05", "2012-03-09")
    bars = invented(["A"], week)
    folder = write_folder(tmp_path / "vendor", bars.rows(np.arange(len(bars)) != 3))
    here = rig(database, tmp_path, vendor={"folder": folder})
    asked = {"symbols": ["A"], "first": week.start, "last": week.last}
    assert here.load(here.plan(**asked)).load.report["causes"] == {"vendor_empty": 1}
    with database.transaction() as connection:
        add_closure(connection, date(2012, 3, 8), "a day of mourning")
    plan = here.plan(**asked)
    assert (plan.items[0].expected, plan.items[0].held, plan.skips) == (4, 4, ())


def test_only_the_listed_life_is_expected(database: Database, tmp_path: Path) -> None:
    year = span("2012-01-03", "2012-12-31")
    bars = invented(["GONE", "NEW", "OLD"], year)
    listed, delisted = date(2012, 5, 18), date(2012, 8, 17)
    days = np.array([d.toordinal() - 719_163 for d in (listed, delisted)])
    tickers = np.array(bars.tickers)[bars.owner]
    lived = ~((tickers == "NEW") & (bars.at < days[0])) & ~(
        (tickers == "GONE") & (bars.at > days[1])
    )
    here = rig(
        database, tmp_path, vendor={"folder": write_folder(tmp_path / "v", bars.rows(lived))}
    )
    asked: dict[str, Any] = {
        "symbols": ["GONE", "NEW", "OLD"], "first": year.start, "last": year.last,
    }  # fmt: skip
    with database.transaction() as connection:
        ensure_instruments(connection, asked["symbols"])
    sql(database, "UPDATE tickstock.instruments SET listed = %s WHERE symbol = 'NEW'", listed)
    update = "UPDATE tickstock.instruments SET delisted = %s, listed = %s WHERE symbol = 'GONE'"
    sql(database, update, delisted, date(1990, 1, 2))
    made = here.plan(**asked)
    progress = here.load(made)
    assert here.asked == len(made.calls)
    assert progress.load.state is LoadState.COMPLETED
    assert progress.load.report["causes"] == {}
    assert progress.held == len(stored(database)) == int(lived.sum())


def test_a_listing_date_that_nobody_knows_costs_no_call(database: Database, tmp_path: Path) -> None:
    """A first bar that comes late is what a new name looks like."""
    year = span("2012-01-03", "2012-12-31")
    bars = invented(["NEW"], year)
    here = rig(
        database,
        tmp_path,
        vendor={"folder": write_folder(tmp_path / "v", bars.rows(bars.at > 15_500))},
    )
    made = here.plan(symbols=["NEW"], first=year.start, last=year.last)
    progress = here.load(made)
    assert here.asked == 1
    assert progress.load.state is LoadState.COMPLETED
    assert set(progress.load.report["causes"]) == {"vendor_empty"}


def test_todays_bars_are_not_held_before_they_are_final(database: Database, tmp_path: Path) -> None:
    """A session is expected when its bars are published, not when they are there."""
    friday = CALENDAR.last_published(NOW, timedelta(hours=8))
    close = int(CALENDAR.closes[CALENDAR.index(friday)])
    from tests.loading_rig import NOW as ASKED

    early = [timedelta(seconds=close + 3600) - timedelta(seconds=ASKED.timestamp())]
    here = rig(database, tmp_path, vendor={"symbols": ["A"]}, shift=lambda: early[0])
    made = here.plan(symbols=["A"], first=friday - timedelta(days=7), last=friday)
    assert all(p.call.span.last < friday for p in made.calls)
    assert [(s.cause, s.cells) for s in made.skips] == [(HoleCause.NOT_PUBLISHED, 1)]
    assert here.load(made).load.state is LoadState.COMPLETED
    early[0] += timedelta(hours=8)
    later = here.plan(symbols=["A"], first=friday - timedelta(days=7), last=friday)
    assert [p.call.span for p in later.calls] == [Span(friday, friday + ONE_DAY)]
    assert code(here.load(later)) == 0


def test_files_alone_load_days_and_minutes_and_a_replaced_one_is_noticed(
    database: Database, tmp_path: Path
) -> None:
    week = span("2012-03-05", "2012-03-09")
    two = ["A", "B"]
    folder = tmp_path / "files"
    for timeframe in (DAY, MINUTE):
        put(folder, synthetic_files(two, week, timeframe, NOW.timestamp()))
    env = {"TICKSTOCK_VENDOR": f"flatfiles:{folder}"}
    here = rig(database, tmp_path, settings=env)
    asked = {"symbols": two, "first": week.start, "last": week.last, "timeframes": "day,1min"}
    made = here.plan(**asked)
    assert {k.value: n for k, n in made.calls_by_kind.items()} == {"flat_day": 10}
    assert here.load_configured(made).load.state is LoadState.COMPLETED
    assert stored(database) == truth_of(invented(two, week))
    assert stored(database, MINUTE) == truth_of(invented(two, week, MINUTE))
    bars = invented(two, week)
    bars.close[0] = bars.high[0]
    put(folder, session_files(bars, DAY))
    with capture_logs() as lines:
        again = here.load_configured(here.plan(**asked, refresh=True))
    assert (again.rows_new, again.rows_changed) == (0, 1)
    told = [x["call"] for x in lines if x["event"] == "the vendor has replaced a file"]
    assert "whole market day 2012-03-05" in told
    known = "SELECT count(*), count(replaced_at) FROM tickstock.flat_files WHERE timeframe = '1min'"
    assert sql(database, known) == [(5, 0)]
    with pytest.raises(BadInput, match="no hour bars"):
        here.plan(**asked | {"timeframes": "hour"})
