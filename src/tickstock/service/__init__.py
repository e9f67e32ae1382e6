"""What a person can ask of TickStock. The command line, the page, the bridge and Python use it.

with TickStock.open(read_settings()) as tick:
    plan = tick.loads.plan(tick.loads.request("etf_universe:core_etfs", duration="1d"))
"""

from __future__ import annotations

from typing import Self

import structlog

from tickstock.clock import Clock, is_set, utc_now
from tickstock.config import Settings
from tickstock.logs import leave_to_logging
from tickstock.service.actions import Actions
from tickstock.service.charts import Charts
from tickstock.service.edits import Edits
from tickstock.service.export import Exports
from tickstock.service.history import Histories
from tickstock.service.holdings import Holdings
from tickstock.service.imports import Imports
from tickstock.service.jobs import Jobs
from tickstock.service.loads import Loads
from tickstock.service.missing import Missing
from tickstock.service.plans import Plans
from tickstock.service.schedules import Schedules
from tickstock.service.sessions import Sessions
from tickstock.service.steering import Steering
from tickstock.service.universes import Universes
from tickstock.service.verify import Verify
from tickstock.store.database import Database
from tickstock.store.migrate import refuse_unasked
from tickstock.store.reference import fill_reference

log = structlog.get_logger("tickstock.service")


class TickStock:
    """One open installation: `universes`, `edits`, `history`, `sessions`, `actions`, `loads`,
    `steering`, `schedules`, `jobs`, `plans`, `missing`, `holdings`, `charts`, `exports`, `imports`,
    `verify`.

    `clock` says which day it is; what is kept is dated by the database's. Safe to share between
    threads.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.universes = Universes(database, settings, clock)
        self.edits = Edits(database, settings)
        self.history = Histories(database, settings)
        self.sessions = Sessions(database)
        self.actions = Actions(database, settings.vendor, clock)
        self.loads = Loads(database, settings, self.universes, self.actions, clock)
        self.steering = Steering(database, settings, self.loads)
        self.schedules = Schedules(database, settings, self.loads, clock)
        self.jobs = Jobs(database, self.universes, self.loads)
        self.holdings = Holdings(database, self.loads, clock)
        self.missing = Missing(database, self.loads, clock)
        self.charts = Charts(self.holdings, self.missing, self.actions, self.loads)
        self.plans = Plans(database, settings, self.loads, clock)
        self.exports = Exports(database, settings.environment, self.holdings)
        self.imports = Imports(database, settings, self.universes, clock)
        self.verify = Verify(database, clock)

    @classmethod
    def open(cls, settings: Settings, *, application: str = "tickstock") -> Self:
        """Open the database of `settings`, starting the embedded one where none is named.

        The schema of an embedded or empty database is brought up to date. A server's database
        that is in use is not changed unasked: DatabaseRefused says what to do.
        """
        leave_to_logging()
        if is_set():
            log.warning("the clock was set, for tests", now=utc_now().isoformat())
        uri = settings.database_uri.get_secret_value() if settings.database_uri else None
        database = Database.open(uri, settings.home, application=application, migrate=False)
        try:
            if uri:
                with database.transaction() as connection:
                    refuse_unasked(connection, database.safe_uri)
            database.migrate(after=fill_reference)
        except BaseException:
            database.close()
            raise
        return cls(settings, database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()
