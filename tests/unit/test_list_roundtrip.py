"""Exporting and importing again gives the same list; nothing but our own errors ever leaves."""

import csv
import io
import json
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tickstock.errors import BadFile, BadSymbol, TickStockError
from tickstock.model import UniverseRef
from tickstock.universes.files import Form, read_file
from tickstock.universes.files.written import Listing, OutForm, write_file
from tickstock.universes.symbol import MAX_LENGTH, SYMBOL, read_symbol


def is_kept(text: str) -> bool:
    """Whether a text in the vendor's spelling is a symbol, and no identifier or missing value."""
    try:
        return len(text) <= MAX_LENGTH and read_symbol(text) == (text, None)
    except BadSymbol:
        return False


SYMBOLS = st.from_regex(SYMBOL, fullmatch=True).filter(is_kept)
LISTS = st.lists(SYMBOLS, min_size=1, max_size=20, unique=True)
REFS = st.none() | st.builds(
    UniverseRef,
    st.sampled_from(["stock_universe", "etf_universe"]),
    st.text(min_size=1, max_size=10).filter(str.isprintable),
)
NAMES = st.text(min_size=1, max_size=30)
SAMPLES = [
    f.read_bytes()
    for folder in ("lists", "bad_lists")
    for f in sorted((Path(__file__).parents[1] / "data" / folder).iterdir())
    if not f.name.startswith("bomb")
]


@pytest.mark.parametrize("form", [f for f in OutForm if f is not OutForm.PARQUET])
@given(symbols=LISTS, name=NAMES, ref=REFS, day=st.none() | st.dates())
@settings(max_examples=60)
def test_round_trip(
    form: OutForm, symbols: list[str], name: str, ref: UniverseRef | None, day: date | None
) -> None:
    listing = Listing(tuple(symbols), name, ref, name, name, day)
    found = read_file(f"x.{form}", write_file(listing, form))
    assert found.symbols == tuple(symbols)
    assert found.rows == {"symbol": len(symbols)}
    if form in (OutForm.JSON, OutForm.TOML):
        assert found.as_of == day


@given(symbols=LISTS)
@settings(max_examples=15)
def test_round_trip_through_parquet(symbols: list[str]) -> None:
    pytest.importorskip("pyarrow")
    data = write_file(Listing(tuple(symbols), "x"), OutForm.PARQUET)
    assert read_file("x.parquet", data).symbols == tuple(symbols)
    with pytest.raises(BadFile, match="no complete Parquet file"):
        read_file("x.parquet", data[: len(data) // 2])


@pytest.mark.parametrize("first", ["SYM", "STOCK"])
@pytest.mark.parametrize("form", list(OutForm))
def test_symbols_that_look_like_a_header_come_back(form: OutForm, first: str) -> None:
    data = write_file(Listing((first, "AAPL"), "x"), form)
    assert read_file("x", data).symbols == (first, "AAPL")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_nothing_that_is_written_is_a_formula(start: str) -> None:
    listing = Listing((f'{start}cmd|" /C calc"!A0', "AAPL"), "x")
    rows = list(csv.reader(io.StringIO(write_file(listing, OutForm.CSV).decode(), newline="")))
    assert all(not cell.startswith(("=", "+", "-", "@", "\t", "\r")) for r in rows for cell in r)
    assert write_file(listing, OutForm.TXT).startswith(b"'")


@given(name=st.text(), source=st.text(), ref=REFS)
@settings(max_examples=50)
def test_json_and_toml_hold_any_text(name: str, source: str, ref: UniverseRef | None) -> None:
    listing = Listing(("AAPL",), name, ref, "", source)
    assert json.loads(write_file(listing, OutForm.JSON))["name"] == name
    table = tomllib.loads(write_file(listing, OutForm.TOML).decode())
    entry = table[ref.type][ref.key] if ref else table
    assert entry.get("name", "") == name
    assert entry.get("source", "") == source


# --- fuzz -------------------------------------------------------------------------------
def answers(data: bytes, form: Form = Form.AUTO) -> None:
    """Reading ends in symbols or in one of our errors, whatever the bytes."""
    try:
        found = read_file("fuzz", data, form)
    except TickStockError as error:
        assert error.what  # either end is right
    else:
        assert found.symbols
        assert all(SYMBOL.fullmatch(s) for s in found.symbols)


CELLS = st.text(alphabet="AB .-$/^=\"',;|\t#0\u00a0\ufeffé", max_size=6) | st.sampled_from(
    ["Ticker", "Symbol", "Name", "Asset Class", "Test Issue", "as of 07/18/2025", "Cash", "USD"]
)
TABLES = st.lists(st.lists(CELLS, max_size=5), max_size=8).map(
    lambda rows: "\n".join(",".join(row) for row in rows).encode()
)


@given(data=st.binary(max_size=200) | TABLES | st.text(max_size=100).map(str.encode))
@settings(max_examples=300)
def test_any_bytes(data: bytes) -> None:
    answers(data)


@given(data=TABLES, form=st.sampled_from(list(Form)))
@settings(max_examples=200)
def test_any_table_in_any_form(data: bytes, form: Form) -> None:
    answers(data, form)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["symbols", "value", "stocks", "ticker", "error", "as_of"]), inner
        )
    ),
    max_leaves=8,
)


@given(value=JSON)
@settings(max_examples=200)
def test_any_json(value: object) -> None:
    answers(json.dumps(value).encode())


def spoil(pick: Callable[[st.SearchStrategy[int]], int], data: bytes) -> bytes:
    """`data` with some bytes changed, cut out or doubled."""
    at = pick(st.integers(0, len(data)))
    width = pick(st.integers(0, 40))
    middle = bytes(pick(st.integers(0, 255)) for _ in range(pick(st.integers(0, 4))))
    return data[:at] + middle + data[at + width :]


@given(choice=st.data(), sample=st.sampled_from(SAMPLES))
@settings(max_examples=300)
def test_spoiled_files(choice: st.DataObject, sample: bytes) -> None:
    answers(spoil(choice.draw, sample))
