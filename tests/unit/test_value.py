"""Stored values: every shape of the contract is read, everything else is a named error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import MalformedUniverse
from tickstock.model import UniverseRef
from tickstock.universes.value import list_in, read_value, read_value_report

REF = UniverseRef("etf_universe", "theme_x")

SHAPES: list[tuple[str, Any, tuple[str, ...]]] = [
    ("array", ["SPY", "QQQ"], ("SPY", "QQQ")),
    ("array", [{"ticker": "SPY"}, "QQQ"], ("SPY", "QQQ")),
    ("symbols", {"symbols": ["SPY"], "count": 1, "last_updated": "2025-01-01"}, ("SPY",)),
    ("symbols", {"symbols": [{"ticker": "A"}, {"symbol": "B"}]}, ("A", "B")),
    ("value", {"value": ["SPY"]}, ("SPY",)),
    ("stocks", {"count": 1, "stocks": [{"ticker": "AAPL", "rank": 1}]}, ("AAPL",)),
    ("etfs", {"name": "x", "etfs": [{"symbol": "SPY"}]}, ("SPY",)),
    ("holdings", {"holdings": ["AAPL"], "total_holdings": 1}, ("AAPL",)),
    ("double-encoded", '["SPY", "QQQ"]', ("SPY", "QQQ")),
    ("symbols", {"symbols": ["A"], "holdings": ["A"]}, ("A",)),
    ("array", [], ()),
]


@pytest.mark.parametrize(("shape", "value", "symbols"), SHAPES)
def test_every_shape_is_read(shape: str, value: object, symbols: tuple[str, ...]) -> None:
    assert read_value(REF, "DEFAULT", value) == symbols
    assert list_in(value)[0] == shape


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"overview": {}}, "none of the fields symbols, value, stocks, etfs, holdings: overview"),
        ({}, "none of the fields"),
        (7, "it is a number 7"),
        (None, "it is null"),
        (True, "it is true"),
        ("<html>403</html>", "that is not JSON"),
        ('{"symbols": ["A"]}', "text that holds an object"),
        ("[" * 100_000, "that is not JSON"),
        ({"symbols": None}, "its field symbols is null"),
        ({"symbols": "SPY,QQQ"}, "its field symbols is text 'SPY,QQQ', not a list"),
        ({"value": {"symbols": ["A"]}}, "its field value is an object"),
        ({"symbols": ["A"], "holdings": ["B"]}, "symbols and holdings name different symbols"),
        (["A", 3], "element 1 is a number 3"),
        (["A", ["B"]], "element 1 is a list ['B']"),
        (["A", None, "", "  "], "element 1 is null; element 2 is blank; element 3 is blank"),
        ([{"name": "x"}], "element 0 is an object {'name': 'x'} without ticker or symbol"),
        ([{"ticker": 5}], "element 0 is an object whose symbol is a number 5"),
        ([{"ticker": ""}], "element 0 is an object whose symbol is blank"),
        (["A\x00"], "character that does not print"),
        (["A" * 65], "65 characters long"),
        ([1] * 9, "and 4 more"),
        ([10**5000], "thousands of digits"),
    ],
)
def test_anything_else_is_an_error_that_names_the_row(value: object, fault: str) -> None:
    with pytest.raises(MalformedUniverse) as error:
        read_value(REF, "STAGING", value)
    assert fault in error.value.what
    assert "etf_universe:theme_x in environment STAGING" in error.value.what
    with pytest.raises(ValueError, match=r".+"):
        list_in(value)


def test_symbols_are_read_as_they_are_spelled() -> None:
    assert read_value(REF, "DEFAULT", ["brk-b", "BRK.B", "KIMpL"]) == ("brk-b", "BRK.B", "KIMpL")


def test_repeats_are_dropped_in_order_and_told() -> None:
    report = read_value_report(REF, "DEFAULT", '["B", "A", "B", "C", "A", "B"]')
    assert report.symbols == ("B", "A", "C")
    assert report.duplicates == ("B", "A")
    assert any("encoded twice" in note for note in report.notes)
    assert any("B, A" in note for note in report.notes)


def test_a_count_that_is_not_the_length_is_told() -> None:
    report = read_value_report(REF, "DEFAULT", {"symbols": ["A", "B"], "count": 5})
    assert report.notes == ("The field count says 5, the list has 2.",)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["symbols", "value", "stocks", "ticker", "symbol", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON_VALUES | JSON_VALUES.map(json.dumps))
def test_no_json_value_gets_past_the_contract(value: object) -> None:
    try:
        report = read_value_report(REF, "DEFAULT", value)
    except MalformedUniverse:
        with pytest.raises(ValueError, match=r".+") as error:
            list_in(value)
        assert str(error.value).isprintable()
        return
    assert list_in(value)[0] == report.shape
    assert len(set(report.symbols)) == len(report.symbols)
    assert all(symbol.strip() for symbol in report.symbols)


@given(st.lists(st.text("ABCp.", min_size=1, max_size=4)))
def test_what_is_written_reads_back(symbols: list[str]) -> None:
    assert read_value(REF, "DEFAULT", symbols) == tuple(dict.fromkeys(symbols))
    assert read_value(REF, "DEFAULT", json.dumps(symbols)) == tuple(dict.fromkeys(symbols))
