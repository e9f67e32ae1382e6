"""Who is listed by the vendor, who no longer is, and which symbols identifiers have: asked when a
person wants it.

found = await tick.listings.refresh(vendor, gate)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from tickstock.errors import EmptyUniverse, VendorEndless
from tickstock.loading.master import ListingRecord, lifetimes, match
from tickstock.model import Limits
from tickstock.store import listings as store
from tickstock.store import whole_market
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.listings import KeptListing, ListingPageRead
from tickstock.store.moment import database_now
from tickstock.universes.days import day_in
from tickstock.universes.identifiers import cusip_of
from tickstock.vendors import Gate
from tickstock.vendors.massive.reference import (
    TICKERS_PAGE,
    CusipCall,
    ListingSource,
    TickerRecord,
    TickersCall,
)

USUAL = {True: 12_000, False: 20_000}
"""Records of the two lists, those listed and those no longer, where none was read yet."""
STANDS = timedelta(hours=12)
"""How long a reading may rest before it begins anew: the lists move every day."""


@dataclass(frozen=True, slots=True)
class RefreshPlan:
    """How many pages of each list are still to be read, as far as can be known, and are kept of a
    reading that was broken off; `seconds` at the vendor's limit."""

    listed: int
    delisted: int
    kept: int
    seconds: float

    @property
    def calls(self) -> int:
        return self.listed + self.delisted


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a reading came to: how many are `listed` and `delisted`, in how many `calls` of this
    time; records that are `new` or said no longer (`ended`), instruments that were `made`; of whom
    bars and lists do not agree; and who was `renamed` since the reading before, by FIGI, from what
    into what."""

    listed: int
    delisted: int
    calls: int
    new: int
    ended: int
    made: int
    apart: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()


class Listings:
    """Keeps what vendors list, beside the list that comes with TickStock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def plan(self, source: str, limits: Limits) -> RefreshPlan:
        """What a refresh would ask. Nobody is asked for it."""
        with self._database.transaction() as connection:
            counts = store.record_counts(connection, source)
            read = self._kept(connection, source)
        left = {}
        for is_active, pages in read.items():
            usual = -(-(counts.get(is_active) or USUAL[is_active]) // TICKERS_PAGE)
            is_whole = bool(pages) and not pages[-1].next
            left[is_active] = 0 if is_whole else max(usual - len(pages), 1)
        calls = sum(left.values())
        seconds = 60 * calls / limits.calls_per_minute if limits.calls_per_minute else 0.0
        return RefreshPlan(left[True], left[False], sum(map(len, read.values())), seconds)

    async def refresh(
        self,
        vendor: ListingSource,
        gate: Gate,
        say: Callable[[str], None] = lambda _: None,
        same: Collection[str] = (),
    ) -> Refreshed:
        """Read every ticker that the vendor lists now, and every one that it no longer does, page
        by page; then keep all of it at once. What was read is kept page by page: broken off, it
        goes on there. `say` hears of each page. Tickers in `same` are still those of the firms
        whose bars are held, though they are listed under other numbers.

        Raises what `ListingSource.fetch_listing_page` does, and EmptyUniverse where none is listed.
        """
        with self._database.transaction() as connection:
            read = self._kept(connection, vendor.name)
            if not any(read.values()):
                store.drop_pages(connection, vendor.name)
        calls = 0
        for is_active, pages in read.items():
            while not pages or pages[-1].next:
                after = pages[-1].next if pages else ""
                records, following = await vendor.fetch_listing_page(
                    TickersCall(active=is_active), gate, after
                )
                calls += 1
                page = ListingPageRead(
                    is_active, len(pages), following, [msgspec.to_builtins(r) for r in records]
                )
                if pages and page.records == pages[-1].records:
                    raise VendorEndless("The list of tickers does not end.", "Try again later.")
                pages.append(page)
                with self._database.transaction() as connection:
                    store.add_page(connection, vendor.name, page)
                say(f"{'listed' if is_active else 'no longer listed'}, page {len(pages)}")
        return self._keep(vendor.name, read, calls, same)

    def _kept(self, connection: Connection, source: str) -> dict[bool, list[ListingPageRead]]:
        since = database_now(connection) - STANDS
        found = store.pages(connection, source, since)
        return {
            is_active: [p for p in found if p.is_active is is_active] for is_active in (True, False)
        }

    def _keep(
        self,
        source: str,
        read: Mapping[bool, Sequence[ListingPageRead]],
        calls: int,
        same: Collection[str],
    ) -> Refreshed:
        records = {
            is_active: [_record(r, is_active=is_active) for page in pages for r in page.records]
            for is_active, pages in read.items()
        }
        if not records[True]:
            with self._database.transaction() as connection:
                store.drop_pages(connection, source)
            raise EmptyUniverse("The vendor lists no symbol.", "Nothing was changed.")
        both = list(dict.fromkeys([*records[False], *records[True]]))
        listed = {r.symbol: r for r in records[True]}
        with self._database.transaction() as connection:
            store.replace_listings(connection, list(listed.values()), source)
            new, ended = store.keep_records(connection, both, source)
            owners = whole_market.ticker_owners(connection, {r.symbol for r in both})
            found = match(lifetimes(both), owners, same)
            whole_market.write_owners(connection, (), found.closed)
            store.record_instruments(connection, found, source)
            renamed = store.renamed_since(connection, source)
            store.drop_pages(connection, source)
        made = len(found.fresh)
        delisted = len(both) - len(set(records[True]))
        return Refreshed(
            len(listed), delisted, calls, new, ended, made, found.apart, tuple(renamed)
        )

    def unknown_cusips(self, texts: Sequence[str]) -> tuple[str, ...]:
        """The CUSIPs in identifiers (also in an ISIN of the US) whose symbols are not known yet."""
        with self._database.transaction() as connection:
            known = store.known_cusips(connection, texts)
        cusips = dict.fromkeys(cusip for text in texts if (cusip := cusip_of(text)))
        return tuple(cusip for cusip in cusips if not known.get(cusip))

    async def identify(self, cusips: Iterable[str], vendor: ListingSource, gate: Gate) -> None:
        """Ask the vendor whose CUSIPs these are, a call each, and keep each answer."""
        for cusip in cusips:
            records = await vendor.fetch_listing(CusipCall(cusip), gate)
            symbol = records[0].ticker if records else ""
            with self._database.transaction() as connection:
                store.note_cusips(connection, {cusip: symbol}, vendor.name)

    def kept(self) -> list[KeptListing]:
        """What is kept, by vendor."""
        with self._database.transaction() as connection:
            return store.kept(connection)


def _record(kept: Mapping[str, Any], *, is_active: bool) -> ListingRecord:
    found = msgspec.convert(kept, TickerRecord)
    return ListingRecord(
        found.ticker, is_active, found.type or "", found.primary_exchange or "", found.name or "",
        found.composite_figi or "", found.share_class_figi or "", found.cik or "",
        None if is_active else day_in((found.delisted_utc or "")[:10]),
    )  # fmt: skip
