"""Kills real processes at a failpoint, lets another finish, and says what differs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis

from tests.cli_run import until
from tests.conftest import Cluster
from tests.redis_fixtures import RedisServer
from tests.reliability import scenarios
from tests.reliability.form import FORM
from tests.reliability.scenarios import KEY, SYMBOLS, Job, opened
from tests.reliability.snapshot import differences, snapshot, versions
from tests.reliability.zygote import Zygote
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.worker.run import Worker

JOBS = ("b-1", "b-2", "b-3")
EMPTY, STOCKED, SUBMITTED, RENEWED = "empty", "stocked", "submitted", "renewed"
ROUGH = (
    Fault(What.SERVER_ERROR, "/ticker/MSFT/", nth=(1,)),
    Fault(What.THROTTLED, "/ticker/AAPL/", nth=(1,), seconds=0),
    Fault(What.NOT_FOUND, "/ticker/GOOG/"),
    Fault(What.EMPTY, "/ticker/IBM/"),
)


@dataclass(frozen=True)
class Setting:
    """Where a scenario begins, and what the vendor is like then."""

    do: str
    stage: str = SUBMITTED
    vendor: Mapping[str, Any] = field(default_factory=dict)
    job: Mapping[str, Any] = field(default_factory=dict)
    apart: tuple[str, ...] = ()
    """Tables in which an interrupted run may differ."""


SETTINGS = {
    "submit": Setting("submit", STOCKED),
    "load": Setting("drain", RENEWED, vendor={"faults": ROUGH, "page_bars": 12}),
    "slow load": Setting("drain", vendor={"delay": 0.15}),
    "interrupted load": Setting("interrupted", vendor={"delay": 0.15}),
    # One call at a time: of two, either may be the one that is told of in the ledger.
    "refused load": Setting("drain", RENEWED, job={"key": "wrong", "concurrency": 1}),
    "plain load": Setting("drain"),
    # A job of the queue whose worker died stays there, marked as being done.
    "served load": Setting("serve", apart=("queue",)),
    "cancel": Setting("cancel"),
    "organize": Setting("organize", STOCKED),
    "migrate": Setting("migrate", EMPTY),
    "bridge": Setting("bridge", STOCKED, job={"jobs": JOBS}),
}


@dataclass(frozen=True)
class Baseline:
    """An uninterrupted run: how often it came to each point, and what it left."""

    points: Counter[str]
    left: dict[str, list[Any]]


@dataclass(frozen=True)
class Strike:
    """A run that was killed, and what came of it after another had finished it."""

    code: int
    differences: dict[str, Any]
    repeated: dict[str, int]
    """Calls that were at an end when the process was killed and were asked again."""
    said: str


@dataclass(frozen=True)
class Frozen:
    """A run that was frozen. `changed`: tables that it wrote after another had finished its job,
    which took `seconds`; `asked`: what it asked the vendor for then."""

    changed: tuple[str, ...]
    seconds: float
    asked: tuple[str, ...]


class Rig:
    """Databases at each stage, a zygote, and a server for the job bus."""

    def __init__(
        self, cluster: Cluster, home: Path, zygote: Zygote, redis: RedisServer, folder: Path
    ) -> None:
        self._cluster = cluster
        self._home = home
        self._zygote = zygote
        self._redis = redis
        self._folder = folder
        self._stages = {EMPTY: "template1"}
        self._baselines: dict[str, Baseline] = {}

    def prepare(self, template: str) -> None:
        """Make the databases in which scenarios begin."""
        self._stages[STOCKED] = stocked = self._cluster.create(template)
        with serve_in_thread(ReplayVendor(key=KEY, faults=[Fault(What.RESTATED)])) as vendor:
            job = self._job(stocked, vendor.url, {})
            with opened(job) as tick:
                with tick.database.transaction() as connection:
                    fill_reference(connection)
                self._load_half(tick)
        for stage, refresh in ((SUBMITTED, False), (RENEWED, True)):
            self._stages[stage] = submitted = self._cluster.create(stocked)
            scenarios.submit(self._job(submitted, "http://127.0.0.1:9", {"refresh": refresh}))

    def _load_half(self, tick: Any) -> None:
        """Stored bars that the job finds changed, for half of the time of three symbols."""
        request = tick.requests.resolve(
            symbols=SYMBOLS[:3], first=scenarios.FIRST, last=scenarios.FIRST.replace(day=13)
        )
        load = tick.jobs.submit(tick.plans.make(request), client_id="earlier")
        asyncio.run(Worker(tick).drain(load.id))

    def baseline(self, name: str) -> Baseline:
        if name not in self._baselines:
            trace = self._folder / f"{name}.trace"
            with self._begun(name) as (job, database, _):
                code = self._zygote.run(job | {"point": f"trace:{trace}"})
                assert code == 0, self.said(job)
                left = snapshot(database)
            self._baselines[name] = Baseline(Counter(trace.read_text().split()), left)
        return self._baselines[name]

    def strike(self, name: str, point: str, number: int = 1) -> Strike:
        """Kill the scenario when it comes to `point` for the `number`th time; finish it."""
        wanted = self.baseline(name).left
        with self._begun(name) as (job, database, vendor):
            code = self._zygote.run(job | {"point": f"{point}@{number}:kill"})
            ended, before = _ended(database), len(vendor.requests)
            again = self._zygote.run(job)
            assert again == 0, self.said(job)
            found = differences(snapshot(database), wanted)
            asked = [r.path for r in vendor.requests[before:] if "/aggs/ticker/" in r.path]
            later = Counter(path.split("/")[4] for path in asked)
            repeated = {s: later[s] for s in ended if later[s]}
        apart = SETTINGS[name].apart
        found = {table: rows for table, rows in found.items() if table not in apart}
        return Strike(code, found, repeated, self.said(job))

    def freeze(self, name: str, point: str, number: int = 1) -> Frozen:
        """Freeze the scenario at `point`, have another finish it, and let it go on."""
        with self._begun(name) as (job, database, vendor):
            job = job | {"silence": 0.5}
            pid = self._zygote.start(job | {"point": f"{point}@{number}:freeze"})
            try:
                until(lambda: _is_stopped(pid))
                begun = time.monotonic()
                assert self._zygote.run(job) == 0, self.said(job)
                seconds = time.monotonic() - begun
                before, sent = versions(database), len(vendor.requests)
            finally:
                os.kill(pid, signal.SIGCONT)
            code = self._zygote.wait(pid)
            after = versions(database)
        assert code == 0, self.said(job)
        changed = tuple(t for t in before if before[t] != after[t])
        return Frozen(changed, seconds, tuple(r.path for r in vendor.requests[sent:]))

    def takeover(self, name: str, blow: str) -> float:
        """Seconds from the `blow` to a worker until another one has ended its job."""
        return self._after(blow, name, "job-1", {"lease": FORM.lease})

    def beside(self, name: str, blow: str) -> float:
        """Seconds from the `blow` to a worker, whose leases stand, until another one has ended a
        later job of the same symbols."""
        return self._after(blow, name, "job-2", {"lease": 600.0})

    def _after(self, blow: str, name: str, awaited: str, more: Mapping[str, Any]) -> float:
        with self._begun(name) as (job, database, _):
            common = {"do": "work", "gone": FORM.gone, "silence": FORM.silence}
            job = job | common | {"concurrency": 8, "batch": 50} | dict(more)
            pids = [self._zygote.start(job | {"point": blow})]
            try:
                until(lambda: _state(pids[0]) in "TZ")
                begun = time.monotonic()
                if awaited != "job-1":
                    scenarios.submit(job | {"name": awaited})
                pids.append(self._zygote.start(job))
                until(lambda: _is_over(database, awaited), FORM.takeover + 60)
                return time.monotonic() - begun
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                    self._zygote.wait(pid)

    @contextmanager
    def _begun(self, name: str) -> Iterator[tuple[Job, Database, ReplayVendor]]:
        setting = SETTINGS[name]
        made = self._cluster.create(self._stages[setting.stage])
        try:
            with serve_in_thread(ReplayVendor(key=KEY, **setting.vendor)) as vendor:
                job = self._job(made, vendor.url, {"do": setting.do, **setting.job})
                if setting.do == "bridge":
                    self._fill_stream()
                with Database.open(job["uri"], self._home, migrate=False) as database:
                    yield job, database, vendor
        finally:
            self._cluster.drop(made)

    def _job(self, database: str, url: str, more: Mapping[str, Any]) -> Job:
        log = self._folder / f"{database}.log"
        common = {"uri": self._cluster.uri(database), "url": url, "home": str(self._home)}
        return common | {"log": str(log), "redis": self._redis.url} | dict(more)

    def _fill_stream(self) -> None:
        with Redis.from_url(self._redis.url) as client:
            client.flushall()
            for job_id in JOBS:
                message = {"job_id": job_id, "job_type": "historical_load", "years": 0.08}
                body = json.dumps(message | {"symbols": ["IBM"], "timespan": "day"})
                client.xadd("tickstock.jobs.data_load", {"message": body})

    def said(self, job: Job) -> str:
        file = Path(job["log"])
        return file.read_text("utf-8")[-4000:] if file.exists() else ""


def _state(pid: int) -> str:
    """`T` for a stopped process, `Z` for one that has ended."""
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]


def _is_stopped(pid: int) -> bool:
    state = _state(pid)
    assert state != "Z", "it ended without coming to the point"
    return state == "T"


def _is_over(database: Database, client_id: str) -> bool:
    asked = "SELECT FROM tickstock.loads WHERE client_id = %s AND finished_at IS NOT NULL"
    with database.transaction() as connection:
        return connection.execute(asked, [client_id]).fetchone() is not None


def _ended(database: Database) -> set[str]:
    """Symbols whose call is at an end."""
    there = "SELECT to_regclass('tickstock.calls') IS NOT NULL"
    asked = "SELECT c.symbol FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = load_id"
    with database.transaction() as connection:
        if connection.execute(there).fetchone() != (True,):
            return set()
        rows = connection.execute(
            f"{asked} WHERE client_id = 'job-1' AND c.state NOT IN ('waiting', 'leased')"
        ).fetchall()
    return {symbol for (symbol,) in rows}
