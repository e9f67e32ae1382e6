"""Clients for Redis that notice when the other side is gone, and the names that are used there."""

from __future__ import annotations

import asyncio
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tickstock.errors import BadSetting
from tickstock.outages import OUTAGES, REDIS

JOBS = "tickstock.jobs.data_load"
"""The channel on which jobs are published, and the stream to which they may be added instead."""
CONTROL = "tickstock.jobs.control"
STATUS = "tickstock.jobs.status"
UNIVERSES = "tickstock.universe.updated"
SECONDS = 5.0
"""A command that is not answered within this time has failed: the connection may be half open."""
LOOK_SECONDS = 1.0
"""How often it is asked whether it is back."""
_WHERE = ("host", "port", "path", "db", "username", "password", "credential_provider")


def status_keys(job_id: str) -> tuple[str, str]:
    """The key of a job's status, and the older one."""
    return f"tickstock.jobs.status:{job_id}", f"job:status:{job_id}"


def open_redis(url: str) -> Redis:
    """A client for `redis://`, `rediss://` or `unix://`; connects when it is first used.

    Raises BadSetting for anything else, without showing it: there may be a password inside.
    """
    try:
        client = Redis.from_url(url, **_options())
    except (ValueError, TypeError):
        raise BadSetting(
            "REDIS_URL is not an address that Redis can be found at.",
            "Write it as redis://USER:PASSWORD@HOST:PORT/0, with %40 for an @ in a password.",
        ) from None
    # Options in the address win over ours; but messages are bytes here, whatever it says.
    client.connection_pool.connection_kwargs["decode_responses"] = False
    return client


def open_like(client: Any) -> Redis:
    """A client of ours for the server of another client, sync or async."""
    pool = client.connection_pool
    given = pool.connection_kwargs
    where = {k: v for k, v in given.items() if k in _WHERE or (k.startswith("ssl_") and v)}
    kind = _kind(pool.connection_class.__name__)
    return Redis.from_pool(ConnectionPool(connection_class=kind, **where, **_options()))


async def watch(redis: Redis) -> None:
    """See when Redis is back, of which nobody may have heard: those that wait for messages do not
    ask. Raises a RedisError while it is away."""
    while True:
        if OUTAGES.is_away(REDIS):
            await redis.ping()
            OUTAGES.back(REDIS)
        await asyncio.sleep(LOOK_SECONDS)


def is_away(thing: object) -> bool:
    """Whether it is a sign that Redis is away."""
    return isinstance(thing, RedisConnectionError | RedisTimeoutError)


def _kind(name: str) -> type[AbstractConnection]:
    if "Unix" in name:
        return UnixDomainSocketConnection
    return SSLConnection if "SSL" in name else Connection


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": SECONDS,
        "socket_connect_timeout": SECONDS,
        "retry": Retry(NoBackoff(), 1),  # one more try: a kept connection may be a dead one
        "protocol": 2,  # servers before 6 know no other, and nothing here needs another
        "decode_responses": False,
        "client_name": "tickstock-bridge",
    }
