"""The screener of nasdaq.com: `Symbol,Name,Last Sale,Net Change,% Change,Market Cap,...`.

`BRK/B` is a class, `AAC/WS` a warrant, `BAC^L` a preferred series; a final `^`, which elsewhere
is a right, is a preferred share without a series here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from tickstock.universes.files.delimited import Row
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sources.base import ListSource, header_with
from tickstock.universes.files.table import read_table

_PREFERRED = re.compile(r"([A-Z]+)\^")


def _read(rows: Iterable[Row], gather: Gather) -> None:
    read_table(((line, _respelled(row)) for line, row in rows), gather)


def _respelled(row: list[str]) -> list[str]:
    found = _PREFERRED.fullmatch(row[0].strip())
    return [f"{found[1]}$", *row[1:]] if found else row


SOURCES = (
    ListSource(
        "Nasdaq screener",
        header_with("symbol", "name", "last sale", "net change", "% change", "market cap"),
        _read,
        6,
    ),
)
