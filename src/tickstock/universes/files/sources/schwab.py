"""Charles Schwab: `Positions for account ...` over `Symbol,Description,...,Security Type`;
watchlists have the same first columns."""

from tickstock.universes.files.sources.base import positions

SOURCES = (
    positions("Schwab positions", "symbol", "description", "security type", kind="security type"),
    positions("Schwab positions", "symbol", "description", "asset type", kind="asset type"),
    positions("Schwab watchlist", "symbol", "description", "last price", "net change"),
)
