"""A synthetic market as the replay vendor serves it: its bars, who is listed, what changed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Generic, TypeVar

import numpy as np

from tickstock.actions import ActionKind
from tickstock.model import BarTable, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.vendors.massive.actions import DividendRecord, SplitRecord
from tickstock.vendors.massive.reference import TICKERS_PAGE, TickerRecord
from tickstock.vendors.synthetic.firms import KINDS, NEVER
from tickstock.vendors.synthetic.market import SyntheticMarket

SETTINGS = {"market", "type", "active", "sort", "order", "limit", "date", "offset"}
_EXCHANGES = ("XNAS", "XNYS", "ARCX", "XASE")
_SIZE = re.compile(r"market=(\d{1,5})@(\d{4})")
LAST_DAY = date(2027, 12, 31)
"""Of every market that is made by its size: its making must not depend on the day."""

R = TypeVar("R")


@lru_cache(2)
def market_of(argument: str, calendar: Calendar) -> SyntheticMarket | None:
    """The market that `market=12000@2006` stands for: so many tickers, from that year on. None for
    anything else, which is a folder.

    Raises:
        BadSetting: there can be none of that size.
    """
    found = _SIZE.fullmatch(argument)
    if not found:
        return None
    first = min(max(date(max(int(found[2]), 1), 1, 1), calendar.known.start), LAST_DAY)
    return SyntheticMarket(
        tickers=int(found[1]), span=Span.inclusive(first, LAST_DAY), calendar=calendar
    )


class Made(Sequence[R], Generic[R]):
    """Records that are made when the page that they stand on is written."""

    def __init__(self, rows: Sequence[int], make: Callable[[int], R]) -> None:
        self._rows, self._make = rows, make

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._make(row) for row in self._rows[place]]
        return self._make(self._rows[place])


@dataclass(frozen=True, eq=False)
class ServedMarket:
    """What of a market can be seen by now."""

    market: SyntheticMarket
    now: Callable[[], float]

    def __contains__(self, ticker: str) -> bool:
        return ticker in self.market

    def of(self, ticker: str, timeframe: Timeframe, span: Span) -> BarTable:
        """The bars of a ticker; it has day bars alone."""
        held = timeframe is Timeframe.DAY
        return self.market.of(ticker, span, self.now()) if held else BarTable.empty()

    def on(self, day: date) -> BarTable:
        """The bars of all tickers on a day."""
        return self.market.on(day, self.now())

    def select(
        self, segments: tuple[str, ...], settings: Mapping[str, str]
    ) -> tuple[Sequence[TickerRecord], int]:
        """As `RecordedListings.select`, for tickers: as of `date`, else of now."""
        if unknown := sorted(set(settings) - SETTINGS):
            raise ValueError(f"This replay does not know the parameter {unknown[0]!r}.")
        session = self._latest(settings.get("date"))
        listed, lost = self.market.rows_by(session)
        is_active = settings.get("active", "true") == "true"
        rows = listed if is_active else lost
        names, firms = self.market.names, self.market.firms
        if kind := settings.get("type"):
            codes = np.array([k.code == kind for k in KINDS])
            rows = rows[codes[firms.kind[names.firm[rows]]]]
        ordered = sorted(rows.tolist(), key=lambda row: (names.ticker[row], row))
        return Made(ordered, lambda row: self._record(row, is_active)), TICKERS_PAGE

    def actions(
        self, kind: ActionKind, asked: frozenset[str], since: str
    ) -> Sequence[SplitRecord | DividendRecord]:
        """Splits or dividends of tickers (of all, where none is asked for), oldest first."""
        market = self.market
        found = market.splits if kind is ActionKind.SPLITS else market.dividends
        first = market.sessions_before(date.fromisoformat(since)) if since else 0
        known = (found.session >= first) & (found.session <= market.closed(self.now()))
        if asked:
            of = [i for i, t in enumerate(market.names.ticker) if t in asked]
            known &= np.isin(found.firm, market.names.firm[of])
        rows: Sequence[int] = np.flatnonzero(known).tolist()
        if asked:
            rows = [r for r in rows if self._ticker(kind, r) in asked]
        return Made(rows, lambda row: self._action(kind, row))

    def events(self, id_: str) -> dict[str, Any] | None:
        """The changes of ticker of the firm that holds a ticker now, or has a FIGI."""
        market = self.market
        session = market.closed(self.now()) - 1
        listed, lost = market.rows_by(session)
        for row in (*listed.tolist(), *reversed(lost.tolist())):
            firm = int(market.names.firm[row])
            if id_ in (market.names.ticker[row], figi_of(firm)):
                had = np.flatnonzero((market.names.firm == firm) & (market.names.start <= session))
                events = [
                    {
                        "type": "ticker_change",
                        "date": market.day(int(market.names.start[r])).isoformat(),
                        "ticker_change": {"ticker": market.names.ticker[r]},
                    }
                    for r in had[::-1].tolist()
                ]
                return {"name": _title(firm), "composite_figi": figi_of(firm), "events": events}
        return None

    # -- within -------------------------------------------------------------------------------
    def _latest(self, day: str | None) -> int:
        """The last session by a day, of those that have closed."""
        newest = self.market.closed(self.now()) - 1
        if day is None:
            return newest
        return min(self.market.sessions_before(date.fromisoformat(day), itself=True) - 1, newest)

    def _record(self, row: int, is_active: bool) -> TickerRecord:
        names, firms = self.market.names, self.market.firms
        firm = int(names.firm[row])
        lost = int(firms.lost[firm])
        gone = None if is_active or lost >= NEVER else f"{self.market.day(lost - 1)}T00:00:00Z"
        return TickerRecord(
            names.ticker[row], "stocks", KINDS[int(firms.kind[firm])].code, _title(firm),
            is_active, _EXCHANGES[int(firms.seed[firm] % 4)], figi_of(firm), None,
            f"99{firm:08d}", gone,
        )  # fmt: skip

    def _ticker(self, kind: ActionKind, row: int) -> str:
        market = self.market
        found = market.splits if kind is ActionKind.SPLITS else market.dividends
        return market.ticker_of(int(found.firm[row]), int(found.session[row])) or ""

    def _action(self, kind: ActionKind, row: int) -> SplitRecord | DividendRecord:
        market, ticker = self.market, self._ticker(kind, row)
        if kind is ActionKind.SPLITS:
            amount = float(market.splits.amount[row])
            day = market.day(int(market.splits.session[row]))
            ratio = (1.0, amount) if amount > 1 else (round(1 / amount, 6), 1.0)
            word = "forward_split" if amount > 1 else "reverse_split"
            return SplitRecord(ticker, day, *ratio, f"synthetic-s-{ticker}-{day}", word)
        day, cash = market.day(int(market.dividends.session[row])), market.dividends.amount[row]
        named = f"synthetic-d-{ticker}-{day}"
        return DividendRecord(ticker, day, float(cash), "USD", named, "recurring")


def figi_of(firm: int) -> str:
    """An identifier of the form of a FIGI, under a prefix that none has."""
    body = f"SYG{firm:08d}"
    total = 0
    for place, sign in enumerate(body):
        value = int(sign) if sign.isdigit() else ord(sign) - ord("A") + 10
        total += sum(divmod(value * (2 if place % 2 else 1), 10))
    return f"{body}{(10 - total % 10) % 10}"


def _title(firm: int) -> str:
    return f"Synthetic firm {firm} (no real one)"
