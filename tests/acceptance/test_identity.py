"""Who is meant, through all that can be asked of universes: histories recorded with the tickers of
the day, set operators, changes of members, since when and where somebody is in."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tickstock.clock import NEW_YORK, machine_now
from tickstock.config import read_settings
from tickstock.errors import BadDates, BadSymbol
from tickstock.model import UniverseRef
from tickstock.service import TickStock
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.universes.plan import OrganizePlan

NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
X, SP500 = "stock_universe:theme_x", "stock_universe:index_sp500"
REF = UniverseRef("stock_universe", "theme_x")
TOLD = """symbol,from,to
FB,2013-12-23,2022-06-08
META,2022-06-09,
ANTM,2014-12-03,2022-06-27
ELV,2022-06-28,
FISV,2001-03-30,2023-06-06
FI,2023-06-07,2025-11-10
FISV,2025-11-11,
GOOG,2006-04-03,2014-04-02
GOOGL,2014-04-03,
GOOG,2014-04-03,
T,1996-01-02,2005-11-18
SBC,1996-01-02,2005-11-30
T,2005-12-01,
BBBY,1999-10-01,2017-07-26
KO,1996-01-02,
"""
TODAY = ("META", "ELV", "FISV", "GOOGL", "GOOG", "T", "KO")
MISSING = object()


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    with database.transaction() as conn:
        fill_reference(conn)
    settings = read_settings({"TICKSTOCK_VENDOR": "replay"}, cwd=tmp_path, home=tmp_path)
    return TickStock(settings, database, lambda: NOW)


def do(tick: TickStock, plan: OrganizePlan) -> None:
    tick.edits.apply(plan, reason="test", allow=[change.ref.key for change in plan.changes])


@pytest.fixture
def told(tick: TickStock) -> TickStock:
    do(tick, tick.edits.set(X, TODAY))
    through = date(2026, 11, 20)
    do(tick, tick.edits.record(X, "told.csv", TOLD.encode(), source="s", through=through))
    return tick


def asked(tick: TickStock, expression: str) -> dict[str, list[str]]:
    """The spans of the calls of a job, by ticker."""
    found: dict[str, list[str]] = {}
    for planned in tick.plans.make(tick.requests.resolve(expression)).calls:
        found.setdefault(planned.call.symbol, []).append(str(planned.call.span))
    return {symbol: sorted(spans) for symbol, spans in found.items()}


def shown(tick: TickStock, expression: str, day: date | None = None) -> str:
    return " ".join(tick.history.show(expression, day).symbols)


# --- jobs of histories that were told with the tickers of the day ------------------------------
def test_each_ticker_is_asked_for_on_the_days_on_which_it_was_the_members(told: TickStock) -> None:
    found = asked(told, f"{X} @ 1996-01-02..2026-11-20")
    assert found == {
        "FB": ["2013-12-23..2022-06-08"],
        "META": ["2022-06-09..2026-11-20"],
        "ANTM": ["2014-12-03..2022-06-27"],
        "ELV": ["2022-06-28..2026-11-20"],
        "FISV": ["2001-03-30..2023-06-06", "2025-11-11..2026-11-20"],
        "FI": ["2023-06-07..2025-11-10"],
        "GOOG": ["2006-04-03..2014-04-02", "2014-04-03..2026-11-20"],
        "GOOGL": ["2014-04-03..2026-11-20"],
        "T": ["1996-01-02..2005-11-18", "2005-12-01..2026-11-20"],
        "SBC": ["1996-01-02..2005-11-30"],
        "BBBY": ["1999-10-01..2017-07-26"],
        "KO": ["1996-01-02..2026-11-20"],
    }


def test_no_day_of_a_renamed_member_is_not_listed(told: TickStock) -> None:
    plan = told.plans.make(told.requests.resolve("theme_x & {FB, KO} @ 2022-05-31..2022-06-30"))
    by_symbol = {(p.call.symbol, str(p.call.span)) for p in plan.calls}
    assert by_symbol == {
        ("FB", "2022-05-31..2022-06-08"),
        ("META", "2022-06-09..2022-06-30"),
        ("KO", "2022-05-31..2022-06-30"),
    }
    assert plan.cells == 44
    assert not plan.skips


def test_a_load_of_members_of_a_past_day_means_them_and_not_who_has_the_tickers_now(
    told: TickStock,
) -> None:
    request = told.requests.resolve(
        f"{X} @ 2015-01-02", first=date(2020, 1, 2), last=date(2024, 1, 2)
    )
    assert set(request.symbols) == {"META", "ELV", "FISV", "GOOG", "GOOGL", "T", "BBBY", "KO"}


# --- operators ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("expression", "day", "symbols"),
    [
        ("theme_x - {FB}", "", "ELV FISV GOOG GOOGL KO T"),
        ("theme_x - {FB}", "2015-01-02", "ANTM BBBY FISV GOOG GOOGL KO T"),
        ("theme_x - {META, ELV, FI}", "2015-01-02", "BBBY GOOG GOOGL KO T"),
        ("theme_x & {ANTM, SBC, BYON}", "", "ELV T"),
        ("theme_x & {BBBY}", "2015-01-02", "BBBY"),
        # The two firms of T; class A of Google, which was GOOG.
        ("theme_x & {T}", "2004-06-01", "T"),
        ("theme_x & {SBC}", "2004-06-01", "SBC"),
        ("theme_x & {SBC}", "2006-06-01", "T"),
        ("theme_x - {GOOGL}", "2010-01-04", "BBBY FISV KO T"),
        ("theme_x & {GOOG}", "2020-01-02", "GOOG"),
        ("(theme_x @ 2015-01-02) - theme_x", "", "BBBY"),
    ],
)
def test_operators_go_through_instruments(
    told: TickStock, expression: str, day: str, symbols: str
) -> None:
    assert shown(told, expression, date.fromisoformat(day) if day else None) == symbols


def test_what_a_source_says_of_days_to_come_is_not_recorded(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["PEP"]))
    text = b"symbol,from,to\nPEP,2015-01-02,2027-12-31\nCAT,2027-01-04,\n"
    plan = tick.edits.record(X, "h.csv", text, source="s")
    assert plan.notes[0] == "Left out: 1 day to come."
    do(tick, plan)
    assert shown(tick, X, date(2015, 1, 2)) == shown(tick, X) == "PEP"


def test_whom_a_symbol_was_taken_for_is_said(told: TickStock) -> None:
    (note,) = told.history.show("theme_x - {FB}").notes
    assert note == "FB is taken for META, which had that ticker until 2022-06-08."
    assert list(told.universes.left_out("theme_x - {FB}")) == [note]


def test_a_list_of_a_past_day_has_the_tickers_of_the_day(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["FI", "KO"]))
    late = "symbol,from,to\nFI,2001-03-30,\nKO,2001-03-30,\n"
    do(
        tick,
        tick.edits.record(X, "late.csv", late.encode(), source="s", through=date(2026, 11, 20)),
    )
    assert shown(tick, X, date(2014, 1, 2)) == "FISV KO"
    assert shown(tick, X, date(2024, 1, 2)) == "FI KO"
    assert tick.universes.members(X) == ("FI", "KO")


def test_a_difference_of_two_days_is_no_rename(told: TickStock) -> None:
    found = told.history.diff("theme_x @ 2015-01-02", X)
    assert (found.only_first, found.only_second) == (("BBBY",), ())


def test_the_label_compares_instruments_over_a_span(told: TickStock) -> None:
    label = told.history.survivorship("theme_x @ 2015-01-02..2026-11-20", date(2015, 1, 2))
    assert str(label) == "survivorship: the members of 2015-01-02, all 8 of them"


# --- changes of members -------------------------------------------------------------------------
def test_removing_and_adding_by_an_earlier_ticker(told: TickStock) -> None:
    plan = told.edits.remove(X, ["FB", "ANTM"])
    assert plan.changes[0].leaves == ("META", "ELV")
    assert "FB is taken for META, which had that ticker until 2022-06-08." in plan.notes
    do(told, plan)
    plan = told.edits.add(X, ["ANTM", "FI", "FB"])
    assert plan.changes[0].joins == ("ELV", "FB")
    assert "FI is in it already, as FISV." in plan.notes
    do(told, plan)
    with pytest.raises(BadSymbol, match="'META' is not in"):
        told.edits.remove(X, ["META"])  # the fund that is FB now came in, and not Meta
    do(told, told.edits.set(X, ["META"]))
    assert "FB is not META, which had that ticker before." in told.edits.add(X, ["FB"]).notes


def test_changing_an_expression_by_an_earlier_ticker(told: TickStock) -> None:
    mine = "stock_universe:theme_mine"
    do(told, told.edits.set(mine, expression="theme_x | {PEP}"))
    do(told, told.edits.remove(mine, ["FB"]))
    assert told.universes.get(mine).expression == "theme_x | {PEP} - {META}"
    assert "META" not in told.universes.members(mine)


# --- since when, and where ----------------------------------------------------------------------
def test_blame_reaches_back_through_renames(told: TickStock) -> None:
    since = {b.symbol: b.since for b in told.history.blame(X)}
    assert since == {
        "META": date(2013, 12, 23),
        "ELV": date(2014, 12, 3),
        "FISV": date(2001, 3, 30),
        "GOOGL": date(2006, 4, 3),
        "GOOG": date(2014, 4, 3),
        "T": date(1996, 1, 2),
        "KO": date(1996, 1, 2),
    }
    (one,) = told.history.blame(X, "FB")
    assert (one.symbol, one.since) == ("META", date(2013, 12, 23))
    with pytest.raises(BadSymbol, match="BBBY is not in"):
        told.history.blame(X, "BBBY")


def test_a_list_that_takes_up_a_new_ticker_gets_no_new_member(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["ANTM", "KO"]))
    do(tick, tick.edits.set(X, ["ELV", "KO"]))
    do(tick, tick.edits.set(X, ["ELV", "KO", "PEP"]))
    by_symbol = {b.symbol: b.revision for b in tick.history.blame(X)}
    first, _, third = [entry.id for entry in reversed(tick.history.log(X))]
    assert by_symbol == {"ELV": first, "KO": first, "PEP": third}


@pytest.mark.parametrize(
    ("symbol", "day", "name"),
    [
        ("META", "", "META"),
        ("FB", "", None),  # a fund has it now, and no list has the fund
        ("ANTM", "", "ELV"),
        ("META", "2015-01-02", "FB"),
        ("FB", "2015-01-02", "FB"),
        ("SBC", "2006-06-01", None),  # given up before that day
        ("BBBY", "2015-01-02", "BBBY"),
        ("BYON", "2015-01-02", None),
    ],
)
def test_where_somebody_is_in(told: TickStock, symbol: str, day: str, name: str | None) -> None:
    found = told.history.containing(symbol, date.fromisoformat(day) if day else None)
    assert found.get(REF) == name


@pytest.mark.parametrize(
    ("symbol", "until"),
    [
        ("BBBY", None),  # another firm has the ticker now
        ("FB", None),  # it was Meta's when it was in, and is a fund's now
        ("META", None),  # in still, under another ticker than before
        ("KO", None),
        ("BYON", None),
    ],
)
def test_where_somebody_was_in(told: TickStock, symbol: str, until: date | None) -> None:
    assert told.history.once(symbol).get(REF) == until


def test_who_left_by_a_told_history_was_in_until_then(tick: TickStock) -> None:
    told = "symbol,start,end\nKO,1996-01-02,\nPEP,1996-01-02,2020-03-03\n"
    do(tick, tick.edits.set(X, ["KO"]))
    do(tick, tick.edits.record(X, "told.csv", told.encode(), source="s", through=date(2024, 1, 2)))
    assert tick.history.once("PEP") == {REF: date(2020, 3, 2)}
    assert tick.history.once("KO") == {}


def test_who_was_taken_out_was_in(tick: TickStock) -> None:
    do(tick, tick.edits.set(X, ["KO", "PEP"]))
    assert tick.history.once("PEP") == {}
    do(tick, tick.edits.remove(X, ["PEP"]))
    today = tick.history.log(X, 1)[0].at.astimezone(NEW_YORK).date()
    assert tick.history.once("PEP") == {REF: today}
    do(tick, tick.edits.add(X, ["PEP"]))
    assert tick.history.once("PEP") == {}


# --- days that have not come, and lists that were not there ---------------------------------------
def test_a_day_that_has_not_come_is_refused_everywhere(told: TickStock) -> None:
    future = date(2199, 1, 1)
    for ask in (
        lambda: told.history.show(X, future),
        lambda: told.history.containing("KO", future),
        lambda: told.history.diff(f"{X} @ {future}", X),
        lambda: told.universes.members(f"{X} @ {future}"),
        lambda: told.requests.resolve(f"{X} @ {future}..2199-12-31"),
        lambda: told.edits.record(X, "told.csv", TOLD.encode(), source="s", through=future),
    ):
        with pytest.raises(BadDates, match="2199-01-01 has not come"):
            ask()
    span = told.requests.resolve(f"{X} @ 2026-11-02..2199-12-31").span
    assert span.last <= max(date(2026, 11, 22), machine_now().date())


def test_a_glob_on_a_past_day_goes_on_without_what_is_not_known_of_it(told: TickStock) -> None:
    do(told, told.edits.set("stock_universe:theme_new", ["PEP"]))
    found = told.history.show("stock_universe:theme_*", date(2015, 1, 2))
    assert found.symbols == ("ANTM", "BBBY", "FB", "FISV", "GOOG", "GOOGL", "KO", "T")
    assert any(note.startswith("stock_universe:theme_new is left out") for note in found.notes)
