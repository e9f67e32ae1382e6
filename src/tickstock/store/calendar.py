"""Sessions in the database: the shipped calendar as a table, and closures entered by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from tickstock.sessions import Calendar, shipped_calendar
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("calendar.sql")


@dataclass(frozen=True, slots=True)
class Closure:
    """A day closed by hand, and why."""

    day: date
    reason: str


def closures(connection: Connection) -> list[Closure]:
    """The days closed by hand, in order."""
    return rows.every(connection, Closure, QUERIES["closures"])


def read_calendar(connection: Connection) -> Calendar:
    """The shipped sessions without the days that were closed by hand."""
    closed = [closure.day for closure in closures(connection)]
    return shipped_calendar().with_closures(closed) if closed else shipped_calendar()


def add_closure(connection: Connection, day: date, reason: str) -> None:
    """Close a day at short notice, as on 9 January 2025."""
    connection.execute(QUERIES["add_closure"], {"day": day, "reason": reason})
    fill_sessions(connection)


def remove_closure(connection: Connection, day: date) -> bool:
    """Take back a closure; whether there was one."""
    found = connection.execute(QUERIES["remove_closure"], {"day": day}).rowcount > 0
    if found:
        fill_sessions(connection)
    return found


def fill_sessions(connection: Connection) -> None:
    """Bring the table of sessions to the calendar; nothing when it is there already."""
    calendar = read_calendar(connection)
    found = connection.execute(QUERIES["count"]).fetchone()
    edges = (calendar.day(0), calendar.day(len(calendar) - 1))
    if found == (len(calendar), *edges, int(calendar.closes.sum())):
        return
    connection.execute(QUERIES["clear"])
    connection.execute(
        QUERIES["fill"],
        {
            "days": calendar.days.tolist(),
            "opens": calendar.opens.tolist(),
            "closes": calendar.closes.tolist(),
        },
    )
