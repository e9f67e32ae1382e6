"""The one place that turns a vendor's name into a source of bars."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

from tickstock.errors import BadSetting
from tickstock.model import Answer, Call
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.vendors import BarSource, Gate, Limits
from tickstock.vendors.massive import BASE_URL, MassiveSource
from tickstock.vendors.replay import ReplayVendor
from tickstock.vendors.synthetic import SyntheticSource

_REPLAY_KEY = "replay"  # the loopback server takes any


def open_source(
    vendor: str,
    *,
    api_key: str = "",
    base_url: str = BASE_URL,
    calls_per_minute: float = 0.0,
    publication_lag: timedelta = timedelta(hours=8),
    symbols: Iterable[str] = (),
    calendar: Calendar | None = None,
    now: Callable[[], float] = time.time,
) -> BarSource:
    """The source named `vendor`: `massive`, `synthetic`, `replay`, or `replay:FOLDER`.

    Args:
        api_key: needed for massive alone.
        calls_per_minute: the account's limit, 0 where none binds.
        symbols: the listing of which synthetic and replay invent bars for the whole market.
            `replay:FOLDER` serves what is in the folder and nothing else.
        now: epoch seconds, for synthetic bars.

    Raises:
        BadSetting: no such vendor, or a base address that must not be given a key.
        CredentialsRefused: massive without a key.
        BadFile: a replay folder that cannot be read.
    """
    limits = Limits(calls_per_minute=calls_per_minute, publication_lag=publication_lag)
    days = calendar or shipped_calendar()
    kind, _, folder = vendor.partition(":")
    if vendor == "massive":
        return MassiveSource(base_url, api_key, limits=limits)
    if vendor == "synthetic":
        return SyntheticSource(days, symbols, limits=limits, now=now)
    if vendor == "replay":
        return ReplaySource(ReplayVendor(symbols=symbols, calendar=days, now=now), limits)
    if kind == "replay" and folder:
        return ReplaySource(ReplayVendor(Path(folder), calendar=days, now=now), limits)
    raise BadSetting(
        f"There is no vendor {vendor!r}.",
        "Use massive, synthetic, replay or replay:FOLDER.",
    )


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
        async with self._starting:
            source = self._source or await self._start()
        return await source.fetch(call, gate)

    async def close(self) -> None:
        self._source = None
        await self._running.aclose()

    async def _start(self) -> MassiveSource:
        vendor = await self._running.enter_async_context(self._vendor)
        self._source = MassiveSource(vendor.url, _REPLAY_KEY, name=self.name, limits=self.limits)
        self._running.push_async_callback(self._source.close)
        return self._source
