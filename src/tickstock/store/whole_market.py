"""Whole sessions: which are held, and who is in them. See `universes/whole_market`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from tickstock.loading.ticker_owner import TickerOwner
from tickstock.model import MARKET, Instrument, Ints, Timeframe, epoch_day
from tickstock.spans import Span, day_of
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.instruments import LOCK_CREATION, create_instruments
from tickstock.store.instruments import QUERIES as INSTRUMENTS
from tickstock.store.queries import load
from tickstock.universes.whole_market import MarketUniverse, kind_of

QUERIES = load("whole_market.sql")


@dataclass(frozen=True, slots=True)
class MarketMembers:
    """Who traded in `session`, sorted; `strangers` are those of whose kind nothing is known, where
    kinds are asked for. No session: none is held."""

    session: date | None
    symbols: tuple[str, ...]
    strangers: int = 0


def market_id(connection: Connection) -> int | None:
    """The instrument that stands for the whole market; None before the first job of it."""
    row = connection.execute(QUERIES["instrument"], {"market": MARKET}).fetchone()
    return row[0] if row else None


def held_days(
    connection: Connection,
    timeframe: Timeframe = Timeframe.DAY,
    known_at: datetime | None = None,
) -> list[Span]:
    """The days on which whole sessions are held, or were at a moment."""
    id_ = market_id(connection)
    if id_ is None:
        return []
    params = {"id": id_, "timeframe": timeframe, "known_at": known_at}
    query = QUERIES["sessions" if known_at is None else "sessions_then"]
    found = connection.execute(query, params).fetchall()
    return [Span(day_of(start), day_of(end)) for start, end in found]


def members(
    connection: Connection,
    market: MarketUniverse,
    days: Ints,
    day: date | None,
    known_at: datetime | None = None,
) -> MarketMembers:
    """Who was in a market in the last session by `day` (or of all) that is held; `days` are the
    sessions of the calendar. With `known_at`, by the sessions and the kinds that were known then;
    whose a ticker was is taken as it is known now."""
    session = _session(held_days(connection, known_at=known_at), days, day)
    if session is None:
        return MarketMembers(None, ())
    params = {"day": session, "id": market_id(connection), "known_at": known_at}
    query = QUERIES["members" if known_at is None else "members_then"]
    found = connection.execute(query, params).fetchall()
    kinds = [(symbol, kind_of(symbol, told)) for symbol, told in found]
    symbols = tuple(dict.fromkeys(symbol for symbol, kind in kinds if market.holds(kind)))
    strangers = sum(not kind for _, kind in kinds) if market.kinds else 0
    return MarketMembers(session, symbols, strangers)


def _session(held: Sequence[Span], days: Ints, day: date | None) -> date | None:
    """The session that is asked about, if it is held: another one does not tell who traded then."""
    if not held:
        return None
    last = day or held[-1].last
    place = bisect_right(days, epoch_day(last)) - 1
    if place < 0:
        return None
    session = day_of(int(days[place]))
    return session if any(session in span for span in held) else None


def ticker_owners(connection: Connection, symbols: Iterable[str]) -> list[TickerOwner]:
    """Who had some tickers, by ticker and time. Nobody else changes that until the end of the
    transaction."""
    connection.execute(INSTRUMENTS["lock_creation"], LOCK_CREATION)
    params = {"symbols": sorted(symbols)}
    # By place, not by name: of a whole market there are 12,000, for every few answers.
    return [TickerOwner(*row) for row in connection.execute(QUERIES["owners"], params)]


def write_owners(
    connection: Connection, fresh: Sequence[TickerOwner], changed: Sequence[TickerOwner]
) -> None:
    """Make instruments for `fresh`, whose ids are set, and date the tickers of `changed` anew."""
    named = [Instrument(0, o.symbol, None if o.since == date.min else o.since) for o in fresh]
    for owner, id_ in zip(fresh, create_instruments(connection, named), strict=True):
        owner.id = id_
    if changed:
        connection.execute(QUERIES["date_tickers"], _columns(changed))
    if fresh:
        connection.execute(INSTRUMENTS["add_tickers"], _columns(fresh) | {"source": ""})


def _columns(owners: Sequence[TickerOwner]) -> dict[str, object]:
    return {
        "ids": [o.id for o in owners],
        "symbols": [o.symbol for o in owners],
        "since": [o.since for o in owners],
        "until": [o.until for o in owners],
    }


def take_back(connection: Connection, id_: int, timeframe: Timeframe, days: Span) -> None:
    """Say of a whole session that it is not held: its answer is not believed."""
    params = {"id": id_, "timeframe": timeframe, "days": rows.multirange([days])}
    connection.execute(QUERIES["take_back"], params)
