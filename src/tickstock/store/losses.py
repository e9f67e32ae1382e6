"""Which workers died or lost their lease with what."""

from __future__ import annotations

import uuid
from datetime import timedelta

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("losses.sql")
SILENCE = timedelta(seconds=20)
"""A worker that the engine has not heard of for so long is gone (it beats every five seconds)."""


def beside(
    connection: Connection,
    load_id: uuid.UUID,
    call_id: int | None,
    worker: str,
) -> int:
    """How many workers were lost without this call since the first one was lost with it, the last
    one being `worker`; without a call, of the splits and dividends of a job."""
    params = {"load_id": load_id, "call_id": call_id, "worker": worker, "silence": SILENCE}
    return int(rows.scalar(connection, QUERIES["beside"], params))
