"""qlib: a file of instruments, `AAPL<tab>1999-12-31<tab>2099-12-31`, without a header."""

from __future__ import annotations

from collections.abc import Sequence

from tickstock.universes.days import is_dated
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.sources.base import ListSource
from tickstock.universes.files.table import read_table


def _is_one(rows: Sequence[Row]) -> bool:
    return bool(rows) and all(is_dated([bare(cell) for cell in row]) for _, row in rows)


SOURCES = (ListSource("list of instruments with dates", _is_one, read_table, 3),)
