"""Days and names unlike others: each is loaded over the wire, held where there are bars, and
explained where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from tests.kit import CALENDAR, day, span
from tests.loading_rig import (
    FilesOf,
    Rig,
    rig,
    sql,
    stored,
    synthetic_table,
    tell_lives,
    truth_of,
    write_folder,
)
from tests.reliability.form import record
from tickstock.model import BarTable, JobState, Timeframe, epoch_day
from tickstock.store.calendar import add_closure
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE
ALL = (DAY, HOUR, MINUTE)
S3 = {"MASSIVE_S3_KEY_ID": "K", "MASSIVE_S3_SECRET": "S"}


# --- days ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Days:
    first: str
    last: str
    sessions: int
    minutes: int
    """Of one symbol, all sessions together: 390, or 210 on a half day."""


DAYS = {
    "Thanksgiving and the half day after it": Days("2024-11-25", "2024-11-29", 4, 3 * 390 + 210),
    "the half day before the Fourth": Days("2024-07-01", "2024-07-05", 4, 3 * 390 + 210),
    "Christmas Eve": Days("2024-12-23", "2024-12-27", 4, 3 * 390 + 210),
    "the clock goes forward": Days("2024-03-04", "2024-03-15", 10, 3900),
    "the clock goes back": Days("2024-10-28", "2024-11-08", 10, 3900),
    "9 January 2025, a day of mourning": Days("2025-01-06", "2025-01-10", 4, 4 * 390),
    "a leap day": Days("2024-02-26", "2024-03-01", 5, 5 * 390),
    "New Year on a Saturday": Days("2021-12-30", "2022-01-04", 4, 4 * 390),
    "Juneteenth, the first time": Days("2022-06-16", "2022-06-22", 4, 4 * 390),
    "the Sandy days": Days("2012-10-26", "2012-11-01", 3, 3 * 390),
}


@pytest.mark.parametrize("with_files", [True, False], ids=["files", "calls"])
@pytest.mark.parametrize("name", DAYS)
def test_days_unlike_others_are_held_whole(
    database: Database, tmp_path: Path, name: str, with_files: bool
) -> None:
    days, two = DAYS[name], ["A", "B"]
    within = span(days.first, days.last)
    here = rig(
        database,
        tmp_path,
        settings=S3 if with_files else {},
        files=FilesOf(two) if with_files else None,
        vendor={"symbols": two},
    )
    made = here.plan(symbols=two, first=within.start, last=within.last, timeframes="day,hour,1min")
    assert made.cells == 2 * 3 * days.sessions
    progress = here.load(made)
    assert here.asked == len(made.calls)
    assert progress.load.state is JobState.COMPLETED
    assert progress.held == progress.expected == 6 * days.sessions
    for timeframe in ALL:
        assert stored(database, timeframe) == truth_of(synthetic_table(two, within, timeframe))
    assert len(stored(database, MINUTE)) == 2 * days.minutes
    view = here.tick.missing.find(two, ALL, within)
    assert view.gaps == ()
    record("unusual days, loaded over the wire", runs=1)


def test_a_closed_day_that_the_calendar_did_not_know_is_no_gap(
    database: Database, tmp_path: Path
) -> None:
    """As 9 January 2025 was before the calendar had it: empty, explained, and gone when told."""
    week = span("2012-03-05", "2012-03-09")
    bars = synthetic_table(["A"], week)
    folder = write_folder(tmp_path / "vendor", bars.rows(np.arange(len(bars)) != 3))
    here = rig(database, tmp_path, vendor={"folder": folder})
    asked = {"symbols": ["A"], "first": week.start, "last": week.last}
    assert here.load(here.plan(**asked)).load.report["causes"] == {"vendor_empty": 1}
    with database.transaction() as connection:
        add_closure(connection, date(2012, 3, 8), "a day of mourning")
    plan = here.plan(**asked)
    assert (plan.items[0].expected, plan.items[0].held, plan.skips) == (4, 4, ())


# --- names -----------------------------------------------------------------------------------
SUMMER = span("2022-05-16", "2022-07-15")
"""In it FB became META, on 9 June, as the shipped list of events has it."""


@dataclass(frozen=True)
class Lives:
    """What the vendor has of whom, what is known of them before, and what a job makes of it.

    `calls` as symbol, first and last day. `causes` as the report counts them.
    """

    vendor: dict[str, tuple[str, str]]
    asked: tuple[str, ...]
    calls: tuple[tuple[str, str, str], ...]
    expected: dict[str, int]
    causes: dict[str, int] = field(default_factory=dict)
    known: Callable[[Database], None] = lambda _: None


def listed(symbol: str, on: str) -> Callable[[Database], None]:
    return lambda database: tell_lives(database, [symbol], day(on))


def delisted(symbol: str, on: str) -> Callable[[Database], None]:
    return lambda database: tell_lives(database, [symbol], None, day(on))


def renamed(old: str, new: str, on: str) -> Callable[[Database], None]:
    def tell(database: Database) -> None:
        made = "INSERT INTO tickstock.instruments (symbol) VALUES (%s) RETURNING id"
        ((id_,),) = sql(database, made, new)
        add = "INSERT INTO tickstock.tickers (instrument_id, symbol, valid, source) VALUES"
        sql(database, f"{add} (%s, %s, daterange(NULL, %s), 'test')", id_, old, day(on))
        sql(database, f"{add} (%s, %s, daterange(%s, NULL), 'test')", id_, new, day(on))

    return tell


FIRST, LAST = str(SUMMER.start), str(SUMMER.last)
NAMES = {
    "listed in mid-range, known": Lives(
        {"NEW": ("2022-06-15", LAST)}, ("NEW",), (("NEW", "2022-06-15", LAST),),
        {"NEW": 21}, known=listed("NEW", "2022-06-15"),
    ),
    "listed in mid-range, unknown": Lives(
        {"NEW": ("2022-06-15", LAST)}, ("NEW",), (("NEW", FIRST, LAST),),
        {"NEW": 42}, {"vendor_empty": 21},
    ),
    "delisted in mid-range, known": Lives(
        {"OLD": (FIRST, "2022-06-14")}, ("OLD",), (("OLD", FIRST, "2022-06-14"),),
        {"OLD": 21}, known=delisted("OLD", "2022-06-14"),
    ),
    "delisted in mid-range, unknown": Lives(
        {"OLD": (FIRST, "2022-06-14")}, ("OLD",), (("OLD", FIRST, LAST),),
        {"OLD": 42}, {"vendor_empty": 21},
    ),
    "renamed in mid-range, by the new name": Lives(
        {"FB": (FIRST, "2022-06-08"), "META": ("2022-06-09", LAST)}, ("META",),
        (("FB", FIRST, "2022-06-08"), ("META", "2022-06-09", LAST)), {"META": 42},
    ),
    "renamed in mid-range, by both names": Lives(
        {"OLDN": (FIRST, "2022-06-08"), "NEWN": ("2022-06-09", LAST)}, ("OLDN", "NEWN"),
        (("OLDN", FIRST, "2022-06-08"), ("NEWN", "2022-06-09", LAST)), {"OLDN": 42},
        known=renamed("OLDN", "NEWN", "2022-06-09"),
    ),
    "renamed in mid-range, by the old name": Lives(
        {"OLDN": (FIRST, "2022-06-08"), "NEWN": ("2022-06-09", LAST)}, ("OLDN",),
        (("OLDN", FIRST, "2022-06-08"), ("NEWN", "2022-06-09", LAST)), {"OLDN": 42},
        known=renamed("OLDN", "NEWN", "2022-06-09"),
    ),
}  # fmt: skip


def recorded(vendor: dict[str, tuple[str, str]]) -> BarTable:
    bars = synthetic_table(sorted(vendor), SUMMER)
    lives = {s: [epoch_day(day(d)) for d in vendor[s]] for s in vendor}
    names = [bars.tickers[owner] for owner in bars.owner.tolist()]
    alive = [
        lives[n][0] <= at <= lives[n][1] for n, at in zip(names, bars.at.tolist(), strict=True)
    ]
    return bars.rows(np.array(alive))


@pytest.mark.parametrize("name", NAMES)
def test_names_that_come_go_and_change(database: Database, tmp_path: Path, name: str) -> None:
    lives = NAMES[name]
    with database.transaction() as connection:
        fill_reference(connection)
    lives.known(database)
    bars = recorded(lives.vendor)
    here = rig(database, tmp_path, vendor={"folder": write_folder(tmp_path / "v", bars)})
    asked = {"symbols": lives.asked, "first": SUMMER.start, "last": SUMMER.last}
    made = here.plan(**asked)
    calls = tuple(
        (p.call.symbol, str(p.call.span.start), str(p.call.span.last)) for p in made.calls
    )
    assert calls == lives.calls
    assert {i.symbol: i.expected for i in made.items} == lives.expected
    progress = here.load(made)
    assert here.asked == len(calls)
    assert progress.load.state is JobState.COMPLETED
    assert progress.load.report["causes"] == lives.causes
    _one_history(here, database, lives, bars)
    record("names that come, go and change, loaded over the wire", runs=1)


def _one_history(here: Rig, database: Database, lives: Lives, bars: BarTable) -> None:
    """All bars are of the one instrument, and are read under each of its names."""
    assert sql(database, "SELECT count(DISTINCT instrument_id) FROM tickstock.bars_day") == [(1,)]
    truth = {at: bar for (_, at), bar in truth_of(bars).items()}
    assert {at: bar for (_, at), bar in stored(database).items()} == truth
    for name in lives.asked:
        assert len(here.tick.holdings.bars([name], DAY)) == len(bars)
    view = here.tick.missing.find(lives.asked, [DAY], SUMMER)
    gaps = {g.cause.value: g.cells for g in view.gaps}
    start, end = CALENDAR.between(SUMMER)
    unlisted = (end - start) - sum(lives.expected.values())
    assert gaps == lives.causes | ({"not_listed": unlisted} if unlisted else {})
    assert here.plan(symbols=lives.asked, first=SUMMER.start, last=SUMMER.last).calls == ()
