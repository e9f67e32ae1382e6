"""The tasks that the job engine hands to workers, put into PostgreSQL with what they are about.

A task is a slice of a job: somebody works on it for a while and puts the next one at the end of
the queue. So the engine's order is the turn of jobs over all machines. Whether a call is done is
the ledger's to say, never the engine's.
"""

from __future__ import annotations

import functools
import hashlib
import uuid
from datetime import timedelta

from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued

from tickstock.store.connection import Connection
from tickstock.store.moment import database_now

DRAIN = "tickstock.drain"
"""A slice of a job. Queries in `store/tasks.sql` name it too."""


def queue_of(vendor: str) -> str:
    """The queue for jobs of `vendor`: a worker serves one vendor alone. A folder is named by its
    hash, as PostgreSQL's notification channels have short names."""
    name, _, folder = vendor.partition(":")
    return f"loads-{name}-{_short(folder)}" if folder else f"loads-{name}"


def schedules_queue_of(vendor: str, environment: str) -> str:
    """The queue in which workers of one vendor and environment are told to look at schedules."""
    return f"schedules-{_short(f'{vendor} {environment}')}"


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@functools.cache
def queue_app() -> App:
    """The engine without a connection: for adding tasks on one of ours."""
    return App(connector=SyncPsycopgConnector())


def defer_drain(
    connection: Connection,
    load_id: uuid.UUID,
    vendor: str,
    priority: int,
    wait: float = 0.0,
) -> bool:
    """Have a worker of `vendor` do a slice of this job, in `wait` seconds at the earliest, in the
    transaction of `connection`. False when such a task waits already: one is enough."""
    at = database_now(connection) + timedelta(seconds=wait) if wait else None
    task = queue_app().configure_task(
        DRAIN, queue=queue_of(vendor), priority=priority, queueing_lock=str(load_id),
        schedule_at=at, connection=connection, allow_unknown=True,
    )  # fmt: skip
    try:
        with connection.transaction():
            task.defer(load_id=str(load_id))
    except AlreadyEnqueued:
        return False
    return True
