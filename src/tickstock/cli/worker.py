"""`tickstock worker`."""

from __future__ import annotations

from tickstock.cli.output import Common, talk
from tickstock.cli.session import open_tick


def worker(*, common: Common = Common()) -> int:
    """Drain jobs until told to stop.

    By Ctrl-C or SIGTERM. Any number may run, on any machine.
    """
    import asyncio

    from tickstock.worker.run import Worker, configured_source, stop_on_signals

    with open_tick(common) as tick:
        configured_source(tick, ())

        async def serve() -> None:
            running = Worker(tick)
            stop_on_signals(running.stop)
            talk(f"Worker {running.name} waits for jobs of {tick.settings.vendor}. Ctrl-C ends it.")
            await running.run()

        asyncio.run(serve())
    return 0
