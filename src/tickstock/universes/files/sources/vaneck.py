"""VanEck: `Number,Ticker,Holding Name,Identifier (FIGI),Shares,Asset Class,...`. Tickers carry the
market (`NVDA US`), cash is `-USD CASH-`."""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("VanEck", "ticker", "holding name", "identifier figi"),)
