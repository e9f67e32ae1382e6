"""A call that workers die with is set aside after three of them, costs no other call, and is asked
again when somebody says so."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli_run import Shell, until
from tests.reliability.form import record
from tests.reliability.memory_group import memory_group
from tests.reliability.scenarios import KEY, SYMBOLS, Job, opened, settings, submit
from tests.reliability.zygote import Zygote
from tests.web_kit import running
from tickstock.loading.causes import CAUSES
from tickstock.loading.poison import MOST_LOST
from tickstock.model import GapCause
from tickstock.service.access import Role
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.web.jobs import ADVICE

POISON = "IBM"
ROOM = 256 << 20
CALLS = "SELECT symbol, state, attempt, lost, error_class FROM tickstock.calls ORDER BY symbol"


def query(database: Database, text: str) -> list[Any]:
    with database.transaction() as connection:
        return connection.execute(text).fetchall()


def is_open(database: Database) -> bool:
    return query(database, "SELECT FROM tickstock.loads WHERE finished_at IS NULL") != []


def worked_on(forks: Zygote, job: Job, database: Database) -> int:
    """Have one worker after the other work on the job until it has ended; how many died."""
    dead = 0
    while is_open(database):
        pid = forks.start(job)
        until(lambda pid=pid: _is_dead(pid) or not is_open(database), 60)
        if not _is_dead(pid):
            os.kill(pid, signal.SIGTERM)
            assert forks.wait(pid) in (0, -signal.SIGTERM)
            return dead
        assert forks.wait(pid) == -signal.SIGKILL, Path(job["log"]).read_text("utf-8")[-3000:]
        dead += 1
    return dead


def _is_dead(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] == "Z"


def submitted(database: Database, url: str, home: Path, **more: Any) -> Job:
    """A job one of whose calls no worker survives."""
    with database.transaction() as connection:
        fill_reference(connection)
    job = {
        "do": "work", "uri": database.conninfo, "url": url, "home": str(home),
        "log": str(home / "log"), "lease": 0.5, "concurrency": 4, "batch": 3,
        "deadly": POISON, "rest": 0.2, **more,
    }  # fmt: skip
    submit(job)
    return job


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_call_that_kills_workers_is_set_aside(
    forks: Zygote, database: Database, tmp_path: Path, concurrency: int
) -> None:
    with serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        job = submitted(database, vendor.url, tmp_path, concurrency=concurrency)
        dead = worked_on(forks, job, database)
        assert dead == MOST_LOST
        found = query(database, CALLS)
        assert found[SYMBOLS.index(POISON)] == (POISON, "failed", 0, MOST_LOST, "PoisonCall")
        # Of the others, those that were in hand at the first death are asked alone, and are well.
        assert {(state, attempt) for s, state, attempt, *_ in found if s != POISON} == {("done", 0)}
        assert max(lost for s, _, _, lost, _ in found if s != POISON) <= 1
        _is_told_everywhere(job, database)
        with opened(job) as tick:
            load = tick.jobs.find("job-1")
            assert tick.jobs.retry(load) == 1
            assert worked_on(forks, job | {"deadly": ""}, database) == 0
            assert tick.jobs.progress(load).load.state == "completed"
    record("a call that kills every worker that asks for it", deaths=dead, others_failed=0)


def _is_told_everywhere(job: Job, database: Database) -> None:
    """By the job, by what is missing, and by the page."""
    (state, message) = query(database, "SELECT state, message FROM tickstock.loads")[0]
    assert state == "completed_with_errors"
    assert "poison" in message
    shell = Shell(Path(job["home"]), {"DATABASE_URI": job["uri"], "MASSIVE_API_KEY": KEY})
    shown = shell.run("jobs", "show", "job-1")
    assert shown.code == 0, shown.said
    for said in ("PoisonCall, 1 call", f"{MOST_LOST} workers died", "retry the job", "poison"):
        assert said in shown.out, shown.said
    span = ("--from", "2012-07-02", "--to", "2012-07-31")
    missing = shell.run("missing", f"{{{POISON}}}", *span)
    advice = CAUSES[GapCause.POISON].advice.split(";")[0]
    for said in ("poison", advice, f"{MOST_LOST} workers died"):
        assert said in missing.out, missing.said
    (load,) = query(database, "SELECT id::text FROM tickstock.loads")[0]
    with running(database, settings(job)) as page:
        client = page.client(Role.ADMIN)
        for path, said in (
            (f"/jobs/{load}", f"{POISON}: {MOST_LOST} workers died"),
            (f"/jobs/{load}", ADVICE["PoisonCall"]),
            (f"/bars?symbol={POISON}&from=2012-07-02&to=2012-07-31", CAUSES[GapCause.POISON].text),
        ):
            answer = client.get(path)
            assert answer.status == 200
            assert said in answer.text, path


def test_one_that_takes_all_memory_until_the_kernel_ends_the_worker(
    forks: Zygote, database: Database, tmp_path: Path
) -> None:
    with memory_group(ROOM) as group, serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        more = {"end": "memory", "group": str(group.folder)}
        job = submitted(database, vendor.url, tmp_path, **more)
        dead = worked_on(forks, job, database)
        assert group.ended == dead == MOST_LOST
        found = {symbol: (state, attempt) for symbol, state, attempt, *_ in query(database, CALLS)}
        assert found == dict.fromkeys(SYMBOLS, ("done", 0)) | {POISON: ("failed", 0)}
        with opened(job) as tick:
            assert tick.jobs.retry(tick.jobs.find("job-1")) == 1
        assert worked_on(forks, job | {"deadly": ""}, database) == 0
        assert {state for _, state, *_ in query(database, CALLS)} == {"done"}
    record("a call with which the kernel ends every worker for its memory", deaths=dead)


def test_one_that_memory_is_refused_for_fails_alone_and_says_why(
    forks: Zygote, database: Database, tmp_path: Path
) -> None:
    with serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        job = submitted(database, vendor.url, tmp_path, end="refused")
        assert worked_on(forks, job, database) == 0
        found = {symbol: (state, error) for symbol, state, *_, error in query(database, CALLS)}
        failed = ("failed", "OutOfResources")
        assert found == dict.fromkeys(SYMBOLS, ("done", None)) | {POISON: failed}
        said = Path(job["log"]).read_text("utf-8")
        assert "more memory" in said
        for wrong in ("unforeseen", "inside TickStock", "job not drained"):
            assert wrong not in said
