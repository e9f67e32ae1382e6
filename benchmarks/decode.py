"""How fast answers are read: bars decoded a second, and answers a second over a real socket.

    python benchmarks/decode.py

Prints one line a figure. The server runs in a process of its own, on the same machine.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from collections.abc import Callable
from datetime import date
from multiprocessing.connection import Connection

import msgspec
import numpy as np

from tickstock.model import Call, CallKind, Timeframe
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.vendors import OpenGate
from tickstock.vendors.massive.source import MassiveSource
from tickstock.vendors.massive.wire import Bar, Envelope, read_page
from tickstock.vendors.replay.recorded import shipped_bars
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread
from tickstock.vendors.synthetic.source import synthetic_bars
from tickstock.vendors.tables import tidy

MINUTES = Call(
    CallKind.TICKER, Timeframe.MINUTE, Span.inclusive(date(2024, 1, 2), date(2024, 7, 9)), "SPY"
)
TWO_YEARS = Call(
    CallKind.TICKER, Timeframe.DAY, Span.inclusive(date(2010, 1, 4), date(2011, 12, 27)), "AAPL"
)


def best(work: Callable[[], object], rounds: int = 7) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def large_answer() -> bytes:
    """50,000 minute bars as they stand on the wire."""
    table = synthetic_bars(["SPY"], Timeframe.MINUTE, MINUTES.span, shipped_calendar(), time.time())
    table = table.rows(np.arange(50_000))
    columns = (table.open, table.high, table.low, table.close, table.volume, table.at * 1000)
    rows = zip(*(c.tolist() for c in (*columns, table.vwap, table.trades)), strict=True)
    bars = [Bar(*row) for row in rows]
    return msgspec.json.encode(Envelope("OK", False, len(bars), len(bars), "SPY", bars))


def by_json(body: bytes) -> list[np.ndarray]:
    bars = json.loads(body)["results"]
    return [np.array([bar[name] for bar in bars]) for name in ("t", *"ohlcv", "vw", "n")]


def serve(pipe: Connection) -> None:
    with serve_in_thread(ReplayVendor()) as vendor:
        pipe.send(vendor.url)
        pipe.recv()


async def answers_a_second(url: str, calls: int = 2000, at_once: int = 16) -> tuple[float, float]:
    """Answers by the clock, and by the processor time of this side alone."""
    source = MassiveSource(url, "any")
    left = iter(range(calls))

    async def ask() -> None:
        for _ in left:
            await source.fetch(TWO_YEARS, OpenGate())

    await source.fetch(TWO_YEARS, OpenGate())
    started, worked = time.perf_counter(), time.process_time()
    await asyncio.gather(*(ask() for _ in range(at_once)))
    took, worked = time.perf_counter() - started, time.process_time() - worked
    await source.close()
    return calls / took, calls / worked


def main() -> None:
    body = large_answer()
    ours = best(lambda: tidy([read_page(body, MINUTES).bars], MINUTES))
    plain = best(lambda: by_json(body), rounds=3)
    print(f"an answer of 50,000 bars, {len(body) / 1e6:.1f} MB unpacked")
    print(f"  read, checked, in columns  {50_000 / ours:12,.0f} bars/s")
    print(
        f"  json.loads, in columns     {50_000 / plain:12,.0f} bars/s  ({plain / ours:.1f} times)"
    )

    here, there = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(there,))
    server.start()
    rate, alone = asyncio.run(answers_a_second(here.recv()))
    here.send("stop")
    server.join()
    bars = len(shipped_bars().of("AAPL", TWO_YEARS.span))
    print(f"answers of {bars} bars over gzip from a loopback server, 16 at once")
    print(f"  fetched, read, checked     {rate:12,.0f} answers/s  ({rate * bars:,.0f} bars/s)")
    print(f"  by this side's processor   {alone:12,.0f} answers/s")


if __name__ == "__main__":
    main()
