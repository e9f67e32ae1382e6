"""Instruments: what stays the same under a ticker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg

from tickstock.model import Instrument
from tickstock.store.queries import load

QUERIES = load("instruments.sql")


def find_instruments(
    connection: psycopg.Connection[Any], symbols: Iterable[str]
) -> dict[str, Instrument]:
    """Symbol → instrument, for the symbols that name one."""
    rows = connection.execute(QUERIES["resolve"], {"symbols": list(symbols)}).fetchall()
    return {symbol: Instrument(id_, symbol, listed, gone) for symbol, id_, listed, gone in rows}


def ensure_instruments(
    connection: psycopg.Connection[Any], symbols: Sequence[str]
) -> dict[str, Instrument]:
    """Symbol → instrument for all of them; a symbol that names none gets one of its own."""
    found = find_instruments(connection, symbols)
    unknown = sorted(set(symbols) - set(found))
    if unknown:
        connection.execute(QUERIES["lock_creation"])
        connection.execute(QUERIES["create"], {"symbols": unknown})
        found |= find_instruments(connection, unknown)
    return found


def with_lifetimes(
    connection: psycopg.Connection[Any], instruments: Sequence[Instrument]
) -> list[Instrument]:
    """The same instruments with the listed and delisted days that the database knows."""
    rows = connection.execute(QUERIES["lifetimes"], {"ids": [i.id for i in instruments]}).fetchall()
    lives = {id_: (listed, delisted) for id_, listed, delisted in rows}
    return [Instrument(i.id, i.symbol, *lives[i.id]) for i in instruments]
