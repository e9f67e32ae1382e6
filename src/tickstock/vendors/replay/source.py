"""The client of massive against a replay vendor that it starts itself."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from tickstock.actions import ActionAnswer, ActionCall
from tickstock.loading.renames import TickerHistory
from tickstock.model import Answer, Call
from tickstock.vendors import Gate, Limits
from tickstock.vendors.massive.reference import ListingCall, R
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.massive.ticker_events import EventsCall
from tickstock.vendors.replay.server import ReplayVendor

_REPLAY_KEY = "replay"  # the loopback server takes any


class ReplaySource:
    """Massive's client against a replay vendor of its own, started with the first call."""

    def __init__(self, vendor: ReplayVendor, limits: Limits) -> None:
        self.name = "replay"
        self.limits = limits
        self._vendor = vendor
        self._running = AsyncExitStack()
        self._source: MassiveSource | None = None
        self._starting = asyncio.Lock()

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """As `MassiveSource.fetch`."""
        return await (await self._started()).fetch(call, gate)

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer:
        """As `MassiveSource.fetch_actions`."""
        return await (await self._started()).fetch_actions(call, gate)

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        """As `MassiveSource.fetch_listing`."""
        return await (await self._started()).fetch_listing(call, gate)

    async def fetch_listing_page(
        self, call: ListingCall[R], gate: Gate, after: str = ""
    ) -> tuple[tuple[R, ...], str]:
        """As `MassiveSource.fetch_listing_page`."""
        return await (await self._started()).fetch_listing_page(call, gate, after)

    async def fetch_ticker_events(self, call: EventsCall, gate: Gate) -> TickerHistory | None:
        """As `MassiveSource.fetch_ticker_events`."""
        return await (await self._started()).fetch_ticker_events(call, gate)

    async def close(self) -> None:
        self._source = None
        await self._running.aclose()

    async def _started(self) -> MassiveSource:
        async with self._starting:
            return self._source or await self._start()

    async def _start(self) -> MassiveSource:
        vendor = await self._running.enter_async_context(self._vendor)
        self._source = MassiveSource(vendor.url, _REPLAY_KEY, name=self.name, limits=self.limits)
        self._running.push_async_callback(self._source.close)
        return self._source
