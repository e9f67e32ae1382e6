"""Global X: `% of Net Assets,Ticker,Name,SEDOL,...` under the fund's name and day. Foreign
tickers are written as Bloomberg does (`2899 HK`)."""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("Global X", "% of net assets", "ticker", "name", "sedol"),)
