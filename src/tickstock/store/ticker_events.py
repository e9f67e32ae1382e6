"""Under which tickers firms traded, as the vendor's ticker events were answered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from tickstock.loading.renames import (
    EVENTS,
    EventSubject,
    RenameVerdict,
    TickerHistory,
    TickerOwnership,
)
from tickstock.loading.ticker_owner import TickerOwner
from tickstock.spans import Span
from tickstock.store import rows, whole_market
from tickstock.store.account_limits import Account
from tickstock.store.connection import Connection
from tickstock.store.instruments import LOCK_CREATION, record_identities
from tickstock.store.instruments import QUERIES as INSTRUMENTS
from tickstock.store.queries import load

QUERIES = load("ticker_events.sql")


def appeared(connection: Connection) -> list[EventSubject]:
    """Who began to trade while the whole market was held: perhaps under another ticker before."""
    held, market = whole_market.held_days(connection), whole_market.market_id(connection)
    if not held:
        return []
    params = {"first": held[0].start, "market": market}
    return rows.every(connection, EventSubject, QUERIES["appeared"], params)


def subjects_of(connection: Connection, ids: Sequence[int]) -> list[EventSubject]:
    """Some instruments, to be asked about."""
    return rows.every(connection, EventSubject, QUERIES["named"], {"ids": list(ids)})


def answered(connection: Connection, source: str, since: datetime) -> frozenset[str]:
    """What was asked and answered since a time."""
    params = {"source": source, "since": since}
    return frozenset(rows.scalars(connection, QUERIES["answered"], params))


def owners_of(connection: Connection, symbols: Iterable[str]) -> list[TickerOwnership]:
    """Who has some tickers. Nobody else changes that until the end of the transaction."""
    connection.execute(INSTRUMENTS["lock_creation"], LOCK_CREATION)
    params = {"symbols": sorted(set(symbols))}
    return rows.every(connection, _ownership, QUERIES["owners"], params)


def _ownership(
    since: date, until: date, first: date | None, end: date | None, **other: Any
) -> TickerOwnership:
    has_bars = first is not None and end is not None and first < end
    return TickerOwnership(
        days=Span(since, until),
        first=first if has_bars else None,
        end=end if has_bars else None,
        **other,
    )


def record_history(
    connection: Connection,
    source: str,
    asked: str,
    history: TickerHistory | None,
    verdict: RenameVerdict,
) -> tuple[str, ...]:
    """Keep an answer (None: the vendor knows nothing of it), and make of instruments and tickers
    what it tells. What could not be done is answered."""
    changes = history.changes if history else ()
    doubts = list(verdict.doubts)
    whole_market.write_owners(connection, (), [_redated(o) for o in verdict.others])
    if verdict.identity is not None:
        doubts += record_identities(connection, [verdict.identity], f"{EVENTS}{source}")
    params = {
        "source": source, "asked": asked, "verdict": " ".join(doubts),
        "name": history.name if history else "", "figi": history.figi if history else "",
        "cik": history.cik if history else "",
        "days": [day for day, _ in changes], "tickers": [ticker for _, ticker in changes],
    }  # fmt: skip
    if not connection.execute(QUERIES["again"], params).rowcount:
        connection.execute(QUERIES["end"], params)
        connection.execute(QUERIES["add"], params)
    return tuple(doubts)


def _redated(owner: TickerOwnership) -> TickerOwner:
    return TickerOwner(owner.id, owner.symbol, owner.days.start, owner.days.end)


@dataclass(frozen=True, slots=True)
class EventsRefused:
    """An account is refused ticker events: in which words, and when that was."""

    words: str
    refused_at: datetime


def refused(connection: Connection, account: Account, since: datetime) -> EventsRefused | None:
    """Whether an account was refused since a time."""
    return rows.first(
        connection, EventsRefused, QUERIES["refused"], _params(account) | {"since": since}
    )


def refuse(connection: Connection, account: Account, words: str, now: datetime) -> None:
    """Keep that an account is refused."""
    connection.execute(QUERIES["refuse"], _params(account) | {"words": words, "now": now})


def forget_refusals(connection: Connection, vendor: str) -> int:
    """Have ticker events asked for again; how many accounts were refused."""
    return connection.execute(QUERIES["forget"], {"vendor": vendor}).rowcount


def _params(account: Account) -> dict[str, Any]:
    return {"vendor": account.vendor, "account": account.fingerprint}
