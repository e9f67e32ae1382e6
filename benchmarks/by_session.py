"""Whole sessions of a market committed, in one run on one machine, beside raw COPY:

    python benchmarks/by_session.py [--symbols 5000] [--sessions 60] [--held 0] [--rounds 1]
                                    [--against FOLDER]

Answers for all tickers, one a session, are in memory already: what is measured is judging,
comparing and writing them in batches as a worker makes them, and what the server does for it. With
`--held` the database has so many earlier sessions of the same symbols. Raw COPY writes the same
rows, prepared beforehand in the order of the key, into the same table.

`--against` names a checkout of another state of the program: its commits are measured too, in turn,
and what is in the database afterwards is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

HAS_HOLES = "SELECT 1 FROM pg_tables WHERE schemaname = 'tickstock' AND tablename = 'holes'"
NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
KEPT = {
    "bars_day": "*",
    "coverage": "instrument_id, timeframe, origin, held, bars, first_at, last_at, "
    "written_origin, written_at = updated_at",
    "holes": "instrument_id, timeframe, span, cause, detail",
    "doubts": "instrument_id, timeframe, at, reason, detail",
    "quarantine": "instrument_id, timeframe, at, reason, bar, call_id",
    "calls": "span, state, held, rows_new, rows_changed, tickers",
}
"""What has to be the same, whoever wrote it; times and the size of commits are not in it."""


def made(symbols: int, sessions: int, first: int, dice: Any) -> list[Any]:
    """Tables of all symbols, one a session; some of them lack a symbol, or have an odd bar."""
    import numpy as np

    from tickstock.model import BarTable
    from tickstock.sessions import shipped_calendar

    days = shipped_calendar().days[first : first + sessions]
    names = tuple(f"B{i:05d}" for i in range(symbols))
    price, out = dice.uniform(5, 400, symbols), []
    for day in days:
        price = np.maximum(price * np.exp(dice.normal(0, 0.02, symbols)), 1.0)
        opened = price * np.exp(dice.normal(0, 0.005, symbols))
        high, low = np.maximum(opened, price) * 1.01, np.minimum(opened, price) * 0.99
        volume = np.floor(dice.uniform(1e4, 1e7, symbols))
        low[dice.random(symbols) < 1e-4] = -1.0
        kept = np.flatnonzero(dice.random(symbols) > 0.002)
        columns = [c[kept] for c in (opened, high, low, price, volume, price)]
        trades = dice.integers(100, 90_000, len(kept))
        out.append(BarTable(names, kept, np.full(len(kept), int(day)), *columns, trades))
    return out


def leased(tick: Any, tables: list[Any], ids: dict[str, int]) -> list[Any]:
    """A job whose calls are all claimed and answered: what is left is writing."""
    from tickstock.loading.plan import Item, Plan, PlannedCall
    from tickstock.loading.request import LoadRequest
    from tickstock.model import Answer, Call, CallKind, Timeframe
    from tickstock.spans import Span, day_of
    from tickstock.store import jobs, ledger
    from tickstock.worker.commit import Fetched

    try:
        from tickstock.loading.targets import Target, WantedTargets, narrowed
    except ImportError:  # as it was before commits by columns
        from tickstock.loading.judge import Target, WantedTargets, narrowed

    days = [day_of(int(t.at[0])) for t in tables]
    span, n = Span.inclusive(days[0], days[-1]), len(tables)
    calls = [Call(CallKind.MARKET_DAY, Timeframe.DAY, Span.inclusive(d, d)) for d in days]
    plan = Plan(
        LoadRequest("bench", tuple(ids), (Timeframe.DAY,), span),
        tuple(PlannedCall(c, len(ids)) for c in calls),
        tuple(Item(i, s, Timeframe.DAY, span, n, 0) for s, i in ids.items()),
        (), n * len(ids), 0, 0.0, 0.0, True, "",
    )  # fmt: skip
    wanted = WantedTargets([Target(i, s, span) for s, i in ids.items()])
    with tick.database.transaction() as connection:
        load_id, _ = jobs.submit(connection, plan, title="bench", vendor="bench", summary={})
        leases = ledger.claim(connection, load_id, "bench", n, timedelta(hours=1))
    by_call = dict(zip(calls, tables, strict=True))
    out = []
    for lease in leases:
        targets = wanted.of(lease.call)
        answer = Answer(lease.call, by_call[lease.call], "synthetic")
        out.append(Fetched(lease, narrowed(answer, targets), targets))
    return out


def in_batches(fetched: list[Any]) -> list[list[Any]]:
    """As a worker that never waits for an answer makes them."""
    from tickstock.worker.policy import Policy

    policy, out = Policy(), []
    batch: list[Any] = []
    for one in fetched:
        batch.append(one)
        bars = sum(len(f.answer.bars) for f in batch)
        if len(batch) >= policy.batch or bars >= policy.batch_bars:
            out.append(batch)
            batch = []
    return [*out, batch] if batch else out


def server_cpu(pid: int) -> float:
    """Seconds of the processor that a process has had."""
    text = Path(f"/proc/{pid}/stat").read_text()
    fields = text[text.rindex(")") + 2 :].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def commits(tick: Any, fetched: list[Any]) -> tuple[float, float, float]:
    """Seconds, of the processor here, and of the server's process."""
    from tickstock.sessions import shipped_calendar
    from tickstock.worker.commit import commit

    batches, calendar = in_batches(fetched), shipped_calendar()
    fetched.clear()
    with tick.database.brief() as connection:
        pid = connection.info.backend_pid
    wall, mine, its = time.perf_counter(), time.process_time(), server_cpu(pid)
    while batches:
        commit(tick.database, batches.pop(0), calendar, NOW)
    return (
        time.perf_counter() - wall, time.process_time() - mine, server_cpu(pid) - its,
    )  # fmt: skip


def raw_copy(tick: Any, tables: list[Any], ids: dict[str, int]) -> tuple[float, float, float]:
    """The same of the same rows, packed and in the order of the key beforehand."""
    import numpy as np

    from tickstock.store.pgbinary import COPY_END, COPY_HEADER, EPOCH_DAYS, copy_rows

    known = np.array(list(ids.values()))
    parts = [(known[t.owner], t) for t in tables]
    joined = [np.concatenate([getattr(t, c) for _, t in parts]) for c in
              ("at", "open", "high", "low", "close", "volume", "vwap", "trades")]  # fmt: skip
    whose = np.concatenate([i for i, _ in parts])
    order = np.lexsort((joined[0], whose))
    at, *prices, vwap, trades = (c[order] for c in joined)
    body = copy_rows(whose[order], at - EPOCH_DAYS, ">i4", prices, vwap, trades)
    with tick.database.brief() as connection:
        pid = connection.info.backend_pid
        wall, mine, its = time.perf_counter(), time.process_time(), server_cpu(pid)
        with connection.cursor().copy("COPY tickstock.bars_day FROM STDIN (FORMAT binary)") as copy:
            copy.write(COPY_HEADER)
            copy.write(body)
            copy.write(COPY_END)
    return (
        time.perf_counter() - wall, time.process_time() - mine, server_cpu(pid) - its,
    )  # fmt: skip


def content(tick: Any) -> str:
    """A hash of all that has to be the same."""
    found = hashlib.sha256()
    with tick.database.transaction() as connection:
        for table, columns in KEPT.items():
            is_old = table == "holes" and not connection.execute(HAS_HOLES).fetchone()
            name = "gaps" if is_old else table
            query = f"SELECT t::text FROM (SELECT {columns} FROM tickstock.{name}) AS t ORDER BY 1"
            for (row,) in connection.execute(query):
                found.update(row.encode() + b"\n")
    return found.hexdigest()[:16]


def one_run(given: argparse.Namespace) -> dict[str, Any]:
    import numpy as np

    from tickstock.config import read_settings
    from tickstock.service import TickStock
    from tickstock.store import instruments

    with tempfile.TemporaryDirectory(prefix="tsb", dir=given.home) as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        settings = read_settings({}, home=Path(home), vendor="synthetic")
        with TickStock.open(settings) as tick:
            names = [f"B{i:05d}" for i in range(given.symbols)]
            with tick.database.transaction() as connection:
                known = instruments.ensure_instruments(connection, names)
            ids = {s: known[s].id for s in names}
            dice = np.random.default_rng(7)
            every = given.held + given.sessions
            tables = made(given.symbols, every, 5500 - every, dice)
            held, tables = tables[: given.held], tables[given.held :]
            if held:
                commits(tick, leased(tick, held, ids))
            rows = sum(len(t) for t in tables)
            if given.run == "copy":
                wall, mine, its = raw_copy(tick, tables, ids)
                return {"rows": rows, "s": wall, "worker": mine, "server": its}
            fetched = leased(tick, tables, ids)
            del tables, held
            wall, mine, its = commits(tick, fetched)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            return {
                "rows": rows, "s": wall, "worker": mine, "server": its, "peak": peak,
                "content": content(tick),
            }  # fmt: skip


def trial(options: list[str], name: str, source: Path) -> dict[str, Any]:
    """In a process of its own: memory is counted from nothing."""
    command = [sys.executable, __file__, *options, "--run", name]
    env = os.environ | {"PYTHONPATH": str(source / "src")}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--sessions", type=int, default=60)
    parser.add_argument("--held", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--home", type=Path, default=None)
    parser.add_argument("--against", type=Path, default=None)
    parser.add_argument("--run", choices=("copy", "commit"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        print(json.dumps(one_run(given)))
        return
    here, options = Path(__file__).parent.parent, sys.argv[1:]
    ways = {"raw COPY": ("copy", here), "commits": ("commit", here)}
    if given.against:
        ways["commits there"] = ("commit", given.against)
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(given.rounds):
        for name, (what, source) in ways.items():
            found[name].append(trial(options, what, source))
    report(found)


def report(found: dict[str, list[dict[str, Any]]]) -> None:
    def middle(name: str, what: str) -> float:
        return statistics.median(run[what] for run in found[name])

    rows = found["raw COPY"][0]["rows"]
    print(f"{rows:,} rows, load {os.getloadavg()[0]:.1f}")
    print(f"{'':16}{'rows/s':>10}{'of COPY':>9}{'worker us':>11}{'server us':>11}{'MB':>6}")
    for name, runs in found.items():
        seconds = middle(name, "s")
        cpu = [middle(name, what) / rows * 1e6 for what in ("worker", "server")]
        print(
            f"{name:<16}{rows / seconds:>10,.0f}{middle('raw COPY', 's') / seconds:>9.2f}"
            f"{cpu[0]:>11.2f}{cpu[1]:>11.2f}{max(r.get('peak', 0) for r in runs):>6.0f}"
            f"  {runs[0].get('content', '')}"
        )


if __name__ == "__main__":
    main()
