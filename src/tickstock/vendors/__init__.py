"""What a market-data vendor is to TickStock: the promise that every source of bars keeps.

A vendor is a small file: what it can answer, its limits, how to ask, how to read.
All of them pass the same contract tests.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

from tickstock.model import Answer, Call
from tickstock.model import Limits as Limits  # the planner below needs it too

FILE_LAG = timedelta(hours=20)
"""From a session's close until its flat file is there: 11:00 the next day, and an hour."""


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
