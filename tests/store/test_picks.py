"""Rules over bars that are really held: whom they pick, and that nothing later is looked at."""

from __future__ import annotations

import random
import statistics
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from tickstock.config import read_settings
from tickstock.errors import BadDates, BadExpression, EmptyUniverse
from tickstock.service import TickStock
from tickstock.service.builds import Builds, Every
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store.bar_files import BarFiles, Wanted
from tickstock.store.database import Database
from tickstock.store.folding import fold
from tickstock.store.panels import Panels
from tickstock.universes.plan import Action

CALENDAR = shipped_calendar()
NAMES = [f"N{letter}" for letter in "ABCDEFGHIJKL"]
FIRST, SESSIONS = CALENDAR.index(date(2022, 1, 3)), 120
DAYS = [CALENDAR.day(FIRST + n) for n in range(SESSIONS)]
LIST = "stock_universe:of_bars"
Bars = dict[str, dict[int, tuple[float, float]]]
"""Close and volume by name and session."""


def synthetic_table() -> Bars:
    """With gaps, late listings, equal values, and a name without a bar."""
    chance = random.Random(14)
    found: Bars = {}
    for name in NAMES[:-1]:
        since = chance.choice([0, 0, 0, 40, 90])
        found[name] = {
            session: (chance.choice([2.0, 5.0, 20.0, 80.0]), float(chance.randint(0, 3) * 100))
            for session in range(since, SESSIONS)
            if chance.random() < 0.85
        }
    return found


def write(database: Database, bars: Bars) -> None:
    rows = [
        (name, DAYS[session], close, volume)
        for name, held in bars.items()
        for session, (close, volume) in held.items()
    ]
    with database.transaction() as conn:
        for name in bars:
            conn.execute(
                "WITH i AS (INSERT INTO tickstock.instruments (symbol) VALUES (%s) RETURNING id)"
                " INSERT INTO tickstock.tickers (instrument_id, symbol, valid)"
                " SELECT id, %s, daterange(NULL, NULL) FROM i",
                (name, name),
            )
        conn.cursor().executemany(
            "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close, volume)"
            " SELECT id, %s, %s, %s, %s, %s, %s FROM tickstock.instruments WHERE symbol = %s",
            [(day, c, c, c, c, volume, name) for name, day, c, volume in rows],
        )


@pytest.fixture
def bars() -> Bars:
    return synthetic_table()


@pytest.fixture
def tick(database: Database, tmp_path: Path, bars: Bars) -> TickStock:
    settings = read_settings({}, cwd=tmp_path, home=tmp_path, vendor="synthetic")
    found = TickStock(settings, database)
    write(database, bars)
    found.edits.apply(found.edits.set(LIST, NAMES), reason="test", allow=[LIST])
    told = "date,symbol\n" + "".join(f"2022-01-03,{name}\n" for name in NAMES)
    found.edits.apply(
        found.edits.record(LIST, "told.csv", told.encode(), source="test", through=DAYS[-1]),
        reason="test",
    )
    return found


def by_loops(bars: Bars, day: date, floor: float, window: int, count: int) -> list[str]:
    """`price >= floor; top count by dollar_volume over window`, as it is defined."""
    end = sum(d < day for d in DAYS)
    found = []
    for name in sorted(bars):
        held = bars[name]
        near = [held[s][0] for s in range(max(end - 5, 0), end) if s in held]
        traded = [held[s][0] * held[s][1] for s in range(max(end - window, 0), end) if s in held]
        if near and traded and near[-1] >= floor:
            found.append((-statistics.median(traded), name))
    return sorted(name for _, name in sorted(found)[:count])


def test_rules_pick_what_loops_pick_on_any_day(tick: TickStock, bars: Bars) -> None:
    chance = random.Random(300)
    for _ in range(60):
        day = chance.choice(DAYS[1:]) + timedelta(days=chance.randint(0, 2))
        floor, window, count = (
            chance.choice([0, 5, 20, 60]),
            chance.randint(1, 80),
            chance.randint(1, 9),
        )
        rule = f"pick({LIST}; price >= {floor}; top {count} by dollar_volume over {window})"
        expected = by_loops(bars, day, floor, window, count)
        if expected:
            assert list(tick.history.show(rule, as_of=day).symbols) == expected, (rule, day)


RULE = f"pick({LIST}; price >= 5; held over 20 >= 0.5; age >= 10; top 4 by volume over 30)"


def test_nothing_later_than_the_close_before_is_looked_at(
    tick: TickStock, database: Database
) -> None:
    day = DAYS[70]
    before = tick.history.show(RULE, as_of=day).lineage
    built = tick.builds.build(RULE, Span(DAYS[30], day + timedelta(days=1)))
    with database.transaction() as conn:
        conn.execute(
            "UPDATE tickstock.bars_day SET open = 1, high = 9e9, low = 1, close = 9e9 - close,"
            " volume = 7e6 - volume WHERE at >= %s",
            (day,),
        )
    assert tick.history.show(RULE, as_of=day).lineage == before
    assert tick.builds.build(RULE, Span(DAYS[30], day + timedelta(days=1))) == built
    assert tick.history.show(RULE, as_of=DAYS[100]).lineage != before, "later on it does count"


def test_what_is_not_held_is_said(tick: TickStock) -> None:
    notes = " ".join(tick.history.show(RULE, as_of=DAYS[60]).notes)
    assert "cannot be judged" in notes
    assert NAMES[-1] in notes
    assert "are not held, and left out" in notes


def test_a_rule_is_part_of_any_expression_and_can_be_stored(tick: TickStock) -> None:
    day = DAYS[60]
    picked = set(tick.history.show(RULE, as_of=day).symbols)
    gone = min(picked)
    assert set(tick.history.show(f"{RULE} - {{{gone}}}", as_of=day).symbols) == picked - {gone}
    tick.edits.apply(tick.edits.set("stock_universe:liquid", expression=RULE), reason="test")
    assert set(tick.history.show("liquid", as_of=day).symbols) == picked
    assert tick.universes.evaluate("liquid").symbols == tick.universes.evaluate(RULE).symbols
    plan = tick.universes.plan_organize()
    assert [c.action for c in plan.changes if c.ref.key == "liquid"] == [Action.REMOVE]


def test_a_span_has_no_answer_by_rule(tick: TickStock) -> None:
    with pytest.raises(BadExpression, match="universe build"):
        tick.universes.evaluate(f"{RULE} @ {DAYS[50]}..{DAYS[60]}")


def test_a_built_universe_is_what_was_picked_on_each_day(tick: TickStock) -> None:
    span = Span.inclusive(DAYS[30], DAYS[-1])
    built = tick.builds.build(RULE, span)
    months = {day.strftime("%Y-%m"): day for day in reversed(DAYS[30:])}
    assert [day for day, _ in built.members] == sorted(months.values())
    plan = tick.builds.plan("stock_universe:built", built)
    tick.edits.apply(plan, reason="test", source=built.source)
    for day, symbols in built.members:
        assert tick.history.show("built", as_of=day).symbols == symbols
        assert tick.history.show(RULE, as_of=day).symbols == symbols
    assert set(tick.universes.members("stock_universe:built")) == set(built.members[-1][1])
    assert RULE.split(";")[0] in tick.history.log("stock_universe:built")[0].source
    again = tick.builds.plan("stock_universe:built", tick.builds.build(RULE, span))
    assert again.idle, "the same bars give the same universe"


def test_a_restated_bar_shows_as_a_difference_and_what_was_known_is_kept(
    tick: TickStock, database: Database
) -> None:
    span = Span.inclusive(DAYS[30], DAYS[-1])
    built = tick.builds.build(RULE, span)
    tick.edits.apply(tick.builds.plan("stock_universe:built", built), reason="first")
    with database.transaction() as conn:
        (known,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
        conn.execute("UPDATE tickstock.bars_day SET volume = 7e6 - volume")
    again = tick.builds.build(RULE, span)
    day = next(d for (d, a), (_, b) in zip(built.members, again.members, strict=True) if a != b)
    plan = tick.builds.plan("stock_universe:built", again)
    assert plan.recordings
    tick.edits.apply(plan, reason="restated", allow=["built"])
    then = tick.history.show("built", as_of=day, known_at=known)
    assert then.symbols == dict(built.members)[day]
    assert tick.history.show("built", as_of=day).symbols == dict(again.members)[day]


def test_what_came_later_than_a_moment_counts_for_no_rule_of_it(
    tick: TickStock, database: Database, bars: Bars
) -> None:
    day = DAYS[60]
    then = tick.history.show(RULE, as_of=day).symbols
    newest = tick.history.show(RULE).symbols
    with database.transaction() as conn:
        (known,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
    with database.transaction() as conn:
        ids = [row[0] for row in conn.execute("SELECT id FROM tickstock.instruments").fetchall()]
        conn.execute(
            "INSERT INTO tickstock.bar_arrivals (timeframe, instruments, sessions, at)"
            " VALUES ('day', %s, datemultirange(daterange(%s, '2022-12-31')), clock_timestamp())",
            (ids, DAYS[-1] + timedelta(days=1)),
        )
        conn.execute(
            "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close, volume)"
            " SELECT id, %s::date + n, 9e3, 9e3, 9e3, 9e3, 1 FROM tickstock.instruments,"
            " generate_series(1, 30) AS n",
            (DAYS[-1],),
        )
    assert tick.history.show(RULE, as_of=day, known_at=known).symbols == then
    assert tick.history.show(RULE, known_at=known).symbols == newest
    assert tick.history.show(RULE).symbols != newest, "by now it does count"


def test_an_empty_pick_says_what_is_lacking(tick: TickStock) -> None:
    tick.edits.apply(
        tick.edits.set("stock_universe:bare", ["ZZA", "ZZB"]), reason="t", allow=["bare"]
    )
    with pytest.raises(EmptyUniverse, match=r"no day bar is held.*tickstock load '\{ZZA, ZZB\}'"):
        tick.universes.evaluate("pick(bare; price >= 5)")


def test_however_many_sessions_are_read_at_once_the_same_is_picked(tick: TickStock) -> None:
    span = Span.inclusive(DAYS[30], DAYS[-1])
    found = [tick.builds.build(RULE, span, Every.WEEK, ahead=ahead) for ahead in (0, 2, 21, 9999)]
    assert found[1:] == found[:-1]


@pytest.mark.parametrize("every", Every)
def test_a_period_begins_with_its_first_session(tick: TickStock, every: Every) -> None:
    found = tick.builds.build(RULE, Span.inclusive(DAYS[30], DAYS[-1]), every)
    count = {Every.WEEK: 19, Every.MONTH: 5, Every.QUARTER: 2, Every.YEAR: 1}
    assert abs(len(found.members) - count[every]) <= 1


def test_what_cannot_be_built_is_refused(tick: TickStock) -> None:
    span = Span.inclusive(DAYS[30], DAYS[40])
    with pytest.raises(BadExpression, match="picks by no rule"):
        tick.builds.build(LIST, span)
    with pytest.raises(BadExpression, match="day of its own"):
        tick.builds.build(f"{RULE} @ {DAYS[40]}", span)
    with pytest.raises(BadDates, match="no session"):
        tick.builds.build(RULE, Span.inclusive(date(2022, 1, 1), date(2022, 1, 2)))


WIDE = [CALENDAR.day(CALENDAR.index(date(2022, 9, 1)) + n) for n in range(200)]
"""Sessions of two years."""
TWO_WINDOWS = (
    f"pick({LIST}; top 3 by dollar_volume over 21)"
    f" | pick({LIST}; price >= 5; held over 90 >= 0.3; top 2 by volume over 5)"
)


def coming_and_going(database: Database, tick: TickStock) -> None:
    """Bars with gaps of names that are listed, join the list, leave it and come back."""
    chance = random.Random(20)
    told = ["symbol,starts,ends"]
    rows = []
    for name in NAMES:
        since = chance.choice([0, 0, 30, 100])
        first, last = sorted(chance.sample(range(len(WIDE)), 2))
        told.append(f"{name},{WIDE[0]},{WIDE[first]}")
        told.append(f"{name},{WIDE[last]},")
        for day in WIDE[since:]:
            if chance.random() < 0.9:
                close, volume = chance.choice([2.0, 5.0, 80.0]), chance.randint(0, 300) * 100.0
                rows.append((day, *[close] * 4, volume, name))
    with database.transaction() as conn:
        conn.cursor().executemany(
            "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close, volume)"
            " SELECT id, %s, %s, %s, %s, %s, %s FROM tickstock.instruments WHERE symbol = %s",
            rows,
        )
    plan = tick.edits.record(
        LIST, "told.csv", "\n".join(told).encode(), source="test", through=WIDE[-1]
    )
    tick.edits.apply(plan, reason="test")


@pytest.mark.parametrize("ahead", [0, 7, 300])
@pytest.mark.parametrize("by_files", [False, True])
def test_a_build_over_a_list_that_changes_is_each_day_by_itself(
    tick: TickStock, database: Database, tmp_path: Path, ahead: int, by_files: bool
) -> None:
    coming_and_going(database, tick)
    files = BarFiles(tmp_path / "bars", few=0)
    if by_files:
        fold(database, files)
        with database.transaction() as conn:
            conn.execute("UPDATE tickstock.bars_day SET volume = volume * 3 WHERE at = %s",
                         (WIDE[100],))  # fmt: skip
    builds = Builds(database, tick.settings, tick.clock, files if by_files else None)
    span = Span.inclusive(WIDE[10], WIDE[-1])
    found = builds.build(TWO_WINDOWS, span, Every.WEEK, ahead=ahead)
    assert len({symbols for _, symbols in found.members}) > 20
    for day, symbols in found.members:
        assert tick.universes.evaluate(f"({TWO_WINDOWS}) @ {day}").symbols == symbols, day


def test_bars_of_a_moment_are_those_of_the_names_that_are_asked_about(
    tick: TickStock, database: Database
) -> None:
    """However the names change from one question to the next."""
    with database.transaction() as conn:
        (known,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
        ids = [row[0] for row in conn.execute("SELECT id FROM tickstock.instruments ORDER BY id")]
        panels = Panels(conn, CALENDAR, known_at=known)
        for some in (ids[:2], ids[1:5], ids[3:], ids[:2]):
            asked, alone = (
                each.before(DAYS[60], 20, some)
                for each in (panels, Panels(conn, CALENDAR, known_at=known))
            )
            assert np.array_equal(asked.close, alone.close, equal_nan=True)
            assert np.array_equal(asked.since, alone.since)
            assert panels.newest(some) == Panels(conn, CALENDAR, known_at=known).newest(some)


def test_whether_bars_come_from_files_makes_no_difference(
    tick: TickStock, database: Database, tmp_path: Path
) -> None:
    files = BarFiles(tmp_path / "bars", few=0)
    fold(database, files)
    with database.transaction() as conn:
        conn.execute("UPDATE tickstock.bars_day SET close = close * 2 WHERE instrument_id %% 2 = 0"
                     " AND at > %s", (DAYS[50],))  # fmt: skip
        conn.execute("DELETE FROM tickstock.bars_day WHERE at = %s", (DAYS[45],))
        (known,) = conn.execute("SELECT clock_timestamp()").fetchone() or (None,)
        ids = [row[0] for row in conn.execute("SELECT id FROM tickstock.instruments ORDER BY id")]
        for known_at in (None, known):
            stored, filed = (
                Panels(conn, CALENDAR, known_at=known_at, files=each).before(DAYS[60], 20, ids)
                for each in (None, files)
            )
            assert np.array_equal(filed.close, stored.close, equal_nan=True)
            assert np.array_equal(filed.volume, stored.volume, equal_nan=True)
            assert np.array_equal(filed.since, stored.since)
        of = Wanted(np.array(ids), np.full(len(ids), 0), np.full(len(ids), 99_999))
        assert files.answer(conn, of) is not None
