"""`tickstock bridge`."""

from __future__ import annotations

from typing import Any

from tickstock.cli.output import Common, talk
from tickstock.cli.session import open_tick
from tickstock.errors import BadSetting


def bridge(*, common: Common = Common()) -> int:
    """Serve clients that speak Redis.

    Until told to stop (Ctrl-C or SIGTERM); any number may run. Jobs are worked on by
    `tickstock worker`, here or on another machine.
    """
    import asyncio

    from tickstock.bridge import Bridge, open_redis
    from tickstock.extras import need
    from tickstock.worker.run import stop_on_signals

    redis_error = need("redis.exceptions").RedisError

    async def said(redis: Any) -> str:
        try:
            await redis.ping()
        except redis_error as e:
            return f"Redis is not there yet ({e}); it is tried again until it is."
        return "Redis is there."

    with open_tick(common) as tick:
        if tick.settings.redis_url is None:
            raise BadSetting(
                "No Redis is named.", "Set REDIS_URL, or REDIS_HOST and REDIS_PORT, and try again."
            )
        redis = open_redis(tick.settings.redis_url.get_secret_value())

        async def serve() -> None:
            running = Bridge(tick, redis)
            stop_on_signals(running.stop)
            talk(f"{await said(redis)} Ctrl-C ends the bridge.")
            await running.run()
            await redis.aclose()

        asyncio.run(serve())
    return 0
