"""What the account at the vendor includes, as its refusals have told."""

from __future__ import annotations

from tickstock.clock import Clock
from tickstock.config import Settings
from tickstock.loading.account import STANDS, AccountLimits
from tickstock.service.vendor import account_of
from tickstock.store import account_limits, ticker_events
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.moment import database_now
from tickstock.store.ticker_events import EventsRefused


class AccountView:
    """Shows what is known of the account of the settings, and forgets it."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    def limits(self) -> AccountLimits:
        """What is known, and stands."""
        with self._database.transaction() as connection:
            return standing_limits(connection, self._settings, self._clock)

    def events_refused(self) -> EventsRefused | None:
        """Whether the account is known to be refused ticker events."""
        with self._database.transaction() as connection:
            since = database_now(connection) - STANDS
            return ticker_events.refused(connection, account_of(self._settings), since)

    def forget(self) -> int:
        """Have the next job ask again; how many limits were known."""
        with self._database.transaction() as connection:
            of_events = ticker_events.forget_refusals(connection, self._settings.vendor)
            return of_events + account_limits.forget(connection, self._settings.vendor)


def standing_limits(connection: Connection, settings: Settings, clock: Clock) -> AccountLimits:
    """What is known of the account of the settings, and stands."""
    now = clock()
    found = account_limits.known(connection, account_of(settings))
    return tuple(limit for limit in found if limit.stands(now))
