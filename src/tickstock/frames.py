"""Bars as Arrow tables, polars or pandas frames, without copying the numbers.

Needs the extra `frames` (polars, pyarrow; pandas where it is installed). Nothing here is
imported before somebody asks for a frame.

Columns: `symbol` (dictionary-encoded), `date` (date32) or `timestamp` (UTC, seconds), `open`,
`high`, `low`, `close`, `volume`, `vwap`, `trades`; `vwap` and `trades` are null where the vendor
sent none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from tickstock.arrow_columns import column_of, values_of
from tickstock.errors import BadInput
from tickstock.extras import need
from tickstock.model import BarTable, Timeframe

Kind = Literal["polars", "pandas", "arrow"]
PLAIN = ("open", "high", "low", "close", "volume")


def frame(bars: BarTable, timeframe: Timeframe, kind: Kind = "polars") -> Any:
    """`bars` as a polars DataFrame, a pandas DataFrame or a pyarrow Table.

    Raises:
        BadInput: no such kind.
        MissingExtra: the library for it is not installed.
    """
    makers: dict[str, Callable[[BarTable, Timeframe], Any]] = {
        "arrow": to_arrow,
        "pandas": to_pandas,
        "polars": to_polars,
    }
    if kind not in makers:
        raise BadInput(f"There is no frame of the kind {kind!r}.", f"One of: {', '.join(makers)}.")
    return makers[kind](bars, timeframe)


def to_arrow(bars: BarTable, timeframe: Timeframe) -> Any:
    """A pyarrow Table over the memory of `bars`."""
    pa = need("pyarrow")
    columns = {"symbol": _symbols(pa, bars), time_name(timeframe): _times(pa, bars, timeframe)}
    for name in PLAIN:
        columns[name] = column_of(pa.float64(), getattr(bars, name))
    columns["vwap"] = column_of(pa.float64(), bars.vwap, ~np.isnan(bars.vwap))
    columns["trades"] = column_of(pa.int64(), bars.trades, bars.trades >= 0)
    return pa.table(columns)


def to_polars(bars: BarTable, timeframe: Timeframe) -> Any:
    """A polars DataFrame; `symbol` is a Categorical."""
    polars = need("polars")
    return polars.from_arrow(to_arrow(bars, timeframe))


def to_pandas(bars: BarTable, timeframe: Timeframe) -> Any:
    """A pandas DataFrame; `symbol` is a Categorical, missing `trades` are <NA>."""
    pandas = need("pandas")
    unit = "s" if is_intraday(timeframe) else "D"
    stamps = pandas.Series(bars.at.astype(f"datetime64[{unit}]"), copy=False)
    columns: dict[str, Any] = {
        "symbol": pandas.Categorical.from_codes(bars.owner, list(bars.tickers)),
        time_name(timeframe): stamps.dt.tz_localize("UTC") if unit == "s" else stamps,
    }
    columns |= {name: getattr(bars, name) for name in (*PLAIN, "vwap")}
    columns["trades"] = pandas.arrays.IntegerArray(bars.trades, bars.trades < 0)
    return pandas.DataFrame(columns, copy=False)


def is_intraday(timeframe: Timeframe) -> bool:
    return timeframe in (Timeframe.MINUTE, Timeframe.HOUR)


def time_name(timeframe: Timeframe) -> str:
    return "timestamp" if is_intraday(timeframe) else "date"


def _symbols(pa: Any, bars: BarTable) -> Any:
    codes = column_of(pa.int32(), bars.owner.astype(np.int32))
    return pa.DictionaryArray.from_arrays(codes, pa.array(bars.tickers, pa.string()))


def _times(pa: Any, bars: BarTable, timeframe: Timeframe) -> Any:
    if is_intraday(timeframe):
        return column_of(pa.timestamp("s", "UTC"), bars.at)
    return column_of(pa.date32(), bars.at.astype(np.int32))


def from_arrow(table: Any) -> BarTable:
    """The bars in an Arrow table of the form of `to_arrow`, in its order.

    Raises:
        BadInput: a column is missing or of another kind.
    """
    pa = need("pyarrow")
    try:
        symbols = table["symbol"].combine_chunks().dictionary_encode()
        intraday = "timestamp" in table.column_names
        times = table["timestamp" if intraday else "date"]
        kind = pa.timestamp("s", "UTC") if intraday else pa.date32()
        at = times.cast(kind)
        if symbols.null_count or at.null_count:
            raise KeyError(f"{symbols.null_count or at.null_count} bars of no symbol or no time")
        plain = {name: values_of(table[name].cast(pa.float64()), "f8") for name in PLAIN}
        vwap = values_of(table["vwap"].cast(pa.float64()), "f8")
        trades = values_of(table["trades"].cast(pa.int64()), "i8", -1)
    except (KeyError, pa.ArrowException) as error:
        raise BadInput(f"This is no table of bars: {error}.", "Export it again.") from None
    owner = symbols.indices.to_numpy().astype(np.int64)
    tickers = tuple(symbols.dictionary.to_pylist())
    days = values_of(at, "i8" if intraday else "i4").astype(np.int64)
    return BarTable(tickers, owner, days, **plain, vwap=vwap, trades=trades)
