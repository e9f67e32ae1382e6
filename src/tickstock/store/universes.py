"""Universes in the database: reading them. They are changed by `universe_plans`, `universe_writes`.

`cache_entries` is a published table that other programs read and write too. Only the types of
universes are ever touched in it, and only one environment at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from tickstock.errors import (
    BadKey,
    MalformedUniverse,
    TickStockError,
    UnknownUniverse,
)
from tickstock.model import READ_TYPES, Universe, UniverseRef
from tickstock.store import whole_market
from tickstock.store.connection import Connection
from tickstock.store.jsontext import decoded, shared
from tickstock.store.queries import load
from tickstock.store.universe_lookup import StoreLookup, of_ref, scope, symbols_of, unknown
from tickstock.universes.catalog import source_day
from tickstock.universes.expression import Ref, evaluate
from tickstock.universes.key import parse_ref, read_key
from tickstock.universes.suggest import ref_meant, shown
from tickstock.universes.validate import StoredUniverse
from tickstock.universes.whole_market import MARKETS

QUERIES = load("universes.sql")
MARKET_TEXT = "Whoever traded in a session, by the answers for all tickers that are held."


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list of universes.

    `symbols` is how many the stored row names, None where it cannot be read. Of a universe with
    an `expression` that is what it gave when it was written last.
    """

    ref: UniverseRef
    name: str
    symbols: int | None
    expression: str | None
    description: str
    source: str
    updated_at: datetime | None


def get(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> Universe:
    """The universe with its symbols: as stored, or what its expression gives now.

    Raises UnknownUniverse, MalformedUniverse, and what evaluating an expression raises.
    """
    _check_read(ref)
    row = conn.execute(QUERIES["fetch_one"], of_ref(ref, environment)).fetchone()
    if row is None and ref in MARKETS:
        symbols = StoreLookup(conn, environment).members(ref, None)
        return Universe(ref, MARKETS[ref].name, symbols, environment, MARKET_TEXT)
    if row is None:
        raise unknown(conn, ref, environment)
    name, value, expression, description, source, created_at, updated_at = row
    if expression is None:
        symbols = symbols_of(ref, environment, value)
    else:
        symbols = evaluate(Ref(ref), StoreLookup(conn, environment)).symbols
    return Universe(
        ref,
        name,
        symbols,
        environment,
        description,
        source,
        expression,
        created_at,
        updated_at,
    )


def members(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> tuple[str, ...]:
    """The symbols of a universe; see `get`."""
    return get(conn, ref, environment).symbols


def exists(conn: Connection, ref: UniverseRef, environment: str = "DEFAULT") -> bool:
    """Whether there is such a universe, readable or not."""
    if ref.type not in READ_TYPES:
        return False
    row = conn.execute(QUERIES["exists"], of_ref(ref, environment)).fetchone()
    return bool(row and row[0])


def fingerprint(conn: Connection) -> tuple[int | None, ...]:
    """Another value for every state of the list of universes."""
    return tuple(conn.execute(QUERIES["fingerprint"]).fetchone() or ())


def names(conn: Connection, environment: str, refs: Sequence[str]) -> dict[str, str]:
    """What people call those of the universes `type:key` that there are and that have a name."""
    params = {"environment": environment, "refs": list(refs)}
    return dict(conn.execute(QUERIES["names"], params).fetchall())


def list_universes(conn: Connection, environment: str = "DEFAULT") -> list[Listed]:
    """Every universe of an environment, by type, name and key.

    Counts the rows that have changed since they were last counted, and keeps the counts where
    this connection may write.
    """
    params = {"environment": environment, "types": list(READ_TYPES)}
    rows = conn.execute(QUERIES["list"], params).fetchall()
    counts = _count(conn, environment, [row[0] for row in rows if not row[5]])
    return [
        Listed(UniverseRef(kind, key), name, counts.get(row, kept), *rest)
        for row, kind, key, name, kept, _, *rest in rows
    ]


def market_through(conn: Connection) -> int | None:
    """Through when the whole market is held, as a number; another one where that has moved."""
    held = whole_market.held_days(conn)
    return held[-1].end.toordinal() if held else None


def list_markets(conn: Connection, environment: str = "DEFAULT") -> list[Listed]:
    """The markets that are stored nowhere, once a session of them is held, as of the newest one."""
    if not whole_market.held_days(conn):
        return []
    lookup = StoreLookup(conn, environment)
    return [
        Listed(ref, one.name, _size(lookup, ref), None, MARKET_TEXT, "", None)
        for ref, one in MARKETS.items()
        if lookup.row(ref) is None
    ]


def _size(lookup: StoreLookup, ref: UniverseRef) -> int | None:
    try:
        return len(lookup.members(ref, None))
    except UnknownUniverse:
        return None


def _count(conn: Connection, environment: str, ids: list[int]) -> dict[int, int | None]:
    if not ids:
        return {}
    rows = conn.execute(QUERIES["values_to_count"], {"ids": ids}).fetchall()
    counts: dict[int, int | None] = {}
    for row, _, kind, key, value in rows:
        try:
            counts[row] = len(symbols_of(UniverseRef(kind, key), environment, value))
        except MalformedUniverse:
            counts[row] = None
    versions = [row[1] for row in rows]
    _keep(conn, {"ids": list(counts), "versions": versions, "counts": list(counts.values())})
    return counts


def _keep(conn: Connection, counts: Mapping[str, object]) -> None:
    """A reader who may not write still gets the list, only not as quickly the next time."""
    try:
        with conn.transaction():
            conn.execute(QUERIES["keep_counts"], counts)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction):
        return


def stored(conn: Connection, environment: str = "DEFAULT") -> list[StoredUniverse]:
    """Every row as it is, readable or not, for `validate` to judge."""
    texts: dict[str, str] = {}
    return [
        StoredUniverse(
            UniverseRef(kind, key),
            environment,
            name,
            shared(decoded(value), texts),
            updated_at,
            description,
            source,
            expression,
            source_day(source),
        )
        for kind, key, name, value, _, _, expression, description, source, updated_at in (
            conn.execute(QUERIES["fetch"], scope(environment, None))
        )
    ]


def evaluated(
    conn: Connection, environment: str = "DEFAULT"
) -> dict[UniverseRef, tuple[str, ...] | TickStockError]:
    """What each stored expression gives now, or why it gives nothing; for `validate` too."""
    lookup = StoreLookup(conn, environment)
    found: dict[UniverseRef, tuple[str, ...] | TickStockError] = {}
    for ref, expression in lookup.all_keys.items():
        if expression is not None:
            try:
                found[ref] = evaluate(Ref(ref), lookup).symbols
            except TickStockError as e:
                found[ref] = e
    return found


def _check_read(ref: UniverseRef) -> None:
    if ref.type not in READ_TYPES:
        raise UnknownUniverse(
            f"{shown(ref.type)} is no type of universe, so {shown(str(ref), 120)} is none.",
            f"Types are {', '.join(READ_TYPES)}.",
        )


def named(conn: Connection, text: str, environment: str = "DEFAULT") -> UniverseRef:
    """The universe that a person names: `type:key`, or a key that one type alone has.

    Raises UnknownUniverse for a key that none has, BadKey for one that several have.
    """
    kind, colon, _ = text.strip().partition(":")
    if colon and kind in READ_TYPES:
        return parse_ref(text)
    refs = StoreLookup(conn, environment).refs()
    key = read_key(text.strip())
    found = sorted(ref for ref in refs if ref.key == key)
    found = found or [ref for ref in MARKETS if ref.key == key]
    if len(found) == 1:
        return found[0]
    if found:
        raise BadKey(
            f"{shown(text)} names more than one universe.",
            f"Write {' or '.join(map(str, found))}.",
        )
    if colon:
        return parse_ref(text)
    raise UnknownUniverse(
        f"There is no universe {shown(text, 120)}.",
        ref_meant(text, refs)
        or "`tickstock universe list` shows what there is; a new one is named with its type, say"
        " stock_universe:theme_mine.",
    )
