"""Which symbols the vendor lists, and which symbols identifiers have, as a person had it read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tickstock.store.connection import Connection
from tickstock.store.queries import load
from tickstock.universes.identifiers import cusip_of, is_figi

QUERIES = load("listings.sql")


@dataclass(frozen=True, slots=True)
class ListedSymbol:
    """A symbol that is listed; what is not known of it is empty."""

    symbol: str
    kind: str = ""
    exchange: str = ""
    name: str = ""
    figi: str = ""
    share_class_figi: str = ""
    cik: str = ""


@dataclass(frozen=True, slots=True)
class KeptListing:
    """How many symbols a vendor listed when it was asked."""

    source: str
    count: int
    read_at: datetime


def replace_listings(connection: Connection, listed: Sequence[ListedSymbol], source: str) -> None:
    """Keep what a vendor lists now in place of what it listed before."""
    connection.execute(QUERIES["drop"], {"source": source})
    columns = {
        name: [getattr(one, name) for one in listed] for name in ListedSymbol.__dataclass_fields__
    }
    connection.execute(QUERIES["add"], {"source": source, **columns})


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
