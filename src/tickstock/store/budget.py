"""The vendor's call budget: one row, shared by all workers, by the database's clock."""

from __future__ import annotations

from datetime import timedelta

from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("budget.sql")
SOON = 0.001
"""Seconds to wait when the next grant has just become due."""
GRACE = timedelta(milliseconds=250)
"""So long a grant that is due waits for the most urgent of those who were told when it would be."""
LOOK = timedelta(milliseconds=20)
"""How often the others look whether it was fetched."""


def open_budget(connection: Connection, vendor: str) -> None:
    connection.execute(QUERIES["open"], {"vendor": vendor})


def take(
    connection: Connection,
    vendor: str,
    n: int,
    spacing: timedelta,
    tolerance: timedelta,
    priority: int = 0,
    following: int | None = None,
) -> float:
    """Take `n` grants, `spacing` apart, if the first of them is due and nobody of a higher
    `priority`, in whichever process, has lately been told to wait for it. For a moment the next one
    is then kept for who is of the priority `following`, or of a higher one.

    Answers the seconds since it was due, at most `tolerance`, as a number not above 0; or else,
    above 0, the seconds after which to ask again.
    """
    params = {"vendor": vendor, "n": n, "spacing": spacing, "tolerance": tolerance}
    params |= {"priority": priority, "following": following, "grace": GRACE, "look": LOOK}
    if row := connection.execute(QUERIES["take"], params).fetchone():
        return min(float(row[0]), 0.0)
    if row := connection.execute(QUERIES["wait"], params).fetchone():
        return max(float(row[0]), SOON)
    open_budget(connection, vendor)
    return SOON


def push_back(connection: Connection, vendor: str, delay: timedelta) -> None:
    """Nobody asks before `delay` is over."""
    open_budget(connection, vendor)  # a budget may be pushed back before anybody has taken from it
    connection.execute(QUERIES["push_back"], {"vendor": vendor, "delay": delay})
