"""Interactive Brokers: watchlists (`DES,PEP,STK,SMART/NASDAQ,,,,`), activity statements, flex
queries.

In a watchlist each row begins with what it is: DES or SYM a contract, HED a heading, COLUMN the
columns. A class of shares has a blank (`BRK B`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import normal
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource, positions, table_row
from tickstock.universes.markets import is_market_abroad
from tickstock.universes.suggest import shown

_CONTRACTS = ("DES", "SYM")
_OTHER_ROWS = ("HED", "COLUMN", "CON", "CONEX")
_TYPES = {
    "OPT": "option", "FOP": "option", "FUT": "derivative", "CFD": "derivative", "WAR": "derivative",
    "CASH": "currency", "IND": "index", "BOND": "bond", "FUND": "mutual fund", "CRYPTO": "crypto",
    "CMDTY": "derivative",
}  # fmt: skip
_SECTIONS = ("open positions", "positions", "financial instrument information")


def _is_watchlist(rows: Sequence[Row]) -> bool:
    starts = [bare(row[0]) for _, row in rows]
    is_known = all(start in (*_CONTRACTS, *_OTHER_ROWS) for start in starts)
    return is_known and any(
        start in _CONTRACTS and len(row) > 2 and bare(row[2]).isupper()
        for start, (_, row) in zip(starts, rows, strict=True)
    )


def _read_watchlist(rows: Iterable[Row], gather: Gather) -> None:
    for line, row in rows:
        cells = [*map(bare, row), "", ""]
        if cells[0] not in _CONTRACTS:
            gather.leave_out(line, "heading")
        elif kind := _TYPES.get(cells[2]):
            gather.leave_out(line, kind, f"{shown(cells[1])} is of type {cells[2]}")
        elif len(row) > 3 and is_market_abroad(cells[3]):
            gather.leave_out(line, "foreign", f"{shown(cells[1])} is listed on {cells[3]}")
        elif cells[1]:
            gather.add(line, cells[1])
        else:
            gather.leave_out(line, "without symbol", "The row has no symbol")


def _is_statement(rows: Sequence[Row]) -> bool:
    return any(len(row) > 2 and row[0] == "Statement" and row[1] == "Header" for _, row in rows)


def _read_statement(rows: Iterable[Row], gather: Gather) -> None:
    """Each row names its section first, then Header, Data, SubTotal or Total."""
    names: list[str] = []
    for line, row in rows:
        cells = [*map(bare, row), "", ""]
        if cells[0].lower() not in _SECTIONS[:2]:
            gather.leave_out(line, "no position")
        elif cells[1] == "Header":
            names = list(map(normal, row))
            gather.leave_out(line, "heading")
        elif cells[1] != "Data" or "symbol" not in names:
            gather.leave_out(line, "total")
        else:
            _read_position(line, table_row(names, row), gather)


def _read_position(line: int, cells: dict[str, str], gather: Gather) -> None:
    kind = cells.get("asset category", "Stocks")
    if kind != "Stocks":
        gather.leave_out(line, kind.lower(), f"{shown(cells['symbol'])} is of {shown(kind)}")
    elif cells.get("currency", "USD") != "USD":
        gather.leave_out(line, "foreign", f"{shown(cells['symbol'])} is listed in another currency")
    else:
        gather.add(line, cells["symbol"])


SOURCES = (
    ListSource("Interactive Brokers watchlist", _is_watchlist, _read_watchlist, 99),
    ListSource("Interactive Brokers statement", _is_statement, _read_statement, 98),
    positions("Interactive Brokers positions", "assetclass", "symbol", "conid", kind="assetclass"),
)
