"""Whole jobs by every way in which bars come: by ticker, by session, from files, and a night's.

    python benchmarks/ways.py [--case NAME ...] [--share 1.0] [--home FOLDER] [--against CHECKOUT]

Each job is planned and done by processes of its own, as `tickstock worker` does it, into an
embedded database of its own; a replay vendor on loopback, or a folder of files, has the bars. Shown
are bars a second, the processor's time a bar of the worker and of the server, and the peak of the
worker's memory, of which the program takes a part before the first call. `--share 0.1` takes a
tenth of the symbols. `--against` names a checkout of another state of the program, whose jobs are
done as well, each after the one of here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import flat_file
import memory
from child import answer_of
from flat_file import names_of
from memory import peak

LAST = date(2026, 10, 30)
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Case:
    """`wanted` symbols from `first` on, of a vendor or of files that have `listed` of them; with
    `before`, what is there already goes from that day on."""

    wanted: int
    first: date
    timeframe: str = "day"
    files: bool = False
    listed: int = 0
    minutes: int = 0
    before: date | None = None


CASES = {
    "ticker": Case(500, date(2024, 11, 1)),
    "session, 1 year": Case(5_000, date(2025, 11, 3)),
    "session, 10 years": Case(5_000, date(2016, 11, 1)),
    "20 day files, 500": Case(500, date(2026, 10, 5), files=True, listed=10_000),
    "20 day files, 10,000": Case(10_000, date(2026, 10, 5), files=True, listed=10_000),
    "5 minute files, 500": Case(500, date(2026, 10, 26), "1min", True, 10_000, 160),
    "5 minute files, 10,000": Case(10_000, date(2026, 10, 26), "1min", True, 10_000, 160),
    "a night, into 25 million": Case(10_000, LAST, before=date(2016, 11, 1)),
}


# --- the vendor's files ---------------------------------------------------------------------------
def day_file(folder: Path, symbols: int, day: date) -> None:
    """A session's day bars, as the vendor's files have them."""
    import gzip

    import numpy as np

    from tickstock.vendors.newyork import instants_of

    # A market moves little in a day: bars that leap are noted one by one as doubtful.
    dice, base = np.random.default_rng(day.toordinal()), np.random.default_rng(1)
    stamp = int(instants_of(np.array([(day - date(1970, 1, 1)).days]))[0]) * 10**9
    file = folder / f"us_stocks_sip/day_aggs_v1/{day:%Y/%m/%Y-%m-%d}.csv.gz"
    file.parent.mkdir(parents=True, exist_ok=True)
    price = base.uniform(5, 400, symbols) * np.exp(dice.normal(0, 0.01, symbols))
    volume = dice.integers(10_000, 10**7, symbols)
    with gzip.open(file, "wb", 6) as out:
        out.write(b"ticker,volume,open,close,high,low,window_start,transactions\n")
        lines = [
            f"{name},{v},{p:.4f},{p + 0.01:.4f},{p + 0.03:.4f},{p - 0.02:.4f},{stamp},{v // 90}\n"
            for name, p, v in zip(names_of(symbols), price.tolist(), volume.tolist(), strict=True)
        ]
        out.write("".join(lines).encode())


def make_files(folder: Path, case: Case) -> None:
    from tickstock.sessions import shipped_calendar
    from tickstock.spans import Span

    calendar = shipped_calendar()
    start, end = calendar.between(Span.inclusive(case.first, LAST))
    days = [calendar.day(i) for i in range(start, end)]
    with ProcessPoolExecutor(2) as pool:
        if case.timeframe == "day":
            list(pool.map(partial(day_file, folder, case.listed), days))
        else:
            list(pool.map(partial(flat_file.make, folder, case.listed, case.minutes), days))


# --- the program, of here or there --------------------------------------------------------------
def planner(case: Case) -> dict[str, Any]:
    from tickstock.config import read_settings
    from tickstock.service import TickStock

    with TickStock.open(read_settings()) as tick:
        if case.before:
            fill(tick, case)
        request = tick.requests.resolve(
            symbols=names_of(case.wanted), timeframes=case.timeframe, first=case.first, last=LAST
        )
        plan = tick.plans.make(request)
        return {"load": str(tick.jobs.submit(plan).id), "calls": len(plan.calls)}


def fill(tick: Any, case: Case) -> None:
    """The vendor's bars of all sessions before the first one that is asked for, and coverage that
    says so."""
    import numpy as np
    import psycopg

    from tickstock.model import Timeframe
    from tickstock.sessions import shipped_calendar
    from tickstock.spans import Span
    from tickstock.store import instruments
    from tickstock.store.pgbinary import COPY_END, COPY_HEADER, EPOCH_DAYS, copy_rows
    from tickstock.vendors.synthetic.source import synthetic_bars

    assert case.before
    span, names = Span(case.before, case.first), names_of(case.wanted)
    with tick.database.transaction() as connection:
        known = instruments.ensure_instruments(connection, names)
    for few in (names[i : i + 500] for i in range(0, len(names), 500)):
        bars = synthetic_bars(few, Timeframe.DAY, span, shipped_calendar(), time.time())
        whose = np.array([known[name].id for name in bars.tickers])[bars.owner]
        prices = [bars.open, bars.high, bars.low, bars.close, bars.volume]
        body = copy_rows(whose, bars.at - EPOCH_DAYS, ">i4", prices, bars.vwap, bars.trades)
        with tick.database.transaction() as connection:
            copying = "COPY tickstock.bars_day FROM STDIN (FORMAT binary)"
            with connection.cursor().copy(copying) as copy:
                for part in (COPY_HEADER, body, COPY_END):
                    copy.write(part)
            connection.execute(
                """INSERT INTO tickstock.coverage
                       (instrument_id, timeframe, origin, held, bars, first_at, last_at)
                   SELECT i, 'day', 'synthetic', datemultirange(daterange(%s, %s)), %s, %s, %s
                   FROM unnest(%s::int[]) AS i""",
                [span.start, span.end, len(bars) // len(few), span.start, span.last,
                 [known[name].id for name in few]],
            )  # fmt: skip
    with psycopg.connect(tick.database.conninfo, autocommit=True) as own:
        own.execute("VACUUM ANALYZE tickstock.bars_day")


def worker(load: str) -> dict[str, Any]:
    from tickstock.config import read_settings
    from tickstock.service import TickStock
    from tickstock.worker.run import Worker

    with TickStock.open(read_settings()) as tick:
        with tick.database.brief() as connection:
            backend = connection.info.backend_pid
        postmaster = parent_of(backend)
        empty, its = peak(), cpu_of(postmaster)
        wall, mine = time.perf_counter(), time.process_time()
        asyncio.run(Worker(tick).drain(uuid.UUID(load)))
        wall, mine = time.perf_counter() - wall, time.process_time() - mine
        its = cpu_of(postmaster) - its
        done = tick.jobs.progress(uuid.UUID(load))
    return {
        "bars": done.rows_new, "held": done.held, "s": wall, "worker": mine, "server": its,
        "empty": empty, "peak": peak(), "state": str(done.load.state),
        "errors": [str(e) for e in done.errors], "message": done.load.message,
    }  # fmt: skip


def stat_of(pid: str | int) -> list[str]:
    text = Path(f"/proc/{pid}/stat").read_text()
    return text[text.rindex(")") + 2 :].split()


def parent_of(pid: int) -> int:
    return int(stat_of(pid)[1])


def cpu_of(postmaster: int) -> float:
    """Seconds that a server has had: its processes, and those of them that have ended."""
    total = sum(map(int, stat_of(postmaster)[11:15]))
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = stat_of(folder.name)
            if int(fields[1]) == postmaster:
                total += int(fields[11]) + int(fields[12])
    return total / TICKS


# --- a case -------------------------------------------------------------------------------------
@contextmanager
def source_of(case: Case, files: Path) -> Iterator[dict[str, str]]:
    """The settings by which a program finds the bars."""
    if case.files:
        yield {"TICKSTOCK_VENDOR": f"flatfiles:{files}"}
        return
    me = [sys.executable, __file__, "--as", "vendor", "--symbols", str(case.wanted)]
    with subprocess.Popen(me, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        try:
            yield {
                "TICKSTOCK_VENDOR": "massive",
                "MASSIVE_BASE_URL": serving.stdout.readline().strip(),
                "MASSIVE_API_KEY": "any",
                "MASSIVE_CALLS_PER_MINUTE": "0",
            }
        finally:
            serving.terminate()


def measure(name: str, share: float, files: Path, home: Path | None, source: Path) -> Any:
    me = [sys.executable, __file__, "--case", name, "--share", str(share), "--as"]
    with (
        source_of(of(name, share), files) as settings,
        tempfile.TemporaryDirectory(prefix="ts-", dir=home) as folder,
    ):
        Path(folder).chmod(0o711)  # as root the server runs as another user
        env = os.environ | settings | {"TICKSTOCK_HOME": folder, "PYTHONPATH": f"{source}/src"}
        made = answer_of([*me, "planner"], env)
        return made | answer_of([*me, "worker", "--load", made["load"]], env)


def of(name: str, share: float) -> Case:
    case = CASES[name]
    few = {k: int(getattr(case, k) * share) for k in ("wanted", "listed")}
    return Case(**(vars(case) | few))


def show(name: str, where: str, found: dict[str, Any]) -> None:
    bars = max(found["bars"], 1)
    print(
        f"{name:<26}{where:<7}{found['bars']:>12,}{found['calls']:>7,}{found['s']:>8.1f}"
        f"{bars / found['s']:>10,.0f}{found['worker'] / bars * 1e6:>8.2f}"
        f"{found['server'] / bars * 1e6:>8.2f}{found['empty']:>7.0f}{found['peak']:>7.0f}"
        f"  {found['state']} {found['message'] if found['errors'] else ''} {found['errors'] or ''}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--against", type=Path, default=None)
    parser.add_argument("--as", dest="role", choices=("vendor", "planner", "worker"))
    parser.add_argument("--symbols", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role == "vendor":
        return memory.vendor(given.symbols)
    if given.role:
        case = of(given.case[0], given.share)
        print(json.dumps(planner(case) if given.role == "planner" else worker(given.load)))
        return None
    print(
        f"{'':<26}{'':<7}{'bars':>12}{'calls':>7}{'s':>8}{'bars/s':>10}"
        f"{'worker':>8}{'server':>8}{'MB':>7}{'peak':>7}   (worker and server: us a bar)"
    )
    ways = {"here": Path(__file__).parent.parent, "there": given.against}
    for name in given.case:
        with tempfile.TemporaryDirectory(prefix="ts-files-", dir=given.home) as files:
            if (case := of(name, given.share)).files:
                make_files(Path(files), case)
            for where, source in ways.items():
                if source is not None:
                    show(name, where, measure(name, given.share, Path(files), given.home, source))
    return None


if __name__ == "__main__":
    main()
