"""The door that programs written for the job handler of old know: `DataLoadJobHandler`."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import msgspec

from tickstock.bridge.connect import open_like
from tickstock.bridge.intake import store
from tickstock.bridge.messages import read_job
from tickstock.bridge.run import Bridge
from tickstock.config import Settings, read_settings
from tickstock.service import TickStock
from tickstock.worker.run import Worker


class DataLoadJobHandler:
    """Listens for jobs on the server of `redis_client` and loads them: a bridge and a worker.

    Any number may run, beside bridges and workers. Without settings they are read; the database
    is opened when it is first needed and closed by `stop` or `close`.
    """

    def __init__(self, redis_client: Any, settings: Settings | None = None) -> None:
        """`redis_client`: sync or async; only its address is used, it stays yours to close."""
        self.redis_client = redis_client
        self._settings = settings or read_settings()
        self._tick: TickStock | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wanted = True

    # -- running -----------------------------------------------------------------------------
    def run(self) -> None:
        """Serve in this thread until `stop` is called in another."""
        asyncio.run(self._serve())

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._wanted = True
        self._thread = threading.Thread(target=self.run, name="data-load-jobs", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End gracefully: what was heard is durable, and calls in flight are handed back."""
        with self._lock:
            self._wanted = False
            if self._loop is not None and self._stop is not None:
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self.close()

    def close(self) -> None:
        """Close the database, if it was opened here."""
        with self._lock:
            opened, self._tick = self._tick, None
        if opened is not None:
            opened.close()

    async def _serve(self) -> None:
        tick = self._opened()
        redis = open_like(self.redis_client)
        bridge, worker = Bridge(tick, redis), Worker(tick)
        with self._lock:
            self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
            if not self._wanted:
                self._stop.set()
        try:
            await _until(self._stop, bridge, worker)
        finally:
            with self._lock:
                self._loop = self._stop = None
            await redis.aclose()

    def _opened(self) -> TickStock:
        with self._lock:
            if self._tick is None:
                self._tick = TickStock.open(self._settings)
            return self._tick

    # -- what the handler of old did by itself -------------------------------------------------
    def _load_symbols_from_cache(self, universe_type: str, universe_key: str) -> list[str]:
        """The symbols of a stored universe.

        Raises UnknownUniverse and MalformedUniverse (both ValueErrors), EmptyUniverse,
        DatabaseUnavailable.
        """
        return list(self._opened().universes.members(f"{universe_type}:{universe_key}"))

    def _execute_csv_universe_load(self, job: dict[str, Any]) -> None:
        """Make one `csv_universe_load` durable, as if it had come as a message.

        Whether it can be followed is told by its status, as for every job. Raises
        DatabaseUnavailable.
        """
        message = {"job_type": "csv_universe_load"} | job
        store(self._opened(), read_job(msgspec.json.encode(message)))


async def _until(stop: asyncio.Event, bridge: Bridge, worker: Worker) -> None:
    """Run both until `stop` is set, or one of them ends by an error, which is raised."""
    parts = [
        asyncio.create_task(bridge.run(), name="bridge"),
        asyncio.create_task(worker.run(), name="worker"),
    ]
    stopped = asyncio.create_task(stop.wait(), name="handler: stop")
    await asyncio.wait([stopped, *parts], return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    bridge.stop()
    worker.stop()
    await asyncio.gather(*parts)
