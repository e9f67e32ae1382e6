"""Which rows of an answer for a whole market are wanted: all of them, where the market itself was
asked for. Instruments are made as they appear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tickstock.loading.gains import DAY_SECONDS, session_spans
from tickstock.loading.judge import AnswerVerdict
from tickstock.loading.targets import Target, Targets
from tickstock.loading.whose import HeldSessions, Whose, sessions_in
from tickstock.model import MARKET, Gain
from tickstock.sessions import Calendar
from tickstock.spans import union
from tickstock.store import whole_market
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.worker.fetched import Fetched


def with_owners(database: Database, batch: Sequence[Fetched], calendar: Calendar) -> list[Fetched]:
    """The same answers; those for a market as if each of their tickers had been asked for.

    What is made here stays, whatever becomes of the answers: it holds nothing until they are
    written.
    """
    whole = [f for f in batch if MARKET in f.targets and len(f.answer.bars)]
    if not whole:
        return list(batch)
    with database.brief() as connection:
        targets = _targets(connection, whole, calendar)
    return [
        replace(f, market=f.targets[MARKET], targets=targets[f.lease.id])
        if f.lease.id in targets
        else f
        for f in batch
    ]


def _targets(
    connection: Connection, whole: Sequence[Fetched], calendar: Calendar
) -> dict[int, Targets]:
    """Of each answer by its lease, whose its tickers are. In order of their days, so that what one
    tells is known of the next."""
    symbols = {ticker for f in whole for ticker in f.answer.bars.tickers}
    held = whole_market.held_days(connection)
    asked = [f.lease.call.span for f in whole]
    whose = Whose(HeldSessions(sessions_in(union([*held, *asked]), calendar.days)))
    whose.know(whole_market.ticker_owners(connection, symbols))
    ordered = sorted(whole, key=lambda f: f.lease.call.span.start)
    found = {
        f.lease.id: [(t, whose.of(t, f.lease.call.span.start)) for t in f.answer.bars.tickers]
        for f in ordered
    }
    whole_market.write_owners(connection, whose.fresh, list(whose.changed.values()))
    return {
        f.lease.id: {
            ticker: Target(owner.id, ticker, f.lease.call.span)
            for ticker, owner in found[f.lease.id]
        }
        for f in ordered
    }


def gains_of_markets(
    part: Sequence[tuple[Fetched, AnswerVerdict]], calendar: Calendar
) -> list[Gain]:
    """What answers for a market add to what is held of the market itself: their sessions. The bars
    are counted with those that they are of."""
    days: dict[int, list[tuple[int, str]]] = {}
    for fetched, verdict in part:
        if fetched.market is not None and verdict.cells:
            session = calendar.index(fetched.lease.call.span.start)
            market = fetched.market.instrument_id
            days.setdefault(market, []).append((session, fetched.answer.origin))
    return [_gain(market, sorted(found), calendar) for market, found in days.items()]


def _gain(market: int, found: Sequence[tuple[int, str]], calendar: Calendar) -> Gain:
    sessions = np.array([session for session, _ in found], np.int64)
    first, last = (calendar.days[sessions[[0, -1]]] * DAY_SECONDS).tolist()
    return Gain(market, found[-1][1], tuple(session_spans(sessions, calendar)), 0, first, last)
