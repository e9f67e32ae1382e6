"""Bars in sealed files, with those in the database laid over them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tickstock.sealed_file import Columns, SealedSpan, read_spans
from tickstock.store.bar_rows import Rows
from tickstock.store.connection import Connection, sealed_place


@dataclass(frozen=True, slots=True)
class _AskedBars:
    """The bars of an instrument from `lo` to `hi` that are in the database, and those of files."""

    lo: int
    hi: int
    stored: Rows
    sealed: list[Rows] = field(default_factory=list)

    def add(self, bars: Columns) -> None:
        rows = Rows(**bars)
        is_older = (rows.at >= self.lo) & (rows.at <= self.hi) & ~np.isin(rows.at, self.stored.at)
        self.sealed.append(rows.pick(is_older))

    def together(self) -> Rows:
        if not self.sealed:
            return self.stored
        rows = Rows.join([*self.sealed, self.stored])
        return rows.pick(np.argsort(rows.at, kind="stable"))


def laid_over(connection: Connection, found: Iterable[Sequence[Any]]) -> Rows:
    """The bars that rows of the query `read_intraday` speak of. Raises BadFile."""
    asked: list[_AskedBars] = []
    spans = defaultdict[str, list[tuple[_AskedBars, SealedSpan]]](list)
    for lo, hi, id_, *columns in found:
        asked.append(_AskedBars(lo, hi, _rows(id_, columns[:8])))
        names, *places = columns[8:]
        if names is not None:
            for name, *place in zip(names, *(p.tolist() for p in places), strict=True):
                spans[name].append((asked[-1], SealedSpan(*place)))
    for name, of in spans.items():
        for number, bars in read_spans(sealed_place(connection), name, [span for _, span in of]):
            of[number][0].add(bars)
    return Rows.join([one.together() for one in asked])


def _rows(instrument: int, columns: Sequence[Any]) -> Rows:
    at = columns[0]
    if at is None:
        return Rows.join(())
    return Rows(np.full(len(at), instrument, np.int64), *columns)
