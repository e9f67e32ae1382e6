"""Which sheet of a workbook holds the list."""

from __future__ import annotations

from collections.abc import Sequence

from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import STRONG, columns_of
from tickstock.universes.files.words import looks_like_symbols


def has_table(rows: Sequence[Row]) -> bool:
    """Whether rows of a sheet have a heading of symbols, or begin with them."""
    if any(columns_of(row, STRONG) for _, row in rows):
        return True
    starts = [next(filter(None, map(bare, row)), "") for _, row in rows]
    return bool(starts) and all(map(looks_like_symbols, starts))
