"""Fetches calls of one job: side by side, each when there is memory for its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import structlog

from tickstock.errors import FenceLost, TickStockError, VendorUnavailable
from tickstock.failpoints import reach
from tickstock.loading.prices import MARKET_BARS
from tickstock.loading.targets import Targets, WantedTargets, narrowed
from tickstock.model import MARKET, Answer, Timeframe
from tickstock.sessions import Calendar
from tickstock.store.ledger import Lease
from tickstock.vendors import Gate
from tickstock.worker.belief import Belief
from tickstock.worker.entitled import Entitled
from tickstock.worker.fetched import Fetched
from tickstock.worker.lease_gate import Hold, LeaseGate
from tickstock.worker.memory_budget import MemoryBudget, most_bars

log = structlog.get_logger("tickstock.worker")
Count = Callable[[str, str, int], None]
"""Told what happens, for metrics: the name of a sum, its label, and how much to add."""


@dataclass(slots=True)
class Fetcher:
    """Asks the vendor, for what the account includes as far as is known."""

    entitled: Entitled
    gate: Gate
    calendar: Calendar
    belief: Belief
    memory: MemoryBudget
    count: Count
    wanted: Mapping[Timeframe, WantedTargets]
    fetching: set[Lease] = field(default_factory=set)
    unasked: set[Lease] = field(default_factory=set)
    """Of these: those that wait for memory or for the gate, so that nothing is lost with them."""
    asked: Counter[Lease] = field(default_factory=Counter)
    """How often the vendor was asked for a call that is in hand."""
    waiting: dict[Lease, asyncio.Task[None]] = field(default_factory=dict)
    """Calls that wait for the gate, by whom they can be called back, and those that are."""
    recalled: set[Lease] = field(default_factory=set)

    def begin(self, lease: Lease) -> None:
        self.fetching.add(lease)
        self.unasked.add(lease)

    def end(self, lease: Lease) -> None:
        self.fetching.discard(lease)
        self.unasked.discard(lease)

    async def fetch(self, lease: Lease, hold: Hold) -> Fetched:
        """What was answered, in as much memory as it takes. Raises FenceLost where the lease was
        lost before it was asked for."""
        targets = self.wanted[lease.call.timeframe].of(lease.call)
        is_market = MARKET in targets
        # Calls that were made later, out of others, do not say how many sessions they are for.
        cells = MARKET_BARS if is_market else lease.cells or len(targets)
        expected = most_bars(lease.call, cells, self.calendar)
        await self.memory.enter(expected)
        size = 0
        try:
            answer = await self._answer(lease, targets, hold)
            answer = answer if is_market else narrowed(answer, targets)
            size = len(answer.bars)
        finally:
            self.memory.leave(expected - size)
        return Fetched(lease, answer, targets, self.asked.pop(lease, 0))

    def recall(self) -> None:
        """Look again at the calls that wait for the gate: what is known by now to be refused is not
        sent."""
        for lease, task in self.waiting.items():
            if lease not in self.recalled and self.entitled.is_refused(lease.call):
                self.recalled.add(lease)
                task.cancel()

    async def _answer(self, lease: Lease, targets: Targets, hold: Hold) -> Answer:
        reach("drain.fetch")
        try:
            self.entitled.refuse_known(lease.call)
            self.unasked.discard(lease)
            gate = _CallGate(LeaseGate(self.gate, hold), lease, self)
            answer = await self.belief.ask(lease.call, targets, self.entitled.of(gate), gate)
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
    asked, and it can be called back."""

    gate: Gate
    lease: Lease
    fetcher: Fetcher
    is_in: bool = False

    async def enter(self) -> None:
        if self.is_in:
            await self.gate.enter()
            return
        async with self.waiting():
            await self.gate.enter()
        self.is_in = True

    async def push_back(self, seconds: float | None) -> None:
        await self.gate.push_back(seconds)

    def is_asked(self) -> None:
        self.fetcher.asked[self.lease] += 1

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Inside, the vendor has not been asked. NotEntitled when the call is called back."""
        home, lease, task = self.fetcher, self.lease, asyncio.current_task()
        home.unasked.add(lease)
        if task is not None:
            home.waiting[lease] = task
        try:
            yield
        except asyncio.CancelledError:
            if task is None or lease not in home.recalled or task.uncancel():
                raise
            home.entitled.refuse_known(lease.call)
            raise VendorUnavailable(  # by an answer that came since
                f"The call for {lease.call} was called back.", "It is asked again."
            ) from None
        finally:
            home.waiting.pop(lease, None)
            home.recalled.discard(lease)
            home.unasked.discard(lease)
