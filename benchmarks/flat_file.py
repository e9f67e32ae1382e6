"""A file of a session's minutes for a whole market, loaded by a worker in a process of its own:

    python benchmarks/flat_file.py [--symbols 10000] [--wanted 10000] [--minutes 160]
                                   [--home FOLDER] [--against FOLDER]

The file is made first: so many symbols with so many minutes each, more or less. Shown are the bars
that were loaded, seconds, the processor's time of the worker and the peak of its resident memory.
`--against` names a checkout of another state of the program, which loads the same file too.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import resource
import sys
import tempfile
import time
import uuid
from datetime import date
from pathlib import Path
from typing import Any

from child import answer_of

DAY = date(2026, 10, 1)
HEADER = b"ticker,volume,open,close,high,low,window_start,transactions\n"


def names_of(count: int) -> list[str]:
    return [f"M{i:05d}" for i in range(count)]


def make(folder: Path, symbols: int, minutes: int, day: date) -> None:
    import numpy as np

    from tickstock.sessions import shipped_calendar

    calendar, dice = shipped_calendar(), np.random.default_rng(day.toordinal())
    opens = int(calendar.opens[calendar.index(day)])
    file = folder / f"us_stocks_sip/minute_aggs_v1/{day:%Y/%m/%Y-%m-%d}.csv.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(file, "wb", 6) as out:
        out.write(HEADER)
        for name in names_of(symbols):
            count = int(min(390, max(5, dice.exponential(minutes))))
            at = np.sort(dice.choice(390, count, replace=False)).tolist()
            price = np.maximum(dice.uniform(5, 400) + np.cumsum(dice.normal(0, 0.02, count)), 1)
            lines = [
                f"{name},{v},{p:.4f},{p + 0.01:.4f},{p + 0.03:.4f},{p - 0.02:.4f},"
                f"{(opens + 60 * t) * 10**9},{n}\n"
                for v, p, t, n in zip(
                    dice.integers(100, 90_000, count).tolist(), price.tolist(), at,
                    dice.integers(1, 900, count).tolist(), strict=True,
                )
            ]  # fmt: skip
            out.write("".join(lines).encode())


def planner(wanted: int) -> None:
    from tickstock.config import read_settings
    from tickstock.service import TickStock

    with TickStock.open(read_settings()) as tick:
        request = tick.requests.resolve(
            symbols=names_of(wanted), timeframes="1min", first=DAY, last=DAY
        )
        load = tick.jobs.submit(tick.plans.make(request))
    print(json.dumps({"load": str(load.id)}))


def worker(load: str) -> None:
    from tickstock.config import read_settings
    from tickstock.service import TickStock
    from tickstock.worker.run import Worker

    with TickStock.open(read_settings()) as tick:
        empty = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        started, before = time.perf_counter(), time.process_time()
        asyncio.run(Worker(tick).drain(uuid.UUID(load)))
        seconds, cpu = time.perf_counter() - started, time.process_time() - before
        done = tick.jobs.progress(uuid.UUID(load))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"bars": done.rows_new, "s": seconds, "cpu": cpu, "peak": peak,
                      "empty": empty, "state": str(done.load.state)}))  # fmt: skip


def measure(files: Path, given: argparse.Namespace, source: Path) -> dict[str, Any]:
    me = [sys.executable, __file__, "--wanted", str(given.wanted), "--as"]
    with tempfile.TemporaryDirectory(prefix="ts-", dir=given.home) as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        env = os.environ | {
            "TICKSTOCK_HOME": home,
            "TICKSTOCK_VENDOR": f"flatfiles:{files}",
            "PYTHONPATH": str(source / "src"),
        }
        made = answer_of([*me, "planner"], env)
        return answer_of([*me, "worker", "--load", made["load"]], env)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--wanted", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=160)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--against", type=Path, default=None)
    parser.add_argument("--as", dest="role", choices=("planner", "worker"))
    parser.add_argument("--load", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role == "planner":
        planner(given.wanted)
        return
    if given.role == "worker":
        worker(given.load)
        return
    print(f"{'':12}{'bars':>12}{'s':>8}{'CPU us a bar':>14}{'program MB':>12}{'peak MB':>9}")
    with tempfile.TemporaryDirectory(prefix="ts-files-", dir=given.home) as folder:
        make(Path(folder), given.symbols, given.minutes, DAY)
        ways = {"here": Path(__file__).parent.parent, "there": given.against}
        for name, source in ways.items():
            if source is None:
                continue
            found = measure(Path(folder), given, source)
            cpu = found["cpu"] / max(found["bars"], 1) * 1e6
            print(
                f"{name:<12}{found['bars']:>12,}{found['s']:>8.1f}{cpu:>14.2f}"
                f"{found['empty']:>12.0f}{found['peak']:>9.0f}  {found['state']}"
            )


if __name__ == "__main__":
    main()
