"""The database and Redis go away and come back under a worker, a page and a bridge, each a process
of its own: what their logs say of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.cli_run import until
from tests.conftest import new_folder
from tests.redis_fixtures import RedisServer
from tests.reliability.commands import PARTS, moment, processes, settings, visitors
from tests.reliability.form import FORM, record
from tests.reliability.test_outages import house
from tickstock.clock import machine_now

SYMBOLS = f"{{{','.join(f'Z{n:03}' for n in range(400))}}}"
DONE = "SELECT count(*)::int FROM tickstock.calls WHERE state = 'done'"


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
        processes(settings(made, redis_server), tmp_path) as running,
        visitors(running["serve"], 8),
    ):
        loading = ("load", SYMBOLS, "--for", "1w", "--timeframes", "hour", "--background")
        assert running["worker"].shell.run(*loading).code == 0
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
        assert len(told) <= (moment(told[-1]) - begun).total_seconds() + 1, (name, told)
        assert {x["event"] for x in told if "away" in x["event"]} == {
            f"{what} away" for what in away[name]
        }
        assert sorted(x["event"] for x in told if "back" in x["event"]) == sorted(
            f"{what} back" for what in away[name]
        )
        for x in told:
            since = datetime.fromisoformat(x["since"])
            # Who was idle notices when it next asks: not before it began, nor after it said so.
            assert begun - timedelta(seconds=1) <= since <= moment(x), x
            assert x["error"], x
        unsaid = sum(x["unsaid"] for x in told)
        seconds = round((back - begun).total_seconds(), 1)
        record(
            f"database and Redis away under a {name}", seconds=seconds, **{"log lines": len(told)},
            **{"lines not said": unsaid},
        )  # fmt: skip
