"""LEAN: coarse universes and constituents of funds, whose rows hold a security identifier
(`AAPL R735QTJ8XC9X`), and the map file of one instrument (`19980102,aapl,Q`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tickstock.universes.days import day_in
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource

_IDENTIFIER = re.compile(r"[A-Z][A-Z0-9.]* [A-Z0-9]{10,16}")


def _is_universe(rows: Sequence[Row]) -> bool:
    return bool(rows) and all(
        len(row) > 2 and any(map(_IDENTIFIER.fullmatch, map(bare, row[:2]))) for _, row in rows
    )


def _read_universe(rows: Iterable[Row], gather: Gather) -> None:
    """The ticker of the day stands beside the identifier, which holds the first one."""
    for line, row in rows:
        first, second = bare(row[0]), bare(row[1]) if len(row) > 1 else ""
        gather.add(line, second if _IDENTIFIER.fullmatch(first) else first)


def _is_map(rows: Sequence[Row]) -> bool:
    return len(rows) > 1 and all(
        len(row) == 3 and row[0].isdecimal() and day_in(row[0]) and row[1].islower()
        for _, row in rows
    )


def _read_map(rows: Iterable[Row], gather: Gather) -> None:
    """The last row has the ticker of today, those before it the ones that were given up."""
    every = list(rows)
    for line, _ in every[:-1]:
        gather.leave_out(line, "former ticker")
    line, row = every[-1]
    gather.add(line, bare(row[1]).upper())


SOURCES = (
    ListSource("LEAN universe", _is_universe, _read_universe, 3),
    ListSource("LEAN map file", _is_map, _read_map, 3),
)
