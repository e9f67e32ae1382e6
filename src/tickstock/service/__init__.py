"""What a person can ask of TickStock. The command line, the page, the bridge and Python use it.

with TickStock.open(read_settings()) as tick:
    plan = tick.plans.make(tick.requests.resolve("etf_universe:core_etfs", duration="1d"))
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

import structlog

from tickstock.clock import Clock, is_set, utc_now
from tickstock.config import Settings
from tickstock.logs import leave_to_logging
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.migrate import refuse_unasked

if TYPE_CHECKING:
    from tickstock.service.account import AccountView
    from tickstock.service.actions import Actions
    from tickstock.service.bar_folder import BarFolder
    from tickstock.service.builds import Builds
    from tickstock.service.charts import Charts
    from tickstock.service.client_jobs import ClientJobs
    from tickstock.service.dates import Dates
    from tickstock.service.edits import Edits
    from tickstock.service.export import Exports
    from tickstock.service.grids import Grids
    from tickstock.service.history import Histories
    from tickstock.service.holdings import Holdings
    from tickstock.service.house import Houses
    from tickstock.service.imports import Imports
    from tickstock.service.jobs import Jobs
    from tickstock.service.lake import Lake
    from tickstock.service.listings import Listings
    from tickstock.service.missing import Missing
    from tickstock.service.plans import Plans
    from tickstock.service.receipts import Receipts
    from tickstock.service.renames import Renames
    from tickstock.service.requests import Requests
    from tickstock.service.schedules import Schedules
    from tickstock.service.sealed_months import SealedMonths
    from tickstock.service.sessions import Sessions
    from tickstock.service.steering import Steering
    from tickstock.service.universes import Universes
    from tickstock.service.verdicts import Verdicts
    from tickstock.service.verify import Verify
    from tickstock.store.bar_files import BarFiles

log = structlog.get_logger("tickstock.service")


class TickStock:
    """One open installation: `universes`, `edits`, `history`, `builds`, `imports`; `dates`,
    `sessions`; `requests`, `plans`, `jobs`, `client_jobs`, `steering`, `verdicts`, `schedules`;
    `holdings`, `receipts`, `house`, `missing`, `charts`, `actions`, `exports`, `verify`;
    `bar_files`, `sealed_months`, `lake`, `account`.

    `clock` says which day it is; what is kept is dated by the database's. Safe to share between
    threads.
    """

    def __init__(self, settings: Settings, database: Database, clock: Clock = utc_now) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock

    # Each is imported when first asked for: a command uses two of them.

    def _files(self) -> BarFiles | None:
        """Asked for where a rule wants bars: most questions about universes do without."""
        return self.bar_files.readable

    @cached_property
    def universes(self) -> Universes:
        from tickstock.service.universes import Universes

        return Universes(self.database, self.settings, self.clock, self._files)

    @cached_property
    def edits(self) -> Edits:
        from tickstock.service.edits import Edits

        return Edits(self.database, self.settings)

    @cached_property
    def history(self) -> Histories:
        from tickstock.service.history import Histories

        return Histories(self.database, self.settings, self._files)

    @cached_property
    def builds(self) -> Builds:
        from tickstock.service.builds import Builds

        return Builds(self.database, self.settings, self.clock, self.bar_files.readable)

    @cached_property
    def listings(self) -> Listings:
        from tickstock.service.listings import Listings

        return Listings(self.database)

    @cached_property
    def renames(self) -> Renames:
        from tickstock.service.renames import Renames

        return Renames(self.database, self.settings, self.clock)

    @cached_property
    def sessions(self) -> Sessions:
        from tickstock.service.sessions import Sessions

        return Sessions(self.database)

    @cached_property
    def actions(self) -> Actions:
        from tickstock.service.actions import Actions

        return Actions(self.database, self.settings.vendor, self.clock)

    @cached_property
    def dates(self) -> Dates:
        from tickstock.service.dates import Dates

        return Dates(self.database, self.settings, self.clock)

    @cached_property
    def _grids(self) -> Grids:
        from tickstock.service.grids import Grids

        return Grids(self.dates, self.settings, self.clock)

    @cached_property
    def house(self) -> Houses:
        from tickstock.service.house import Houses

        return Houses(self.database, self.settings, self.dates, self._grids, self.clock)

    @cached_property
    def requests(self) -> Requests:
        from tickstock.service.requests import Requests

        return Requests(self.universes, self.dates)

    @cached_property
    def plans(self) -> Plans:
        from tickstock.service.plans import Plans

        return Plans(
            self.database, self.settings, self.requests, self._grids, self.dates, self.clock
        )

    @cached_property
    def verdicts(self) -> Verdicts:
        from tickstock.service.verdicts import Verdicts

        return Verdicts(self.database, self._grids, self.clock)

    @cached_property
    def jobs(self) -> Jobs:
        from tickstock.service.jobs import Jobs

        return Jobs(self.database, self.settings, self.plans, self.actions, self.verdicts)

    @cached_property
    def client_jobs(self) -> ClientJobs:
        from tickstock.service.client_jobs import ClientJobs

        return ClientJobs(self.database)

    @cached_property
    def steering(self) -> Steering:
        from tickstock.service.steering import Steering

        return Steering(self.database, self.settings, self.plans, self.jobs)

    @cached_property
    def schedules(self) -> Schedules:
        from tickstock.service.schedules import Schedules

        return Schedules(
            self.database,
            self.settings,
            self.dates,
            self.requests,
            self.plans,
            self.jobs,
            self.clock,
        )

    @cached_property
    def holdings(self) -> Holdings:
        from tickstock.service.holdings import Holdings

        return Holdings(self.database, self.dates, self._grids, self.clock, self.bar_files.readable)

    @cached_property
    def bar_files(self) -> BarFolder:
        from tickstock.service.bar_folder import BarFolder

        return BarFolder(self.database, self.settings)

    @cached_property
    def sealed_months(self) -> SealedMonths:
        from tickstock.service.sealed_months import SealedMonths

        return SealedMonths(self.database, self.clock)

    @cached_property
    def lake(self) -> Lake:
        from tickstock.service.lake import Lake

        return Lake(self.database, self.settings, self.bar_files.readable)

    @cached_property
    def receipts(self) -> Receipts:
        from tickstock.service.receipts import Receipts

        return Receipts(self.database, self.requests, self.holdings, self.history, self.clock)

    @cached_property
    def missing(self) -> Missing:
        from tickstock.service.missing import Missing

        return Missing(self.database, self._grids, self.dates, self.clock)

    @cached_property
    def charts(self) -> Charts:
        from tickstock.service.charts import Charts

        return Charts(self.holdings, self.missing, self.actions, self.dates)

    @cached_property
    def exports(self) -> Exports:
        from tickstock.service.export import Exports

        return Exports(self.database, self.settings.environment, self.holdings)

    @cached_property
    def imports(self) -> Imports:
        from tickstock.service.imports import Imports

        return Imports(self.database, self.settings, self.universes, self.clock)

    @cached_property
    def account(self) -> AccountView:
        from tickstock.service.account import AccountView

        return AccountView(self.database, self.settings, self.clock)

    @cached_property
    def verify(self) -> Verify:
        from tickstock.service.verify import Verify

        return Verify(self.database, self.clock)

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
        database = Database.open(
            uri,
            settings.home,
            application=application,
            migrate=False,
            sealed_files=settings.sealed_where,
        )
        try:
            if uri:
                with database.transaction() as connection:
                    refuse_unasked(connection, database.safe_uri)
            database.migrate(after=_fill_reference)
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


def _fill_reference(connection: Connection) -> None:
    from tickstock.store.reference import fill_reference

    fill_reference(connection)
