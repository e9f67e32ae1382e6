"""The proof that nothing is lost, on a server of one's own: workers load synthetic bars in a
scratch database while they are killed, frozen and cut off; then all is as in another one, where
nothing happened to them.

No other database is touched: both are made for this, and dropped whatever happens.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tickstock.config import Settings, read_settings
from tickstock.errors import DatabaseRefused, Transient
from tickstock.service import TickStock
from tickstock.store import prove as asked
from tickstock.store.backup import check_right, scratch_like
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

LEASE = 2.0
SYMBOLS_A_LOAD = 10
BLOWS = 12
"""In the time that is given."""
WAIT = 120.0
"""Seconds beyond it until the jobs must have ended."""
LOOK = 0.2
TOLD = 5
"""Jobs whose message is shown."""


@dataclass
class Proof:
    """What was done to the workers, and what came of their jobs."""

    workers: int
    jobs: int
    calls: int
    kills: int = 0
    freezes: int = 0
    cuts: int = 0
    sessions_cut: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)
    quiet: asked.Ended = field(default=asked.Ended(0, 0, 0))
    disturbed: asked.Ended = field(default=asked.Ended(0, 0, 0))

    @property
    def holds(self) -> bool:
        return self.quiet == self.disturbed and self.quiet.completed == self.jobs


def prove(
    database: Database, *, workers: int, jobs: int, seconds: float, seed: int,
    say: Callable[[str], None],
) -> Proof:  # fmt: skip
    """Run it on the server of `database`, which itself is not touched.

    Raises DatabaseForbidden where the user may not make databases, and Transient where jobs do not
    come to an end.
    """
    check_right(database, "The proof", "use a server on which this user may. Nothing was done.")
    proof = Proof(workers, jobs, jobs * SYMBOLS_A_LOAD)
    pace = proof.calls / seconds * 60
    with tempfile.TemporaryDirectory(prefix="tickstock-prove-") as folder:
        home = Path(folder)
        with scratch_like(database) as quiet:
            say(f"{jobs} jobs of {SYMBOLS_A_LOAD} symbols, left in peace ...")
            with _at_work(quiet, _prepared(quiet, home, jobs, 0), 1):
                _until_ended(quiet, WAIT + seconds)
            proof.quiet = asked.outcome(quiet)
        with scratch_like(database) as disturbed:
            say(f"the same with {workers} workers, for some {seconds:.0f} seconds of blows ...")
            begun = time.monotonic()
            with _at_work(disturbed, _prepared(disturbed, home, jobs, pace), workers) as team:
                _strike(disturbed, team, proof, seconds, random.Random(seed))
                _until_ended(disturbed, WAIT)
            proof.seconds = time.monotonic() - begun
            proof.disturbed = asked.outcome(disturbed)
            proof.faults = asked.faults(disturbed, TOLD)
    return proof


def _prepared(scratch: Database, home: Path, jobs: int, pace: float) -> Settings:
    """Bring the schema, and submit the jobs; the settings of whoever works on them."""
    given = {
        "DATABASE_URI": scratch.conninfo,
        "TICKSTOCK_VENDOR": "replay",
        "TICKSTOCK_LEASE_SECONDS": str(LEASE),
        "MASSIVE_CALLS_PER_MINUTE": str(pace),
    }
    settings = read_settings(given, home, home=home)
    scratch.migrate(after=fill_reference)
    tick = TickStock(settings, scratch)
    for number in range(jobs):
        symbols = [f"TEST{number:03}{place}" for place in range(SYMBOLS_A_LOAD)]
        request = tick.requests.resolve(symbols=symbols, duration="1w", timeframes="hour")
        tick.jobs.submit(tick.plans.make(request))
    return settings


class _Team:
    """Worker processes, of which there are always so many."""

    def __init__(self, settings: Settings, uri: str, home: Path, count: int) -> None:
        self._environment = os.environ | {
            "DATABASE_URI": uri,
            "TICKSTOCK_HOME": str(home),
            "TICKSTOCK_VENDOR": settings.vendor,
            "TICKSTOCK_LEASE_SECONDS": str(settings.lease_seconds),
            "MASSIVE_CALLS_PER_MINUTE": str(_pace(settings)),
        }
        self._home = home
        self.running = [self._begin() for _ in range(count)]

    def kill(self, place: int) -> None:
        """`kill -9` one, and begin another in its place."""
        self.running[place].kill()
        self.running[place].wait()
        self.running[place] = self._begin()

    def freeze(self, place: int, seconds: float) -> None:
        """Stop one for longer than its leases, then let it go on."""
        self.running[place].send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.running[place].send_signal(signal.SIGCONT)

    def end(self) -> None:
        for one in self.running:
            one.terminate()
        for one in self.running:
            try:
                one.wait(20)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()

    def _begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "tickstock", "worker"],
            env=self._environment, cwd=self._home, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _pace(settings: Settings) -> float:
    from tickstock.vendors.massive.settings import MassiveSettings

    return settings.of_vendor(MassiveSettings).calls_per_minute


@contextmanager
def _at_work(scratch: Database, settings: Settings, count: int) -> Iterator[_Team]:
    team = _Team(settings, scratch.conninfo, settings.home, count)
    try:
        yield team
    finally:
        team.end()


def _strike(
    scratch: Database, team: _Team, proof: Proof, seconds: float, dice: random.Random
) -> None:
    """Blows in turn, at moments that the dice choose, until the time is over or all is done."""
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end and _is_open(scratch):
        time.sleep(seconds / BLOWS * dice.uniform(0.5, 1.0))
        place = dice.randrange(len(team.running))
        if number % 3 == 0:
            team.kill(place)
            proof.kills += 1
        elif number % 3 == 1:
            proof.sessions_cut += asked.cut(scratch)
            proof.cuts += 1
        else:
            team.freeze(place, LEASE * 1.5)
            proof.freezes += 1
        number += 1


def _is_open(scratch: Database) -> bool:
    with contextlib.suppress(Transient):
        return asked.jobs(scratch).open > 0
    return True


def _until_ended(scratch: Database, seconds: float) -> None:
    end = time.monotonic() + seconds
    while _is_open(scratch):
        if time.monotonic() > end:
            left = asked.jobs(scratch)
            raise DatabaseRefused(
                f"{left.open} of {left.jobs} jobs of the proof did not end in {seconds:.0f} s.",
                "Try it where the server has less to do, or with a larger --seconds.",
            )
        time.sleep(LOOK)
