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


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_call_that_kills_workers_is_set_aside(
    forks: Zygote, database: Database, tmp_path: Path, concurrency: int
) -> None:
    with database.transaction() as connection:
        fill_reference(connection)
    with serve_in_thread(ReplayVendor(key=KEY)) as vendor:
        job = {
            "do": "work", "uri": database.conninfo, "url": vendor.url, "home": str(tmp_path),
            "log": str(tmp_path / "log"), "lease": 0.5, "concurrency": concurrency, "batch": 3,
            "deadly": POISON, "rest": 0.2,
        }  # fmt: skip
        submit(job)
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
