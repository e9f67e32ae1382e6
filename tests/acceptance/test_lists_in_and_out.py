"""Lists from files, packages and the vendor into universes, and out again, as people do it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tickstock.cli.app import run
from tickstock.config import read_settings
from tickstock.errors import (
    BadFile,
    BadInput,
    EmptyUniverse,
    GuardRefused,
    StalePlan,
    UnknownUniverse,
)
from tickstock.service import TickStock
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.universes.files import Imported
from tickstock.universes.files.written import OutForm
from tickstock.universes.findings import UniverseCheck
from tickstock.universes.sources import CatalogSource
from tickstock.vendors import OpenGate
from tickstock.vendors.massive.reference import ConstituentRecord, TickerRecord
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread

DATA = Path(__file__).parents[1] / "data"
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
X, ETFS = "stock_universe:theme_x", "etf_universe:theme_all"
THIRTY = [f"{chr(65 + i)}{chr(65 + i)}" for i in range(26)] + ["AB", "AC", "AD", "AE"]


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    settings = read_settings({}, cwd=tmp_path, home=tmp_path)
    return TickStock(settings, database, lambda: NOW)


def put(tick: TickStock, ref: str, symbols: list[str]) -> None:
    tick.edits.apply(tick.edits.set(ref, symbols), reason="test", allow=[ref.partition(":")[2]])


def held(tick: TickStock, ref: str) -> tuple[str, ...]:
    return tick.universes.get(ref).symbols


def read(tick: TickStock, name: str, ref: str = X) -> Imported:
    (folder,) = [f for f in ("lists", "bad_lists") if (DATA / f / name).exists()]
    return tick.imports.read(name, (DATA / folder / name).read_bytes(), ref)


# --- files ------------------------------------------------------------------------------
def test_a_list_with_dates_becomes_a_history_with_the_list_of_today(tick: TickStock) -> None:
    text = (
        b"ticker,start_date,end_date\nPEP,2015-01-02,\nKO,2015-01-02,2020-01-02\nBRKB,2019-01-02,\n"
    )
    change = tick.imports.plan(tick.imports.read("h.csv", text, X), X)
    assert [str(recording.ref) for recording in change.plan.recordings] == [X]
    tick.imports.apply(change)
    assert held(tick, X) == ("PEP", "BRK.B")
    assert tick.history.show(X, date(2016, 1, 4)).symbols == ("KO", "PEP")
    assert tick.history.show(X, date(2019, 6, 3)).symbols == ("BRK.B", "KO", "PEP")
    told = next(entry for entry in tick.history.log(X) if entry.action == "history")
    assert told.source == change.source
    again = tick.imports.plan(tick.imports.read("h.csv", text, X), X)
    assert again.plan.idle


def test_an_issuers_file_becomes_a_universe_with_its_source(tick: TickStock) -> None:
    put(tick, "stock_universe:theme_known", ["BRK.B", "BF.B"])
    change = tick.imports.plan(read(tick, "ishares.csv"), X, title="Example")
    assert change.plan.counts["added"] == 1
    with pytest.raises(UnknownUniverse):
        tick.universes.get(X)  # a plan writes nothing
    tick.imports.apply(change)
    universe = tick.universes.get(X)
    assert universe.symbols == ("NVDA", "AAPL", "BRK.B", "BF.B")
    assert universe.name == "Example"
    digest = change.imported.sha256[:12]
    assert universe.source == f"file:ishares.csv sha256:{digest}, as of 2025-07-18"
    (line,) = tick.history.log(X)
    assert line.source == universe.source


def test_the_same_again_changes_nothing(tick: TickStock) -> None:
    tick.imports.apply(tick.imports.plan(read(tick, "invesco.csv"), X))
    before = tick.universes.get(X).updated_at
    again = tick.imports.plan(read(tick, "invesco.csv"), X)
    assert again.plan.idle
    tick.imports.apply(again)
    assert tick.universes.get(X).updated_at == before


def test_a_plan_that_is_out_of_date_is_refused(tick: TickStock) -> None:
    change = tick.imports.plan(read(tick, "invesco.csv"), X)
    put(tick, X, ["AAPL"])
    with pytest.raises(StalePlan):
        tick.imports.apply(change)
    assert held(tick, X) == ("AAPL",)


def test_the_guard_holds_when_sixty_percent_is_gone(tick: TickStock) -> None:
    put(tick, X, THIRTY)
    change = tick.imports.plan(read(tick, "sixty_percent_gone.csv"), X)
    with pytest.raises(GuardRefused, match="would lose 18 of 30"):
        tick.imports.apply(change)
    assert len(held(tick, X)) == 30
    tick.imports.apply(change, allow=["theme_x"])
    assert len(held(tick, X)) == 12


def test_the_guard_holds_a_part_of_an_index_where_nothing_was_before(tick: TickStock) -> None:
    change = tick.imports.plan(read(tick, "invesco.csv"), "stock_universe:index_sp500")
    with pytest.raises(GuardRefused, match=r"would hold 3 symbols.*at least 396"):
        tick.imports.apply(change)
    assert tick.universes.list() == []


def test_what_is_lost_is_said_before(tick: TickStock) -> None:
    put(tick, "stock_universe:theme_a", ["AAPL"])
    plan = tick.edits.set(X, expression="stock_universe:theme_a | {NVDA}")
    tick.edits.apply(plan, reason="test")
    change = tick.imports.plan(read(tick, "invesco.csv"), X)
    assert "is the expression" in change.plan.notes[0]
    tick.imports.apply(change)
    older = tick.imports.plan(read(tick, "vanguard.csv"), X)
    assert "this is older, as of 2025-06-30" in older.plan.notes[0]


def test_a_listing_gives_what_fits_the_type_of_the_universe(tick: TickStock) -> None:
    assert read(tick, "otherlisted.txt", ETFS).symbols == ("SPY",)
    assert "SPY" not in read(tick, "otherlisted.txt", X).symbols


@pytest.mark.parametrize("form", list(OutForm))
def test_export_and_import_give_the_same_universe(tick: TickStock, form: OutForm) -> None:
    put(tick, X, ["KIMpL", "BRK.B", "AAPL", "ACHR.WS"])
    data = tick.imports.export(X, form)
    tick.imports.apply(tick.imports.plan(tick.imports.read("x", data, X), "stock_universe:copy"))
    assert held(tick, "stock_universe:copy") == held(tick, X)


def test_an_expression_is_exported_sorted_and_an_empty_one_not_at_all(tick: TickStock) -> None:
    put(tick, X, ["MSFT", "AAPL"])
    assert tick.imports.export(f"{X} | {{IBM}}", OutForm.TXT) == b"AAPL\nIBM\nMSFT\n"
    with pytest.raises(EmptyUniverse):
        tick.imports.export(f"{X} & {{IBM}}", OutForm.TXT)


def test_csv_files_of_the_folder_are_read_by_the_same_readers(
    database: Database, tmp_path: Path
) -> None:
    settings = read_settings({}, cwd=tmp_path, home=tmp_path, csv_dir=DATA / "lists")
    tick = TickStock(settings, database, lambda: NOW)
    assert tick.universes.csv_symbols("invesco.csv") == ("NVDA", "ASML", "META")


# --- packages ---------------------------------------------------------------------------
PACKAGE = """
class PyTickerSymbols:
    def get_stocks_by_index(self, index):
        assert index == "S&P 100"
        return iter([{"symbol": s} for s in %r])
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, symbols: list[Any]) -> None:
    """A package of the shape of pytickersymbols, as an installer would leave it."""
    (folder / "pytickersymbols").mkdir()
    (folder / "pytickersymbols" / "__init__.py").write_text(PACKAGE % symbols)
    info = folder / "pytickersymbols-9.8.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pytickersymbols\nVersion: 9.8.7\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "pytickersymbols", raising=False)


def test_a_package_that_is_installed(
    tick: TickStock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, THIRTY)
    ref = "stock_universe:index_sp100"
    source = tick.imports.source(ref, "package:pytickersymbols")
    change = tick.imports.plan(tick.imports.package(source), ref, source=source)
    tick.imports.apply(change, allow=["index_sp100"])
    assert held(tick, ref) == tuple(THIRTY)
    assert tick.universes.get(ref).source == "package:pytickersymbols:sp100, read on 2026-11-22"
    assert tick.imports.source(ref) == source
    assert tick.imports.package(source).form == "package pytickersymbols 9.8.7"


def test_packages_that_give_nothing_useful(
    tick: TickStock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = tick.imports.package
    with pytest.raises(BadInput, match=r"not installed.*install index-constitution"):
        ask(CatalogSource("package", "index-constitution", "sp500"))
    with pytest.raises(BadInput, match=r"no index 'sp50'.*sp500"):
        ask(CatalogSource("package", "pytickersymbols", "sp50"))
    install(tmp_path, monkeypatch, [None, "no symbol"])
    with pytest.raises(BadFile, match="2 problems in package:pytickersymbols:sp100"):
        ask(CatalogSource("package", "pytickersymbols", "sp100"))
    with pytest.raises(BadFile, match="cannot be read: AssertionError"):
        ask(CatalogSource("package", "pytickersymbols", "sp500"))


# --- the vendor -------------------------------------------------------------------------
DAY = date(2026, 11, 18)
MANY = [TickerRecord(f"F{a}{b}", "stocks", "ETF") for a in "ABCDEFGH" for b in "ABCDEFGH"]
CASH = ConstituentRecord("SPY", DAY, None, "US DOLLAR", asset_class="Cash")


def constituents(symbols: list[str], day: date = DAY) -> list[ConstituentRecord]:
    return [ConstituentRecord("SPY", day, s, asset_class="Equity") for s in symbols]


def fetched(
    tick: TickStock, source: str, vendor: ReplayVendor, ref: str = X, day: date | None = None
) -> Imported:
    async def ask() -> Imported:
        async with vendor:
            massive = MassiveSource(vendor.url, "any")
            try:
                found = tick.imports.source(ref, source)
                return await tick.imports.fetch(found, massive, OpenGate(), day)
            finally:
                await massive.close()

    return asyncio.run(ask())


def test_the_tickers_of_a_type(tick: TickStock) -> None:
    found = fetched(tick, "vendor:tickers", ReplayVendor(tickers=[*MANY, MANY[0]]), ETFS)
    assert len(found.symbols) == 64
    assert found.left_out == {"repeated": 1}  # the vendor lists some twice
    assert found.as_of == date(2026, 11, 22)
    day = date(2020, 1, 2)
    assert fetched(tick, "vendor:tickers", ReplayVendor(tickers=MANY), ETFS, day).as_of == day


def test_the_constituents_of_a_fund(tick: TickStock) -> None:
    old = constituents(["GONE"], date(2026, 10, 1))
    vendor = ReplayVendor(constituents=[*old, *constituents(["AAPL", "BRK-B"]), CASH])
    found = fetched(tick, "vendor:etf:SPY", vendor)
    assert (found.symbols, found.as_of) == (("AAPL", "BRK.B"), DAY)
    assert found.left_out == {"cash": 1}


@pytest.mark.parametrize("source", ["vendor:tickers", "vendor:etf:SPY"])
def test_no_records_are_no_empty_universe(tick: TickStock, source: str) -> None:
    with pytest.raises(EmptyUniverse, match="The vendor knows none of"):
        fetched(tick, source, ReplayVendor())


def test_an_answer_that_is_suspiciously_small_is_held(tick: TickStock) -> None:
    source = tick.imports.source(ETFS, "vendor:tickers")
    found = fetched(tick, "vendor:tickers", ReplayVendor(tickers=MANY[:10]), ETFS)
    change = tick.imports.plan(found, ETFS, source=source)
    with pytest.raises(GuardRefused, match=r"would hold 10 symbols.*at least 50"):
        tick.imports.apply(change)


# --- the command line -------------------------------------------------------------------
@dataclass
class Shell:
    capture: pytest.CaptureFixture[str]
    home: Path
    tick: TickStock

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--home", str(self.home)]) == code, self.capture.readouterr().err
        out = self.capture.readouterr()
        self.err = out.err
        return out.out


@pytest.fixture
def shell(
    tick: TickStock,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Shell]:
    monkeypatch.setenv("DATABASE_URI", database.conninfo)
    monkeypatch.chdir(tmp_path)
    return Shell(capsys, tmp_path, tick)


def test_import_shows_first_and_asks(shell: Shell) -> None:
    words = ["universe", "import", str(DATA / "lists" / "ishares.csv"), "--as", X]
    shown = shell(*words, code=2)
    assert "ishares.csv, read as: iShares holdings, as of 2025-07-18\n" in shown
    assert "4 symbols: all known." in shown
    assert "ishares.csv:18: 'XTSLA'" in shown
    assert "+ stock_universe:theme_x" in shown
    assert "no terminal" in shell.err
    assert shell.tick.universes.list() == []
    shell(*words, "--dry-run")
    assert shell.tick.universes.list() == []
    done = json.loads(shell(*words, "--yes", "--json"))["data"]
    assert done["applied"]
    assert done["imported"]["rows"]["cash"] == 2
    assert len(held(shell.tick, X)) == 4


def test_import_names_every_problem(shell: Shell) -> None:
    file = str(DATA / "bad_lists" / "formula.csv")
    assert shell("universe", "import", file, "--as", X, "--yes", code=2) == ""
    assert all(f"formula.csv:{line}:" in shell.err for line in (3, 4, 5, 6))
    shell("universe", "import", str(shell.home / "none.csv"), "--as", X, "--yes", code=2)
    assert "cannot be read" in shell.err


def test_export_to_a_file_and_to_stdout(shell: Shell) -> None:
    put(shell.tick, X, ["MSFT", "AAPL"])
    assert shell("universe", "export", X) == "symbol\nMSFT\nAAPL\n"
    out = shell.home / "x.parquet"
    shell("universe", "export", X, "--format", "parquet", "--out", str(out))
    assert shell.tick.imports.read("x", out.read_bytes(), X).symbols == ("MSFT", "AAPL")
    shell("universe", "export", X, "--out", str(shell.home / "no" / "x"), code=2)


def test_refresh_from_the_vendor_and_again_from_where_it_came(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_in_thread(ReplayVendor(constituents=constituents(THIRTY))) as vendor:
        monkeypatch.setenv("MASSIVE_BASE_URL", vendor.url)
        monkeypatch.setenv("MASSIVE_API_KEY", "any")
        monkeypatch.setenv("MASSIVE_CALLS_PER_MINUTE", "0")
        shell("universe", "refresh", X, "--source", "vendor:etf:SPY", "--yes")
        shell("universe", "refresh", X, "--yes")
    assert "Nothing to do" in shell.err
    assert held(shell.tick, X) == tuple(THIRTY)
    assert shell.tick.universes.get(X).source == "vendor:etf:SPY, as of 2026-11-18"


def test_refresh_from_a_file_that_lost_most_is_held(shell: Shell) -> None:
    put(shell.tick, X, THIRTY)
    source = f"file:{DATA / 'bad_lists' / 'sixty_percent_gone.csv'}"
    words = ["universe", "refresh", X, "--source", source, "--yes"]
    shell(*words, code=1)
    assert "would lose 18 of 30" in shell.err
    shell(*words, "--allow", "theme_x")
    assert len(held(shell.tick, X)) == 12


def test_refresh_that_has_nowhere_to_ask_says_so(shell: Shell) -> None:
    put(shell.tick, X, ["AAPL"])
    shell("universe", "refresh", X, code=2)
    assert "--source" in shell.err
    shell("universe", "refresh", X, "--source", "file:x.csv", "--date", "2020-01-02", code=2)
    assert "knows no other day" in shell.err


# --- every door --------------------------------------------------------------------------
WORDS = ["PEP", "QUARTER", "REPORT", "HOLDING", "WHICHEV", "FUNDSX", "CLOSED", "MARKETX"]


def test_every_door_reads_a_class_without_its_dot_and_says_whom_nobody_knows(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TICKSTOCK_CSV_DIR", str(shell.home))
    file = shell.home / "nodots.csv"
    file.write_text("symbol\nBRKB\nBFB\nPEP\nPEPSICO\n")
    said = shell("universe", "import", str(file), "--as", X, "--dry-run")
    assert "4 symbols: 3 known, 1 known to nobody (PEPSICO)." in said
    said = shell("universe", "set", X, "BRKB", "PEPSICO", "--yes")
    assert "2 symbols: 1 known, 1 known to nobody (PEPSICO)." in said
    assert held(shell.tick, X) == ("BRK.B", "PEPSICO")
    shell("universe", "add", X, "BFB", "--yes")
    assert held(shell.tick, X) == ("BRK.B", "PEPSICO", "BF.B")
    shell("plan", "--csv", "nodots.csv", "--for", "5d")
    assert "1 known to nobody (PEPSICO)" in shell.err
    settings = shell.tick.settings.model_copy(update={"csv_dir": shell.home})
    here = TickStock(settings, shell.tick.database, lambda: NOW)
    assert here.universes.csv_symbols("nodots.csv") == ("BRK.B", "BF.B", "PEP", "PEPSICO")
    assert shell.tick.universes.evaluate("{BRKB}").symbols == ("BRK.B",)
    told = "symbol,from,to\nBRKB,2015-01-02,\nPEPSICO,2015-01-02,\n"
    plan = shell.tick.edits.record(X, "h.csv", told.encode(), source="s")
    assert [interval.symbol for interval in plan.recordings[0].history.intervals] == [
        "BRK.B",
        "PEPSICO",
    ]
    assert "1 known to nobody (PEPSICO)" in plan.notes[-1]
    shell("universe", "validate")


def test_a_list_of_words_is_asked_about_at_every_door(shell: Shell) -> None:
    file = shell.home / "words.csv"
    file.write_text("symbol\n" + "\n".join(WORDS) + "\n")
    shell("universe", "import", str(file), "--as", X, "--yes", code=1)
    assert "would get 7 symbols known to nobody" in shell.err
    shell("universe", "set", X, *WORDS, "--yes", code=1)
    assert "--allow theme_x" in shell.err
    folder = shell.home / "own"
    folder.mkdir()
    (folder / "own.toml").write_text(f'[stock_universe.theme_x]\nname = "X"\nsymbols = {WORDS}\n')
    tick = shell.tick
    settings = tick.settings.model_copy(update={"universes": folder})
    own = TickStock(settings, tick.database, lambda: NOW)
    with pytest.raises(GuardRefused, match="known to nobody"):
        own.universes.apply(own.universes.plan_organize(), reason="test")
    assert tick.universes.list() == []
    shell("universe", "import", str(file), "--as", X, "--yes", "--allow", "theme_x")
    assert held(tick, X) == tuple(WORDS)


def test_the_column_is_named_where_several_could_hold_the_symbols(shell: Shell) -> None:
    file = shell.home / "two.csv"
    file.write_text("Ticker,Fund name,Ticker,Name\nXLP,Staples,PEP,PepsiCo\nXLP,Staples,KO,Coca\n")
    shell("universe", "import", str(file), "--as", X, "--yes", code=2)
    assert "--column 1 or 3" in shell.err
    shell("universe", "import", str(file), "--as", X, "--yes", "--column", "3")
    assert held(shell.tick, X) == ("PEP", "KO")


def test_bars_make_a_symbol_known(tick: TickStock) -> None:
    assert tick.universes.judge(["PEP", "ZZZZQ"]).unknown == ("ZZZZQ",)
    with tick.database.transaction() as conn:
        ensure_instruments(conn, ["ZZZZQ"])
        assert tick.universes.judge(["ZZZZQ"]).unknown == ("ZZZZQ",)
        conn.execute("UPDATE tickstock.tickers SET source = 'told'")
    assert tick.universes.judge(["ZZZZQ"]).unknown == ()


# --- what the vendor lists ----------------------------------------------------------------
PEPSI = TickerRecord("PEP", "stocks", "CS", composite_figi="BBG000DH7JK6")
NEWCOMER = TickerRecord("ZZQNEW", "stocks", "CS", share_class_figi="BBG001SCTQY4")
CUSIPS = {"713448108": "PEP"}


def listing_vendor(
    monkeypatch: pytest.MonkeyPatch, *tickers: TickerRecord
) -> AbstractContextManager[ReplayVendor]:
    monkeypatch.setenv("MASSIVE_API_KEY", "any")
    monkeypatch.setenv("MASSIVE_CALLS_PER_MINUTE", "0")
    return serve_in_thread(ReplayVendor(tickers=tickers, cusips=CUSIPS, page_bars=1))


def test_what_the_vendor_lists_is_known_and_so_are_its_identifiers(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    figis = shell.home / "figis.csv"
    figis.write_text("figi\nBBG000DH7JK6\nBBG001SCTQY4\n")
    words = ["universe", "import", str(figis), "--as", X, "--yes"]
    shell(*words, code=2)
    assert "figis.csv:2: 'BBG000DH7JK6' is not a symbol: it is a FIGI" in shell.err
    assert "`tickstock instruments refresh`" in shell.err
    assert shell.tick.universes.judge(["ZZQNEW"]).unknown == ("ZZQNEW",)
    with listing_vendor(monkeypatch, PEPSI, NEWCOMER) as vendor:
        monkeypatch.setenv("MASSIVE_BASE_URL", vendor.url)
        shell("instruments", "refresh")
        assert len(vendor.requests) == 3  # two pages of those listed, one of those no longer
    assert "2 symbols are listed" in shell.err
    assert shell.tick.universes.judge(["ZZQNEW", "PEP"]).unknown == ()
    put(shell.tick, X, ["ZZQNEW", "ZZQOLD"])
    said = [f.what for f in shell.tick.universes.validate() if f.check is UniverseCheck.UNKNOWN]
    assert said == ["1 of 2 symbols are known to nobody: ZZQOLD."]
    shell(*words)
    assert held(shell.tick, X) == ("PEP", "ZZQNEW")
    with listing_vendor(monkeypatch, PEPSI) as vendor:
        monkeypatch.setenv("MASSIVE_BASE_URL", vendor.url)
        (kept,) = json.loads(shell("instruments", "refresh", "--json"))["data"]
    assert (kept["source"], kept["symbols"]) == ("massive", 1)
    assert shell.tick.universes.judge(["ZZQNEW"]).unknown == ("ZZQNEW",)
    with listing_vendor(monkeypatch) as vendor:
        monkeypatch.setenv("MASSIVE_BASE_URL", vendor.url)
        shell("instruments", "refresh", code=1)
    assert shell.tick.listings.kept()[0].count == 1, "no answer empties what is known"


def test_the_vendor_says_whose_a_cusip_is_and_is_asked_once(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = shell.home / "ids.csv"
    listed.write_text("isin,shares\nUS7134481081,5\n")
    words = ["universe", "import", str(listed), "--as", X, "--yes"]
    shell(*words, code=2)
    assert "it is an ISIN that nobody here knows" in shell.err
    with listing_vendor(monkeypatch, PEPSI) as vendor:
        monkeypatch.setenv("MASSIVE_BASE_URL", vendor.url)
        shell(*words, "--ask-vendor")
        assert [seen.query for seen in vendor.requests if "cusip=713448108" in seen.query]
        listed.write_text("cusip,shares\n713448108,5\n")
        shell(*words, "--ask-vendor")
        assert len(vendor.requests) == 1
        listed.write_text("cusip,shares\n713448108,5\n191216100,3\n")
        shell(*words, "--ask-vendor", code=2)
    assert "ids.csv:3: '191216100' is not a symbol: it is a CUSIP" in shell.err
    assert held(shell.tick, X) == ("PEP",)
    found = shell.tick.imports.read("again.csv", b"isin\nUS7134481081\n", X)
    assert found.symbols == ("PEP",)
    assert "by its identifier" in str(found.remarks[0])
