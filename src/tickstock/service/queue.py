"""The way work is handed to workers: one job a load, put into PostgreSQL with the load itself.

The queue (procrastinate) wakes workers and orders loads; whether a call is done is the ledger's
to say, never the queue's.
"""

from __future__ import annotations

import functools
import uuid
from datetime import timedelta
from typing import Any

import psycopg
from procrastinate import App, SyncPsycopgConnector

DRAIN = "tickstock.drain"
SILENCE = timedelta(seconds=30)
"""A queue worker that was not heard of for so long is gone (it beats every ten seconds)."""


def queue_of(vendor: str) -> str:
    """The queue for loads of `vendor`: a worker serves one vendor alone. Without the folder of
    `replay:FOLDER`, as PostgreSQL's notification channels have short names."""
    return f"loads-{vendor.partition(':')[0]}"


@functools.cache
def queue_app() -> App:
    """The queue's tasks without a connection: for deferring on one of ours."""
    return App(connector=SyncPsycopgConnector())


def defer_drain(
    connection: psycopg.Connection[Any], load_id: uuid.UUID, vendor: str, priority: int
) -> None:
    """Ask a worker of `vendor` to drain this load, in the transaction of `connection`."""
    queue = queue_of(vendor)
    task = queue_app().configure_task(
        DRAIN, queue=queue, priority=priority, connection=connection, allow_unknown=True
    )
    task.defer(load_id=str(load_id))
