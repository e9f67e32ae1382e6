"""A whole job from a vendor on loopback, in one run on one machine:

    python benchmarks/end_to_end.py [--symbols 500] [--days 500] [--delay 0.05]

guide      the seed guide's way: one request after the other, json, one INSERT batch a symbol
           (psycopg2 execute_batch, page size 1000), one commit a symbol
tickstock  plan, submit, drain with the worker's defaults, verdict

The vendor runs in a process of its own and speaks the vendor's wire format with gzip.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gzip
import http.client
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import psycopg2
from psycopg2.extras import execute_batch

from tickstock.config import read_settings
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.spans import Span
from tickstock.worker.run import Worker

PASSED = ("Content-Type", "Content-Encoding", "X-TickStock-Origin")
NEW_YORK = ZoneInfo("America/New_York")
TABLE = """CREATE TABLE IF NOT EXISTS public.guide_daily (symbol text, date date, open float8,
high float8, low float8, close float8, volume float8, PRIMARY KEY (symbol, date))"""
INSERT = """INSERT INTO public.guide_daily VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (symbol, date) DO UPDATE SET open = EXCLUDED.open, high = EXCLUDED.high,
low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume"""


def serve(symbols: list[str], delay: float, url: Any) -> None:
    """The replay vendor behind a cache of its answers: what is measured is the asking side."""
    from aiohttp import ClientSession, web

    from tickstock.vendors.replay.server import ReplayVendor

    kept: dict[tuple[str, frozenset[str]], tuple[int, dict[str, str], bytes]] = {}

    async def run() -> None:
        async with (
            ReplayVendor(symbols=symbols) as vendor,
            ClientSession(auto_decompress=False) as client,
        ):

            async def handle(request: web.BaseRequest) -> web.Response:
                path = request.path_qs
                asked = request.path, frozenset(request.query_string.split("&"))
                if asked not in kept:
                    headers = {"Authorization": "Bearer key", "Accept-Encoding": "gzip"}
                    async with client.get(vendor.url + path, headers=headers) as answer:
                        passed = {h: answer.headers[h] for h in PASSED if h in answer.headers}
                        kept[asked] = answer.status, passed, await answer.read()
                if delay:
                    await asyncio.sleep(delay)
                status, headers, body = kept[asked]
                return web.Response(status=status, headers=headers, body=body)

            runner = web.ServerRunner(web.Server(handle))
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            host, port = runner.addresses[0][:2]
            url.send(f"http://{host}:{port}")
            await asyncio.Event().wait()

    asyncio.run(run())


@contextlib.contextmanager
def vendor(symbols: list[str], delay: float) -> Iterator[str]:
    """The vendor in a process of its own; its address."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(symbols, delay, theirs), daemon=True
    )
    process.start()
    try:
        yield ours.recv()
    finally:
        process.kill()


@contextlib.contextmanager
def opened(url: str) -> Iterator[TickStock]:
    """TickStock in an empty home, asking the vendor at `url`."""
    with tempfile.TemporaryDirectory(prefix="tsb") as home:
        Path(home).chmod(0o711)  # as root the server runs as another user
        settings = read_settings(
            {}, home=Path(home), vendor="massive", massive_base_url=url,
            massive_api_key="benchmark-key", massive_calls_per_minute=0,
        )  # fmt: skip
        with TickStock.open(settings) as tick:
            yield tick


def newest(days: int) -> Span:
    """So many sessions."""
    calendar = shipped_calendar()
    end = calendar.index(date(2026, 10, 30))
    return Span.inclusive(calendar.day(end - days + 1), calendar.day(end))


def fill_cache(url: str, symbols: list[str], span: Span) -> None:
    where = urlsplit(url)
    vendor = http.client.HTTPConnection(where.hostname or "", where.port)
    for symbol in symbols:
        for query in ("?adjusted=false&limit=50000", "?adjusted=false&sort=asc&limit=50000"):
            path = f"/v2/aggs/ticker/{symbol}/range/1/day/{span.start}/{span.last}"
            vendor.request("GET", path + query)
            vendor.getresponse().read()


def guide(database: str, url: str, symbols: list[str], span: Span) -> int:
    where = urlsplit(url)
    vendor = http.client.HTTPConnection(where.hostname or "", where.port)
    connection = psycopg2.connect(database)
    with connection, connection.cursor() as cursor:
        cursor.execute(TABLE)
    rows = 0
    for symbol in symbols:
        path = f"/v2/aggs/ticker/{symbol}/range/1/day/{span.start}/{span.last}"
        headers = {"Authorization": "Bearer key", "Accept-Encoding": "gzip"}
        vendor.request("GET", path + "?adjusted=false&limit=50000", headers=headers)
        answer = vendor.getresponse()
        body = answer.read()
        if answer.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        bars = [_row(symbol, bar) for bar in json.loads(body)["results"]]
        with connection, connection.cursor() as cursor:
            execute_batch(cursor, INSERT, bars, page_size=1000)
        rows += len(bars)
    connection.close()
    return rows


def _row(symbol: str, bar: dict[str, Any]) -> tuple[Any, ...]:
    from datetime import datetime

    day: date = datetime.fromtimestamp(bar["t"] / 1000, NEW_YORK).date()
    return symbol, day, bar["o"], bar["h"], bar["l"], bar["c"], bar["v"]


def tickstock(tick: TickStock, symbols: list[str], span: Span, *, refresh: bool) -> int:
    request = tick.requests.resolve(
        "bench", symbols=symbols, first=span.start, last=span.last, refresh=refresh
    )
    load = tick.jobs.submit(tick.plans.make(request))
    asyncio.run(Worker(tick).drain(load.id))
    done = tick.jobs.progress(load.id)
    if done.load.state != "completed":
        raise SystemExit(f"the job ended as {done.load.state}: {done.load.message}")
    return done.rows_new


def timed(name: str, run: Callable[[], int]) -> float:
    start = time.perf_counter()
    rows = run()
    took = time.perf_counter() - start
    print(f"{name:<28} {took:8.2f} s   {rows:>9,} rows written", flush=True)
    return took


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=500)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("--delay", type=float, default=0.0)
    options = parser.parse_args()
    symbols = [
        f"B{chr(65 + i // 26 % 26)}{chr(65 + i % 26)}{chr(65 + i // 676)}"
        for i in range(options.symbols)
    ]
    span = newest(options.days)
    with vendor(symbols, options.delay) as url, opened(url) as tick:
        address = tick.database.conninfo
        fill_cache(url, symbols, span)
        first = timed("guide, first job", lambda: guide(address, url, symbols, span))
        again = timed("guide, reload", lambda: guide(address, url, symbols, span))
        mine = timed("tickstock, first job", lambda: tickstock(tick, symbols, span, refresh=False))
        full = timed("tickstock, reload all", lambda: tickstock(tick, symbols, span, refresh=True))
        none = timed(
            "tickstock, nothing missing", lambda: tickstock(tick, symbols, span, refresh=False)
        )
    print(
        f"first load {first / mine:.1f} x, reload {again / full:.1f} x, "
        f"nothing missing {again / none:.0f} x"
    )


if __name__ == "__main__":
    main()
