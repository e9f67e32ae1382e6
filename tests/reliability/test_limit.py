"""One limit for all workers, through their deaths and restarts: kept, and used."""

from __future__ import annotations

import os
import random
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.reliability.form import FORM, record
from tests.reliability.zygote import Zygote
from tickstock.store.database import Database
from tickstock.vendors.replay import Rate, ReplayVendor, serve_in_thread


@dataclass(frozen=True)
class Used:
    requests: int
    over: int
    share: float
    restarts: int


def rush(
    forks: Zygote, database: Database, folder: Path, calls: int, window: float, seconds: float
) -> Used:
    """Three processes ask all they may; now and then one is killed and another takes its place."""
    dice, restarts = random.Random(1), 0
    with serve_in_thread(ReplayVendor(rate=Rate(calls, window))) as vendor:
        job = {
            "do": "ask", "uri": database.conninfo, "url": vendor.url, "home": str(folder),
            "log": str(folder / "log"), "limit": 60.0 * calls / window,
        }  # fmt: skip
        workers = [forks.start(job) for _ in range(3)]
        end = time.monotonic() + seconds
        while time.monotonic() < end:
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
    return Used(len(times), vendor.violations, round(share, 3), restarts)


def test_a_limit_is_kept_and_used_through_restarts(
    forks: Zygote, database: Database, tmp_path: Path
) -> None:
    for calls, window in FORM.limits:
        used = rush(forks, database, tmp_path, calls, window, FORM.limit_seconds)
        record(f"three processes, {calls} calls per {window:g} s", **asdict(used))
        assert used.over == 0
        assert used.share >= 0.85
        assert used.restarts >= 4
        with database.transaction() as connection:
            connection.execute("DELETE FROM tickstock.budgets")
