"""E*TRADE: `Account Summary` over `Symbol,Last Price $,...,Qty #,Price Paid $,...`; CASH and
TOTAL last."""

from tickstock.universes.files.sources.base import positions

SOURCES = (positions("E*TRADE positions", "symbol", "qty #", "price paid $"),)
