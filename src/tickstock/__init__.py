"""Named universes of symbols in PostgreSQL, and their price history kept complete."""

__version__ = "0.1.0"
