"""Vanguard: holdings of a fund in sections (`Equity,as of 06/30/2025`), and positions of an
account.

The account's download has two tables: what is held, and below it every transaction.
"""

from tickstock.universes.files.sources.base import holdings, positions

SOURCES = (
    holdings("Vanguard", "holdings", "ticker", "sedol"),
    holdings("Vanguard", "holdings", "ticker", "cusip"),
    positions(
        "Vanguard positions",
        "account number",
        "investment name",
        "symbol",
        "shares",
        ends=("trade date", "transaction type"),
    ),
)
