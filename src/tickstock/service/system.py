"""How the installation is doing: workers, budget, database, schema. For people to look at."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.config import Settings
from tickstock.store import migrate, system
from tickstock.store.database import Database
from tickstock.store.system import BudgetRow, LeaseRow, Sizes

ALIVE_SECONDS = 30.0
"""A worker process that was heard of within this time is alive (it beats every ten seconds)."""


@dataclass(frozen=True, slots=True)
class System:
    """`heartbeats`: seconds since each worker process was last heard of, the latest first."""

    heartbeats: tuple[float, ...]
    leases: tuple[LeaseRow, ...]
    budgets: tuple[BudgetRow, ...]
    sizes: Sizes
    address: str
    server: str
    steps: tuple[str, ...]
    pending: tuple[str, ...]
    vendor: str
    environment: str
    calls_per_minute: float

    @property
    def alive(self) -> int:
        """How many worker processes are alive."""
        return sum(seconds < ALIVE_SECONDS for seconds in self.heartbeats)


def look(database: Database, settings: Settings) -> System:
    """Everything, from one transaction. Raises what the database raises."""
    with database.transaction() as connection:
        schema = migrate.status(connection)
        version = connection.info.server_version
        where = "embedded" if database.server else "DATABASE_URI"
        return System(
            tuple(system.heartbeats(connection)),
            tuple(system.leases(connection)),
            tuple(system.budgets(connection)),
            system.sizes(connection),
            database.safe_uri,
            f"PostgreSQL {version // 10000}.{version % 10000} ({where})",
            tuple(f"{a.part} {a.version} {a.name}" for a in schema.applied if a.part == "tickstock"),
            tuple(str(step) for step in schema.pending),
            settings.vendor,
            settings.environment,
            settings.massive_calls_per_minute if settings.vendor == "massive" else 0.0,
        )


def workers_alive(database: Database) -> int:
    """How many worker processes were heard of just now."""
    with database.transaction() as connection:
        return sum(seconds < ALIVE_SECONDS for seconds in system.heartbeats(connection))
