"""Rules that pick members by their bars: the part of `pick(...)` behind the first semicolon.

    pick(index_sp500; price >= 5; age >= 252; held over 63 >= 0.9; top 100 by dollar_volume over 63)

    rule      = { condition ";" } ( condition | top )
    condition = measure [ "over" sessions ] ( ">=" | "<=" ) number
    top       = "top" count "by" measure [ "over" sessions ]

Measures are taken at the last close before the day that is asked about; what comes after it counts
for nothing. Prices are those that were printed, unadjusted:

- `price`: the last close within the window.
- `volume`, `dollar_volume`: the median of the shares traded in a session of the window, and of
  shares times close.
- `held`: the share of the sessions of the window of which a bar is held; sessions before the
  listing count for none.
- `age`: sessions since the listing, or since the first bar that is held.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from decimal import Decimal


class Measure(enum.StrEnum):
    PRICE = "price"
    VOLUME = "volume"
    DOLLAR_VOLUME = "dollar_volume"
    HELD = "held"
    AGE = "age"


WINDOWS = {
    Measure.PRICE: 5,
    Measure.VOLUME: 63,
    Measure.DOLLAR_VOLUME: 63,
    Measure.HELD: 63,
    Measure.AGE: 1,
}
"""Sessions that a measure looks back over where the rule does not say: a week, a quarter."""
MOST_SESSIONS = 2_520
"""The widest window: ten years."""


@dataclass(frozen=True, slots=True)
class Look:
    """A measure over so many sessions."""

    measure: Measure
    sessions: int

    def __str__(self) -> str:
        is_usual = self.sessions == WINDOWS[self.measure]
        return str(self.measure) + ("" if is_usual else f" over {self.sessions}")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a member must have: at least, or at most, `limit`."""

    look: Look
    is_least: bool
    limit: float

    def __str__(self) -> str:
        return f"{self.look} {'>=' if self.is_least else '<='} {_number(self.limit)}"


@dataclass(frozen=True, slots=True)
class Top:
    """No more than the `count` that have most."""

    count: int
    look: Look

    def __str__(self) -> str:
        return f"top {self.count} by {self.look}"


@dataclass(frozen=True, slots=True)
class Rule:
    """All conditions hold; of those that are left, the `top`. One of the two at least."""

    conditions: tuple[Condition, ...]
    top: Top | None = None

    @property
    def looks(self) -> tuple[Look, ...]:
        """What has to be measured, each once."""
        found = [c.look for c in self.conditions] + ([self.top.look] if self.top else [])
        return tuple(dict.fromkeys(found))

    @property
    def sessions(self) -> int:
        """How far it looks back."""
        return max(look.sessions for look in self.looks)

    def __str__(self) -> str:
        return "; ".join(map(str, (*self.conditions, *([self.top] if self.top else []))))


def _number(value: float) -> str:
    """In full, without an exponent: `5`, `0.9`, `1500000000`."""
    return str(int(value)) if value.is_integer() else format(Decimal(repr(value)), "f")
