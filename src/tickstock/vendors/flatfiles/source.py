"""The vendor's flat files as a source of bars: one file a session, all tickers.

Day and minute bars come in files of their own. Hour bars are not made from minutes here: the
vendor does not document which late and corrected trades enter a bar of an hour but not one of its
minutes, so that bars made from both would differ without anybody being able to say why.

Files carry no volume-weighted price, and are not adjusted for splits. A file is ready at about
11:00 in New York on the next day, and may be replaced later: its tag tells.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

from tickstock.actions import ActionAnswer, ActionCall
from tickstock.errors import BadInput
from tickstock.loading.renames import TickerHistory
from tickstock.model import Answer, BarTable, Call, CallKind, Timeframe
from tickstock.vendors import Gate, Limits, OpenGate
from tickstock.vendors.flatfiles import FILE_LAG
from tickstock.vendors.flatfiles.files import Files
from tickstock.vendors.flatfiles.flatcsv import read_flat_file
from tickstock.vendors.massive.reference import ListingCall, R
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.massive.ticker_events import EventsCall
from tickstock.vendors.origin import VENDOR

PRODUCTS = {Timeframe.DAY: "day_aggs_v1", Timeframe.MINUTE: "minute_aggs_v1"}
FILES_AT_ONCE = 4
"""A file of minutes is held whole, some 20 MB, while it is unpacked and read."""


class FlatFiles:
    """A `BarSource` over the vendor's files. Of each only the bars of `symbols` are read, or of
    all tickers where none is named."""

    def __init__(
        self, files: Files, symbols: Iterable[str] = (), *, limits: Limits | None = None
    ) -> None:
        self.name = "flatfiles"
        self.limits = limits or Limits(publication_lag=FILE_LAG, ticker=False, market_day=False)
        self._files = files
        self._symbols = frozenset(symbols)
        self._reading = asyncio.Semaphore(FILES_AT_ONCE)

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """The bars of a session's file. Where there is no file, the answer is empty and its note
        says so.

        Raises:
            BadInput: files cannot be asked this.
            VendorUnavailable, VendorUnreadable: worth another try, later.
            VendorRefused, CredentialsRefused, NotEntitled: not before something changes.
        """
        key = key_of(call)
        await gate.enter()
        async with self._reading:
            found = await self._files.read(key)
            if found is None:
                note = f"Nobody answered: there is no file {key}."
                return Answer(call, BarTable.empty(), VENDOR, note=note, key=key)
            read = await asyncio.to_thread(read_flat_file, found.data, call, self._symbols)
        return Answer(
            call,
            read.bars,
            VENDOR,
            bytes=len(found.data),
            dropped=read.dropped,
            etag=found.etag,
            key=key,
            tickers=read.tickers,
            aside=tuple(replace(row, place=f"{row.place} of {key}") for row in read.aside),
        )

    async def close(self) -> None:
        return


class WithFiles:
    """One vendor account with two ways in: files for FLAT_DAY calls, `calls` for all others.

    Files are not counted by the account's call limit, and pass no gate.
    """

    def __init__(self, calls: MassiveSource, files: FlatFiles) -> None:
        self.name = calls.name
        self.limits = calls.limits
        self._calls = calls
        self._files = files

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        """As `MassiveSource.fetch`, and `FlatFiles.fetch`."""
        if call.kind is CallKind.FLAT_DAY:
            return await self._files.fetch(call, OpenGate())
        return await self._calls.fetch(call, gate)

    async def fetch_actions(self, call: ActionCall, gate: Gate) -> ActionAnswer:
        """As `MassiveSource.fetch_actions`: files hold none."""
        return await self._calls.fetch_actions(call, gate)

    async def fetch_listing(self, call: ListingCall[R], gate: Gate) -> tuple[R, ...]:
        """As `MassiveSource.fetch_listing`: files hold none."""
        return await self._calls.fetch_listing(call, gate)

    async def fetch_listing_page(
        self, call: ListingCall[R], gate: Gate, after: str = ""
    ) -> tuple[tuple[R, ...], str]:
        """As `MassiveSource.fetch_listing_page`: files hold none."""
        return await self._calls.fetch_listing_page(call, gate, after)

    async def fetch_ticker_events(self, call: EventsCall, gate: Gate) -> TickerHistory | None:
        """As `MassiveSource.fetch_ticker_events`: files hold none."""
        return await self._calls.fetch_ticker_events(call, gate)

    async def close(self) -> None:
        await self._calls.close()
        await self._files.close()


def key_of(call: Call) -> str:
    """Where the file of a call lies.

    Raises:
        BadInput: the call is not for one day's file of day or minute bars.
    """
    product = PRODUCTS.get(call.timeframe)
    if call.kind is not CallKind.FLAT_DAY or product is None or call.span.days != 1:
        raise BadInput(
            f"The call for {call} cannot be asked of flat files.",
            "They hold all tickers of one session, in day or minute bars.",
        )
    day = call.span.start
    return f"us_stocks_sip/{product}/{day:%Y/%m/%Y-%m-%d}.csv.gz"
