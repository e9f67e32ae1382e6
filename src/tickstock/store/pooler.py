"""Whether something stands between us and PostgreSQL that gives a session to several clients.

PgBouncer and its like tell a client of a process of the server's that is none, for they make up
what is needed to cancel. One that pools by sessions changes nothing for us. One that pools by
transactions gives each transaction any session of its pool, so that notifications get lost: what
waits for them looks from time to time instead, as slowly as after a broken connection.
"""

from __future__ import annotations

import enum
import secrets

import psycopg
from psycopg import sql

from tickstock.store.database import Database, translate
from tickstock.store.queries import load

QUERIES = load("listen.sql")
HEARD_SECONDS = 1.0
"""A notification that is not heard by then is lost."""


class Pooling(enum.StrEnum):
    """What stands between."""

    NONE = "none"
    SESSIONS = "sessions"
    TRANSACTIONS = "transactions"


def pooling(database: Database) -> Pooling:
    """What stands between us and the server. Raises what `translate` gives."""
    try:
        with _dial(database) as ears:
            row = ears.execute(QUERIES["backend"]).fetchone()
            if row == (ears.info.backend_pid,):
                return Pooling.NONE
            return Pooling.SESSIONS if _hears(database, ears) else Pooling.TRANSACTIONS
    except psycopg.Error as e:
        raise translate(e, database.safe_uri) from e


def _hears(database: Database, ears: psycopg.Connection) -> bool:
    """Whether what is notified in a session that is kept busy elsewhere gets to `ears`."""
    channel = f"tickstock_probe_{secrets.token_hex(8)}"
    ears.execute(sql.SQL(QUERIES["listen"]).format(channel=sql.Identifier(channel)))
    try:
        with _dial(database) as mouth:
            mouth.execute(QUERIES["notify"], {"channel": channel})
        return any(True for _ in ears.notifies(timeout=HEARD_SECONDS, stop_after=1))
    finally:
        ears.execute(QUERIES["stop_listening"])


def _dial(database: Database) -> psycopg.Connection:
    return psycopg.connect(database.conninfo, autocommit=True, prepare_threshold=None)
