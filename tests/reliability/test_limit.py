"""One limit for all workers, through their deaths and restarts: kept, and used."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from tests.reliability.form import FORM, record
from tests.reliability.zygote import Zygote
from tickstock.store.database import Database
from tickstock.vendors.replay.server import Rate, ReplayVendor, serve_in_thread
from tickstock.worker.gate import MARGIN

TRIALS = 3


@dataclass(frozen=True)
class Used:
    """`share` of the limit; the machine stood still for `longest_stall` seconds at once."""

    requests: int
    violations: int
    share: float
    restarts: int
    longest_stall: float


class Watch:
    """How long this machine stands still: a request that was let through in time is then sent, or
    counted by the vendor, too late, and meets the next ones. No program can exclude that."""

    longest = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        over = threading.Event()
        thread = threading.Thread(target=self._look, args=(over,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _look(self, over: threading.Event) -> None:
        while not over.is_set():
            asked = time.monotonic()
            time.sleep(0.005)
            self.longest = max(self.longest, time.monotonic() - asked - 0.005)


def rush(
    forks: Zygote, database: Database, folder: Path, calls: int, window: float, seconds: float
) -> Used:
    """Three processes ask all they may, for some time and until the limit was reached; now and
    then one is killed and another takes its place."""
    dice, restarts, watch = random.Random(1), 0, Watch()
    with serve_in_thread(ReplayVendor(rate=Rate(calls, window))) as vendor, watch():
        job = {
            "do": "ask", "uri": database.conninfo, "url": vendor.url, "home": str(folder),
            "log": str(folder / "log"), "limit": 60.0 * calls / window,
        }  # fmt: skip
        workers = [forks.start(job) for _ in range(3)]
        begun = time.monotonic()
        while time.monotonic() < begun + seconds or len(vendor.requests) <= 2 * calls:
            assert time.monotonic() < begun + seconds + 60, (folder / "log").read_text()
            time.sleep(dice.uniform(0.5, 2.0))
            struck = dice.randrange(3)
            os.kill(workers[struck], signal.SIGKILL)
            assert forks.wait(workers[struck]) == -signal.SIGKILL, (folder / "log").read_text()
            workers[struck] = forks.start(job)
            restarts += 1
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
            forks.wait(pid)
        times = [seen.at for seen in vendor.requests]
    share = (len(times) - 1) / (times[-1] - times[0]) * window / calls
    stall = round(watch.longest, 3)
    return Used(len(times), vendor.violations, round(share, 3), restarts, stall)


def untroubled(forks: Zygote, database: Database, folder: Path, calls: int, window: float) -> Used:
    """A run in which the limit was kept. One in which it was not counts as failed, unless the
    machine stood still for a good part of what the margin has room for."""
    for _ in range(TRIALS):
        used = rush(forks, database, folder, calls, window, FORM.limit_seconds)
        if not used.violations:
            return used
        assert used.longest_stall > window * (MARGIN - 1) / 4, used
        with database.transaction() as connection:
            connection.execute("DELETE FROM tickstock.budgets")
    pytest.skip(f"the machine stands still too often: {used}")


@pytest.mark.parametrize(("calls", "window"), FORM.limits)
def test_a_limit_is_kept_and_used_through_restarts(
    forks: Zygote, database: Database, tmp_path: Path, calls: int, window: float
) -> None:
    used = untroubled(forks, database, tmp_path, calls, window)
    record(f"three processes, {calls} calls per {window:g} s", **asdict(used))
    assert used.restarts >= 2
    assert used.share >= 0.9 or not FORM.is_long
