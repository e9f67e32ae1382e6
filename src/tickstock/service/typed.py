"""Symbols that a person or a program names one by one, read the same by every door."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from tickstock.errors import BadSymbol
from tickstock.store import instruments, listings
from tickstock.store.connection import Connection
from tickstock.universes.identifiers import IDENTIFIERS, bare_identifier, unidentified_error
from tickstock.universes.symbol import SymbolList, read_symbol, read_symbols


def read_one(conn: Connection, text: str) -> str:
    """The one symbol that a text means, also by an identifier whose symbol is known here."""
    try:
        return read_symbol(text)[0]
    except BadSymbol as fault:
        if fault.kind not in IDENTIFIERS:
            raise
    given = bare_identifier(text)
    found = listings.identified(conn, [given])
    if given not in found:
        raise BadSymbol(*unidentified_error(given))
    return found[given]


def read_typed(conn: Connection, texts: Sequence[str]) -> SymbolList:
    """The symbols that texts mean, a text a symbol: in other spellings, without their dots, or by
    an identifier whose symbol is known here. Raises BadSymbol naming all that mean none."""
    found = read_symbols(texts, partial(listings.identified, conn))
    meant = instruments.spelled(conn, found.symbols)
    if not meant:
        return found
    notes = (f"{written} is read as {symbol}." for written, symbol in meant.items())
    symbols = tuple(dict.fromkeys(meant.get(s, s) for s in found.symbols))
    return SymbolList(symbols, (*found.notes, *notes), found.duplicates)
