"""What bars say, as a short text: equal for equal bars, whatever file or database they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from tickstock.model import BarTable

NUMBERS = ("open", "high", "low", "close", "volume", "vwap")


def symbol_hashes(bars: BarTable) -> Iterator[tuple[str, str]]:
    """Symbol and SHA-256 of its bars, for each run of rows of one symbol, in order.

    Over the columns in the order of `BarTable` from `at` on, as little-endian 64-bit numbers;
    a vwap that was not sent is the one NaN 0x7ff8000000000000, minus zero is zero.
    """
    edges = np.flatnonzero(np.diff(bars.owner, prepend=-1)).tolist()
    for start, end in pairwise([*edges, len(bars)]):  # no pair where there is no bar
        digest = hashlib.sha256(np.ascontiguousarray(bars.at[start:end], "<i8").tobytes())
        for name in NUMBERS:
            values = getattr(bars, name)[start:end] + 0.0
            plain = np.where(np.isnan(values), np.nan, values)
            digest.update(plain.astype("<f8").tobytes())
        digest.update(np.ascontiguousarray(bars.trades[start:end], "<i8").tobytes())
        yield bars.tickers[int(bars.owner[start])], digest.hexdigest()


class ContentHash:
    """The hash of bars that come in pieces: of the lines `symbol hash`, one a run of rows."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, bars: BarTable) -> None:
        for symbol, digest in symbol_hashes(bars):
            self._digest.update(f"{symbol} {digest}\n".encode())

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
