"""The US regulator's lists: companies with and without the exchange, funds, and `ticker.txt`.

A dash stands before everything that follows the root (`BRK-B`, `CMS-PB`, `TY-P`). Funds whose
symbols have five letters and end with X are mutual funds, which no exchange lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import normal
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource, header_with, table_row
from tickstock.universes.files.table import read_table

_MUTUAL_FUND = re.compile(r"[A-Z0-9]{4}X|[A-Z0-9]{6,}|\(.*\)|[A-Z0-9]*\d[A-Z0-9]*")


def _read_funds(rows: Iterable[Row], gather: Gather) -> None:
    names: list[str] = []
    for line, row in rows:
        if not names:
            names = list(map(normal, row))
            continue
        symbol = table_row(names, row).get("symbol", "")
        if not symbol or symbol == "n/a":
            gather.leave_out(line, "without symbol")
        elif _MUTUAL_FUND.fullmatch(symbol):
            gather.leave_out(line, "mutual fund")
        elif gather.etfs is False:
            gather.leave_out(line, "ETF")
        else:
            gather.add(line, symbol)


def _is_ticker_txt(rows: Sequence[Row]) -> bool:
    return bool(rows) and all(
        len(row) == 2 and bare(row[0]).islower() and bare(row[1]).isdecimal() for _, row in rows
    )


def _read_ticker_txt(rows: Iterable[Row], gather: Gather) -> None:
    """All of it is in small letters: `nan` is a fund."""
    for line, row in rows:
        gather.add(line, bare(row[0]).upper())


SOURCES = (
    ListSource("SEC company tickers", header_with("cik str", "ticker", "title"), read_table, 3),
    ListSource(
        "SEC company tickers", header_with("cik", "name", "ticker", "exchange"), read_table, 4
    ),
    ListSource(
        "SEC fund tickers", header_with("cik", "seriesid", "classid", "symbol"), _read_funds, 4
    ),
    ListSource("SEC ticker.txt", _is_ticker_txt, _read_ticker_txt, 2),
)
