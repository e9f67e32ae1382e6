"""Which symbols the vendor lists, and which ones identifiers have: asked when a person wants it.

found = await tick.listings.refresh(vendor, gate)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tickstock.errors import EmptyUniverse
from tickstock.store import listings as store
from tickstock.store.database import Database
from tickstock.store.listings import KeptListing, ListedSymbol
from tickstock.universes.identifiers import cusip_of
from tickstock.vendors import Gate
from tickstock.vendors.massive.reference import (
    CusipCall,
    ListingSource,
    TickerRecord,
    TickersCall,
)


class Listings:
    """Keeps what vendors list, beside the list that comes with TickStock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def refresh(self, vendor: ListingSource, gate: Gate) -> int:
        """Read every symbol that the vendor lists now, and keep it in place of what was kept; how
        many there are.

        Raises what `ListingSource.fetch_listing` does, and EmptyUniverse where it lists none.
        """
        records = await vendor.fetch_listing(TickersCall(), gate)
        if not records:
            raise EmptyUniverse("The vendor lists no symbol.", "Nothing was changed.")
        listed = {record.ticker: _listed(record) for record in records}
        with self._database.transaction() as connection:
            store.replace_listings(connection, list(listed.values()), vendor.name)
        return len(listed)

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


def _listed(record: TickerRecord) -> ListedSymbol:
    return ListedSymbol(
        record.ticker,
        record.type or "",
        record.primary_exchange or "",
        record.name or "",
        record.composite_figi or "",
        record.share_class_figi or "",
        record.cik or "",
    )
