"""Flat files as the vendor has them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

import numpy as np

from tickstock.model import BarTable, Timeframe
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import Span, day_of
from tickstock.vendors.newyork import instants_of
from tickstock.vendors.synthetic.source import synthetic_bars

HEADER = "ticker,volume,open,close,high,low,window_start,transactions"
PRODUCT = {Timeframe.DAY: "day_aggs_v1", Timeframe.MINUTE: "minute_aggs_v1"}


def key_on(day: date, timeframe: Timeframe = Timeframe.DAY) -> str:
    return f"us_stocks_sip/{PRODUCT[timeframe]}/{day:%Y}/{day:%m}/{day:%Y-%m-%d}.csv.gz"


def packed(lines: Iterable[str], header: str = HEADER) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in (header, *lines)).encode(), 1, mtime=0)


def lines_of(bars: BarTable, timeframe: Timeframe, hour: int = 0) -> list[str]:
    """One line a bar; a day's stamp is at `hour` o'clock in New York."""
    day = timeframe is Timeframe.DAY
    stamps = (instants_of(bars.at, hour) if day else bars.at) * 1_000_000_000
    columns = (bars.volume, bars.open, bars.close, bars.high, bars.low, stamps, bars.trades)
    return [
        f"{bars.tickers[owner]},{volume!r},{o!r},{c!r},{h!r},{low!r},{at},{max(n, 0)}"
        for owner, volume, o, c, h, low, at, n in zip(
            bars.owner.tolist(), *(c.tolist() for c in columns), strict=True
        )
    ]


def session_files(
    bars: BarTable, timeframe: Timeframe, calendar: Calendar | None = None, hour: int = 0
) -> dict[str, bytes]:
    """The files that hold `bars`, one a session, by key."""
    days = calendar or shipped_calendar()
    place = days.sessions_of(bars.at) if timeframe is not Timeframe.DAY else bars.at
    out = {}
    for at in np.unique(place).tolist():
        part = bars.rows(place == at)
        part = part.rows(np.lexsort((part.at, np.array(part.tickers)[part.owner])))
        day = day_of(at) if timeframe is Timeframe.DAY else days.day(at)
        out[key_on(day, timeframe)] = packed(lines_of(part, timeframe, hour))
    return out


def synthetic_files(
    symbols: Iterable[str], span: Span, timeframe: Timeframe, now: float
) -> dict[str, bytes]:
    bars = synthetic_bars(sorted(symbols), timeframe, span, shipped_calendar(), now)
    return session_files(bars, timeframe)


def put(folder: Path, files: Mapping[str, bytes]) -> Path:
    for key, data in files.items():
        file = folder / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return folder
