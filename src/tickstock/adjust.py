"""Prices made comparable across splits and distributions, on reading. Pure, over columns.

Stored bars are what was printed; nothing here changes them. Factors are anchored at the present:
the latest price stays as it is, earlier ones are scaled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from tickstock.model import PRICES, BarTable, Floats, Ints

KEY_BITS = 24
"""Days since 1970 and owners share one sortable integer: days stay below 2**23 in size."""
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")
STALE_DAYS = 14
"""A close older than this, in calendar days, says nothing about the price before an ex-date."""


@dataclass(frozen=True, slots=True)
class PriceFactor:
    """From the open of `day` (days since 1970) on, prices of `owner` are in new units.

    Prices before are multiplied by `price`, volume by `volume`.
    """

    owner: int
    day: int
    price: float
    volume: float = 1.0


@dataclass(frozen=True, slots=True)
class Closes:
    """Raw day bars for reference: `owner`, `at` (days since 1970), `open`, `close`; sorted by
    owner and day, each once; `key` joins the two. Need not be complete: only the surroundings
    of actions count."""

    key: Ints
    owner: Ints
    at: Ints
    open: Floats
    close: Floats

    def __len__(self) -> int:
        return len(self.at)

    @classmethod
    def of(cls, owner: Ints, at: Ints, opened: Floats, close: Floats) -> Closes:
        """Sorts, and keeps one of equal days."""
        key, first = np.unique(day_keys(owner, at), return_index=True)
        return cls(key, owner[first], at[first], opened[first], close[first])

    def before(self, owner: int, day: int) -> tuple[int, float] | None:
        """Day and close of the last bar before `day`."""
        i = self._place(owner, day) - 1
        if i < 0 or self.owner[i] != owner:
            return None
        return int(self.at[i]), float(self.close[i])

    def around(self, owner: int, first: int, last: int) -> tuple[Ints, Floats, Floats]:
        """Days, opens and closes of the bars from `first` to `last`, both included."""
        a, b = self._place(owner, first), self._place(owner, last + 1)
        return self.at[a:b], self.open[a:b], self.close[a:b]

    def reach(self, owner: int, day: int) -> bool:
        """Whether there is a bar on `day` or later."""
        i = self._place(owner, day)
        return i < len(self) and bool(self.owner[i] == owner)

    def _place(self, owner: int, day: int) -> int:
        return int(np.searchsorted(self.key, (owner << KEY_BITS) + day))


def day_keys(owner: Ints, days: Ints) -> Ints:
    """One sortable integer for (owner, day)."""
    return (owner << KEY_BITS) + days


def dividend_factor(cash: float, close: float) -> float:
    """What prices before the ex-date are multiplied by: `1 - cash / close`.

    `close` is the last one before the ex-date, in units of the ex-date. Source: Yahoo Finance
    Help, "What is the adjusted close?", which names the multiplier and follows the standards of
    CRSP. CRSP itself defines the return `(p * f + d) / p0 - 1`, which reinvests at the ex-date's
    close; over one ex-date the two differ by about the dividend's yield times the day's return.
    """
    return 1.0 - cash / close


def adjusted(
    bars: BarTable, days: Ints, steps: Iterable[PriceFactor], *, in_place: bool = False
) -> BarTable:
    """`bars` in the units of the last day.

    `days[i]` is the New York date of bar `i` as days since 1970: the bar itself for day bars. A
    step applies to the bars of its owner before its day. Prices and vwap are multiplied by the
    product of price factors, volume by that of volume factors; numbers of trades stay. With
    `in_place` the columns of `bars` themselves are changed, for whoever has just read them.
    """
    rows, price, volume = factors(bars.owner, days, steps)
    if not len(rows):
        return bars
    made = bars if in_place else _copied(bars)
    for name in (*PRICES, "vwap"):
        getattr(made, name)[rows] *= price
    made.volume[rows] *= volume
    return made


def _copied(bars: BarTable) -> BarTable:
    columns: dict[str, Any] = {n: getattr(bars, n).copy() for n in (*PRICES, "volume", "vwap")}
    return replace(bars, **columns)


def factors(owner: Ints, days: Ints, steps: Iterable[PriceFactor]) -> tuple[Ints, Floats, Floats]:
    """The bars, of `owner` on `days`, that come before a step of their owner; the price and the
    volume factor of each."""
    ordered = sorted(steps, key=lambda s: (s.owner, s.day))
    step_owner = np.array([s.owner for s in ordered], np.int64)
    keys = day_keys(step_owner, np.array([s.day for s in ordered], np.int64))
    rows = rows_of(owner, np.unique(step_owner))
    place = np.searchsorted(keys, day_keys(owner[rows], days[rows]), side="right")
    # The next step may be another owner's: then nothing is left to apply.
    mine = np.append(step_owner, -1)[place] == owner[rows]
    rows, place = rows[mine], place[mine]
    price = _products(step_owner, np.array([s.price for s in ordered], np.float64))[place]
    volume = _products(step_owner, np.array([s.volume for s in ordered], np.float64))[place]
    return rows, price, volume


def rows_of(owner: Ints, some: Ints) -> Ints:
    """The rows of some owners, which are sorted, each once."""
    if (owner[1:] < owner[:-1]).any():
        return np.flatnonzero(np.isin(owner, some))
    first, end = (np.searchsorted(owner, some, side).tolist() for side in SIDES)
    parts = [np.arange(a, b) for a, b in zip(first, end, strict=True)]
    return np.concatenate([np.empty(0, np.int64), *parts])


def _products(owner: Ints, values: Floats) -> Floats:
    """At each step the product of its value and all later ones of the same owner; 1 at the end."""
    out = np.ones(len(values) + 1)
    cuts = np.flatnonzero(np.diff(owner)) + 1
    start = 0
    for part in np.split(values, cuts):
        out[start : start + len(part)] = np.multiply.accumulate(part[::-1])[::-1]
        start += len(part)
    return out
