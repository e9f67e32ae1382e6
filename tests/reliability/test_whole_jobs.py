"""Jobs from the first call to the verdict, with several workers that are killed all the time: each
ends as it does when nobody is."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.reliability.form import FORM, record
from tests.reliability.scenarios import FIRST, KEY, LAST, Job, opened
from tests.reliability.snapshot import differences, snapshot
from tests.reliability.zygote import Zygote
from tickstock.cli.watch import exit_code
from tickstock.service import TickStock
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.faults import Fault, What
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread

pytestmark = pytest.mark.timeout(7_200 if FORM.is_long else 900)
WORKERS = 4
FAULTS = (
    Fault(What.NOT_FOUND, r"/ticker/\w+BAD/"),
    Fault(What.SERVER_ERROR, r"/ticker/\w+OUT/"),
    Fault(What.NOT_ENTITLED, r"/ticker/\w+NOT/"),
    Fault(What.NOT_ENTITLED, r"/dividends\?.*DIV"),
    Fault(What.WEB_PAGE, r"/splits\?.*SPL"),
)
KINDS = ("", "", "BAD", "OUT", "DIV", "", "SPL", "ALLBAD", "", "")
"""What goes wrong with the symbols of a job: for one of them, or for all, or with none."""
NOT_ENTITLED = 8
"""The one job whose symbol the account does not include. What two symbols are refused is known of
the account, and then it matters which jobs came before."""
POINTS = (
    "drain.claimed", "gate.entered", "drain.fetched", "commit.begun", "commit.finished",
    "drain.committed", "drain.given_up", "ledger.failed", "budget.taken", "second_look.done",
    "actions.claimed", "actions.fetched", "actions.written", "actions.asked", "actions.ended",
    "finish.begin", "finish.written", "finish.committed", "slice.over", "queue.slice_done",
)  # fmt: skip
"""Where workers die; or anywhere, when their time is over. The one does not depend on how fast the
machine is, the other one does."""
KEPT = ("bars", "coverage", "splits", "dividends", "known", "asking")
"""Tables that are the same in the end. In which parts a refused span is told of, is not."""


def symbols_of(number: int) -> tuple[str, ...]:
    kind = KINDS[number % len(KINDS)]
    if number == NOT_ENTITLED:
        return (f"J{number:03}ANOT",)
    if kind == "ALLBAD":
        return tuple(f"J{number:03}{letter}BAD" for letter in "ABC")
    return (f"J{number:03}A{kind}", *(f"J{number:03}{letter}" for letter in "BC"))


@dataclass(frozen=True)
class Ended:
    """How jobs ended, and all that is in the database then."""

    jobs: dict[str, tuple[str, int, str]]
    left: dict[str, list[Any]]
    kills: int
    seconds: float


class Crew:
    """Workers of one database, who are killed and replaced."""

    def __init__(self, forks: Zygote, job: Job, dice: random.Random) -> None:
        self._forks = forks
        self._job = job
        self._dice = dice
        self._until: dict[int, float] = {}
        self.kills = 0

    def begin(self, *, mortal: bool) -> None:
        job = self._job
        if mortal and self._dice.random() < 0.75:
            number = self._dice.randint(1, FORM.most_times)
            job = job | {"point": f"{self._dice.choice(POINTS)}@{number}:kill"}
        life = self._dice.uniform(*FORM.worker_lives) if mortal else float("inf")
        self._until[self._forks.start(job)] = time.monotonic() + life

    def replace_the_dead(self) -> None:
        """Kill whose time has come, and begin others for all that are dead."""
        for pid, end in [*self._until.items()]:
            if time.monotonic() >= end:
                os.kill(pid, signal.SIGKILL)
            elif Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z":
                continue
            self._bury(pid)
            self.kills += 1
            self.begin(mortal=True)

    def end(self) -> None:
        for pid in [*self._until]:
            os.kill(pid, signal.SIGKILL)
            self._bury(pid)

    def _bury(self, pid: int) -> None:
        code = self._forks.wait(pid)
        del self._until[pid]
        assert code == -signal.SIGKILL, Path(self._job["log"]).read_text("utf-8")[-4000:]


@contextmanager
def crew(forks: Zygote, job: Job, seed: int) -> Iterator[Crew]:
    made = Crew(forks, job, random.Random(seed))
    try:
        yield made
    finally:
        made.end()


class Place:
    """Databases for jobs, one for each run."""

    def __init__(self, cluster: Cluster, template: str, forks: Zygote, folder: Path) -> None:
        self._cluster = cluster
        self._template = template
        self._forks = forks
        self._folder = folder

    def run(self, count: int, *, mortal: bool, seed: int = 0) -> Ended:
        """Submit jobs, and have four workers do them."""
        name = self._cluster.create(self._template)
        symbols = [s for n in range(count) for s in symbols_of(n)]
        vendor = ReplayVendor(symbols=symbols, key=KEY, faults=FAULTS, delay=0.02)
        try:
            with serve_in_thread(vendor):
                job = {
                    "do": "work", "uri": self._cluster.uri(name), "url": vendor.url,
                    "home": str(self._folder), "log": str(self._folder / f"{name}.log"),
                    "look": 0.25, "rest": 0.5, "lease": 2.0, "concurrency": 8, "batch": 3,
                }  # fmt: skip
                with opened(job) as tick:
                    return self._done(tick, job, count, mortal=mortal, seed=seed)
        finally:
            self._cluster.drop(name)

    def _done(self, tick: TickStock, job: Job, count: int, *, mortal: bool, seed: int) -> Ended:
        with tick.database.transaction() as connection:
            fill_reference(connection)
        for number in range(count):
            request = tick.requests.resolve(symbols=symbols_of(number), first=FIRST, last=LAST)
            tick.jobs.submit(tick.plans.make(request), client_id=f"job-{number}")
        begun = time.monotonic()
        with crew(self._forks, job, seed) as workers:
            for _ in range(WORKERS):
                workers.begin(mortal=mortal)
            while open_loads(tick):
                assert time.monotonic() < begun + 30 + 10 * count, "the jobs do not end"
                workers.replace_the_dead()
                time.sleep(0.05)
        seconds = time.monotonic() - begun
        left = snapshot(tick.database)
        kept = {table: left[table] for table in KEPT}
        return Ended(outcomes(tick), kept, workers.kills, seconds)


def open_loads(tick: TickStock) -> int:
    asked = "SELECT count(*)::int FROM tickstock.loads WHERE finished_at IS NULL"
    with tick.database.transaction() as connection:
        row = connection.execute(asked).fetchone()
    assert row is not None
    return int(row[0])


def outcomes(tick: TickStock) -> dict[str, tuple[str, int, str]]:
    """State, exit code and message of each job."""
    found = tick.jobs.newest(10_000)
    full = [tick.jobs.progress(p.load.id) for p in found]
    return {str(p.load.client_id): (p.load.state.value, exit_code(p), p.load.message) for p in full}


@pytest.fixture
def place(cluster: Cluster, template: str, forks: Zygote, tmp_path: Path) -> Place:
    return Place(cluster, template, forks, tmp_path)


def test_jobs_end_alike_however_many_workers_die(place: Place) -> None:
    wanted = place.run(FORM.whole_jobs, mortal=False)
    found = place.run(FORM.whole_jobs, mortal=True, seed=1)
    assert {state for state, _, _ in wanted.jobs.values()} == {
        "completed", "completed_with_errors", "failed",
    }  # fmt: skip
    both = {job: (end, found.jobs[job]) for job, end in wanted.jobs.items()}
    unlike = {job: ends for job, ends in both.items() if ends[0] != ends[1]}
    assert not unlike, f"{len(unlike)} of {len(both)}: {[*unlike.items()][:5]}"
    assert differences(found.left, wanted.left) == {}
    assert found.kills
    codes = Counter(code for _, code, _ in found.jobs.values())
    record(
        "jobs with four workers killed at random, from the first call to the verdict",
        jobs=len(found.jobs), kills=found.kills, differences=0, seconds=round(found.seconds),
        **{f"exit {code}": n for code, n in sorted(codes.items())},
    )  # fmt: skip
