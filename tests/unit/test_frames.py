"""Bars as frames: the same numbers, over the same memory."""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.kit import bar, day, table
from tickstock.content import ContentHash, symbol_hashes
from tickstock.errors import BadInput
from tickstock.frames import frame, from_arrow, to_arrow
from tickstock.model import COLUMNS, BarTable, Timeframe

BARS = table(
    [
        bar("AAPL", day("2012-01-03"), 411.23, vwap=410.5, trades=7),
        bar("AAPL", day("2012-01-04"), 413.44),
        bar("BRK.B", day("2012-01-03"), 77.5, trades=0),
    ]
)
INTRADAY = table([bar("AAPL", 1325622600, 411.0), bar("AAPL", 1325622660, 412.0)])


def test_a_polars_frame() -> None:
    found = frame(BARS, Timeframe.DAY)
    assert found.schema["symbol"] == pl.Categorical
    assert found["symbol"].to_list() == ["AAPL", "AAPL", "BRK.B"]
    assert found["date"].to_list() == [day("2012-01-03"), day("2012-01-04"), day("2012-01-03")]
    assert found["close"].to_list() == [411.23, 413.44, 77.5]
    assert found["vwap"].to_list() == [410.5, None, None]
    assert found["trades"].to_list() == [7, None, 0]


def test_a_pandas_frame() -> None:
    found = frame(BARS, Timeframe.DAY, "pandas")
    assert list(found["symbol"]) == ["AAPL", "AAPL", "BRK.B"]
    assert found["date"].iloc[0] == pd.Timestamp("2012-01-03")
    assert found["trades"].isna().tolist() == [False, True, False]
    assert found["close"].tolist() == [411.23, 413.44, 77.5]


def test_times_within_the_day_are_instants_in_utc() -> None:
    assert to_arrow(INTRADAY, Timeframe.MINUTE).schema.field("timestamp").type == pa.timestamp(
        "s", "UTC"
    )
    for kind in ("polars", "pandas"):
        first = frame(INTRADAY, Timeframe.MINUTE, kind)["timestamp"][0]  # type: ignore[arg-type]
        assert first.isoformat() == "2012-01-03T20:30:00+00:00"


def test_the_numbers_are_not_copied() -> None:
    for name in ("open", "high", "low", "close", "volume"):
        mine = getattr(BARS, name)
        for kind in ("polars", "pandas"):
            theirs = frame(BARS, Timeframe.DAY, kind)[name].to_numpy()  # type: ignore[arg-type]
            assert np.shares_memory(mine, theirs), f"{name} in {kind}"


@pytest.mark.parametrize("empty", [BarTable.empty()])
def test_no_bars_make_an_empty_frame(empty: BarTable) -> None:
    for kind in ("polars", "pandas", "arrow"):
        assert len(frame(empty, Timeframe.DAY, kind)) == 0  # type: ignore[arg-type]


def test_arrow_and_back() -> None:
    for bars, timeframe in ((BARS, Timeframe.DAY), (INTRADAY, Timeframe.MINUTE)):
        back = from_arrow(to_arrow(bars, timeframe))
        assert back.tickers == bars.tickers
        for name in COLUMNS:
            assert np.array_equal(getattr(back, name), getattr(bars, name), equal_nan=True)


def test_another_table_is_refused() -> None:
    with pytest.raises(BadInput, match="no table of bars"):
        from_arrow(pa.table({"symbol": ["A"], "date": [1]}))


@pytest.mark.parametrize("kind", ["polars", "pandas", "arrow"])
def test_without_the_library_the_extra_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("polars", "pandas", "pyarrow"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(BadInput, match=r"not installed\. Install: "):
        frame(BARS, Timeframe.DAY, kind)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no frame of the kind 'spark'"):
        frame(BARS, Timeframe.DAY, "spark")  # type: ignore[arg-type]


# --- what bars say ------------------------------------------------------------------------------
def content(*parts: BarTable) -> str:
    found = ContentHash()
    for part in parts:
        found.add(part)
    return found.hexdigest()


def test_equal_bars_have_equal_content_however_they_are_kept() -> None:
    pieces = [BARS.rows(np.array([0, 1])), BARS.rows(np.array([2]))]
    assert content(*pieces) == content(BARS) == content(from_arrow(to_arrow(BARS, Timeframe.DAY)))
    assert [symbol for symbol, _ in symbol_hashes(BARS)] == ["AAPL", "BRK.B"]


def test_any_difference_shows() -> None:
    seen = {content(BARS), content(BARS.rows(np.array([0, 1]))), content(BARS.rows([1, 0, 2]))}
    for name in COLUMNS[1:]:
        other = getattr(BARS, name).copy()
        other[0] += 1
        columns = {c: getattr(BARS, c) for c in COLUMNS} | {name: other}
        seen.add(content(BarTable(BARS.tickers, **columns)))
    assert len(seen) == 3 + len(COLUMNS) - 1


def test_bars_of_no_symbol_or_no_day_are_refused() -> None:
    whole = to_arrow(BARS, Timeframe.DAY)
    for name in ("symbol", "date"):
        column = pa.chunked_array([pa.array([None, *whole[name].to_pylist()[1:]])])
        broken = whole.set_column(whole.column_names.index(name), name, column)
        with pytest.raises(BadInput, match="1 bars of no symbol or no time"):
            from_arrow(broken)
