"""State Street: a workbook with `Name,Ticker,Identifier,SEDOL,Weight,Sector,Shares Held,...`."""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("State Street", "name", "ticker", "identifier", "sedol"),)
