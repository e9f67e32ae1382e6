"""What the proof on a server asks a scratch database."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.store.database import Database
from tickstock.store.queries import load

QUERIES = load("prove.sql")


@dataclass(frozen=True, slots=True)
class Ended:
    """Loads, how they ended, and the bars that they left."""

    jobs: int
    completed: int
    open: int
    bars: int = 0
    digest: str = ""


def jobs(database: Database) -> Ended:
    """How far the jobs are."""
    with database.transaction() as connection:
        row = connection.execute(QUERIES["ended"]).fetchone()
    return Ended(*(row or (0, 0, 0)))


def outcome(database: Database) -> Ended:
    """How the jobs ended, and what they left."""
    found = jobs(database)
    with database.transaction() as connection:
        row = connection.execute(QUERIES["bars"]).fetchone()
    return Ended(found.jobs, found.completed, found.open, *(row or (0, "")))


def faults(database: Database, most: int) -> list[str]:
    """What jobs say that ended otherwise than completed."""
    with database.transaction() as connection:
        return [said for (said,) in connection.execute(QUERIES["faults"], {"most": most})]


def cut(database: Database) -> int:
    """End the sessions of all others in this database; how many there were."""
    with database.transaction() as connection:
        row = connection.execute(QUERIES["cut"]).fetchone()
    return row[0] if row else 0
