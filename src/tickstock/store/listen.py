"""Notifications of the database. They only nudge: what has changed is read again, by a query."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import psycopg
from psycopg import AsyncConnection, sql

from tickstock.outages import DATABASE, OUTAGES
from tickstock.store.database import translate_and_log
from tickstock.store.queries import load

QUERIES = load("listen.sql")
UNIVERSE = "tickstock_universe"
"""Something changed in a universe, by whomever; the payload names it, or is empty for all."""
LOAD = "tickstock_load"
"""A job was submitted, cancelled, opened again, or has ended; the payload is its id."""


PULSE = "pulse"
"""What a listener is told, as a channel, when the database has just answered."""


async def notifications(
    conninfo: str, channels: Sequence[str], pulse: float | None = None
) -> AsyncIterator[tuple[str, str]]:
    """Channel and payload of every notification from now on, over a connection of its own.

    First comes `("", "")` when the connection stands: something may have been missed before. With
    `pulse` the database is asked for a sign of life every so many seconds, and each is told:
    a server that is frozen, or behind a cut cable, breaks no connection.
    Raises DatabaseUnavailable, or what else `translate` makes of it, when the connection cannot be
    made, or breaks.
    """
    try:
        connection = await AsyncConnection.connect(
            conninfo, autocommit=True, prepare_threshold=None
        )
        async with connection:
            for channel in channels:
                query = sql.SQL(QUERIES["listen"]).format(channel=sql.Identifier(channel))
                await connection.execute(query)
            OUTAGES.back(DATABASE)
            yield "", ""
            while True:
                async for found in connection.notifies(timeout=pulse):
                    yield found.channel, found.payload
                await connection.execute(QUERIES["pulse"])
                yield PULSE, ""
    except psycopg.Error as e:
        raise translate_and_log(e) from e
