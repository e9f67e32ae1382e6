"""Which symbols the vendor lists, and which symbols identifiers have, as a person had it read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from tickstock.loading.master import ListingRecord, Matched, as_columns
from tickstock.model import Instrument
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.instruments import QUERIES as INSTRUMENTS
from tickstock.store.instruments import create_instruments
from tickstock.store.queries import load
from tickstock.universes.identifiers import cusip_of, is_figi

QUERIES = load("listings.sql")
ADD_TICKERS = INSTRUMENTS["add_tickers"]


@dataclass(frozen=True, slots=True)
class KeptListing:
    """How many symbols a vendor listed when it was asked."""

    source: str
    count: int
    read_at: datetime


def replace_listings(connection: Connection, listed: Sequence[ListingRecord], source: str) -> None:
    """Keep what a vendor lists now in place of what it listed before."""
    connection.execute(QUERIES["drop"], {"source": source})
    connection.execute(QUERIES["add"], {"source": source, **as_columns(listed)})


@dataclass(frozen=True, slots=True)
class ListingPageRead:
    """A page of a reading that is under way; `next` is empty for the last one of its list."""

    is_active: bool
    page: int
    next: str
    records: list[dict[str, Any]]


def pages(connection: Connection, source: str, since: datetime) -> list[ListingPageRead]:
    """What of a reading was read since a time."""
    params = {"source": source, "since": since}
    return rows.every(connection, ListingPageRead, QUERIES["pages"], params)


def add_page(connection: Connection, source: str, read: ListingPageRead) -> None:
    connection.execute(
        QUERIES["add_page"],
        {
            "source": source, "is_active": read.is_active, "page": read.page, "next": read.next,
            "records": Jsonb(read.records),
        },
    )  # fmt: skip


def drop_pages(connection: Connection, source: str) -> None:
    connection.execute(QUERIES["drop_pages"], {"source": source})


def record_counts(connection: Connection, source: str) -> dict[bool, int]:
    """How many records of each list are known, by whether they are of those listed."""
    return dict(connection.execute(QUERIES["counts"], {"source": source}).fetchall())


def keep_records(
    connection: Connection, records: Sequence[ListingRecord], source: str
) -> tuple[int, int]:
    """Keep what is said now beside what was said until now; how many records are new, and how many
    are said no longer."""
    params = {"source": source, **as_columns(records)}
    ended = connection.execute(QUERIES["end_records"], params).rowcount
    return connection.execute(QUERIES["add_records"], params).rowcount, ended


def record_instruments(connection: Connection, found: Matched, source: str) -> None:
    """Make and date instruments as a list tells, under the lock of creation."""
    fresh = [Instrument(0, one.record.symbol) for one in found.fresh]
    made = create_instruments(connection, fresh)
    told = [(one, owner.id) for one, owner in found.known]
    told += [(one, id_) for one, id_ in zip(found.fresh, made, strict=True)]
    # Where no list tells since when a ticker is whose, what bars have told stays.
    since = [o.since if one.since == date.min else one.since for one, o in found.known]
    columns: dict[str, list[Any]] = {
        "ids": [id_ for _, id_ in told],
        "since": [*since, *(one.since for one in found.fresh)],
        "until": [one.until for one, _ in told],
        **as_columns([one.record for one, _ in told]),
    }
    as_told = f"list:{source}"
    both = columns | {"source": source, "as_told": as_told}
    connection.execute(QUERIES["date_tickers"], both)
    names = [one.record.symbol for one in found.fresh]
    connection.execute(
        ADD_TICKERS,
        {
            "ids": made, "symbols": names, "since": [one.since for one in found.fresh],
            "until": [one.until for one in found.fresh], "source": as_told,
        },
    )  # fmt: skip
    connection.execute(QUERIES["untell"], both)
    connection.execute(QUERIES["record_instruments"], both)
    connection.execute(QUERIES["point_records"], both)


def renamed_since(connection: Connection, source: str) -> list[tuple[str, str]]:
    """From what into what tickers were changed by the lists that this transaction has kept."""
    return connection.execute(QUERIES["renamed"], {"source": source}).fetchall()


def kept(connection: Connection) -> list[KeptListing]:
    """What is kept, by vendor."""
    return [KeptListing(*row) for row in connection.execute(QUERIES["state"])]


def listed_symbols(connection: Connection) -> frozenset[str]:
    """Every symbol that a vendor lists."""
    return frozenset(symbol for (symbol,) in connection.execute(QUERIES["symbols"]))


def identified(connection: Connection, texts: Sequence[str]) -> dict[str, str]:
    """Identifiers (FIGI, CUSIP, ISIN of the US) → their symbols, as far as these are kept."""
    figis = [text for text in texts if is_figi(text)]
    found: dict[str, str] = {}
    for figi, symbol in connection.execute(QUERIES["by_figi"], {"figis": figis}):
        found.setdefault(figi, symbol)
    known = known_cusips(connection, texts)
    for text in texts:
        if (cusip := cusip_of(text)) and known.get(cusip):
            found[text] = known[cusip]
    return found


def known_cusips(connection: Connection, texts: Iterable[str]) -> dict[str, str]:
    """The CUSIPs in identifiers that were asked for → their symbols; empty where there is none."""
    cusips = [cusip for text in texts if (cusip := cusip_of(text))]
    rows = connection.execute(QUERIES["by_cusip"], {"cusips": cusips})
    return {cusip: symbol or "" for cusip, symbol in rows}


def note_cusips(connection: Connection, symbols: Mapping[str, str], source: str) -> None:
    """Keep what was answered about CUSIPs; an empty symbol: none is known."""
    columns: dict[str, Collection[str]] = {
        "cusips": list(symbols), "symbols": list(symbols.values()),
    }  # fmt: skip
    connection.execute(QUERIES["note"], {"source": source, **columns})
