"""What a person can ask of TickStock. The command line, the page, the bridge and Python use it.

with TickStock.open(read_settings()) as tick:
    plan = tick.plans.make(tick.requests.resolve("etf_universe:core_etfs", duration="1d"))
"""

from __future__ import annotations

from typing import Self

import structlog

from tickstock.clock import Clock, is_set, utc_now
from tickstock.config import Settings
from tickstock.logs import leave_to_logging
from tickstock.service.actions import Actions
from tickstock.service.charts import Charts
from tickstock.service.client_jobs import ClientJobs
from tickstock.service.dates import Dates
from tickstock.service.edits import Edits
from tickstock.service.export import Exports
from tickstock.service.grids import Grids
from tickstock.service.history import Histories
from tickstock.service.holdings import Holdings
from tickstock.service.imports import Imports
from tickstock.service.jobs import Jobs
from tickstock.service.missing import Missing
from tickstock.service.plans import Plans
from tickstock.service.requests import Requests
from tickstock.service.schedules import Schedules
from tickstock.service.sessions import Sessions
from tickstock.service.steering import Steering
from tickstock.service.universes import Universes
from tickstock.service.verdicts import Verdicts
from tickstock.service.verify import Verify
from tickstock.store.database import Database
from tickstock.store.migrate import refuse_unasked
from tickstock.store.reference import fill_reference

log = structlog.get_logger("tickstock.service")


class TickStock:
    """One open installation: `universes`, `edits`, `history`, `imports`; `dates`, `sessions`;
    `requests`, `plans`, `jobs`, `client_jobs`, `steering`, `verdicts`, `schedules`; `holdings`,
    `missing`, `charts`, `actions`, `exports`, `verify`.

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
        self.dates = dates = Dates(database, settings, clock)
        grids = Grids(dates, clock)
        self.requests = Requests(self.universes, dates)
        self.plans = Plans(database, settings, self.requests, grids, dates, clock)
        self.verdicts = Verdicts(database, grids, clock)
        self.jobs = Jobs(database, settings, self.plans, self.actions, self.verdicts)
        self.client_jobs = ClientJobs(database, self.jobs)
        self.steering = Steering(database, settings, self.plans, self.jobs)
        self.schedules = Schedules(
            database, settings, dates, self.requests, self.plans, self.jobs, clock
        )
        self.holdings = Holdings(database, dates, grids, clock)
        self.missing = Missing(database, grids, clock)
        self.charts = Charts(self.holdings, self.missing, self.actions, dates)
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
