"""Asking the vendor at once, at the command line, under the limit that all share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from tickstock.errors import BadSetting

if TYPE_CHECKING:
    from tickstock.service import TickStock
    from tickstock.vendors import Gate
    from tickstock.vendors.massive.reference import ListingSource
    from tickstock.vendors.massive.ticker_events import EventsSource

S = TypeVar("S")
T = TypeVar("T")


def ask_listings(tick: TickStock, ask: Callable[[ListingSource, Gate], Awaitable[T]]) -> T:
    """What `ask` answers with the configured vendor. Raises BadSetting for one without listings."""
    from tickstock.vendors.massive.reference import ListingSource

    return asyncio.run(_ask(tick, ListingSource, "listings", ask))  # type: ignore[type-abstract]


def ask_events(tick: TickStock, ask: Callable[[EventsSource, Gate], Awaitable[T]]) -> T:
    """What `ask` answers with the configured vendor. Raises BadSetting for one without ticker
    events."""
    from tickstock.vendors.massive.ticker_events import EventsSource

    return asyncio.run(_ask(tick, EventsSource, "ticker events", ask))  # type: ignore[type-abstract]


async def _ask(
    tick: TickStock, form: type[S], what: str, ask: Callable[[S, Gate], Awaitable[T]]
) -> T:
    from tickstock.vendors.registry import with_capability
    from tickstock.vendors.spec import Capability
    from tickstock.worker.gate import SharedGate
    from tickstock.worker.run import configured_source

    vendor = configured_source(tick, ())
    try:
        if not isinstance(vendor, form):
            have = ", ".join(with_capability(Capability.LISTINGS))
            raise BadSetting(
                f"The vendor {vendor.name} knows no {what}.",
                f"Set TICKSTOCK_VENDOR to one that does: {have}.",
            )
        gate = SharedGate(tick.database, vendor.name, vendor.limits.calls_per_minute)
        return await ask(vendor, gate)
    finally:
        await vendor.close()
