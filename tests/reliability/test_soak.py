"""Worker, page and bridge at work for a while, with a client, visitors, nonsense and blows: what
they hold does not grow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli_run import until
from tests.conftest import new_folder
from tests.redis_fixtures import RedisServer
from tests.reliability.commands import Process, processes, settings, visitors
from tests.reliability.form import FORM, record
from tests.reliability.test_outages import House, house

JOBS = "tickstock.jobs.data_load"
OPEN = "SELECT count(*)::int FROM tickstock.loads WHERE finished_at IS NULL"
ENDED = "SELECT state, count(*)::int FROM tickstock.loads GROUP BY 1"
CONNECTIONS = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database()"
DEAD = """SELECT coalesce(sum(n_dead_tup), 0)::int, coalesce(sum(n_live_tup), 0)::int
FROM pg_stat_user_tables"""
NONSENSE = (b"", b"\xff", b"{}", b'{"job_id": 7}', b'{"job_id": "x", "symbols": 1}', b"[" * 5_000)
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Sample:
    """What is held at one moment: megabytes of all processes, connections, rows."""

    memory: float
    connections: int
    dead: int
    live: int
    log: int


def sample(made: House, running: dict[str, Process]) -> Sample:
    page = os.sysconf("SC_PAGE_SIZE")
    memory = sum(
        int(Path(f"/proc/{one.running.pid}/statm").read_text("ascii").split()[1]) * page
        for one in running.values()
    )
    logs = (f for one in running.values() for f in (one.shell.home / "logs").iterdir())
    dead, live = made.query(DEAD)[0]
    connections = made.query(CONNECTIONS)[0][0]
    return Sample(memory / MEGABYTE, connections, dead, live, sum(f.stat().st_size for f in logs))


@pytest.fixture
def own_home() -> Iterator[Path]:
    path = new_folder()
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


@pytest.mark.timeout(max(120, FORM.soak * 2))
def test_nothing_grows(own_home: Path, tmp_path: Path, redis_server: RedisServer) -> None:
    samples, jobs, blows = [], 0, 0
    with (
        house(own_home) as made,
        processes(settings(made, redis_server, MASSIVE_CALLS_PER_MINUTE="0"), tmp_path) as running,
        visitors(running["serve"], 2, 0.2) as answers,
        redis_server.client() as redis,
    ):
        until(lambda: redis.pubsub_numsub(JOBS)[0][1] == 2)
        begun = time.monotonic()
        due = begun
        while time.monotonic() < begun + FORM.soak:
            # One job per symbol and week of hours: each asks the vendor for something new.
            symbols = [f"Q{jobs % 4_000:04}"]
            message = {"job_id": f"soak-{jobs}", "job_type": "historical_load", "symbols": symbols}
            redis.publish(JOBS, json.dumps(message | {"years": 0.5, "timespan": "day"}))
            redis.publish(JOBS, NONSENSE[jobs % len(NONSENSE)])
            jobs += 1
            if jobs % FORM.soak_blow == 0:
                made.query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                blows += 1
            if time.monotonic() >= due:
                samples.append(sample(made, running))
                due += FORM.soak / 20
            time.sleep(FORM.soak_pause)
        until(lambda: made.query(OPEN)[0][0] == 0, 120)
        samples.append(sample(made, running))
        states = dict(made.query(ENDED))
    early, last = samples[len(samples) // 4], samples[-1]
    record(
        "worker, page and bridge at work", seconds=round(time.monotonic() - begun), jobs=jobs,
        **{"connections cut": blows, "page answers": len(answers), "MB early": round(early.memory),
           "MB last": round(last.memory), "most connections": max(s.connections for s in samples),
           "dead rows": last.dead, "live rows": last.live, "log kB": round(last.log / 1024)},
    )  # fmt: skip
    assert states == {"completed": jobs}, states
    assert last.memory < early.memory * 1.25 + 20, samples
    assert max(s.connections for s in samples) < 80, samples
    assert last.dead < last.live + 50_000, last
    assert last.log < 2_000 * jobs + 200_000, last
    assert {status for status in answers if status not in (200, 503)} == set()


def test_a_flood_of_nonsense_is_told_in_few_lines(
    own_home: Path, tmp_path: Path, redis_server: RedisServer
) -> None:
    """And keeps nobody's job out for long."""
    with (
        house(own_home) as made,
        processes(settings(made, redis_server), tmp_path) as running,
        redis_server.client() as redis,
    ):
        until(lambda: redis.pubsub_numsub(JOBS)[0][1] == 2)
        begun = time.monotonic()
        for number in range(FORM.flood):
            redis.publish(JOBS, NONSENSE[number % 3])
            redis.publish("tickstock.jobs.control", NONSENSE[number % 3])
        message = {"job_id": "good", "job_type": "historical_load", "symbols": ["QGOOD"]}
        redis.publish(JOBS, json.dumps(message | {"years": 0.1, "timespan": "day"}))
        until(lambda: made.query(ENDED) == [("completed", 1)])
        seconds = time.monotonic() - begun
        lines = {name: len(one.lines()) for name, one in running.items()}
        os.kill(running["bridge"].running.pid, signal.SIGTERM)
        assert running["bridge"].running.wait(20) == 0
    record(
        "a flood of nonsense through Redis", messages=2 * FORM.flood, seconds=round(seconds, 1),
        **{"most log lines of a process": max(lines.values())},
    )  # fmt: skip
    assert max(lines.values()) < 2 * seconds + 20, lines
