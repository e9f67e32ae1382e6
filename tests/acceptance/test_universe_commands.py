"""Universes by the command line: changed, asked about, undone, looked at in the past."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tickstock.cli.app import run
from tickstock.clock import machine_now
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

MINE = "stock_universe:theme_mine"
SP500 = "stock_universe:index_sp500"
CORE = "etf_universe:core_etfs"


@dataclass
class Shell:
    capture: pytest.CaptureFixture[str]
    home: Path
    database: Database
    err: str = ""

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--home", str(self.home)]) == code, self.capture.readouterr().err
        said = self.capture.readouterr()
        self.err = said.err
        return said.out

    def universe(self, *words: str, code: int = 0) -> str:
        return self("universe", *words, code=code)

    def json(self, *words: str, code: int = 0) -> Any:
        return json.loads(self("universe", *words, "--json", code=code))["data"]

    def members(self, ref: str = MINE) -> list[str]:
        return self.universe("show", ref).split()

    def sql(self, statement: str) -> list[Any]:
        with psycopg.connect(self.database.conninfo, autocommit=True) as conn:
            cursor = conn.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def shell(
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Shell:
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.setenv("TICKSTOCK_VENDOR", "replay")
    monkeypatch.chdir(tmp_path)
    with database.transaction() as conn:
        fill_reference(conn)
    return Shell(capsys, tmp_path, database)


@pytest.fixture
def organized(shell: Shell) -> Shell:
    shell.universe("organize", "--yes")
    return shell


# --- changes ----------------------------------------------------------------------------------
def test_without_a_terminal_and_without_yes_nothing_is_written(shell: Shell) -> None:
    shown = shell.universe("set", MINE, "AAPL", "MSFT", code=2)
    assert '+ stock_universe:theme_mine "Theme mine": 2 symbols' in shown
    assert "Add --yes" in shell.err
    assert shell.json("set", MINE, "AAPL", code=2)["applied"] is False
    assert shell.sql("SELECT * FROM cache_entries") == []


def test_symbols_are_respelled_and_said_so(organized: Shell) -> None:
    said = organized.universe("set", MINE, "brk/b", "BFB", "KIMpL", "AAPL", "AAPL", "--yes")
    for note in ("brk/b is read as BRK.B", "BFB is read as BF.B", "AAPL was given more than once"):
        assert note in said
    assert organized.members() == ["AAPL", "BF.B", "BRK.B", "KIMpL"]


def test_set_add_remove_rename_delete_and_back(shell: Shell) -> None:
    shell.universe("set", MINE, "AAPL", "MSFT", "--name", "My stocks", "-y")
    shell.universe("add", MINE, "TSLA", "-y")
    assert "AAPL is in it already" in shell.universe("add", MINE, "AAPL", "-y")
    assert "Nothing to do" in shell.err
    shell.universe("remove", MINE, "MSFT", "-y")
    assert shell.members() == ["AAPL", "TSLA"]
    shell.universe("remove", MINE, "TSLX", "-y", code=2)
    assert "Did you mean 'TSLA'" in shell.err
    shell.universe("rename", MINE, "stock_universe:theme_ours", "-y")
    shell.universe("delete", "stock_universe:theme_ours", "-y")
    shell.universe("show", "stock_universe:theme_ours", code=1)
    shell.universe("revert", "stock_universe:theme_ours", "-y")
    assert shell.members("stock_universe:theme_ours") == ["AAPL", "TSLA"]
    (listed,) = shell.json("list")
    assert listed["name"] == "My stocks"


def test_an_expression_is_amended_not_replaced(organized: Shell) -> None:
    organized.universe("set", MINE, "--expression", "index_dow30 & index_nasdaq100", "-y")
    organized.universe("add", MINE, "IBM", "-y")
    organized.universe("remove", MINE, "CSCO", "-y")
    members = organized.members()
    assert "IBM" in members
    assert "CSCO" not in members
    (row,) = [u for u in organized.json("list") if u["key"] == "theme_mine"]
    assert row["expression"] == "index_dow30 & index_nasdaq100 | {IBM} - {CSCO}"


def test_the_guard_holds_what_would_lose_too_much(organized: Shell) -> None:
    organized.universe("set", SP500, "AAPL", "-y", code=1)
    assert "--allow index_sp500" in organized.err
    assert len(organized.members(SP500)) == 503
    organized.universe("set", SP500, "AAPL", "-y", "--allow", "index_sp500")
    organized.universe("revert", SP500, "-y")
    assert len(organized.members(SP500)) == 503


@pytest.mark.parametrize(
    "words",
    [
        ("set", MINE),
        ("set", MINE, "A", "--expression", "{B}"),
        ("set", "stock_universe:Theme", "A"),
        ("set", MINE, "not a symbol"),
        ("add", MINE),
        ("delete",),
        ("revert", MINE, "1", "--to", "2026-01-01"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(shell: Shell, words: tuple[str, ...]) -> None:
    shell.universe(*words, "--yes", code=2)
    assert shell.err.startswith("error: ")


def test_a_new_universe_is_named_with_its_type(shell: Shell) -> None:
    shell.universe("set", "theme_mine", "A", "--yes", code=1)
    assert "a new one is named with its type, say stock_universe:theme_mine" in " ".join(
        shell.err.split()
    )


# --- the past ---------------------------------------------------------------------------------
def test_the_past_of_an_index_with_its_label(organized: Shell) -> None:
    assert len(organized.universe("show", SP500, "--as-of", "2010-01-04").split()) == 500
    assert "285 (57%) are in this list" in organized.err
    label = organized.json("show", SP500, "--as-of", "2010-01-04")["survivorship"]
    assert (label["then"], label["stayed"], label["share_stayed"]) == (500, 285, 0.57)
    assert "CELG" in label["delisted"]
    organized.universe("show", SP500, "--as-of", "1950-01-01", code=1)
    assert "is unknown" in organized.err


def test_plans_and_coverage_of_the_past_carry_the_label(organized: Shell) -> None:
    span = ("--from", "2010-01-04", "--to", "2010-01-08")
    organized("plan", SP500, *span)
    assert "survivorship: of the 500 members of 2010-01-04, 285 (57%)" in organized.err
    organized("coverage", SP500, *span)
    assert "survivorship: of the 500 members" in organized.err
    data = json.loads(organized("plan", "index_sp100", *span, "--json"))["data"]
    assert "was not in this database on 2010-01-04" in data["survivorship"]["unknown"]
    organized("plan", "etf_universe:core_etfs", *span)
    assert "survivorship" not in organized.err, "a list of one's own was never meant to be dated"
    data = json.loads(organized("plan", "core_etfs", *span, "--json"))["data"]
    assert "was not in this database" in data["survivorship"]["unknown"]


def test_what_this_database_said_at_a_time(shell: Shell) -> None:
    shell.universe("set", MINE, "AAPL", "-y")
    then = machine_now().replace(tzinfo=None).isoformat()
    shell.universe("set", MINE, "MSFT", "-y", "--allow", "theme_mine")
    assert shell.universe("show", MINE, "--known-at", then).split() == ["AAPL"]
    assert shell.members() == ["MSFT"]
    shell.universe("revert", MINE, "--to", then, "-y")
    assert shell.members() == ["AAPL"]


def test_log_blame_containing_and_diff(organized: Shell) -> None:
    organized.universe("set", MINE, "AAPL", "-y")
    organized.sql("UPDATE cache_entries SET value = '[\"AAPL\", \"IBM\"]' WHERE key = 'theme_mine'")
    first, second = reversed(organized.json("log", MINE))
    assert (first["action"], first["joined"], second["joined"]) == ("insert", ["AAPL"], ["IBM"])
    (blamed,) = organized.json("blame", MINE, "IBM")
    assert (blamed["revision"], blamed["reason"]) == (second["revision"], "")
    (apple,) = organized.json("blame", SP500, "AAPL")
    assert apple["since"] == "1996-01-02", "the first day of which all members are known"
    assert "joined (1): IBM" in organized.universe("log", MINE)
    assert MINE in organized.universe("containing", "IBM").split()
    then = organized.universe("containing", "META", "--as-of", "2014-01-02").split()
    assert then == [SP500, "as", "FB"], "of the NASDAQ-100 nothing is said before 2015"
    changed = organized.universe("diff", "index_dow30@2015-01-02", "index_dow30")
    assert {"- GE", "+ AAPL"} <= set(changed.splitlines())


def test_a_ticker_of_the_time_finds_the_lists_that_name_todays(organized: Shell) -> None:
    found = organized.json("containing", "META", "--as-of", "2015-01-02")
    assert found["universes"] == ["stock_universe:index_nasdaq100", SP500]
    assert found["names"] == {"stock_universe:index_nasdaq100": "FB", SP500: "FB"}
    assert f"{SP500}  as FB" in organized.universe("containing", "META", "--as-of", "2015-01-02")
    assert organized.json("containing", "FB", "--as-of", "2015-01-02")["universes"]
    assert organized.json("containing", "FB")["universes"] == [], "another firm's ticker by now"
    assert SP500 in organized.json("containing", "ANTM")["universes"]


def test_a_bare_key_is_enough_where_one_type_has_it(organized: Shell) -> None:
    organized.universe("add", "core_etfs", "SPYG", "-y")
    assert organized.universe("log", "core_etfs") == organized.universe("log", CORE)
    organized.universe("set", "stock_universe:core_etfs", "AAPL", "-y")
    organized.universe("blame", "core_etfs", code=2)
    assert f"Write {CORE} or stock_universe:core_etfs" in organized.err
    organized.universe("revert", "core_etf", "-y", code=1)
    assert "Did you mean 'etf_universe:core_etfs'" in organized.err


def test_who_is_left_behind_by_a_rename_is_named(organized: Shell) -> None:
    organized.universe("set", MINE, "--expression", "core_etfs | {IBM}", "-y")
    said = organized.universe("rename", "core_etfs", "etf_universe:theme_core", "-y")
    assert f"{MINE} is the expression core_etfs | {{IBM}}, which names {CORE}" in said
    assert "renamed from core_etfs to etf_universe:theme_core" in organized.universe(
        "log", "theme_core"
    )
    assert "will fail" not in organized.universe("delete", MINE, "-y")


def test_why_is_kept_and_nothing_in_it_is_markup(shell: Shell) -> None:
    named = ("--name", "[b]x[/b] [/] \\")
    shell.universe("set", MINE, "AAPL", *named, "-y", "-m", "because [/]")
    shell.universe("add", MINE, "IBM", "-y", "--reason", "more")
    assert "[b]x[/b] [/] \\" in shell.universe("list")
    said = shell.universe("log", MINE)
    assert "because [/]" in said
    assert said.index("more") < said.index("because")
    apple, ibm = shell.json("blame", MINE, "AAPL", "IBM")
    assert (apple["reason"], ibm["reason"]) == ("because [/]", "more")
    shell.universe("blame", MINE, "AAPL", "MSFT", code=2)
    assert "MSFT is not in" in shell.err


def test_a_dry_run_is_refused_as_the_run_would_be(organized: Shell, tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("AAPL\nMSFT\n")
    call = ("import", str(file), "--as", SP500, "--dry-run")
    assert "503 -> 2 symbols" in organized.universe(*call, code=1)
    assert "--allow index_sp500" in organized.err
    assert organized.json(*call, code=1)["applied"] is False
    organized.universe(*call, "--allow", "index_sp500")


def test_before_anything_was_known_is_said_so(organized: Shell) -> None:
    organized.universe("show", SP500, "--known-at", "2020-01-01T00:00:00", code=1)
    assert "At 2020-01-01 00:00:00 UTC this database knew no answer" in organized.err
    assert "was not in this database" in organized.err


def test_a_told_history_is_known_from_then_on(shell: Shell, tmp_path: Path) -> None:
    shell.universe("set", MINE, "B", "-y")
    file = tmp_path / "h.csv"
    file.write_text("date,action,symbol\n2020-01-02,add,A\n2020-06-01,add,B\n2020-07-01,remove,A\n")
    shell.universe("record", MINE, str(file), "--through", "2020-12-31", "-y")
    assert shell.universe("show", MINE, "--as-of", "2020-06-15").split() == ["A", "B"]
    assert "is good up to 2020-12-31" not in shell.err
    assert shell.universe("show", MINE, "--as-of", "2021-06-15").split() == ["B"]
    assert "h.csv is good up to 2020-12-31" in shell.err
    shell.universe("record", MINE, str(tmp_path / "none.csv"), "-y", code=2)


def test_changes_are_told_back_from_the_members_of_today(shell: Shell, tmp_path: Path) -> None:
    shell.universe("set", MINE, "AAPL", "PEP", "-y")
    file = tmp_path / "changes.csv"
    file.write_text('date,add,remove\n2020-03-20,"AAPL,KO",IBM\n2020-06-01,PEP,KO\n')
    shell.universe("record", MINE, str(file), "-y", code=2)
    assert "changes.csv:2: IBM leaves" in shell.err
    said = shell.universe("record", MINE, str(file), "--backwards", "-y")
    assert "3 membership intervals" in said
    assert shell.universe("show", MINE, "--as-of", "2020-05-29").split() == ["AAPL", "KO"]
    file.write_text("symbol,from,to\nAAPL,2020-01-02,\n")
    shell.universe("record", MINE, str(file), "--backwards", "-y", code=2)
    assert "Leave out --backwards" in shell.err


HELD_THEN = "date,symbol\n2024-09-03,AAPL\n2024-10-01,NVDA\n2024-12-02,QQQX\n"


def test_over_a_past_span_every_command_means_the_same_days(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AAPL is in it in September of 2024, NVDA in October and November, then nobody we know."""
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    shell.universe("set", MINE, "QQQX", "-y")
    (shell.home / "h.csv").write_text(HELD_THEN)
    shell.universe("record", MINE, "h.csv", "--through", "2024-12-31", "-y")
    then = f"{MINE} @ 2024-09-03..2024-12-31"
    shell("load", "{AAPL, NVDA}", "--from", "2024-08-01", "--to", "2024-12-31")
    planned = json.loads(shell("plan", then, "--json"))["data"]["summary"]
    assert (planned["expected"], planned["held"]) == (20 + 43 + 21, 20 + 43)
    covered = json.loads(shell("coverage", then, "--json"))["data"]
    by_symbol = {item["symbol"]: (item["expected"], item["held"]) for item in covered["items"]}
    assert by_symbol == {"AAPL": (20, 20), "NVDA": (43, 43)}
    assert covered["never_heard_of_sessions"] == 21
    assert "never asked for: 21 sessions of 1 symbol  (QQQX)" in shell("missing", then)
    (gap,) = [json.loads(shell("missing", then, "--json"))["data"]]
    assert (gap["gaps"], gap["from"], gap["to"]) == ([], "2024-09-03", "2024-12-31")
    both = f"{MINE} @ 2024-09-03..2024-11-29"
    shown = shell("bars", both, "--format", "csv").splitlines()[1:]
    days = {s: [row.split(",")[1] for row in shown if row.startswith(s)] for s in ("AAPL", "NVDA")}
    assert (len(days["AAPL"]), days["AAPL"][-1]) == (20, "2024-09-30")
    assert (len(days["NVDA"]), days["NVDA"][0]) == (43, "2024-10-01")
    shell("export", both, "folder")
    made = json.loads((shell.home / "folder" / "manifest.json").read_text())
    assert (made["first"], made["last"], made["bars"]) == ("2024-09-03", "2024-11-29", 63)
    shell("verify", "--folder", "folder", "--against-database")
    for command in ("coverage", "missing", "bars", "plan", "refresh"):
        shell(command, both, *(() if command == "refresh" else ("--for", "1mo")), code=2)
        assert "says itself which days are meant" in shell.err
        assert "--pad" not in shell.err


def test_numbers_and_days_that_nothing_has_are_refused_in_words(shell: Shell) -> None:
    shell.universe("set", MINE, "AAPL", "-y")
    shell("plan", MINE, "--for", "1w")
    for call, why in (
        (f"plan {MINE} --from 2020-01-02 --to 9999-12-31", "the last day that there is"),
        (f"bars {MINE} --from 2020-01-02 --to 9999-12-31", "the last day that there is"),
        (f"bars {MINE} --known-at 9999-12-31", "can be meant"),
        (f"bars {MINE} --known-at 0001-01-01T00:00:00+14:00", "can be meant"),
        (f"universe show {MINE} --known-at 0001-01-01", "can be meant"),
        (f"universe revert {MINE} --to 9999-12-31", "can be meant"),
        (f"revisions {MINE} --since 9999-12-31", "can be meant"),
        ("jobs list --most -1", "-1 lines were asked for"),
        (f"universe log {MINE} --most 99999999999999999999", "lines were asked for"),
        (f"load {MINE} --for 1w --priority 999999999999 --background", "cannot be kept"),
        (f"plan {MINE} --pad 3", "not one over a past span"),
        (f"load {MINE} --pad -3 --background", "not one over a past span"),
        ("load --plan abc --timeframes hour", "A plan says all there is to load"),
    ):
        shell(*call.split(), code=2)
        assert why in shell.err, call
    for command in ("delete", "log", "blame", "rename"):
        more = ("stock_universe:other",) if command == "rename" else ()
        shell.universe(command, "nope", *more, code=1)
        assert "There is no universe 'nope'" in shell.err


def test_commas_between_symbols_are_understood(shell: Shell) -> None:
    shell.universe("set", MINE, "AAPL,MSFT", "NVDA", "-y")
    shell.universe("add", MINE, "IBM, KO", "-y")
    shell.universe("remove", MINE, "AAPL,NVDA", "-y")
    assert shell.members() == ["IBM", "KO", "MSFT"]
    shell.universe("set", MINE, "theme_mine | core_etfs", "-y", code=2)
    assert "--expression 'theme_mine | core_etfs'" in shell.err
    shell.universe("import", MINE, "list.csv", "--yes", code=2)
    assert "universe import FILE --as" in shell.err
    shell("jobs", "list", "--state", "running")
    assert "No job yet" in shell.err
    shell("load", MINE, "--for", "1w", "--background")
    shell("jobs", "list", "--state", "failed")
    assert "No job is failed" in shell.err
    (job,) = json.loads(shell("jobs", "list", "--json"))["data"]
    shell("jobs", "cancel", job["load"])
    shell("jobs", "resume", job["load"], code=1)
    assert "there is nothing to resume" in shell.err
    for call, why in (
        ("refresh theme_mine --sessions 0", "Give 1 or more"),
        ("plan theme_mine --from 2027-01-01", "the newest session that has final bars"),
        ("sessions list --to 2026-11-20", "without a first one"),
    ):
        shell(*call.split(), code=2)
        assert why in shell.err, call


def test_an_expression_that_another_universe_makes_fail_is_named(shell: Shell) -> None:
    shell.universe("set", "stock_universe:sector_a", "AAPL", "-y")
    shell.universe("set", MINE, "--expression", "sector_a | {IBM}", "-y")
    said = shell.universe("set", "etf_universe:sector_a", "SPY", "-y")
    assert f"{MINE} is the expression sector_a | {{IBM}}, which names sector_a and will" in said
    assert shell.universe("show", "stock_universe:*").split() == ["AAPL"]
    assert f"{MINE} is left out: sector_a is the key of 2 universes" in shell.err
    assert "will fail" not in shell.universe("delete", "etf_universe:sector_a", "-y")
    broken = "UPDATE tickstock.universe_facts SET expression = 'sector_a |' WHERE key = '%s'"
    shell.sql(broken % "theme_mine")
    shell.universe("rename", "sector_a", "stock_universe:sector_b", "-y")
    shell.universe("delete", "sector_b", "-y")


# --- validate ---------------------------------------------------------------------------------
def test_fix_mends_what_is_safe_and_says_what_is_left(shell: Shell) -> None:
    shell.sql(
        "INSERT INTO cache_entries (type, key, name, value) VALUES"
        """ ('stock_universe', 'theme_a', 'A', '"[\\"AAPL\\", \\"AAPL\\"]"'),"""
        """ ('stock_universe', 'theme_b', 'B', '["brk-b", "CELG"]'),"""
        """ ('stock_universe', 'theme_c', 'C', '{"stocks": [{"ticker": "A", "rank": 1}]}'),"""
        """ ('stock_universe', 'theme_d', 'D', '["FB", "META", "HANS"]')"""
    )
    shell.universe("validate", "--fix", code=2)
    said = shell.universe("validate", "--fix", "--yes")
    rows = dict(shell.sql("SELECT key, value FROM cache_entries"))
    assert rows["theme_a"] == ["AAPL"]
    assert rows["theme_b"] == ["BRK.B", "CELG"]
    assert rows["theme_c"] == {"stocks": [{"ticker": "A", "rank": 1}]}
    assert "CELG is no longer listed by 2026-10-09" in said
    assert "HANS was renamed: since 2012-01-05 it is MNST" in said
    assert "Nothing to do" not in shell.err
    shell.universe("validate", "--fix", "--yes")
    assert "Nothing to do" in shell.err


# --- loads under changing tickers -------------------------------------------------------------
def closes(shell: Shell, symbol: str, *span: str) -> dict[str, str]:
    rows = shell("bars", f"{{{symbol}}}", *span, "--adjust", "raw", "--format", "csv").splitlines()
    return {row.split(",")[1]: row.split(",")[5] for row in rows[1:]}


def test_bars_of_meta_before_2022_are_asked_for_as_fb(shell: Shell) -> None:
    span = ("--from", "2012-06-01", "--to", "2012-12-31")
    shell("load", "{META}", *span)
    assert len(closes(shell, "META", *span)) == 146
    assert closes(shell, "FB", *span) == closes(shell, "META", *span)
    assert shell.sql("SELECT symbol, count(*) FROM tickstock.calls GROUP BY 1") == [("FB", 1)]
    assert closes(shell, "FB", "--from", "2026-01-02", "--to", "2026-02-02") == {}


def test_a_span_over_a_rename_is_one_instrument_and_a_call_for_each_ticker(shell: Shell) -> None:
    shell("load", "{ANDV, TSO}", "--from", "2017-07-03", "--to", "2017-08-31")
    calls = shell.sql("SELECT symbol, lower(span)::text, upper(span)::text FROM tickstock.calls")
    assert sorted(calls) == [
        ("ANDV", "2017-08-01", "2017-09-01"),
        ("TSO", "2017-07-03", "2017-08-01"),
    ]
    assert len(closes(shell, "ANDV", "--from", "2017-07-03", "--to", "2017-08-31")) == 43


def test_a_whole_market_day_is_read_under_the_tickers_of_that_day(shell: Shell) -> None:
    """On that day Andeavor was Tesoro, and Elevance was Anthem."""
    day = ("--from", "2017-07-31", "--to", "2017-07-31")
    listed = [f"S{n}" for n in "ABCDEFGH"]
    shell("load", "{" + ", ".join(["ANDV", "ELV", *listed]) + "}", *day)
    assert shell.sql("SELECT DISTINCT kind FROM tickstock.calls") == [("market_day",)]
    assert len(closes(shell, "TSO", *day)) == len(closes(shell, "ANTM", *day)) == 1
    held = shell.sql(
        "SELECT i.symbol FROM tickstock.bars_day AS b"
        " JOIN tickstock.instruments AS i ON i.id = b.instrument_id ORDER BY 1"
    )
    assert [symbol for (symbol,) in held] == ["ANDV", "ELV", *listed]


def test_a_rename_is_no_difference(organized: Shell) -> None:
    before, after = f"{SP500} @ 2022-06-08", f"{SP500} @ 2022-06-10"
    found = organized.json("diff", before, after)
    assert (found["only_first"], found["only_second"]) == ([], [])
    organized.universe("diff", before, after)
    assert organized.err == "0 only in the first, 0 only in the second, 504 in both\n"
