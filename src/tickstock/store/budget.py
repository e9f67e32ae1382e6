"""The vendor's call budget: one row, shared by all workers, by the database's clock."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg

from tickstock.store.queries import load

QUERIES = load("budget.sql")
Connection = psycopg.Connection[Any]


def open_budget(connection: Connection, vendor: str) -> None:
    connection.execute(QUERIES["open"], {"vendor": vendor})


def take(connection: Connection, vendor: str, n: int, spacing: timedelta) -> float:
    """Reserve `n` grants, `spacing` apart; answers the seconds until the first one."""
    params = {"vendor": vendor, "n": n, "spacing": spacing}
    row = connection.execute(QUERIES["take"], params).fetchone()
    if row is None:
        open_budget(connection, vendor)
        return take(connection, vendor, n, spacing)
    return max(float(row[0]), 0.0)


def push_back(connection: Connection, vendor: str, delay: timedelta) -> None:
    """Nobody asks before `delay` is over."""
    connection.execute(QUERIES["push_back"], {"vendor": vendor, "delay": delay})
