"""What a market-data vendor is to TickStock: the promise that every source of bars keeps.

A vendor is a small file: what it can answer, its limits, how to ask, how to read.
All of them pass the same contract tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from tickstock.model import Answer, Call


@dataclass(frozen=True, slots=True)
class Limits:
    """What the planner has to know of a vendor.

    `calls_per_minute` is 0 where no limit binds. `base_bars` is how many base bars (minutes for
    intraday, days for day bars) one ticker call may read. `publication_lag` is the time after
    a session's close from which its bars are final. `market_day` tells whether the whole market
    can be had for one session in one call.
    """

    calls_per_minute: float = 0.0
    base_bars: int = 50_000
    publication_lag: timedelta = timedelta(hours=8)
    market_day: bool = True


class Gate(Protocol):
    """The shared call budget. Every request, also every further page, passes it first."""

    async def enter(self) -> None:
        """Wait until one request may be sent."""

    async def push_back(self, seconds: float | None) -> None:
        """The vendor said 429: hold everybody back, `seconds` when it named them."""


class BarSource(Protocol):
    """Answers calls. One instance serves one event loop; `close` it when done.

    `fetch` raises a `Terminal` or `Transient` of `tickstock.errors`; it never returns an empty
    answer for something that it could not read.
    """

    name: str
    limits: Limits

    async def fetch(self, call: Call, gate: Gate) -> Answer: ...

    async def close(self) -> None: ...


class OpenGate:
    """A budget without a limit: for sources that cost nothing, and for tests."""

    async def enter(self) -> None:
        return

    async def push_back(self, seconds: float | None) -> None:  # noqa: ARG002 -- the promise's shape
        return
