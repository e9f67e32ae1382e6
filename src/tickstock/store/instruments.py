"""Instruments: what stays the same under a ticker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tickstock.identity import Identity
from tickstock.model import Instrument, Ticker
from tickstock.spans import Span, subtract, union
from tickstock.store import locks
from tickstock.store.connection import Connection
from tickstock.store.queries import load
from tickstock.universes.known import is_known
from tickstock.universes.names import Names

QUERIES = load("instruments.sql")
LOCK_CREATION = {"space": locks.SINGLE, "what": locks.CREATION}


def find_instruments(
    connection: Connection, symbols: Iterable[str], span: Span | None = None
) -> dict[str, Instrument]:
    """Symbol → instrument, for the symbols that mean one in `span`; without one, today or before.

    A symbol means the instrument that it names on the last day of the span, else the one that it
    named last within it, else the one that it came to name later: META for Facebook's bars of 2015
    too. One that had given up the ticker before the span is not meant. `symbol` of an instrument
    found is the one that was asked for.
    """
    return _resolve(connection, symbols, span, held_first=False)


def find_lasting(connection: Connection, symbols: Sequence[str]) -> dict[str, int]:
    """The instruments of those symbols that one alone ever had, and has: whatever the day, as
    `find_instruments` would say."""
    return dict(connection.execute(QUERIES["lasting"], {"symbols": list(symbols)}).fetchall())


def find_held(
    connection: Connection, symbols: Iterable[str], span: Span | None = None
) -> dict[str, Instrument]:
    """As `find_instruments`. Without a span, of several that had a ticker one of which bars are
    held is meant, where there is one: GOOG after a job of 2012, though another has it now."""
    return _resolve(connection, symbols, span, held_first=span is None)


def _resolve(
    connection: Connection, symbols: Iterable[str], span: Span | None, *, held_first: bool
) -> dict[str, Instrument]:
    edges = (span.start, span.end) if span else (None, None)
    params = {
        "symbols": list(symbols), "start": edges[0], "end": edges[1], "held_first": held_first,
    }  # fmt: skip
    rows = connection.execute(QUERIES["resolve"], params).fetchall()
    tickers = _dated_tickers(connection, [row[1] for row in rows])
    return {
        symbol: Instrument(id_, symbol, listed, gone, delisted_before, tickers.get(id_, ()))
        for symbol, id_, listed, gone, delisted_before in rows
    }


def read_names(connection: Connection) -> Names:
    """Whose ticker every symbol is on a day, for what is worked out without further questions."""
    found: dict[int, list[Ticker]] = defaultdict(list)
    for id_, symbol, since, until in connection.execute(QUERIES["changed_tickers"]):
        found[id_].append(Ticker(symbol, Span(since, until)))
    return Names({id_: tuple(tickers) for id_, tickers in found.items()})


def starting(connection: Connection, text: str, most: int) -> list[str]:
    """Tickers that begin with a text, the shortest first."""
    params = {"text": text, "most": most}
    return [symbol for (symbol,) in connection.execute(QUERIES["starting"], params)]


def all_instruments(connection: Connection) -> dict[str, Instrument]:
    """Every ticker that there is or was → the instrument that it names today or named last."""
    symbols = [symbol for (symbol,) in connection.execute(QUERIES["all_tickers"])]
    return find_instruments(connection, symbols)


def ensure_instruments(
    connection: Connection, symbols: Sequence[str], span: Span | None = None
) -> dict[str, Instrument]:
    """Symbol → instrument for all of them, as `find_instruments`; a symbol that means none gets
    one of its own."""
    found = find_instruments(connection, symbols, span)
    unknown = sorted(set(symbols) - set(found))
    if unknown:
        connection.execute(QUERIES["lock_creation"], LOCK_CREATION)
        connection.execute(QUERIES["create"], {"symbols": unknown})
        found |= find_instruments(connection, unknown, span)
    return found


def foresee_instruments(
    connection: Connection, symbols: Sequence[str], span: Span | None = None
) -> dict[str, Instrument]:
    """As `ensure_instruments`, but nothing is written: an instrument still to be made has an id
    below zero."""
    found = find_instruments(connection, symbols, span)
    unknown = sorted(set(symbols) - set(found))
    if unknown:
        given_up = dict(connection.execute(QUERIES["given_up"], {"symbols": unknown}).fetchall())
        found |= {s: Instrument(-n, s, given_up.get(s)) for n, s in enumerate(unknown, start=1)}
    return found


def foresee_dated(
    connection: Connection, wanted: Sequence[tuple[str, tuple[Span, ...]]], span: Span
) -> list[tuple[Instrument, tuple[Span, ...]]]:
    """Whose tickers symbols were on the days for which each is wanted: one that two instruments
    had after each other means the one and then the other, each on its own days.

    Days on which nobody is known to have had the ticker go to the instrument that it means in
    `span`, as in `foresee_instruments`. An instrument comes once, under the symbol that it had
    last of those wanted.
    """
    columns = [(symbol, days) for symbol, of in wanted for days in of]
    params = {
        "symbols": [symbol for symbol, _ in columns],
        "since": [days.start for _, days in columns],
        "until": [days.end for _, days in columns],
    }
    found: dict[int, Instrument] = {}
    owned: dict[str, list[tuple[int, Span]]] = defaultdict(list)
    for symbol, id_, listed, gone, delisted_before, since, until in connection.execute(
        QUERIES["resolve_dated"], params
    ):
        found[id_] = Instrument(id_, symbol, listed, gone, delisted_before)
        owned[symbol].append((id_, Span(since, until)))
    rest = {s: subtract(of, [days for _, days in owned[s]]) for s, of in wanted}
    meant = foresee_instruments(connection, [s for s, days in rest.items() if days], span)
    for symbol, one in meant.items():
        owned[symbol] += [(one.id, days) for days in rest[symbol]]
    return _by_instrument(found | {one.id: one for one in meant.values()}, owned, connection)


def _by_instrument(
    found: Mapping[int, Instrument],
    owned: Mapping[str, Iterable[tuple[int, Span]]],
    connection: Connection,
) -> list[tuple[Instrument, tuple[Span, ...]]]:
    days: dict[int, list[tuple[Span, str]]] = defaultdict(list)
    for symbol, of in owned.items():
        for id_, span in of:
            days[id_].append((span, symbol))
    tickers = _dated_tickers(connection, [id_ for id_ in found if id_ > 0])
    return [
        (
            replace(
                found[id_],
                symbol=max(of, key=lambda one: one[0].end)[1],
                tickers=tickers.get(id_, ()),
            ),
            union(span for span, _ in of),
        )
        for id_, of in days.items()
    ]


def with_lifetimes(connection: Connection, instruments: Sequence[Instrument]) -> list[Instrument]:
    """The same instruments with the lives and dated tickers that the database knows."""
    ids = [i.id for i in instruments]
    rows = connection.execute(QUERIES["lifetimes"], {"ids": ids}).fetchall()
    lives = {id_: life for id_, *life in rows}
    tickers = _dated_tickers(connection, ids)
    return [
        Instrument(i.id, i.symbol, listed, delisted, delisted_before, tickers.get(i.id, ()))
        for i in instruments
        for listed, delisted, delisted_before in (lives[i.id],)
    ]


def _dated_tickers(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Ticker, ...]]:
    found: dict[int, tuple[Ticker, ...]] = {}
    rows = connection.execute(QUERIES["dated_tickers"], {"ids": list(ids)})
    for id_, symbol, since, until in rows:
        found[id_] = (*found.get(id_, ()), Ticker(symbol, Span(since, until)))
    return found


def traded(connection: Connection, symbols: Sequence[str]) -> frozenset[str]:
    """Those of some symbols of which bars are held, of which events told, or that are listed."""
    if not symbols:
        return frozenset()
    rows = connection.execute(QUERIES["traded_symbols"], {"symbols": list(symbols)})
    return frozenset(symbol for (symbol,) in rows)


def ticker_owners(
    connection: Connection, symbols: Iterable[str]
) -> dict[str, list[tuple[int, Span]]]:
    """Who had each ticker, and on which days."""
    rows = connection.execute(QUERIES["tickers_of"], {"symbols": sorted(symbols)})
    found: dict[str, list[tuple[int, Span]]] = {}
    for id_, symbol, since, until, _ in rows:
        found.setdefault(symbol, []).append((id_, Span(since, until)))
    return found


def tickers_had(connection: Connection, ids: Iterable[int]) -> dict[int, tuple[str, ...]]:
    """All tickers of each instrument that had more than one, by time."""
    found = _dated_tickers(connection, sorted(set(ids)))
    return {id_: tuple(dict.fromkeys(t.symbol for t in had)) for id_, had in found.items()}


def spelled(connection: Connection, symbols: Sequence[str]) -> dict[str, str]:
    """Symbols written without their point, as issuers write them, → the symbols that are meant.

    What the shipped lists tell, `read_symbol` has told already: here `XYZB` is `XYZ.B` where nobody
    knows an XYZB, and bars of an XYZ.B are held or an event told of it.
    """
    dotted = {
        s: f"{s[:-1]}.{s[-1]}"
        for s in symbols
        if len(s) > 1 and s.isalpha() and s.isupper() and not is_known(s)
    }
    known = traded(connection, [*dotted, *dotted.values()])
    return {s: d for s, d in dotted.items() if s not in known and (d in known or is_known(d))}


# --- what events tell ---------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Row:
    """A dated ticker as it is stored, and whether bars are held of its instrument."""

    instrument: int
    ticker: Ticker
    has_bars: bool


def record_identities(
    connection: Connection, identities: Sequence[Identity], source: str
) -> tuple[str, ...]:
    """Make instruments and tickers as events tell; repeating it changes nothing.

    An instrument that goes by one of the tickers is the one that is meant. Where two that both hold
    bars would have to become one, they stay two, and the answer says so.
    """
    connection.execute(QUERIES["lock_creation"], LOCK_CREATION)
    symbols = sorted({t.symbol for one in identities for t in one.tickers})
    rows = [
        _Row(id_, Ticker(symbol, Span(since, until)), has_bars)
        for id_, symbol, since, until, has_bars in (
            connection.execute(QUERIES["tickers_of"], {"symbols": symbols})
        )
    ]
    latest = _latest_owners(identities)
    meant: dict[int, Identity] = {}
    fresh: list[Identity] = []
    apart: list[str] = []
    for one in identities:
        matches = [row for row in rows if _is_meant(row, one, latest)]
        owners = _owners(matches, one)
        if not owners:
            fresh.append(one)
        elif len(owners) > 1 and sum(row.has_bars for row in _firsts(matches)) > 1:
            names = " and ".join(dict.fromkeys(row.ticker.symbol for row in matches))
            apart.append(f"{names} are one instrument, and bars are held under both.")
        else:
            meant[owners[0]] = one
            _take_tickers(connection, owners[1:], one)
    meant |= dict(zip(_create(connection, fresh), fresh, strict=True))
    _write_tickers(connection, meant, source)
    return tuple(apart)


def _latest_owners(identities: Iterable[Identity]) -> dict[str, Identity]:
    """Who holds each symbol last."""
    found: dict[str, tuple[date, Identity]] = {}
    for one in identities:
        for ticker in one.tickers:
            if ticker.symbol not in found or found[ticker.symbol][0] < ticker.span.start:
                found[ticker.symbol] = (ticker.span.start, one)
    return {symbol: one for symbol, (_, one) in found.items()}


def _is_meant(row: _Row, one: Identity, latest: Mapping[str, Identity]) -> bool:
    """Whether a stored ticker is this identity's. One without dates is the latest owner's."""
    mine = [t for t in one.tickers if t.symbol == row.ticker.symbol and t.span & row.ticker.span]
    if not mine:
        return False
    if row.ticker.span == Span(date.min, date.max):
        return latest[row.ticker.symbol] is one
    return True


def _owners(matches: Sequence[_Row], one: Identity) -> list[int]:
    """The instruments of the matches: first one with bars, then the one with the last ticker."""
    last = one.tickers[-1].symbol
    ranked = sorted(matches, key=lambda row: (not row.has_bars, row.ticker.symbol != last))
    return list(dict.fromkeys(row.instrument for row in ranked))


def _firsts(matches: Sequence[_Row]) -> list[_Row]:
    return list({row.instrument: row for row in matches}.values())


def _take_tickers(connection: Connection, ids: Sequence[int], one: Identity) -> None:
    """Instruments without bars that go by the same tickers give them up."""
    if ids:
        symbols = [t.symbol for t in one.tickers]
        connection.execute(QUERIES["drop_tickers"], {"ids": list(ids), "symbols": symbols})


def _create(connection: Connection, fresh: Sequence[Identity]) -> list[int]:
    rows = connection.execute(QUERIES["new_instruments"], _lives(fresh)).fetchall()
    return sorted(id_ for (id_,) in rows)


def create_instruments(connection: Connection, ones: Sequence[Instrument]) -> list[int]:
    """New instruments without tickers, and their ids in that order; under the lock of creation."""
    params = {
        "symbols": [one.symbol for one in ones], "listed": [one.listed for one in ones],
        "delisted": [one.delisted for one in ones],
        "gone_by": [one.delisted_before for one in ones],
    }  # fmt: skip
    return sorted(id_ for (id_,) in connection.execute(QUERIES["new_instruments"], params))


def _write_tickers(connection: Connection, meant: Mapping[int, Identity], source: str) -> None:
    ones = list(meant.values())
    connection.execute(QUERIES["record_life"], _lives(ones) | {"ids": list(meant)})
    tickers = [(id_, t) for id_, one in meant.items() for t in one.tickers]
    symbols = [t.symbol for _, t in tickers]
    connection.execute(QUERIES["drop_tickers"], {"ids": list(meant), "symbols": symbols})
    columns = {
        "ids": [id_ for id_, _ in tickers],
        "symbols": symbols,
        "since": [t.span.start for _, t in tickers],
        "until": [t.span.end for _, t in tickers],
        "source": source,
    }
    connection.execute(QUERIES["add_tickers"], columns)


def _lives(ones: Sequence[Identity]) -> dict[str, object]:
    return {
        "symbols": [one.tickers[-1].symbol for one in ones],
        "listed": [one.listed for one in ones],
        "delisted": [one.delisted for one in ones],
        "gone_by": [one.delisted_before for one in ones],
    }
