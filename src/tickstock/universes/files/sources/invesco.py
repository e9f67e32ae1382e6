"""Invesco: `Fund Ticker,Security Identifier,Holding Ticker,Shares/Par Value,...`, one row a
holding."""

from tickstock.universes.files.sources.base import holdings

SOURCES = (holdings("Invesco", "fund ticker", "holding ticker"),)
