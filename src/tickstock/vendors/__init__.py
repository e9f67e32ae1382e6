"""What a market-data vendor is to TickStock: the promise that every source of bars keeps.

A vendor is one folder, or a package of somebody else's: what can be set (`settings`), what plans
have to know (`limits`), how it is opened, checked and asked. `spec.py` says how it makes itself
known, `registry.py` finds it. All of them pass the same contract tests
(`tickstock.testing.vendor_contract`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from tickstock.actions import ActionAnswer, ActionCall
from tickstock.model import Answer, Call
from tickstock.model import Limits as Limits  # the planner below needs it too


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


@runtime_checkable
class ActionSource(Protocol):
    """A source of bars that also knows splits and dividends. Raises as `BarSource.fetch` does."""

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer: ...


class OpenGate:
    """A budget without a limit: for sources that cost nothing, and for tests."""

    async def enter(self) -> None:
        return

    async def push_back(self, seconds: float | None) -> None:  # the promise's shape
        return
