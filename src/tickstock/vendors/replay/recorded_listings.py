"""Who is listed and what funds hold, as the replay vendor serves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

from tickstock.universes.known import us_symbols
from tickstock.vendors.massive.reference import (
    CONSTITUENTS_PAGE,
    TICKERS,
    TICKERS_PAGE,
    ConstituentRecord,
    TickerRecord,
)

_TICKER_SETTINGS = {
    "market",
    "type",
    "active",
    "cusip",
    "sort",
    "order",
    "limit",
    "date",
    "offset",
}
_FUND_SETTINGS = {
    "composite_ticker",
    "sort",
    "limit",
    "offset",
    "effective_date.gte",
    "effective_date.lte",
}


_TYPES = {"company": "CS", "fund": "ETF", "preferred": "PFD", "warrant": "WARRANT"}
_TYPES |= {"unit": "UNIT", "right": "RIGHT"}


@cache
def shipped_tickers() -> tuple[TickerRecord, ...]:
    """The shipped list of US symbols as the vendor would list it."""
    return tuple(
        TickerRecord(symbol, "stocks", _TYPES.get(kind)) for symbol, kind in us_symbols().items()
    )


@dataclass(frozen=True, slots=True)
class RecordedListings:
    """The same `tickers` are listed on every day; `constituents` are of any funds and days;
    `cusips` tell whose they are."""

    tickers: tuple[TickerRecord, ...] = ()
    constituents: tuple[ConstituentRecord, ...] = ()
    cusips: Mapping[str, str] = field(default_factory=dict)

    def select(
        self, segments: tuple[str, ...], settings: Mapping[str, str]
    ) -> tuple[list[Any], int]:
        """The records that a request asks for, in its order, and the most on a page.

        Raises ValueError for settings that the vendor, or this stand-in for it, does not take.
        """
        if segments == TICKERS:
            _check(settings, _TICKER_SETTINGS)
            kind = settings.get("type")
            is_active = settings.get("active", "true") == "true"
            found = [t for t in self.tickers if kind in (None, t.type)]
            found = [t for t in found if (t.active is not False) == is_active]
            if cusip := settings.get("cusip"):
                found = [t for t in found if t.ticker == self.cusips.get(cusip)]
            return sorted(found, key=lambda t: t.ticker), TICKERS_PAGE
        _check(settings, _FUND_SETTINGS)
        fund = settings.get("composite_ticker")
        first = date.fromisoformat(settings.get("effective_date.gte", "0001-01-01"))
        last = date.fromisoformat(settings.get("effective_date.lte", "9999-12-31"))
        held = [
            c
            for c in self.constituents
            if fund in (None, c.composite_ticker) and first <= c.effective_date <= last
        ]
        return sorted(held, key=lambda c: c.effective_date, reverse=True), CONSTITUENTS_PAGE


def _check(settings: Mapping[str, str], known: set[str]) -> None:
    if unknown := sorted(set(settings) - known):
        raise ValueError(f"This replay does not know the parameter {unknown[0]!r}.")
