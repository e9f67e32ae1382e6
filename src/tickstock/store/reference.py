"""What comes with TickStock and is put into every new database: sessions, and known instruments."""

from __future__ import annotations

from tickstock.identity import identities, shipped_events
from tickstock.store.calendar import fill_sessions
from tickstock.store.connection import Connection
from tickstock.store.instruments import record_identities


def fill_reference(connection: Connection) -> None:
    """Bring the sessions, and what is known of renamed, reused and delisted tickers, to what this
    release knows; nothing when it is there already."""
    fill_sessions(connection)
    record_identities(connection, identities(shipped_events()), "shipped with tickstock")
