"""Bars in columns: from the rows of an answer, and of several pages put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tickstock.model import COLUMNS, BarTable, Call, Flags, Timeframe, epoch_day
from tickstock.vendors.newyork import instants_of
from tickstock.vendors.words import unreadable

FEW_ASIDE = 5
"""Bad rows that any answer may have."""
MOST_ASIDE = 0.02
"""Of the rows of a large one."""
RESERVED = 1 << 20
"""Bars that memory is reserved for at once; it is taken as it is used."""
Row = tuple[int, float, float, float, float, float]
"""When, as `BarTable.at` has it; open, high, low, close and volume."""


def table_of(ticker: str, rows: Iterable[Row]) -> BarTable:
    """The bars of one ticker, from rows without a volume-weighted price and a count of trades."""
    found = list(rows)
    if not found:
        return BarTable.empty()
    at, *numbers = zip(*found, strict=True)
    count = len(found)
    columns: list[Any] = [np.array(column, np.float64) for column in numbers]
    columns += [np.full(count, math.nan), np.full(count, -1, np.int64)]
    return BarTable((ticker,), np.zeros(count, np.int64), np.array(at, np.int64), *columns)


def tidy(pages: Sequence[BarTable], call: Call) -> tuple[BarTable, tuple[tuple[str, int], ...]]:
    """All bars of an answer: in the asked span, sorted by ticker and time, each once.

    Of bars with the same ticker and time the last one is kept, as a correction follows what it
    corrects. Also returns how many were left out, by reason.

    Raises:
        VendorUnreadable: there are bars, and none of them lies in the asked span.
    """
    bars = _joined([p for p in pages if len(p)])
    inside = _inside(bars, call)
    kept = bars.rows(inside) if not inside.all() else bars
    if len(bars) and not len(kept):
        raise unreadable(call, f"holds {len(bars)} bars of other days only")
    once = _sorted_once(kept)
    counts = (("duplicate", len(kept) - len(once)), ("out_of_range", len(bars) - len(kept)))
    return once, tuple((reason, n) for reason, n in counts if n)


class GrowingTable:
    """Bars that come piece by piece, each kept once: of millions of them, the pieces and all in one
    are not held side by side."""

    def __init__(self, *, capacity: int = RESERVED) -> None:
        self._places: dict[str, int] = {}
        self._size, self._capacity = 0, capacity
        empty = BarTable.empty()
        self._columns = {name: np.empty(capacity, getattr(empty, name).dtype) for name in COLUMNS}

    def add(self, piece: BarTable) -> None:
        start, end = self._size, self._size + len(piece)
        while end > self._capacity:
            self._capacity *= 2
        for name, column in self._columns.items():
            if len(column) < self._capacity:
                self._columns[name] = np.empty(self._capacity, column.dtype)
                self._columns[name][:start] = column[:start]
            self._columns[name][start:end] = getattr(piece, name)
        places = [self._places.setdefault(t, len(self._places)) for t in piece.tickers]
        self._columns["owner"][start:end] = np.array(places, np.int64)[piece.owner]
        self._size = end

    def table(self) -> BarTable:
        """All of them, with the tickers in order."""
        tickers = sorted(self._places)
        rank = np.empty(len(tickers), np.int64)
        rank[[self._places[t] for t in tickers]] = np.arange(len(tickers))
        owner, *rest = (column[: self._size] for column in self._columns.values())
        return BarTable(tuple(tickers), rank[owner], *rest)


def is_another_form(bad: int, rows: int) -> bool:
    """Whether so many bad rows mean that the answer is of another form, and not that some of its
    rows are spoilt: those are put aside, and the rest is kept."""
    return bad > 0 and (bad >= rows or bad > max(FEW_ASIDE, rows * MOST_ASIDE))


def _joined(tables: list[BarTable]) -> BarTable:
    if len(tables) < 2:
        return tables[0] if tables else BarTable.empty()
    tickers = tuple(sorted({t for table in tables for t in table.tickers}))
    place = {t: i for i, t in enumerate(tickers)}
    owners = [np.array([place[t] for t in table.tickers])[table.owner] for table in tables]
    rest = (_column(tables, name) for name in COLUMNS[1:])
    return BarTable(tickers, np.concatenate(owners), *rest)


def _column(tables: Iterable[BarTable], name: str) -> Any:
    return np.concatenate([getattr(table, name) for table in tables])


def _inside(bars: BarTable, call: Call) -> Flags:
    edges = np.array([epoch_day(call.span.start), epoch_day(call.span.end)])
    start, end = edges if call.timeframe is Timeframe.DAY else instants_of(edges)
    flags: Flags = (bars.at >= start) & (bars.at < end)
    return flags


def _sorted_once(bars: BarTable) -> BarTable:
    whose, at = bars.owner, bars.at
    follows = (whose[1:] > whose[:-1]) | ((whose[1:] == whose[:-1]) & (at[1:] > at[:-1]))
    if bool(follows.all()):
        return bars
    order = np.lexsort((bars.at, bars.owner))  # stable: equal bars stay in the order they came
    owner, at = bars.owner[order], bars.at[order]
    last = np.append((np.diff(owner) != 0) | (np.diff(at) != 0), True)
    return bars.rows(order[last])
