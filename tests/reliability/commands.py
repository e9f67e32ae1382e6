"""The long-running commands, each a process of its own, and people who look at the page."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cli_run import Shell
from tests.redis_fixtures import RedisServer
from tests.reliability.test_outages import House

PARTS = ("worker", "serve", "bridge")


class Process:
    """A command that runs until it is told to stop, with a home and a log of its own."""

    def __init__(self, settings: dict[str, str], home: Path, *command: str) -> None:
        self.shell = Shell(home, settings)
        self.running = self.shell.start(*command)

    def lines(self, since: datetime | None = None) -> list[dict[str, Any]]:
        file = self.shell.home / "logs" / "tickstock.log"
        text = file.read_text("utf-8") if file.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        return [x for x in found if since is None or moment(x) >= since]


def settings(made: House, redis: RedisServer, **more: str) -> dict[str, str]:
    return {
        "DATABASE_URI": made.uri,
        "REDIS_URL": redis.url,
        "TICKSTOCK_VENDOR": "replay",
        "MASSIVE_CALLS_PER_MINUTE": "120",
        "TICKSTOCK_LEASE_SECONDS": "3",
    } | more


def moment(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


@contextmanager
def processes(settings: dict[str, str], folder: Path) -> Iterator[dict[str, Process]]:
    """The three, each with a home of its own."""
    started: dict[str, Process] = {}
    try:
        for name in PARTS:
            home = folder / name
            home.mkdir()
            more = ("--port", "0") if name == "serve" else ()
            started[name] = Process(settings, home, name, *more)
        yield started
    finally:
        for one in started.values():
            one.running.kill()
            one.running.communicate()


@contextmanager
def visitors(page: Process, count: int, pause: float = 0.05) -> Iterator[list[int]]:
    """People who ask the page for what it needs the database for; gives the answers' statuses."""
    assert page.running.stdout is not None
    link = page.running.stdout.readline().strip()
    host, _, path = link.removeprefix("http://").partition("/")
    kept = http.client.HTTPConnection(host, timeout=20)
    kept.request("GET", f"/{path}")
    cookie = kept.getresponse().headers["set-cookie"].partition(";")[0]
    kept.close()
    over, found = threading.Event(), list[int]()

    def ask() -> None:
        while not over.wait(pause):
            connection = http.client.HTTPConnection(host, timeout=20)
            connection.request("GET", "/jobs", headers={"Cookie": cookie})
            answer = connection.getresponse()
            found.append(answer.status)
            answer.read()
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    yield found
    over.set()
    for thread in threads:
        thread.join()
