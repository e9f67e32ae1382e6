"""PostgreSQL restarted under a job; a disk that fills up under a job."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli_run import until
from tests.conftest import new_folder
from tests.kit import span
from tests.reliability.form import FORM, record
from tests.reliability.scenarios import KEY, opened
from tests.reliability.zygote import Zygote
from tickstock.clock import epoch_now
from tickstock.errors import DatabaseUnavailable
from tickstock.model import Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.store.database import Database
from tickstock.store.embedded import EmbeddedServer
from tickstock.store.reference import fill_reference
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.vendors.synthetic.source import synthetic_bars

DATES = ("2023-01-03", "2023-12-29")


@dataclass
class House:
    """A server of the test's own, which may be stopped, and its one database."""

    home: Path
    server: EmbeddedServer

    @property
    def uri(self) -> str:
        return self.server.uri("tickstock")

    def stop(self) -> None:
        """`pg_ctl stop -m fast`: sessions end at once."""
        pid = int((self.home / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGINT)
        until(lambda: not Path(f"/proc/{pid}").exists())

    def restart(self) -> None:
        self.stop()
        self.server.revive()

    def query(self, text: str) -> list[Any]:
        with psycopg.connect(self.uri) as connection:
            return connection.execute(text).fetchall()


@contextmanager
def house(home: Path) -> Iterator[House]:
    with EmbeddedServer.join(home) as server:
        Database.open(None, home).close()
        yield House(home, server)


def submit(made: House, url: str, symbols: list[str]) -> dict[str, Any]:
    """A job of a year of the symbols; the job of a process that works on it."""
    log = Path(tempfile.mkdtemp(prefix="ts-log-")) / "worker.log"
    job = {"uri": made.uri, "url": url, "home": str(made.home), "log": str(log)}
    with opened(job) as tick:
        with tick.database.transaction() as connection:
            fill_reference(connection)
        within = span(*DATES)
        request = tick.requests.resolve(symbols=symbols, first=within.start, last=within.last)
        tick.jobs.submit(tick.plans.make(request), client_id="job-1")
    return job | {"do": "drain", "lease": 5.0, "concurrency": 8, "batch": 20}


def truth(symbols: list[str]) -> Counter[Any]:
    made = synthetic_bars(
        sorted(symbols), Timeframe.DAY, span(*DATES), shipped_calendar(), epoch_now()
    )
    names = [made.tickers[o] for o in made.owner.tolist()]
    return Counter(zip(names, made.at.tolist(), made.close.tolist(), strict=True))


STORED = """SELECT symbol, at - DATE '1970-01-01', close FROM tickstock.bars_day
JOIN tickstock.instruments ON id = instrument_id"""


def under_restarts(
    forks: Zygote, home: Path, symbols: int, every: float, delay: float
) -> dict[str, Any]:
    """Load while the server is restarted; the figures. Raises where anything is not right."""
    names = [f"R{i:03}" for i in range(symbols)]
    with (
        house(home) as made,
        serve_in_thread(ReplayVendor(symbols=names, key=KEY, delay=delay)) as vendor,
    ):
        job = submit(made, vendor.url, names)
        begun, restarts = time.monotonic(), 0
        pid = forks.start(job)
        while _is_running(pid):
            time.sleep(every)
            if _is_running(pid) and restarts < FORM.most_restarts:
                made.restart()
                restarts += 1
        seconds = time.monotonic() - begun
        assert forks.wait(pid) == 0, Path(job["log"]).read_text()[-3000:]
        lines = Path(job["log"]).read_text().splitlines()
        states = made.query("SELECT state FROM tickstock.loads")
        assert states == [("completed",)], states
        assert Counter(made.query(STORED)) == truth(names)
        assert made.query("SELECT DISTINCT state FROM tickstock.calls") == [("done",)]
    lines = [line for line in lines if json.loads(line).get("event") != "load ended"]
    assert len(lines) <= seconds + restarts
    return {
        "symbols": symbols,
        "restarts": restarts,
        "seconds": round(seconds, 1),
        "log lines": len(lines),
        "requests": len(vendor.requests),
    }


def _is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"


@pytest.fixture
def own_home() -> Iterator[Path]:
    path = new_folder()
    yield path
    subprocess.run(["rm", "-rf", str(path)], check=True)


def test_a_load_goes_on_through_restarts(forks: Zygote, own_home: Path) -> None:
    symbols, every, delay = FORM.restarted_symbols, FORM.restart_every, FORM.vendor_delay
    figures = under_restarts(forks, own_home, symbols, every, delay)
    assert figures["restarts"] >= 2
    record("PostgreSQL restarted under a job", every=every, **figures)


def test_a_database_away_when_splits_and_dividends_are_asked_for_is_waited_for(
    forks: Zygote, own_home: Path
) -> None:
    names = ["R000", "R001"]
    with (
        house(own_home) as made,
        serve_in_thread(ReplayVendor(symbols=names, key=KEY, delay=0.4)) as vendor,
    ):
        job = submit(made, vendor.url, names)
        pid = forks.start(job)
        until(lambda: any("/dividends" in seen.path for seen in vendor.requests))
        made.stop()
        until(lambda: b"database away" in _tail(Path(job["log"])))
        time.sleep(0.5)  # an outage that outlasts a few attempts
        made.server.revive()
        assert forks.wait(pid) == 0, _tail(Path(job["log"]))
        ended = "SELECT l.state, a.state, a.message FROM tickstock.loads AS l"
        found = made.query(f"{ended} JOIN tickstock.load_actions AS a ON a.load_id = l.id")
        assert found == [("completed", "done", "")]
        assert Counter(made.query(STORED)) == truth(names)


# --- a full disk ----------------------------------------------------------------------------------
@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A folder on a disk of its own. Skips where that cannot be had."""
    folder = Path(tempfile.mkdtemp(prefix="ts-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=711", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        folder.rmdir()
        pytest.skip("a small disk can only be mounted as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


def test_a_disk_that_fills_up_and_is_emptied(forks: Zygote) -> None:
    names = [f"R{i:03}" for i in range(120)]
    with (
        small_disk(400) as home,
        house(home) as made,
        serve_in_thread(ReplayVendor(symbols=names, key=KEY, delay=0.05)) as vendor,
    ):
        job = submit(made, vendor.url, names)
        balloon = home / "balloon"
        free = os.statvfs(home).f_bavail * os.statvfs(home).f_frsize
        balloon.write_bytes(bytes(max(free - (400 << 10), 0)))
        pid = forks.start(job)
        log = Path(job["log"])
        until(lambda: b"No space left" in _tail(log) or b"database away" in _tail(log))
        assert _half_written(made) == []
        balloon.unlink()
        until(lambda: _revived(made))
        until(lambda: not _is_running(pid), 60)
        forks.wait(pid)
        _ask_again(job)
        assert forks.run(job) == 0, _tail(log)
        assert Counter(made.query(STORED)) == truth(names)
    record("disk filled up under a job and emptied", symbols=len(names), half_written=0)


def _tail(log: Path) -> bytes:
    return log.read_bytes()[-20_000:] if log.exists() else b""


def _half_written(made: House) -> list[Any]:
    """Calls said to be done whose bars are not all there, and bars without a call that is done."""
    asked = """SELECT c.symbol, c.state, c.held, count(b.at) FROM tickstock.calls AS c
        JOIN tickstock.instruments AS i USING (symbol)
        LEFT JOIN tickstock.bars_day AS b ON b.instrument_id = i.id
        GROUP BY 1, 2, 3 HAVING count(b.at) <> CASE c.state WHEN 'done' THEN c.held ELSE 0 END"""
    try:
        return made.query(asked)
    except psycopg.OperationalError:
        return []  # it does not even answer


def _revived(made: House) -> bool:
    try:
        made.server.revive()
    except DatabaseUnavailable:
        return False
    return True


def _ask_again(job: dict[str, Any]) -> None:
    """Have what failed while the disk was full asked for again."""
    with opened(job) as tick:
        tick.jobs.retry(tick.jobs.find("job-1"))
