"""Symbols: other spellings are understood, case is kept, prose is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadSymbol
from tickstock.universes.symbol import MAX_LENGTH, SYMBOL, read_symbol, read_symbols


@pytest.mark.parametrize(
    "symbol",
    [
        "A",
        "AAPL",
        "BRK.B",
        "KIMpL",
        "BACpL",
        "TYp",
        "ACHR.WS",
        "NE.WS.A",
        "AACT.U",
        "JACSr",
        "NXGrw",
        "CSSEN",
        "BCPC",
        "BCpC",
    ],
)
def test_the_vendors_spelling_is_kept(symbol: str) -> None:
    assert read_symbol(symbol) == (symbol, None)


@pytest.mark.parametrize("text", ["\ufeffAAPL", " AAPL\xa0", "AAPL\r\n", "\u200bAAPL\t"])
def test_what_surrounds_a_symbol_in_files_is_dropped_without_a_note(text: str) -> None:
    assert read_symbol(text) == ("AAPL", None)


@pytest.mark.parametrize(
    ("text", "symbol", "means"),
    [
        ("BRK-B", "BRK.B", "share class B; a preferred series B is BRKpB"),
        ("BRK/B", "BRK.B", "share class B"),
        ("BRK B", "BRK.B", "share class B"),
        ("BRK\xa0B", "BRK.B", "share class B"),
        ("brk-b", "BRK.B", "share class B"),
        ("aapl", "AAPL", "written in capitals"),
        ("brk.b", "BRK.B", "written in capitals"),
        ("ABR-PD", "ABRpD", "preferred series D"),
        ("ABR^D", "ABRpD", "preferred series D"),
        ("ABR$D", "ABRpD", "preferred series D"),
        ("BAC/PL", "BACpL", "preferred series L"),
        ("BAC PRL", "BACpL", "preferred series L"),
        ("BAC.PRL", "BACpL", "preferred series L"),
        ("TY$", "TYp", "preferred without a series"),
        ("ACHR-WT", "ACHR.WS", "warrant"),
        ("ACHR-WS", "ACHR.WS", "warrant"),
        ("ACHR+", "ACHR.WS", "warrant"),
        ("NE+A", "NE.WS.A", "warrant A"),
        ("AACT-UN", "AACT.U", "unit"),
        ("AACT=", "AACT.U", "unit"),
        ("JACS-RI", "JACSr", "right"),
        ("BAC.PR.L", "BACpL", "preferred series L"),
        ("TY.PR", "TYp", "preferred without a series"),
        ("TY-P", "TYp", "preferred without a series"),
        ("ACHR.WT", "ACHR.WS", "warrant"),
        ("AACT.UN", "AACT.U", "unit"),
        ("ABC.WI", "ABCw", "when issued"),
        ("BRKB", "BRK.B", "without its dot"),
        ("brkb", "BRK.B", "in capitals"),
        ("BRK\u2011B", "BRK.B", "share class B"),
        ("HEI\u2212A", "HEI.A", "share class A"),
        ("PEP.US", "PEP", "US listing"),
        ("PEP US", "PEP", "US listing"),
        ("PEP UN Equity", "PEP", "US listing"),
        ("BRK/B US", "BRK.B", "US listing; share class B"),
        ("NASDAQ:PEP", "PEP", "listed on NASDAQ"),
        ("NYSE:BRK.B", "BRK.B", "listed on NYSE"),
        ("PEP:US", "PEP", "US listing"),
        ("PEP.O", "PEP", "Nasdaq"),
        ("IBM.N", "IBM", "NYSE"),
        ("BRKb.N", "BRK.B", "Reuters"),
        ("$PEP", "PEP", "cashtag"),
        ("$BRK.B", "BRK.B", "cashtag"),
    ],
)
def test_other_spellings_are_read_and_reported(text: str, symbol: str, means: str) -> None:
    read, note = read_symbol(text)
    assert read == symbol
    assert note is not None
    assert f"is read as {symbol}" in note
    assert means in note


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "blank"),
        (" \xa0\ufeff", "blank"),
        ("A\x00B", "control character"),
        ("BRK\nB", "control character"),
        ("\x1b[31mAAPL", "control character"),
        ("ABCDEFGHIJKLMNOPQ", "17 characters"),
        ("ABCDEFGHIJKLMN+A", "longer than 16"),
        ("=SUM(A1)", "formula"),
        ("+AAPL", "formula"),
        ("@AAPL", "formula"),
        ("-", "formula or a placeholder"),
        ("123", "number"),
        ("٣٤", "number"),
        ("quarterly", "like a word"),
        ("I:SPX", "an index"),
        ("X:BTCUSD", "a crypto pair"),
        ("XYZZY:IBM", "colon"),
        ("nan", "missing value"),
        ("None", "missing value"),
        ("NULL", "missing value"),
        ("n/a", "missing value"),
        ("#N/A", "error of a spreadsheet"),
        ("#REF!", "error of a spreadsheet"),
        ("US7134481081", "an ISIN"),
        ("IE00BTN1Y115", "an ISIN"),
        ("037833100", "a CUSIP"),
        ("G1151C101", "a CUSIP"),
        ("B0YBKJ7", "a SEDOL"),
        ("BBG000B9XRY4", "a FIGI"),
        ("AAPL  270115C00160000", "an option"),
        ("-PEP270115C160", "an option"),
        ("PEP 01/15/2027 160.00 C", "an option"),
        ("O:PEP270115C00160000", "an option"),
        ("2026-11-20", "a date"),
        ("11/20/2026", "a date"),
        ("Nov 20, 2026", "a date"),
        ("1,500.25", "a number"),
        ("4.5%", "a number"),
        ("VOD.L", "abroad"),
        ("RY.TO", "abroad"),
        ("7203.T", "abroad"),
        ("2899 HK", "abroad"),
        ("TECK/B CN", "abroad"),
        ("LSE:VOD", "abroad"),
        ("BTC-USD", "coin"),
        ("ES=F", "future"),
        ("^GSPC", "an index"),
        ("AED.CL", "no US listing ends with .CL"),
        ("ABC.WX", "no US listing ends with .WX"),
        ("US dollar", "space"),
        ("A B C", "space"),
        ("Apple", "mix of capitals"),
        ("ÄPL", "no spelling"),
        ("JACS^", "no spelling"),
        ("TY-", "no spelling"),
        ("../etc", "no spelling"),
        ("0772031D", "no spelling"),
    ],
)
def test_what_cannot_be_a_symbol_is_refused_with_the_reason(text: str, fault: str) -> None:
    with pytest.raises(BadSymbol, match=re.escape(fault)) as refusal:
        read_symbol(text)
    assert refusal.value.what.isprintable()
    assert refusal.value.hint


def test_a_list_keeps_order_drops_repeats_and_says_both() -> None:
    read = read_symbols(["MSFT", "BRK-B", "AAPL", "BRK.B", "BRK-B", "AAPL"])
    assert read.symbols == ("MSFT", "BRK.B", "AAPL")
    assert read.duplicates == ("BRK.B", "AAPL")
    assert len(read.notes) == 1


def test_all_bad_texts_of_a_list_are_named_at_once_with_their_places() -> None:
    with pytest.raises(BadSymbol) as refusal:
        read_symbols(["AAPL", "x y z", "MSFT", ""])
    assert "2 texts are" in str(refusal.value)
    assert "2: 'x y z'" in str(refusal.value)
    assert "4: ''" in str(refusal.value)


def test_a_list_of_prose_does_not_flood_the_message() -> None:
    with pytest.raises(BadSymbol, match="and 90 more"):
        read_symbols(["the fund"] * 100)


MARKS = st.text("ABPRWSTUNbp.-/ $^+=\xa0", max_size=6)


@given(st.one_of(st.text(max_size=20), st.builds("{}{}".format, st.from_regex(SYMBOL), MARKS)))
def test_reading_twice_changes_nothing(text: str) -> None:
    try:
        symbol, _ = read_symbol(text)
    except BadSymbol:
        return
    assert SYMBOL.fullmatch(symbol)
    assert len(symbol) <= MAX_LENGTH
    assert read_symbol(symbol) == (symbol, None)


def test_a_letter_that_no_share_class_has_is_a_preferred_series_or_refused() -> None:
    assert read_symbol("BAC-L")[0] == "BACpL"
    for text in ("PEP-S", "A\u2013S", "PEP/S", "PEP S"):
        with pytest.raises(BadSymbol):
            read_symbol(text)


def test_a_cashtag_of_a_listed_symbol_is_no_index() -> None:
    assert read_symbol("$COMP")[0] == "COMP"
    with pytest.raises(BadSymbol, match="names an index"):
        read_symbol("$SPX")


@pytest.mark.parametrize("text", ["TICKER", "ticker", "Symbol", "CUSIP", "TOTAL"])
def test_a_heading_is_no_symbol(text: str) -> None:
    with pytest.raises(BadSymbol, match="heading"):
        read_symbol(text)
