"""Fidelity: positions of all accounts, `Account Number,Account Name,Symbol,Description,...`,
legal text last. A money market fund has two asterisks, an option is ` -PEP270115C160`; the column
Type says cash or margin, and nothing of what is held."""

from tickstock.universes.files.sources.base import positions

SOURCES = (
    positions("Fidelity positions", "account number", "symbol", "description", "last price change"),
    positions("Fidelity positions", "account name number", "symbol", "description"),
    positions("Fidelity watchlist", "symbol", "company name", "last price", "today s gain loss"),
)
