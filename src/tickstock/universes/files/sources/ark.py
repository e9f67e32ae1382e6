"""ARK: `date,fund,company,ticker,cusip,shares,...`, one row a holding, a legal text last."""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("ARK", "date", "fund", "company", "ticker", "cusip"),)
