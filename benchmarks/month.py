"""A month of minutes of a whole market from the vendor's day files: loaded, sealed, read.

    python benchmarks/month.py [--symbols 10000] [--minutes 160] [--home FOLDER]

The files are made first: so many symbols with so many minutes a session each, more or less.
Loading, sealing and reading are each a process of its own, with the peak of its memory.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import tempfile
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import flat_file
import numpy as np
from child import answer_of

from tickstock.config import read_settings
from tickstock.model import Timeframe
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.store import bars
from tickstock.worker.run import Worker

SPAN = Span.inclusive(date(2026, 9, 1), date(2026, 9, 30))
AFTER = "2026-10"
READ = (1, 200)
TABLE = "tickstock.bars_minute_2026_09"
SIZES = """
SELECT coalesce(pg_total_relation_size(to_regclass(%s)), 0)::bigint,
       (pg_current_wal_lsn() - '0/0')::bigint
"""


def days() -> list[date]:
    calendar = shipped_calendar()
    start, end = calendar.between(SPAN)
    return [calendar.day(i) for i in range(start, end)]


def opened() -> TickStock:
    return TickStock.open(read_settings())


def plan(symbols: int) -> dict[str, Any]:
    with opened() as tick:
        request = tick.requests.resolve(
            symbols=flat_file.names_of(symbols), timeframes="1min",
            first=SPAN.start, last=SPAN.last,
        )  # fmt: skip
        made = tick.plans.make(request)
        load = tick.jobs.submit(made)
        return {"load": str(load.id), "calls": len(made.calls)} | sizes(tick)


def load(load_id: uuid.UUID) -> dict[str, Any]:
    with opened() as tick:
        asyncio.run(Worker(tick).drain(load_id))
        done = tick.jobs.progress(load_id)
        return {"bars": done.rows_new, "state": str(done.load.state)} | sizes(tick)


def seal() -> dict[str, Any]:
    with opened() as tick:
        (month,) = tick.sealed_months.seal(AFTER).months
        return {"bars": month.bars, "bytes": month.bytes} | sizes(tick)


def verify() -> dict[str, Any]:
    with opened() as tick:
        found = tick.sealed_months.check()
        return {"bars": found.bars, "damaged": len(found.damaged)}


def read(count: int) -> dict[str, Any]:
    """The month of so many symbols."""
    calendar = shipped_calendar()
    start, end = calendar.between(SPAN)
    edges = calendar.opens[start], calendar.closes[end - 1]
    with opened() as tick, tick.database.transaction() as connection:
        names = flat_file.names_of(count)
        rows = connection.execute(
            "SELECT id FROM tickstock.instruments WHERE symbol = ANY(%s) ORDER BY id", [names]
        )
        import_module("pyarrow.parquet")  # once for a process, and takes longer than most readings
        ids = np.array([i for (i,) in rows])
        began = time.perf_counter()
        found = bars.read_rows(
            connection, Timeframe.MINUTE, ids, *(np.full(len(ids), at) for at in edges)
        )
        return {"bars": len(found), "s": time.perf_counter() - began}


def sizes(tick: TickStock) -> dict[str, int]:
    with tick.database.transaction() as connection:
        table, wal = connection.execute(SIZES, [TABLE]).fetchone() or (0, 0)
        return {"table": table, "wal": wal}


ROLES = {"plan": plan, "load": load, "seal": seal, "verify": verify, "read": read}


def role(name: str, argument: str | None) -> None:
    began, used = time.perf_counter(), time.process_time()
    given = [] if argument is None else [uuid.UUID(argument) if "-" in argument else int(argument)]
    found = ROLES[name](*given)  # type: ignore[operator]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took = {"s": time.perf_counter() - began, "cpu": time.process_time() - used, "mb": peak}
    print(json.dumps(took | found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--minutes", type=int, default=160)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--as", dest="role", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role:
        role(given.role[0], given.role[1] if len(given.role) > 1 else None)
        return
    with tempfile.TemporaryDirectory(prefix="ts-month-", dir=given.home) as folder:
        Path(folder).chmod(0o711)  # as root the server runs as another user
        measure(Path(folder), given.symbols, given.minutes)


def measure(folder: Path, symbols: int, minutes: int) -> None:
    files, home = folder / "files", folder / "home"
    began = time.perf_counter()
    with ProcessPoolExecutor(2) as pool:
        list(pool.map(partial(flat_file.make, files, symbols, minutes), days()))
    size = sum(f.stat().st_size for f in files.rglob("*.gz"))
    print(f"{len(days())} files, {size / 1e9:.2f} GB, made in {time.perf_counter() - began:.0f} s")
    env = os.environ | {"TICKSTOCK_HOME": str(home), "TICKSTOCK_VENDOR": f"flatfiles:{files}"}

    def ask(*what: str) -> dict[str, Any]:
        return answer_of([sys.executable, __file__, "--as", *what], env)

    planned = ask("plan", str(symbols))
    loaded = ask("load", planned["load"])
    count = loaded["bars"]
    told(f"loaded ({loaded['state']}, {planned['calls']} calls)", loaded)
    wal = loaded["wal"] - planned["wal"]
    print(f"  table {loaded['table'] / 1e9:.2f} GB ({loaded['table'] / count:.0f} bytes a bar), "
          f"log {wal / 1e9:.2f} GB")  # fmt: skip
    before = [ask("read", str(n)) for n in READ]
    sealed = ask("seal")
    told("sealed", sealed)
    print(f"  files {sealed['bytes'] / 1e9:.2f} GB ({sealed['bytes'] / count:.1f} bytes a bar), "
          f"left of the table {sealed['table'] / 1e9:.2f} GB")  # fmt: skip
    verified = ask("verify")
    told("every bar read again and compared", verified)
    for n, mine, theirs in zip(READ, before, (ask("read", str(n)) for n in READ), strict=True):
        assert mine["bars"] == theirs["bars"]
        print(f"{n:>5} symbols, {mine['bars']:>10,} bars: {mine['s']:.2f} s in the database, "
              f"{theirs['s']:.2f} s sealed")  # fmt: skip
    assert not verified["damaged"]


def told(what: str, found: dict[str, Any]) -> None:
    rate = found["bars"] / found["s"]
    print(
        f"{what}: {found['bars']:,} bars in {found['s']:,.0f} s ({rate:,.0f} a second),"
        f" {found['cpu']:,.0f} s of the processor here, {found['mb']:.0f} MB at the peak",
        flush=True,
    )


if __name__ == "__main__":
    main()
