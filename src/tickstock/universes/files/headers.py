"""The words over the columns of lists, the same in every form of file.

A heading is compared in small letters, without footnote marks, with one blank for anything between
its words: `Ticker_Symbol*` is `ticker symbol`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from tickstock.universes.files.delimited import bare
from tickstock.universes.known import is_known

FIRST = "symbol"
"""The heading that is written."""
STRONG = frozenset(
    {"symbol", "symbols", "ticker", "tickers", "ticker symbol", "ticker symbols", "symbol ticker"}
    | {"stock symbol", "stock symbols", "stock ticker", "stock tickers", "ticker code", "sym"}
    | {"trading symbol", "tradingsymbol", "holding ticker", "holding symbol", "holdings ticker"}
    | {"security symbol", "security ticker", "constituent ticker", "constituent symbol"}
    | {"instrument symbol", "bloomberg ticker", "bbg ticker", "exchange ticker", "local ticker"}
    | {
        "act symbol",
        "cqs symbol",
        "nasdaq symbol",
        "symbole",
        "simbolo",
        "s\u00edmbolo",
        "k\u00fcrzel",
    }
)
"""Headings of columns that hold symbols and nothing else."""
WEAK = frozenset(
    {"stock", "stocks", "code", "codes", "stock code", "security", "securities", "instrument"}
    | {"instruments", "etf", "etfs", "etf symbol", "etf ticker", "fund ticker", "fund symbol"}
    | {"company symbol", "company ticker", "epic", "ric", "constituent", "constituents", "member"}
    | {"members", "asset", "root symbol", "composite ticker"}
)
"""Headings that hold symbols where no column has a stronger one, and names elsewhere."""
IDENTIFIERS = frozenset(
    {
        "isin",
        "isin code",
        "cusip",
        "sedol",
        "figi",
        "composite figi",
        "share class figi",
        "identifier",
    }
    | {"security identifier", "identifier figi", "cusip number", "cusip id", "wkn", "lei", "bbgid"}
)
_ADDS = frozenset(
    {"add", "adds", "added", "additions", "added ticker", "added tickers", "added symbol"}
    | {"added symbols"}
)
_REMOVES = frozenset(
    {"remove", "removes", "removed", "removals", "removed ticker", "removed tickers"}
    | {"removed symbol", "removed symbols"}
)
_SECTOR = re.compile(r"(gics )?sectors?( tags)?")
_BETWEEN = re.compile(r"[^\w%$#]+|_+")


def heading(row: Sequence[str]) -> list[str]:
    """The cells of a row as column names: in small letters, without footnote marks."""
    return [bare(cell).rstrip("*").strip().lower() for cell in row]


def normal(text: str) -> str:
    """A heading as it is compared."""
    return _BETWEEN.sub(" ", bare(text)).strip().lower()


def is_symbol_word(text: str) -> bool:
    """Whether a cell alone would be taken for the heading of symbols."""
    word = normal(text)
    return word in STRONG or word in WEAK


def is_identifier_word(text: str) -> bool:
    """Whether a cell alone would be taken for the heading of identifiers, and is no symbol."""
    return normal(text) in IDENTIFIERS and not is_known(text)


def columns_of(row: Sequence[str], words: Collection[str]) -> list[int]:
    return [place for place, cell in enumerate(row) if normal(cell) in words]


def moves_in(row: Sequence[str]) -> tuple[int, int, int] | None:
    """The places of the day, of who joins and of who leaves in the header of a table of changes
    that has no column of symbols."""
    names = [normal(cell) for cell in row]
    adds, removes = columns_of(row, _ADDS), columns_of(row, _REMOVES)
    if "date" not in names or not adds or not removes or columns_of(row, STRONG | IDENTIFIERS):
        return None
    return names.index("date"), adds[0], removes[0]


def sector_column(row: Sequence[str]) -> int | None:
    """The place of the column that names a sector, if there is one."""
    return next((i for i, cell in enumerate(row) if _SECTOR.fullmatch(normal(cell))), None)
