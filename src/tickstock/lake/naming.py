"""Which ticker an instrument had on a day. Pure.

Where no dated ticker says it, the instrument's own symbol is meant; of two tickers on one day the
one that came later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np

from tickstock.model import Ints, epoch_day
from tickstock.store.bar_rows import KEY_BITS
from tickstock.store.lake import DatedTicker

NEVER = 1 << 30
"""Days from 1970 that no bar has; the other way too."""


@dataclass(frozen=True, slots=True)
class _Had:
    since: int
    until: int
    symbol: str | None


class Naming:
    """The tickers of instruments by day."""

    def __init__(self, symbols: Mapping[int, str], tickers: Iterable[DatedTicker]) -> None:
        """`symbols` are the instruments' own."""
        had: dict[int, list[_Had]] = {id_: [] for id_ in symbols}
        for one in tickers:
            if one.instrument in had:
                had[one.instrument].append(_Had(*_days(one), one.symbol))
        self._spans = {id_: _in_turn(symbols[id_], of) for id_, of in sorted(had.items())}
        every = [(id_, span) for id_, spans in self._spans.items() for span in spans]
        self.symbols = tuple(sorted({s.symbol for _, s in every if s.symbol is not None}))
        codes = {symbol: code for code, symbol in enumerate(self.symbols)}
        ids = np.array([id_ for id_, _ in every], np.int64)
        self._key = (ids << KEY_BITS) + np.array([s.since for _, s in every], np.int64)
        self._owner = ids
        self._code = np.array([codes.get(s.symbol or "", -1) for _, s in every], np.int64)

    def codes(self, instrument: Ints, at: Ints) -> Ints:
        """The place in `symbols` of the ticker of each instrument on its day; -1 for an instrument
        that nobody knows."""
        if not len(self._key):
            return np.full(len(at), -1, np.int64)
        place = np.searchsorted(self._key, (instrument << KEY_BITS) + at, side="right") - 1
        place = np.maximum(place, 0)
        return np.where(self._owner[place] == instrument, self._code[place], -1)

    def ordered(self, instruments: Ints, day: int) -> Ints:
        """Instruments by their tickers on a day, so that bars of one symbol lie together."""
        codes = self.codes(instruments, np.full(len(instruments), day, np.int64))
        return instruments[np.lexsort((instruments, codes))]

    def changed_years(self, former: Naming, years: Iterable[int]) -> set[int]:
        """Those years in which an instrument of both has another ticker here than formerly."""
        spans = [
            (since, until)
            for id_ in self._spans.keys() & former._spans.keys()
            if (mine := self._spans[id_]) != (theirs := former._spans[id_])
            for since, until in _differing(mine, theirs)
        ]
        edges = {year: (_first_of(year), _first_of(year + 1)) for year in years}
        return {
            year for year, (first, end) in edges.items()
            if any(since < end and until > first for since, until in spans)
        }  # fmt: skip


def _days(one: DatedTicker) -> tuple[int, int]:
    return (
        -NEVER if one.since is None else epoch_day(one.since),
        NEVER if one.until is None else epoch_day(one.until),
    )


def _in_turn(own: str, had: Sequence[_Had]) -> tuple[_Had, ...]:
    """All days, one ticker each."""
    edges = sorted({-NEVER, NEVER, *(d for one in had for d in (one.since, one.until))})
    found: list[_Had] = []
    for since, until in pairwise(edges):
        there = [one for one in had if one.since <= since and one.until >= until]
        symbol = max(there, key=lambda one: (one.since, one.symbol or "")).symbol if there else own
        if found and found[-1].symbol == symbol:
            found[-1] = _Had(found[-1].since, until, symbol)
        else:
            found.append(_Had(since, until, symbol))
    return tuple(found)


def _differing(mine: Sequence[_Had], theirs: Sequence[_Had]) -> Iterable[tuple[int, int]]:
    """The days on which two tell of other tickers."""
    for a in mine:
        for b in theirs:
            since, until = max(a.since, b.since), min(a.until, b.until)
            if since < until and a.symbol != b.symbol:
                yield since, until


def _first_of(year: int) -> int:
    return epoch_day(date(year, 1, 1)) if year <= date.max.year else NEVER
