"""How much memory a worker takes: plan and load ten years of day bars, of 500 symbols and of 5,000.

    python benchmarks/memory.py [--symbols N] [--times N] [--years N] [--home FOLDER]

The vendor is a replay server, the database is the embedded one, and planning and working are
processes of their own, as where `tickstock worker` works. What is shown is the peak of their
resident memory; what the program takes before the first call is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from child import answer_of

LIMIT_MB = 300
MOST_GROWTH = 1.10


def vendor(symbols: int) -> None:
    from tickstock.vendors.replay.server import ReplayVendor

    async def serve() -> None:
        names = [f"M{n:05}" for n in range(symbols)]
        async with ReplayVendor(symbols=names) as serving:
            print(serving.url, flush=True)
            await asyncio.Event().wait()

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve())


def planner(symbols: int, years: int) -> None:
    from tickstock.config import read_settings
    from tickstock.service import TickStock

    with TickStock.open(read_settings()) as tick:
        empty = peak()
        names = [f"M{n:05}" for n in range(symbols)]
        made = tick.plans.make(tick.requests.resolve(symbols=names, duration=f"{years}y"))
        load = tick.jobs.submit(made)
    kinds = {kind.value: n for kind, n in made.calls_by_kind.items()}
    print(json.dumps({"empty": empty, "planned": peak(), "load": str(load.id), "calls": kinds}))


def worker(load: str) -> None:
    from tickstock.config import read_settings
    from tickstock.service import TickStock
    from tickstock.worker.run import Worker

    with TickStock.open(read_settings()) as tick:
        started = time.perf_counter()
        asyncio.run(Worker(tick).drain(uuid.UUID(load)))
        seconds = time.perf_counter() - started
        done = tick.jobs.progress(uuid.UUID(load))
    print(json.dumps({"peak": peak(), "seconds": seconds, "held": done.held}))


def peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(symbols: int, years: int, home: Path) -> dict[str, Any]:
    me = [sys.executable, __file__, "--symbols", str(symbols), "--years", str(years), "--as"]
    with subprocess.Popen([*me, "vendor"], stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        env = os.environ | {
            "TICKSTOCK_HOME": str(home),
            "TICKSTOCK_VENDOR": "massive",
            "MASSIVE_BASE_URL": serving.stdout.readline().strip(),
            "MASSIVE_API_KEY": "any",
            "MASSIVE_CALLS_PER_MINUTE": "0",
        }
        try:
            made = answer_of([*me, "planner"], env)
            return made | answer_of([*me, "worker", "--load", made["load"]], env)
        finally:
            serving.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--years", type=int, default=10)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--as", dest="role", choices=("vendor", "planner", "worker"))
    parser.add_argument("--load", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role == "vendor":
        return vendor(given.symbols)
    if given.role == "worker":
        return worker(given.load)
    if given.role == "planner":
        return planner(given.symbols, given.years)
    print(
        f"{'symbols':>8}{'bars':>12}{'program MB':>12}{'plan MB':>10}{'worker MB':>11}{'s':>8}"
        "  calls"
    )
    peaks = []
    for symbols in (given.symbols, given.symbols * given.times):
        with tempfile.TemporaryDirectory(prefix="ts-", dir=given.home) as home:
            Path(home).chmod(0o711)  # as root the server runs as another user
            found = measure(symbols, given.years, Path(home))
        peaks.append(found["peak"])
        print(
            f"{symbols:>8,}{found['held']:>12,}{found['empty']:>12.0f}{found['planned']:>10.0f}"
            f"{found['peak']:>11.0f}{found['seconds']:>8.0f}  {found['calls']}"
        )
    growth = peaks[1] / peaks[0]
    print(f"x{given.times} data: {growth - 1:+.0%}; limits: {LIMIT_MB} MB, {MOST_GROWTH - 1:+.0%}")
    sys.exit(peaks[0] > LIMIT_MB or growth > MOST_GROWTH)


if __name__ == "__main__":
    main()
