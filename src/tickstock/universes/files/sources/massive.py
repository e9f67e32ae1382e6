"""The vendor's own answers, saved: tickers with their type and market, and constituents of a fund.

`type` tells ETFs from stocks; what is not in the market `stocks`, or no longer active, is left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from tickstock.universes.files.delimited import Row
from tickstock.universes.files.headers import normal
from tickstock.universes.files.holdings import add_holding
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource, header_with, table_row
from tickstock.universes.suggest import shown

_FUNDS = ("ETF", "ETN", "ETV", "ETS")


def _read_tickers(rows: Iterable[Row], gather: Gather) -> None:
    names: list[str] = []
    for line, row in rows:
        if names:
            _read_ticker(line, table_row(names, row), gather)
        names = names or list(map(normal, row))


def _read_ticker(line: int, cells: dict[str, str], gather: Gather) -> None:
    ticker, market = cells.get("ticker", ""), cells.get("market", "")
    if market not in ("", "stocks"):
        gather.leave_out(line, market, f"{shown(ticker)} is of the market {shown(market)}")
    elif cells.get("active", "").lower() == "false":
        gather.leave_out(line, "delisted", f"{shown(ticker)} is no longer listed")
    elif gather.etfs is not None and (kind := cells.get("type", "")):
        if (kind in _FUNDS) == gather.etfs:
            gather.add(line, ticker)
        else:
            gather.leave_out(line, "no ETF" if gather.etfs else "ETF")
    else:
        gather.add(line, ticker)


def _read_constituents(rows: Iterable[Row], gather: Gather) -> None:
    names: list[str] = []
    for line, row in rows:
        if not names:
            names = list(map(normal, row))
            continue
        cells = table_row(names, row)
        add_holding(
            gather,
            line,
            {
                "ticker": cells.get("constituent ticker", ""),
                "name": cells.get("constituent name", ""),
                "asset class": cells.get("asset class", ""),
                "security type": cells.get("security type", ""),
                "local currency": cells.get("currency traded", ""),
            },
        )


SOURCES = (
    ListSource(
        "tickers of the vendor", header_with("ticker", "market", "locale"), _read_tickers, 3
    ),
    ListSource(
        "constituents of the vendor",
        header_with("constituent ticker", "composite ticker"),
        _read_constituents,
        2,
    ),
)
