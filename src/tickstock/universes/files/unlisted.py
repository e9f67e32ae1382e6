"""Rows of a table that name a symbol and mean no share of the US: cash, and listings abroad.

A column with the currency or the exchange tells a listing in London from the one in New York that
has the same letters (`VOD`, `SAP`); a row of `CASH` or `USD` whose other cells say so, or are
empty, is no row of the firm or the fund of that ticker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tickstock.universes.files.delimited import bare
from tickstock.universes.files.headers import columns_of, normal
from tickstock.universes.markets import is_market_abroad
from tickstock.universes.suggest import shown

_CURRENCY = frozenset(
    {"currency", "ccy", "currency code", "market currency", "local currency", "trading currency"}
    | {"listing currency", "price currency", "quote currency"}
)
_EXCHANGE = frozenset(
    {"exchange", "exch", "exchange code", "listing exchange", "primary exchange", "stock exchange"}
    | {"mic", "exchange mic", "listed on"}
)
_DOLLARS = frozenset({"", "usd", "us", "us dollar", "us dollars", "dollar", "none", "nan", "n a"})
"""As `normal` gives them; nothing and no value are no other currency."""
_CASH = frozenset({"CASH", "USD", "EUR", "GBP", "CAD", "JPY", "CHF", "AUD", "HKD"})
_MONEY = re.compile(r"\b(dollars?|cash|euros?|pounds?|yen|francs?|currency)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class UnlistedRows:
    """Tells such rows under a header: where the symbols stand, the currency and the exchange."""

    symbols: Sequence[int]
    currency: int | None
    exchange: int | None

    @classmethod
    def of(cls, header: Sequence[str], symbols: Sequence[int]) -> UnlistedRows:
        """For a table under this header."""
        found = (columns_of(header, words) for words in (_CURRENCY, _EXCHANGE))
        currency, exchange = (next(iter(places), None) for places in found)
        return cls(symbols, currency, exchange)

    def kind(self, row: Sequence[str], text: str) -> tuple[str, str] | None:
        """Why the row of a symbol is left out, by kind and in words; None where it is not."""
        if text in _CASH and self._is_money(row):
            return "cash", f"{shown(text)} is cash"
        currency = _cell(row, self.currency)
        if currency and normal(currency) not in _DOLLARS:
            return "foreign", f"{shown(text)} is quoted in {shown(currency)}"
        exchange = _cell(row, self.exchange)
        if exchange and is_market_abroad(exchange):
            return "foreign", f"{shown(text)} is listed on {shown(exchange)}"
        return None

    def _is_money(self, row: Sequence[str]) -> bool:
        """Whether the other cells speak of money, or most of them are empty."""
        about = {*self.symbols, self.currency, self.exchange}
        others = [bare(cell) for place, cell in enumerate(row) if place not in about]
        filled = [cell for cell in others if cell]
        return any(map(_MONEY.search, filled)) or len(others) >= 2 * max(len(filled), 1)


def _cell(row: Sequence[str], column: int | None) -> str:
    return bare(row[column]) if column is not None and column < len(row) else ""
