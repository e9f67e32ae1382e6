"""iShares: `Fund Holdings as of,"Jul 18, 2025"` over `Ticker,Name,Sector,Asset Class,...`.

The answer for programs (`aaData`) holds the same columns without their names; see `structured`.
"""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("iShares", "ticker", "name", "asset class"),)
