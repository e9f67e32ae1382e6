"""Where members come from, in words that can be asked again."""

from datetime import date

import pytest

from tests.unit.test_guard import edit
from tickstock.errors import BadInput, BadSymbol, GuardRefused
from tickstock.model import UniverseRef
from tickstock.universes.files import Imported
from tickstock.universes.guard import check_plan
from tickstock.universes.plan import NO_FACTS, Action, Change
from tickstock.universes.sources import (
    CatalogSource,
    least,
    parse_source,
    provenance,
    source_of,
)

SP500 = UniverseRef("stock_universe", "index_sp500")
ETFS = UniverseRef("etf_universe", "theme_all")
TODAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "ref", "source"),
    [
        ("file:a b.csv", SP500, CatalogSource("file", "a b.csv")),
        ("package:pytickersymbols", SP500, CatalogSource("package", "pytickersymbols", "sp500")),
        (
            "package:pytickersymbols:sp100",
            SP500,
            CatalogSource("package", "pytickersymbols", "sp100"),
        ),
        ("vendor:tickers", SP500, CatalogSource("tickers", "CS")),
        ("vendor:tickers", ETFS, CatalogSource("tickers", "ETF")),
        ("vendor:tickers:ADRC", SP500, CatalogSource("tickers", "ADRC")),
        ("vendor:etf:brk-b", SP500, CatalogSource("etf", "BRK.B")),
    ],
)
def test_sources(text: str, ref: UniverseRef, source: CatalogSource) -> None:
    assert parse_source(text, ref) == source
    assert parse_source(str(source), ref) == source


@pytest.mark.parametrize(
    "text",
    ["", "file:", "web:x", "vendor", "vendor:etf:", "vendor:tickers:XX", "package:pytickersymbol"],
)
def test_no_sources(text: str) -> None:
    with pytest.raises(BadInput) as refusal:
        parse_source(text, SP500)
    assert refusal.value.hint


def test_a_fund_is_a_symbol() -> None:
    with pytest.raises(BadSymbol):
        parse_source("vendor:etf:../x", SP500)


def imported(as_of: date | None) -> Imported:
    return Imported("x.csv", "table", ("A",), {"symbol": 1}, (), as_of, "ab" * 32)


def test_what_is_kept_can_be_asked_again() -> None:
    source = CatalogSource("etf", "SPY")
    kept = provenance(str(source), imported(date(2026, 11, 20)), TODAY)
    assert kept == "vendor:etf:SPY sha256:abababababab, as of 2026-11-20"
    assert source_of(kept, SP500) == source
    kept = provenance(str(source), imported(None), TODAY)
    assert kept.endswith(", read on 2026-11-22")
    assert source_of(kept, SP500) == source


@pytest.mark.parametrize("kept", ["", "file:x.csv, as of 2026-11-20", "index-constitution 1.0.1"])
def test_what_cannot_be_asked_again_says_so(kept: str) -> None:
    with pytest.raises(BadInput, match="--source"):
        source_of(kept, SP500)


def test_a_list_that_is_too_small_to_be_whole_is_held() -> None:
    assert least(SP500) == 396
    assert least(SP500, CatalogSource("file", "x")) == 396
    assert least(ETFS) == 1
    assert least(ETFS, CatalogSource("tickers", "ETF")) == 50
    assert least(ETFS, CatalogSource("etf", "SPY")) == 5
    check_plan(edit(_new(396), least=396))
    check_plan(edit(_new(3), least=396), ["index_sp500"])
    with pytest.raises(GuardRefused, match=r"would hold 395 symbols.*at least 396.*--allow index"):
        check_plan(edit(_new(395), least=396))


def _new(size: int) -> Change:
    symbols = tuple(f"S{n}" for n in range(size))
    return Change(Action.ADD, SP500, "S&P 500", symbols, NO_FACTS, NO_FACTS)
