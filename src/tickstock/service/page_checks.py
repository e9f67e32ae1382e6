"""Whether the pages answer: what they ask the database is asked, and nothing is kept of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tickstock.errors import TickStockError
from tickstock.store import jobs, schedules, system, tallies, universe_plans, universes, workers
from tickstock.store.bar_names import taken_names
from tickstock.store.connection import Connection
from tickstock.store.database import Database

NEWEST = 50

QUESTIONS: dict[str, Callable[[Connection, str], object]] = {
    "the list of universes": universes.list_universes,
    "the health of universes": lambda c, e: (universes.stored(c, e), universes.evaluated(c, e)),
    "the plan of organize": lambda c, e: (
        universe_plans.fetch_rows(c, e),
        universe_plans.fetch_facts(c, e),
        universe_plans.fetch_foreign(c, e),
    ),
    "the list of jobs": lambda c, _: tallies.by_state(
        c, [load.id for load in jobs.newest(c, NEWEST, None, "", None)]
    ),
    "schedules": schedules.known,
    "workers and sizes": lambda c, _: (
        workers.known(c),
        system.leases(c),
        system.budgets(c),
        system.sizes(c),
        system.load_states(c),
        system.call_states(c),
        taken_names(c),
    ),
}
"""What the pages ask, by what they show."""


def unanswered(database: Database, environment: str) -> Iterator[str]:
    """What the pages could not show, and why. A question that writes, such as a count that is kept,
    writes here too, and is undone."""
    for what, ask in QUESTIONS.items():
        try:
            with database.transaction() as connection, connection.transaction(force_rollback=True):
                ask(connection, environment)
        except TickStockError as e:
            yield f"{what}: {e.what}"
        except Exception as e:
            yield f"{what}: {type(e).__name__}: {e}"
