"""A plan that was shown is done as it was shown, or refused with what has moved; universes as they
were; the newest sessions asked again."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.kit import CALENDAR, span
from tests.loading_rig import NOW, Rig, rig, sql, stored, synthetic_table, truth_of, write_folder
from tickstock.errors import BadDates, StalePlan
from tickstock.model import JobState, Timeframe, UniverseRef, epoch_day
from tickstock.spans import ONE_DAY, Span
from tickstock.store import history
from tickstock.store.database import Database
from tickstock.universes.membership import FOREVER, History, Interval
from tickstock.universes.plan import Recording

CORE = UniverseRef("stock_universe", "core")
MONTH = span("2012-03-01", "2012-03-30")
DATES = {"first": MONTH.start, "last": MONTH.last}


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Rig:
    passed[0] = timedelta(0)
    found = rig(
        database, tmp_path, vendor={"symbols": ["A", "B", "C"]}, shift=lambda: passed[0]
    )  # fmt: skip
    name(database, "A", "B")
    return found


passed = [timedelta(0)]


def name(database: Database, *symbols: str) -> None:
    """What another program may do to the published table."""
    sql(
        database,
        "INSERT INTO public.cache_entries (type, name, key, value)"
        " VALUES ('stock_universe', 'Core', 'core', to_jsonb(%s::text[]))"
        " ON CONFLICT (type, key, environment) DO UPDATE SET value = EXCLUDED.value",
        list(symbols),
    )


def test_exactly_the_plan_is_done(here: Rig, database: Database) -> None:
    plan = here.plan(str(CORE), **DATES)
    token = here.tick.plans.keep(plan)
    assert here.tick.plans.keep(plan) == token == plan.digest[:12]
    again = here.tick.plans.recall(f" {token.upper()} ")
    assert again.calls == plan.calls
    progress = here.load(again, digest=again.digest)
    assert progress.load.state is JobState.COMPLETED
    assert here.asked == len(plan.calls)


def refusal(here: Rig, token: str) -> str:
    with pytest.raises(StalePlan) as caught:
        here.tick.plans.recall(token)
    assert caught.value.exit_code == 5
    return str(caught.value)


def test_bars_that_arrived_are_named(here: Rig) -> None:
    token = here.tick.plans.keep(here.plan(str(CORE), **DATES))
    here.load(here.plan(symbols=["A"], first=MONTH.start, last=date(2012, 3, 7)))
    assert "bars arrived for 5 sessions (day bars)" in refusal(here, token)


def test_a_change_of_the_universe_is_named(here: Rig, database: Database) -> None:
    token = here.tick.plans.keep(here.plan(str(CORE), **DATES))
    name(database, "A", "C")
    assert "the universe has changed: new C, gone B" in refusal(here, token)
    name(database, "B", "A")
    name(database, "A", "B")  # the same again, and yet changed: somebody was at it
    assert "the universe was changed, and names the same symbols" in refusal(here, token)


@pytest.mark.dates
def test_a_session_that_was_published_is_named(here: Rig) -> None:
    friday = CALENDAR.last_published(NOW, timedelta(hours=8))
    close = int(CALENDAR.closes[CALENDAR.index(friday)])
    passed[0] = timedelta(seconds=close + 3600 - NOW.timestamp())
    token = here.tick.plans.keep(here.plan(str(CORE), first=friday, last=friday))
    passed[0] += timedelta(hours=8)
    assert "2 more sessions were published (day bars)" in refusal(here, token)


@pytest.mark.dates
def test_answers_that_expired_are_named(here: Rig, tmp_path: Path) -> None:
    bars = synthetic_table(["A", "B"], MONTH)
    folder = write_folder(tmp_path / "vendor", bars.rows(bars.at != epoch_day(date(2012, 3, 9))))
    here.vendor = {"folder": folder}
    here.load(here.plan(symbols=["A"], **DATES))
    token = here.tick.plans.keep(here.plan(str(CORE), **DATES))
    passed[0] = timedelta(days=31)
    message = refusal(here, here.tick.plans.keep(here.plan(str(CORE), **DATES)) and token)
    assert "No plan" in message  # the plan itself is older than plans are kept
    passed[0] = timedelta(0)
    token = here.tick.plans.keep(here.plan(str(CORE), **DATES))
    sql(here.tick.database, "UPDATE tickstock.holes SET expires_at = %s", NOW)
    passed[0] = timedelta(days=1)
    message = refusal(here, token)
    assert "answers about 1 sessions have expired (day, vendor empty)" in message


@pytest.mark.dates
def test_an_unknown_token_is_told_from_an_old_one(here: Rig) -> None:
    assert "No plan 'ffff' is known here" in refusal(here, "ffff")
    assert "No plan '' is known here" in refusal(here, "")
    token = here.tick.plans.keep(here.plan(str(CORE), **DATES))
    passed[0] = timedelta(days=8)
    assert "is known here" in refusal(here, token)


def test_a_move_between_looking_and_doing_is_refused_too(here: Rig) -> None:
    plan = here.tick.plans.recall(here.tick.plans.keep(here.plan(str(CORE), **DATES)))
    here.load(here.plan(symbols=["B"], first=MONTH.start, last=MONTH.start))
    with pytest.raises(StalePlan):
        here.load(plan, digest=plan.digest)


# --- as it was -----------------------------------------------------------------------------------
def tell(database: Database, *intervals: tuple[str, str, str]) -> None:
    """What a source says about the members of the universe in the first half of 2012."""
    known = Span(date(2012, 1, 1), date(2012, 7, 1))
    found = tuple(
        Interval(symbol, Span(date.fromisoformat(a), date.fromisoformat(b) if b else FOREVER))
        for symbol, a, b in intervals
    )
    with database.transaction() as connection:
        history.record(connection, [Recording(CORE, History(known, found, "test"))])


def test_a_universe_is_loaded_as_it_was(here: Rig, database: Database) -> None:
    tell(
        database,
        ("A", "2012-01-01", ""),
        ("B", "2012-01-01", "2012-02-01"),
        ("B", "2012-03-05", "2012-03-20"),
        ("C", "2012-02-01", "2012-03-05"),
    )
    half = Span.inclusive(date(2012, 1, 2), date(2012, 4, 30))
    plan = here.plan(f"core @ {half}")
    want = {
        "A": [half],
        "B": [span("2012-01-02", "2012-01-31"), span("2012-03-05", "2012-03-19")],
        "C": [span("2012-02-01", "2012-03-04")],
    }
    bars = synthetic_table(list(want), half)
    inside = [
        any(epoch_day(s.start) <= at < epoch_day(s.end) for s in want[bars.tickers[owner]])
        for owner, at in zip(bars.owner.tolist(), bars.at.tolist(), strict=True)
    ]
    assert plan.cells == sum(inside)
    progress = here.load(plan)
    assert here.asked == len(plan.calls)
    assert progress.load.state is JobState.COMPLETED
    assert progress.held == progress.expected == sum(inside)
    kept = dict(truth_of(bars))
    wanted = [key for key, yes in zip(kept, inside, strict=True) if yes]
    assert stored(database) == {key: kept[key] for key in wanted}
    assert here.plan(f"core @ {half}").calls == ()
    (row,) = sql(
        database, "SELECT spells::text FROM tickstock.load_items WHERE symbol = 'B' LIMIT 1"
    )
    assert row == ("{[2012-01-02,2012-02-01),[2012-03-05,2012-03-20)}",)


def test_whole_market_days_bring_only_who_was_in(
    here: Rig, database: Database, tmp_path: Path
) -> None:
    tell(
        database,
        ("A", "2012-01-01", ""),
        ("B", "2012-01-01", "2012-03-07"),
        ("C", "2012-03-07", ""),
    )
    two = Span.inclusive(date(2012, 3, 6), date(2012, 3, 7))
    limits = {"MASSIVE_CALLS_PER_MINUTE": "5"}
    here = rig(database, tmp_path, vendor=here.vendor, settings=limits)
    plan = here.plan(f"core @ {two}")
    assert [p.call.kind for p in plan.calls] == ["market_day", "market_day"]
    assert here.load(plan).load.state is JobState.COMPLETED
    days = [epoch_day(d) for d in (two.start, two.last)]
    assert set(stored(database)) == {("A", days[0]), ("A", days[1]), ("B", days[0]), ("C", days[1])}
    assert sql(database, "SELECT count(*) FROM tickstock.holes") == [(0,)]


def test_a_pad_widens_every_interval(here: Rig, database: Database) -> None:
    tell(database, ("B", "2012-03-05", "2012-03-20"))
    plan = here.plan(f"core @ {MONTH}", pad=10)
    assert plan.request.intervals == ((span("2012-02-24", "2012-03-29"),),)
    assert plan.request.span == span("2012-02-24", "2012-03-29")
    token = here.tick.plans.keep(plan)
    assert here.tick.plans.recall(token).calls == plan.calls
    with pytest.raises(BadDates, match="A pad of -1 days"):
        here.plan(f"core @ {MONTH}", pad=-1)


def test_a_universe_as_it_was_takes_no_other_dates(here: Rig, database: Database) -> None:
    tell(database, ("B", "2012-03-05", "2012-03-20"))
    with pytest.raises(BadDates, match="says itself which days are meant"):
        here.plan(f"core @ {MONTH}", duration="1y")


def test_new_facts_about_the_past_move_the_plan(here: Rig, database: Database) -> None:
    tell(database, ("B", "2012-03-05", "2012-03-20"))
    token = here.tick.plans.keep(here.plan(f"core @ {MONTH}"))
    tell(database, ("A", "2012-03-05", "2012-03-20"))
    assert "the universe has changed: new A, gone B" in refusal(here, token)


# --- the newest sessions again -------------------------------------------------------------------
@pytest.mark.dates
def test_refresh_notices_what_the_vendor_corrected(here: Rig, database: Database) -> None:
    last = CALENDAR.last_published(NOW, timedelta(hours=8))
    week = here.tick.dates.span("5d")
    here.load(here.plan(str(CORE), duration="1mo"))
    before = stored(database)
    sql(database, "UPDATE tickstock.bars_day SET close = close + 1 WHERE at >= %s", last - ONE_DAY)
    wrong = sum(before[k] != bar for k, bar in stored(database).items())
    assert wrong
    plan = here.plan(str(CORE), duration="5d", refresh=True)
    assert plan.cells == 2 * 5
    progress = here.load(plan)
    assert (progress.rows_new, progress.rows_changed) == (0, wrong)
    assert stored(database) == before
    assert week.last == last
    assert Timeframe.DAY in plan.request.timeframes
