"""What a person can ask of TickStock. The command line, the page, the bridge and Python use it.

with TickStock.open(read_settings()) as tick:
    plan = tick.loads.plan(tick.loads.request("etf_universe:core_etfs", duration="1d"))
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self

from tickstock.config import Settings
from tickstock.service.holdings import Holdings
from tickstock.service.jobs import Jobs
from tickstock.service.loads import Loads
from tickstock.service.universes import Universes
from tickstock.store.calendar import fill_sessions
from tickstock.store.database import Database


def utc_now() -> datetime:
    return datetime.now(UTC)


class TickStock:
    """One open installation: `universes`, `loads`, `jobs`, `holdings`.

    Safe to share between threads.
    """

    def __init__(
        self, settings: Settings, database: Database, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.settings = settings
        self.database = database
        self.universes = Universes(database, settings)
        self.loads = Loads(database, settings, self.universes, clock)
        self.jobs = Jobs(database, self.loads)
        self.holdings = Holdings(database, self.loads)

    @classmethod
    def open(cls, settings: Settings, *, application: str = "tickstock") -> Self:
        """Open the database of `settings` (starting the embedded one where none is named) and
        bring its schema up to date."""
        uri = settings.database_uri.get_secret_value() if settings.database_uri else None
        database = Database.open(
            uri,
            settings.home,
            application=application,
            after=fill_sessions,
        )
        return cls(settings, database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()
