"""The database and Redis go away and come back under a worker, a page and a bridge, each a process
of its own: what their logs say of it."""

from __future__ import annotations

import http.client
import itertools
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli_run import Shell, until
from tests.conftest import new_folder
from tests.redis_fixtures import RedisServer
from tests.reliability.form import FORM, record
from tests.reliability.test_outages import House, house
from tickstock.clock import machine_now

PARTS = ("worker", "serve", "bridge")
SYMBOLS = f"{{{','.join(f'Z{n:03}' for n in range(400))}}}"
VISITORS = 8
DONE = "SELECT count(*)::int FROM tickstock.calls WHERE state = 'done'"


class Process:
    """A command that runs until it is told to stop, with a home and a log of its own."""

    def __init__(self, made: House, redis: RedisServer, home: Path, *command: str) -> None:
        self.shell = Shell(home, settings(made, redis))
        self.running = self.shell.start(*command)

    def lines(self, since: datetime | None = None) -> list[dict[str, Any]]:
        file = self.shell.home / "logs" / "tickstock.log"
        text = file.read_text("utf-8") if file.exists() else ""
        found = [json.loads(line) for line in text.splitlines()]
        return [x for x in found if since is None or moment(x) >= since]


def settings(made: House, redis: RedisServer) -> dict[str, str]:
    return {
        "DATABASE_URI": made.uri,
        "REDIS_URL": redis.url,
        "TICKSTOCK_VENDOR": "replay",
        "MASSIVE_CALLS_PER_MINUTE": "120",
        "TICKSTOCK_LEASE_SECONDS": "3",
    }


def moment(line: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(line["timestamp"])


@contextmanager
def processes(made: House, redis: RedisServer, folder: Path) -> Iterator[dict[str, Process]]:
    """The three, with a load that goes on for longer than the test."""
    started: dict[str, Process] = {}
    try:
        for name in PARTS:
            home = folder / name
            home.mkdir()
            more = ("--port", "0") if name == "serve" else ()
            started[name] = Process(made, redis, home, name, *more)
        loading = started["worker"].shell.run(
            "load", SYMBOLS, "--for", "1w", "--timeframes", "hour", "--background"
        )
        assert loading.code == 0, loading.said
        yield started
    finally:
        for one in started.values():
            os.kill(one.running.pid, signal.SIGKILL)
            one.running.communicate()


@contextmanager
def visitors(page: Process) -> Iterator[None]:
    """People who ask the page for what it cannot have while the database is away."""
    assert page.running.stdout is not None
    link = page.running.stdout.readline().strip()
    host, _, path = link.removeprefix("http://").partition("/")
    kept = http.client.HTTPConnection(host, timeout=20)
    kept.request("GET", f"/{path}")
    cookie = kept.getresponse().headers["set-cookie"].partition(";")[0]
    kept.close()
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.05):
            connection = http.client.HTTPConnection(host, timeout=20)
            connection.request("GET", "/jobs", headers={"Cookie": cookie})
            connection.getresponse().read()
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(VISITORS)]
    for thread in threads:
        thread.start()
    yield
    over.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def own_home() -> Iterator[Path]:
    path = new_folder()
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


def test_an_outage_is_told_in_one_voice(
    own_home: Path, tmp_path: Path, redis_server: RedisServer
) -> None:
    away = {name: {"database"} if name == "worker" else {"database", "redis"} for name in PARTS}
    with (
        house(own_home) as made,
        processes(made, redis_server, tmp_path) as running,
        visitors(running["serve"]),
    ):
        until(lambda: made.query(DONE)[0][0] > 3)
        begun = machine_now()
        made.stop()
        redis_server.kill()
        time.sleep(FORM.outage)
        redis_server.start()
        made.server.revive()
        back = machine_now()
        for name, one in running.items():
            ends = {f"{what} back" for what in away[name]}
            until(lambda one=one, ends=ends: ends <= {x["event"] for x in one.lines(begun)})
        lines = {name: one.lines(begun) for name, one in running.items()}
    for name, found in lines.items():
        told = [x for x in found if x["logger"] == "tickstock.outage"]
        until_back = [x for x in found if moment(x) <= back]
        assert len(until_back) <= (back - begun).total_seconds() + 1, (name, until_back)
        assert shortest_gap(told) > 0.99, (name, told)
        assert {x["event"] for x in told if "away" in x["event"]} == {
            f"{what} away" for what in away[name]
        }
        assert sorted(x["event"] for x in told if "back" in x["event"]) == sorted(
            f"{what} back" for what in away[name]
        )
        for x in told:
            since = datetime.fromisoformat(x["since"])
            assert timedelta(seconds=-1) <= since - begun < timedelta(seconds=5), x
            assert x["error"], x
        unsaid = sum(x["unsaid"] for x in told)
        seconds = round((back - begun).total_seconds(), 1)
        record(
            f"database and Redis away under a {name}", seconds=seconds, **{"log lines": len(told)},
            **{"lines not said": unsaid},
        )  # fmt: skip


def shortest_gap(lines: list[dict[str, Any]]) -> float:
    """Seconds between the two lines that came closest."""
    times = [moment(x) for x in lines]
    return min(((b - a).total_seconds() for a, b in itertools.pairwise(times)), default=9.0)
