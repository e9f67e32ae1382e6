"""Jobs of every shape against an honest vendor: complete, by the predicted calls and no others."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from tests.flat_kit import put, session_files, synthetic_files
from tests.kit import CALENDAR, span
from tests.loading_rig import (
    NOW,
    code,
    rig,
    sql,
    stored,
    synthetic_table,
    truth_of,
    write_folder,
)
from tickstock.errors import BadInput
from tickstock.model import GapCause, JobState, Timeframe
from tickstock.spans import ONE_DAY, Span
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments

DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE
LISTING = tuple(f"S{n:03}" for n in range(40))
S3 = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S"}


def test_gaps_of_the_vendor_are_explained_and_left_alone_until_they_expire(
    database: Database, tmp_path: Path
) -> None:
    month = span("2012-03-01", "2012-03-30")
    bars = synthetic_table(["A", "B"], month)
    lacking = np.isin(bars.at, bars.at[[3, 4, 9]]) & (bars.owner == 1)
    folder = write_folder(tmp_path / "vendor", bars.rows(~lacking))
    passed = [timedelta(0)]
    here = rig(
        database, tmp_path, vendor={"folder": folder}, shift=lambda: passed[0]
    )  # fmt: skip
    asked = {"symbols": ["A", "B"], "first": month.start, "last": month.last}
    progress = here.load(here.plan(**asked))
    assert progress.load.state is JobState.COMPLETED  # every session is held or explained
    assert progress.load.report["causes"] == {"vendor_empty": 3}
    for later in (0, 1, 29):
        passed[0] = timedelta(days=later)
        plan = here.plan(**asked)
        assert plan.calls == ()
        assert [(s.cause, s.cells) for s in plan.skips] == [(GapCause.VENDOR_EMPTY, 3)]
    passed[0] = timedelta(days=31)
    plan = here.plan(**asked)
    assert [(p.call.symbol, p.cells) for p in plan.calls] == [("B", 3)]
    view = here.tick.missing.find(["A", "B"], [DAY], month)
    assert [(g.cause, g.cells, g.symbols) for g in view.gaps] == [("vendor_empty", 3, 1)]
    assert view.gaps[0].advice == "`tickstock load` asks for these."


def test_only_the_listed_life_is_expected(database: Database, tmp_path: Path) -> None:
    year = span("2012-01-03", "2012-12-31")
    bars = synthetic_table(["GONE", "NEW", "OLD"], year)
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
    assert progress.load.state is JobState.COMPLETED
    assert progress.load.report["causes"] == {}
    assert progress.held == len(stored(database)) == int(lived.sum())


def test_a_listing_date_that_nobody_knows_costs_no_call(database: Database, tmp_path: Path) -> None:
    """A first bar that comes late is what a new name looks like."""
    year = span("2012-01-03", "2012-12-31")
    bars = synthetic_table(["NEW"], year)
    here = rig(
        database,
        tmp_path,
        vendor={"folder": write_folder(tmp_path / "v", bars.rows(bars.at > 15_500))},
    )
    made = here.plan(symbols=["NEW"], first=year.start, last=year.last)
    progress = here.load(made)
    assert here.asked == 1
    assert progress.load.state is JobState.COMPLETED
    assert set(progress.load.report["causes"]) == {"vendor_empty"}


@pytest.mark.dates
def test_todays_bars_are_not_held_before_they_are_final(database: Database, tmp_path: Path) -> None:
    """A session is expected when its bars are published, not when they are there."""
    friday = CALENDAR.last_published(NOW, timedelta(hours=8))
    close = int(CALENDAR.closes[CALENDAR.index(friday)])
    from tests.loading_rig import NOW as ASKED

    early = [timedelta(seconds=close + 3600) - timedelta(seconds=ASKED.timestamp())]
    here = rig(database, tmp_path, vendor={"symbols": ["A"]}, shift=lambda: early[0])
    made = here.plan(symbols=["A"], first=friday - timedelta(days=7), last=friday)
    assert all(p.call.span.last < friday for p in made.calls)
    assert [(s.cause, s.cells) for s in made.skips] == [(GapCause.NOT_PUBLISHED, 1)]
    assert here.load(made).load.state is JobState.COMPLETED
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
    assert here.load_configured(made).load.state is JobState.COMPLETED
    assert stored(database) == truth_of(synthetic_table(two, week))
    assert stored(database, MINUTE) == truth_of(synthetic_table(two, week, MINUTE))
    bars = synthetic_table(two, week)
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
