"""A synthetic market as it was on every session: pure, from a seed, made day by day.

    market = SyntheticMarket(tickers=200, span=Span(date(2024, 1, 1), date(2024, 4, 1)))
    market.on(date(2024, 1, 2))

What is kept is one row a firm; the bars of a session are made when they are asked for, so that 20
years of 12,000 tickers take no more memory than one. What came of each firm is known from the
making: `listed_on`, `traded_on` and `largest` are the truth that others are held against.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np

from tickstock.errors import BadSetting
from tickstock.model import BarTable, Flags, Floats, Ints, epoch_day
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import Span
from tickstock.vendors.synthetic.firms import (
    KINDS,
    NEVER,
    SESSIONS_A_YEAR,
    Firms,
    TickerRows,
    draw_firms,
    name_firms,
)
from tickstock.vendors.synthetic.noise import DAILY_LEVELS, noise, uniform, walk

MOST_TICKERS = 50_000
_FADE = 120  # sessions over which a failing firm loses its price
_LEFT = 0.04  # what is left of it
_PREMIUM = 0.25  # what a buyer pays more
_FORWARD, _REVERSE = 0.012, 0.02  # splits a year
_RATIOS = (2.0, 3.0, 4.0, 10.0)
_QUARTER = 63


@dataclass(frozen=True, eq=False)
class FirmActions:
    """Splits or dividends by day: `amount` is new shares for one old, or cash a share."""

    firm: Ints
    session: Ints
    amount: Floats


class SyntheticMarket:
    """See the module. The same seed, size and span give the same market on every machine.

    Raises:
        BadSetting: no ticker, too many, or no session.
    """

    def __init__(
        self,
        *,
        tickers: int,
        span: Span,
        seed: int = 1,
        pace: float = 1.0,
        calendar: Calendar | None = None,
    ) -> None:
        self._calendar = calendar or shipped_calendar()
        span = span & self._calendar.known
        self._first, self._end = self._calendar.between(span) if span else (0, 0)
        if not 0 < tickers <= MOST_TICKERS or self._first == self._end:
            raise BadSetting(
                f"No market can be made of {tickers} tickers over {span}.",
                f"Give 1 to {MOST_TICKERS} tickers, and days of {self._calendar.known}.",
            )
        self.span = span
        self.firms: Firms = draw_firms(seed, tickers, self.sessions, pace)
        self.names: TickerRows = name_firms(self.firms, self.sessions, pace)
        self._pace = pace
        self._by_ticker: dict[str, list[int]] = {}
        for row, ticker in enumerate(self.names.ticker):
            self._by_ticker.setdefault(ticker, []).append(row)

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._by_ticker

    @property
    def sessions(self) -> int:
        return self._end - self._first

    def session(self, day: date) -> int | None:
        """The number of the session on a day, None where the market has none."""
        place = int(self._calendar.before(np.array([epoch_day(day)]))[0])
        is_one = place < len(self._calendar) and self._calendar.days[place] == epoch_day(day)
        return place - self._first if is_one and self._first <= place < self._end else None

    def day(self, session: int) -> date:
        return self._calendar.day(self._first + session)

    def sessions_before(self, day: date, *, itself: bool = False) -> int:
        """How many of its sessions come before a day, or before the day after it."""
        count = int(self._calendar.before(np.array([epoch_day(day) + itself]))[0])
        return min(max(count - self._first, 0), self.sessions)

    def closed(self, now: float) -> int:
        """How many of its sessions have closed at a moment, in seconds since 1970."""
        count = int(np.searchsorted(self._calendar.closes, int(now), side="right"))
        return min(max(count - self._first, 0), self.sessions)

    # -- bars ---------------------------------------------------------------------------------
    def on(self, day: date, now: float) -> BarTable:
        """The day bars of all tickers that traded on a day, if its session has closed."""
        session = self.session(day)
        if session is None or session >= self.closed(now):
            return BarTable.empty()
        rows = self._rows_on(session)
        rows = rows[self._traded(self.names.firm[rows], np.array([session]))[:, 0]]
        order = np.argsort(np.array([self.names.ticker[row] for row in rows.tolist()]))
        return self._bars(rows[order], np.array([session]))

    def of(self, ticker: str, span: Span, now: float) -> BarTable:
        """The day bars of a ticker, whosoever it was on which day."""
        tables = []
        last = self.closed(now)
        low, high = self._calendar.before(np.array([epoch_day(span.start), epoch_day(span.end)]))
        for row in self._by_ticker.get(ticker, ()):
            start = max(int(self.names.start[row]), int(low) - self._first, 0)
            end = min(int(self.names.end[row]), int(high) - self._first, last)
            if start < end:
                sessions = np.arange(start, end)
                traded = self._traded(self.names.firm[[row]], sessions)[0]
                tables.append(self._bars(np.array([row]), sessions[traded]))
        if not tables:
            return BarTable.empty()
        columns = (np.concatenate([getattr(t, c) for t in tables]) for c in _COLUMNS)
        return BarTable((ticker,), np.zeros(sum(map(len, tables)), np.int64), *columns)

    # -- the truth ----------------------------------------------------------------------------
    def listed_on(self, session: int) -> Ints:
        """The firms that are listed in a session."""
        return np.flatnonzero((self.firms.listed <= session) & (self.firms.lost > session))

    def traded_on(self, session: int) -> Ints:
        """Those of them of which there is a bar."""
        firms = self.listed_on(session)
        return firms[self._traded(firms, np.array([session]))[:, 0]]

    def ticker_of(self, firm: int, session: int) -> str | None:
        """Under which ticker a firm is listed in a session."""
        for row in np.flatnonzero(self.names.firm == firm).tolist():
            if self.names.start[row] <= session < self.names.end[row]:
                return self.names.ticker[row]
        return None

    def rows_by(self, session: int) -> tuple[Ints, Ints]:
        """The names that are in use in a session, and the last ones of firms that were lost before
        it."""
        last = self.names.end == self.firms.lost[self.names.firm]
        return self._rows_on(session), np.flatnonzero(last & (self.names.end <= session))

    # -- splits and dividends -----------------------------------------------------------------
    @cached_property
    def splits(self) -> FirmActions:
        """One at most of each firm."""
        firms, years = self.firms, self.sessions / SESSIONS_A_YEAR
        stays = np.minimum(firms.lost, self.sessions) - np.maximum(firms.listed, 0)
        chance = uniform(firms.seed, "split")
        likely = (_FORWARD + _REVERSE) * stays / SESSIONS_A_YEAR * self._pace
        kinds = np.array([kind.code in ("CS", "ADRC", "ETF") for kind in KINDS])
        is_split = (chance < likely) & (stays > 2) & kinds[firms.kind] & (years > 0)
        which = np.flatnonzero(is_split)
        place = np.floor(uniform(firms.seed[which], "split day") * (stays[which] - 1))
        session = np.maximum(firms.listed[which], 0) + 1 + place.astype(np.int64)
        ratio = np.array(_RATIOS)[
            np.floor(uniform(firms.seed[which], "ratio") ** 2 * len(_RATIOS)).astype(np.int64)
        ]
        forward = uniform(firms.seed[which], "forward") < _FORWARD / (_FORWARD + _REVERSE)
        amount = np.where(forward & ~firms.fails[which], ratio, 1 / np.maximum(ratio, 5.0))
        return _by_day(which, session, amount)

    @cached_property
    def dividends(self) -> FirmActions:
        """Quarterly, of those that pay any."""
        firms = self.firms
        pays = np.array([kind.pays for kind in KINDS])[firms.kind]
        payers = np.flatnonzero(uniform(firms.seed, "pays") < pays)
        phase = np.floor(uniform(firms.seed[payers], "phase") * _QUARTER).astype(np.int64)
        quarters = np.arange(self.sessions // _QUARTER + 1)
        firm = np.repeat(payers, len(quarters))
        session = (phase[:, None] + quarters * _QUARTER).ravel()
        alive = (session >= firms.listed[firm]) & (session < firms.lost[firm])
        alive &= session < self.sessions
        firm, session = firm[alive], session[alive]
        share = 0.004 + 0.006 * uniform(firms.seed[firm], "share")
        cash = np.round(firms.price[firm] * self._shares(firm, session[:, None])[:, 0] * share, 4)
        paid = cash > 0
        return _by_day(firm[paid], session[paid], cash[paid])

    # -- within -------------------------------------------------------------------------------
    def _rows_on(self, session: int) -> Ints:
        return np.flatnonzero((self.names.start <= session) & (self.names.end > session))

    def _traded(self, firms: Ints, sessions: Ints) -> Flags:
        """Which firms trade in which sessions: the first and the last one always."""
        seeds = self.firms.seed[firms][:, None]
        traded = uniform(seeds, "trades", sessions) < self.firms.trades[firms][:, None]
        ends = self.firms.lost[firms][:, None] - 1 == sessions
        flags: Flags = traded | ends | (self.firms.listed[firms][:, None] == sessions)
        return flags

    def _bars(self, rows: Ints, sessions: Ints) -> BarTable:
        """The bars of names, row by row in all of some sessions."""
        firms = self.names.firm[rows]
        seeds = self.firms.seed[firms][:, None]
        swing = self.firms.swing[firms][:, None]
        days = self._calendar.days[self._first + sessions]
        edges = np.concatenate([days.astype(np.float64), days + 0.7])
        level = np.tile(self._shares(firms, sessions) * self._fate(firms, sessions), 2)
        price = (
            self.firms.price[firms][:, None]
            * np.exp(swing * walk(seeds, edges, DAILY_LEVELS))
            * level
        )
        opened, closed = np.split(_ticks(price), 2, axis=1)
        reach = 0.4 * swing
        high = np.maximum(opened, closed) * (1 + reach * np.abs(noise(seeds, "high", days)))
        low = np.minimum(opened, closed) * (1 - reach * np.abs(noise(seeds, "low", days)))
        high = np.maximum(_ticks(high), np.maximum(opened, closed))
        low = np.minimum(_ticks(low), np.minimum(opened, closed))
        busy = np.exp(0.5 * noise(seeds, "busy", days))
        volume = np.floor(self.firms.dollars[firms][:, None] * busy / closed) + 1
        vwap = np.round((opened + high + low + closed) / 4, 4)
        trades = (volume // 120 + 1).astype(np.int64)
        columns: list[Any] = [opened, high, low, closed, volume, vwap, trades]
        owner = np.repeat(np.arange(len(rows), dtype=np.int64), len(sessions))
        names = tuple(self.names.ticker[row] for row in rows.tolist())
        return BarTable(names, owner, np.tile(days, len(rows)), *(c.ravel() for c in columns))

    def _shares(self, firms: Ints, sessions: Ints) -> Floats:
        """By what splits yet to come make a share worth more (or less) than it will be."""
        factor = np.ones(len(firms))
        day = np.full(len(firms), NEVER)
        place = np.minimum(np.searchsorted(self._split_firms, firms), len(self._split_firms) - 1)
        if len(self._split_firms):
            has = self._split_firms[place] == firms
            which = self._split_order[place[has]]
            factor[has], day[has] = self.splits.amount[which], self.splits.session[which]
        return np.where(sessions < day[:, None], factor[:, None], 1.0)

    @cached_property
    def _split_order(self) -> Ints:
        return np.argsort(self.splits.firm)

    @cached_property
    def _split_firms(self) -> Ints:
        return self.splits.firm[self._split_order]

    def _fate(self, firms: Ints, sessions: Ints) -> Floats:
        """What the end that is to come does to the price: failing firms fade, bought ones rise."""
        left = self.firms.lost[firms][:, None] - sessions
        near = np.clip(1 - left / _FADE, 0, 1)
        fails = self.firms.fails[firms][:, None]
        bought = np.where(left < _FADE // 3, 1 + _PREMIUM, 1.0)
        is_lost = (self.firms.lost[firms] < NEVER)[:, None]
        return np.where(is_lost, np.where(fails, _LEFT**near, bought), 1.0)


_COLUMNS = ("at", "open", "high", "low", "close", "volume", "vwap", "trades")


def _ticks(price: Floats) -> Floats:
    """As exchanges print it: cents, and below a dollar hundredths of them."""
    found: Floats = np.where(price < 1, np.round(price, 4), np.round(price, 2))
    return np.maximum(found, 0.0001)


def _by_day(firm: Ints, session: Ints, amount: Floats) -> FirmActions:
    order = np.lexsort((firm, session))
    return FirmActions(firm[order], session[order], amount[order])
