"""Fetches calls of one load: side by side, each when there is memory for its answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

from tickstock.errors import FenceLost, TickStockError
from tickstock.failpoints import reach
from tickstock.loading.judge import Targets, WantedTargets, narrowed
from tickstock.model import Answer, Call, Timeframe
from tickstock.sessions import Calendar
from tickstock.store.ledger import Lease
from tickstock.vendors import BarSource, Gate
from tickstock.worker.belief import Belief
from tickstock.worker.commit import Fetched
from tickstock.worker.door import Door, Hold
from tickstock.worker.memory_budget import MemoryBudget, most_bars

log = structlog.get_logger("tickstock.worker")
Count = Callable[[str, str, int], None]
"""Told what happens, for metrics: the name of a sum, its label, and how much to add."""


@dataclass(slots=True)
class Fetcher:
    """Asks the vendor. `refuse_known` raises for a call of which is known that it is refused."""

    source: BarSource
    gate: Gate
    calendar: Calendar
    belief: Belief
    memory: MemoryBudget
    count: Count
    wanted: Mapping[Timeframe, WantedTargets]
    refuse_known: Callable[[Call], None]
    fetching: set[Lease] = field(default_factory=set)
    unasked: set[Lease] = field(default_factory=set)
    """Of these: those that wait for memory or for the gate, so that nothing is lost with them."""

    def begin(self, lease: Lease) -> None:
        self.fetching.add(lease)
        self.unasked.add(lease)

    def end(self, lease: Lease) -> None:
        self.fetching.discard(lease)
        self.unasked.discard(lease)

    async def fetch(self, lease: Lease, hold: Hold) -> Fetched:
        """What was answered, in as much memory as it takes. Raises FenceLost where the lease was
        lost before it was asked for."""
        expected = most_bars(lease.call, lease.cells, self.calendar)
        await self.memory.enter(expected)
        size = 0
        try:
            targets = self.wanted[lease.call.timeframe].of(lease.call)
            answer = narrowed(await self._answer(lease, targets, hold), targets)
            size = len(answer.bars)
        finally:
            self.memory.leave(expected - size)
        return Fetched(lease, answer, targets)

    async def _answer(self, lease: Lease, targets: Targets, hold: Hold) -> Answer:
        reach("drain.fetch")
        try:
            self.refuse_known(lease.call)
            self.unasked.discard(lease)
            gate = _CallGate(Door(self.gate, hold), lease, self.unasked)
            answer = await self.belief.ask(lease.call, targets, self.source, gate)
        except FenceLost:
            raise
        except TickStockError as error:
            self.count("answers", type(error).__name__, 1)
            raise
        finally:
            self.fetching.discard(lease)
        self.count("answers", "bars" if len(answer.bars) else "empty", 1)
        if answer.aside:
            told = {"rows": len(answer.aside), "first": str(answer.aside[0])}
            log.warning("rows put aside", call=str(lease.call), **told)
        reach("drain.fetched")
        return answer


@dataclass(slots=True)
class _CallGate:
    """The gate as a call meets it: until the first time that it is let in, the vendor has not been
    asked."""

    gate: Gate
    lease: Lease
    unasked: set[Lease]
    is_in: bool = False

    async def enter(self) -> None:
        if not self.is_in:
            self.unasked.add(self.lease)
        await self.gate.enter()
        self.is_in = True
        self.unasked.discard(self.lease)

    async def push_back(self, seconds: float | None) -> None:
        await self.gate.push_back(seconds)
