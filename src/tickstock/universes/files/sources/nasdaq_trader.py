"""The symbol directories of Nasdaq Trader: `nasdaqlisted.txt` and `otherlisted.txt`.

Pipes between the cells, a header, and a last line `File Creation Time: MMDDYYYYhh:mm` that is the
only sign of a complete file. Of the spellings in `otherlisted.txt` the CQS symbol is the vendor's.
Source: the field definitions that Nasdaq Trader publishes for its symbol directory.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime

from tickstock.errors import BadFile
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import heading
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource

SYMBOL_COLUMNS = ("cqs symbol", "symbol")
_FOOTER = re.compile(r"File Creation Time:\s*(\d{8})")


def is_listing(row: Sequence[str]) -> bool:
    """Whether `row` is the header of a symbol directory."""
    names = heading(row)
    return "test issue" in names and any(column in names for column in SYMBOL_COLUMNS)


def read_listing(rows: Iterable[Row], gather: Gather) -> None:
    """Gather the listed symbols; test issues are left out, and what `gather` wants no ETF or no
    stock of. A directory without its last line is cut off, which is a problem."""
    names: list[str] = []
    line = 0
    complete = False
    gather.expect_listing()
    for line, row in rows:
        if footer := _FOOTER.match(bare(row[0])):
            gather.as_of, complete = _day(footer[1]), True
        elif not names:
            if not is_listing(row):
                raise BadFile(
                    f"{gather.name}:{line}: no header of a symbol directory.", "Is it one?"
                )
            names = heading(row)
        elif len(row) != len(names):
            gather.problem(line, f"{len(row)} cells where the header has {len(names)}.")
        else:
            _read_row(line, dict(zip(names, map(bare, row), strict=True)), gather)
    if not complete:
        gather.problem(line, "the last line, File Creation Time, is missing: the file is cut off.")


def _read_row(line: int, row: dict[str, str], gather: Gather) -> None:
    symbol = next(row[c] for c in SYMBOL_COLUMNS if c in row)
    if row["test issue"] == "Y":
        gather.leave_out(line, "test issue")
    elif gather.etfs is not None and row.get("etf") == ("N" if gather.etfs else "Y"):
        gather.leave_out(line, "no ETF" if gather.etfs else "ETF")
    elif not symbol:
        gather.leave_out(line, "without symbol", "The row has no symbol")
    else:
        gather.add(line, symbol)


def _day(stamp: str) -> date | None:
    try:
        return datetime.strptime(stamp, "%m%d%Y").date()  # a date alone
    except ValueError:
        return None


def _is_one(rows: Sequence[Row]) -> bool:
    return bool(rows) and is_listing(rows[0][1])


SOURCES = (ListSource("symbol directory of Nasdaq Trader", _is_one, read_listing, 97),)
