"""The way work is handed to workers: one job a load, put into PostgreSQL with the load itself.

The queue (procrastinate) wakes workers and orders loads; whether a call is done is the ledger's
to say, never the queue's.
"""

from __future__ import annotations

import functools
import uuid
from typing import Any

import psycopg
from procrastinate import App, SyncPsycopgConnector

QUEUE = "loads"
DRAIN = "tickstock.drain"


@functools.cache
def queue_app() -> App:
    """The queue's tasks without a connection: for deferring on one of ours."""
    return App(connector=SyncPsycopgConnector())


def defer_drain(connection: psycopg.Connection[Any], load_id: uuid.UUID, priority: int) -> None:
    """Ask a worker to drain this load, in the transaction of `connection`."""
    task = queue_app().configure_task(
        DRAIN, queue=QUEUE, priority=priority, connection=connection, allow_unknown=True
    )
    task.defer(load_id=str(load_id))
