"""TradingView: a watchlist in one line or in several, `###Section,NASDAQ:PEP,NYSE:KO`.

A section begins with `###` and names no symbol. What has the prefix of no exchange of the US is
listed abroad, or is no share.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tickstock.universes.files.delimited import SECTION, Row, bare
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource
from tickstock.universes.markets import is_us_market
from tickstock.universes.suggest import shown

_WITH_EXCHANGE = re.compile(r"[A-Z][A-Z0-9_]*:\S+")


def _is_watchlist(rows: Sequence[Row]) -> bool:
    cells = [text for _, row in rows for cell in row if (text := bare(cell))]
    marked = [bool(_WITH_EXCHANGE.fullmatch(c)) or c.startswith(SECTION) for c in cells]
    return bool(cells) and (all(marked) or (cells[0].startswith(SECTION) and any(marked[1:])))


def _read(rows: Iterable[Row], gather: Gather) -> None:
    for line, row in rows:
        for cell in row:
            if text := bare(cell):
                _take(line, text, gather)


def _take(line: int, text: str, gather: Gather) -> None:
    prefix, colon, _ = text.partition(":")
    gather.count_row()
    if text.startswith(SECTION):
        gather.leave_out(line, "section")
    elif colon and prefix not in "IXCO" and not is_us_market(prefix):
        gather.leave_out(line, "foreign", f"{shown(text)} is listed on {prefix}")
    else:
        gather.add(line, text)


SOURCES = (ListSource("TradingView watchlist", _is_watchlist, _read, 50),)
