"""The page in numbers, with real volume, in one run on one machine:

    python benchmarks/page.py [--universes 5000] [--parts keys,views] [--pictures FOLDER]

The S&P 500 with gaps of every kind, 10 ETFs with bars, thousands of universes, and a job of
thousands of symbols that stands still half-way. The page is `tickstock serve`, a process of its
own; what it takes is processor time as the kernel counts it, in steps of 10 ms, over many requests.
What a browser takes is Chromium's own word for it, without windows, on loopback.

With `--pictures`, every view is kept as a picture, at three widths and in both themes.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import http.client
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import time as time_of_day
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tickstock.config import Settings
from tickstock.service import TickStock
from tickstock.service.receipts import CoverageQuestion
from tickstock.worker.run import Worker

CORE, SP500, MANY = (
    "etf_universe:core_etfs",
    "stock_universe:index_sp500",
    "stock_universe:theme_many",
)
HISTORICAL = "/admin/historical-data"
TICK = os.sysconf("SC_CLK_TCK")
KEYS = ("4", "42", "424", "theme 42", "dow", "x", "")
WIDTHS = (1440, 1024, 360)
THEMES = ("light", "dark")
PARTS = ("starts", "keys", "views", "paints", "live")
WARM = 3.0
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
HELD = """
    WITH made AS (
        INSERT INTO tickstock.instruments (symbol)
        SELECT s FROM unnest(%(symbols)s::text[]) AS s
        WHERE NOT EXISTS (SELECT FROM tickstock.tickers WHERE symbol = s) RETURNING id, symbol)
    INSERT INTO tickstock.tickers (instrument_id, symbol) SELECT id, symbol FROM made"""
COVERED = """
    INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held, bars, first_at, last_at)
    SELECT instrument_id, 'day', 'synthetic',
           datemultirange(daterange(%(first)s, %(last)s))
           - CASE WHEN n %% 7 = 0 THEN datemultirange(daterange(d, d + 9)) ELSE '{}' END
           - CASE WHEN n %% 125 = 3 THEN datemultirange(daterange(d - 40, d - 33)) ELSE '{}' END,
           2500, %(first)s, %(last)s
    FROM (SELECT instrument_id, (row_number() OVER (ORDER BY symbol))::int AS n,
                 %(last)s::date - 200 AS d
          FROM tickstock.tickers WHERE symbol = ANY (%(symbols)s)) AS t
    ON CONFLICT DO NOTHING"""
LACKING = """
    INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)
    SELECT instrument_id, 'day', daterange(d - 40, d - 33), 'failed'
    FROM (SELECT instrument_id, (row_number() OVER (ORDER BY symbol))::int AS n,
                 %(last)s::date - 200 AS d
          FROM tickstock.tickers WHERE symbol = ANY (%(symbols)s)) AS t
    WHERE n %% 125 = 3
    ON CONFLICT DO NOTHING"""
EMPTY = """
    INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)
    SELECT instrument_id, 'day', daterange(d, d + 9), 'vendor_empty'
    FROM (SELECT instrument_id, (row_number() OVER (ORDER BY symbol))::int AS n,
                 %(last)s::date - 200 AS d
          FROM tickstock.tickers WHERE symbol = ANY (%(symbols)s)) AS t
    WHERE n %% 14 = 0
    ON CONFLICT DO NOTHING"""
THEMES_OF = """
    INSERT INTO cache_entries (type, name, key, value)
    SELECT 'stock_universe', 'Theme number ' || n, 'theme_' || n, %(value)s::jsonb
    FROM generate_series(1, %(count)s) AS n"""


# --- the world ------------------------------------------------------------------------------
@dataclass
class World:
    """What was made, as addresses of its views."""

    views: dict[str, str] = field(default_factory=dict)


def make_world(tick: TickStock, args: Any) -> World:
    tick.universes.apply(tick.universes.plan_organize(), reason="benchmark")
    edits = tick.edits
    symbols = [f"S{n:04}" for n in range(args.symbols)]
    allow = [MANY.partition(":")[2]]
    edits.apply(edits.set(MANY, symbols), reason="so many symbols", allow=allow)
    edits.apply(edits.add(MANY, ["ZZZA", "ZZZB"]), reason="two more", allow=allow)
    sp500 = list(tick.requests.resolve(SP500, duration="1d").symbols)
    published = tick.dates.published()
    with tick.database.transaction() as connection:
        value = json.dumps(sp500[:20])
        connection.execute(THEMES_OF, {"count": args.universes, "value": value})
        for some, years in ((sp500, 10), (symbols, 10)):
            first = published.replace(year=published.year - years, day=1)
            given = {"symbols": some, "first": first, "last": published}
            for statement in (HELD, COVERED, LACKING, EMPTY):
                connection.execute(statement, given)
        connection.execute("ANALYZE")
    done = _job(tick, CORE, "1y")
    asyncio.run(Worker(tick).drain(done))
    mixed = tick.requests.resolve(
        "a few of mine", symbols=["AAPL", "SPY", "NOSUCH"], duration="1mo"
    )
    some = tick.jobs.submit(tick.plans.make(mixed)).id
    asyncio.run(Worker(tick).drain(some))
    large = _job(tick, MANY, "5y", again=True)
    asyncio.run(_for_a_while(Worker(tick), large, args.seconds))
    tick.steering.pause(large)
    for n in range(30):
        tick.steering.pause(_job(tick, CORE, f"{n + 2}y" if n < 8 else "10y"))
    tick.schedules.add("nightly", CORE, time_of_day(1), timeframes="day,hour")
    token = tick.receipts.make(
        CoverageQuestion(SP500, duration="1y"), who="ann", reason="for the auditors of May"
    )
    return World(_views(str(done), str(some), str(large), token, str(published)))


def _job(tick: TickStock, universe: str, duration: str, *, again: bool = False) -> Any:
    request = tick.requests.resolve(universe, duration=duration, refresh=again)
    return tick.jobs.submit(tick.plans.make(request)).id


async def _for_a_while(worker: Worker, job: Any, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    loop.call_later(seconds, worker.stop)
    await worker.drain(job)


def _views(done: str, mixed: str, large: str, token: str, day: str) -> dict[str, str]:
    universe = f"/universes/{SP500}"
    return {
        "overview": "/",
        "historical": HISTORICAL,
        "plan": f"{HISTORICAL}?form=1&universe={SP500}&duration=1y&timeframes=day&missing_only=1",
        "jobs": "/jobs",
        "job-done": f"/jobs/{done}",
        "job-mixed": f"/jobs/{mixed}",
        "job-large": f"/jobs/{large}",
        "universes": "/universes",
        "universe-503": universe,
        "universe-blame": f"/universes/{MANY}?blame=1",
        "universe-day": f"{universe}?as_of=2020-01-02",
        "compare": f"/universes/diff?first={SP500}&on=2015-01-02&and={day}",
        "edit": f"/universes/edit?ref={SP500}&leave=AAPL&symbols=NOBODY",
        "import": f"/universes/import?ref={SP500}",
        "organize": "/universes/organize",
        "coverage-503": f"/coverage?universe={SP500}&for=1y",
        "coverage-3000": f"/coverage?universe={MANY}",
        "coverage-month": f"/coverage?universe={SP500}&for=1mo",
        "coverage-plan": f"/coverage?universe={SP500}&for=1y&cause=failed",
        "receipts": "/receipts",
        "receipt": f"/receipt/{token}",
        "bars": "/bars?symbol=SPY&for=1y",
        "symbol": "/symbols/SPY",
        "symbol-gaps": "/symbols/A",
        "find": "/find?q=th",
        "system": "/system",
        "audit": "/audit",
        "error": "/jobs?state=nonsense",
        "sign-in": "/sign-in",
    }


# --- the page -------------------------------------------------------------------------------
@dataclass
class Served:
    """`tickstock serve`, asked over loopback by somebody who is signed in."""

    process: subprocess.Popen[str]
    port: int
    cookie: tuple[str, str]

    def cpu(self) -> float:
        """Processor's time of the process so far, seconds."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(stat[11]) + int(stat[12])) / TICK

    def ask(self, path: str) -> tuple[float, float, bytes]:
        """Seconds to the first byte, to the last one, and the answer as it was sent."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        start = time.perf_counter()
        headers = {"Cookie": "=".join(self.cookie), "Accept-Encoding": "gzip"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        first = time.perf_counter() - start
        body = answer.read()
        whole = time.perf_counter() - start
        connection.close()
        if answer.status >= 500:
            raise SystemExit(f"{path}: {answer.status} {gzip.decompress(body)[:2000]!r}")
        return first, whole, body


@contextmanager
def serve(home: Path) -> Iterator[tuple[Served, float]]:
    """The page, and how long it took to say its address."""
    command = [sys.executable, "-m", "tickstock", "serve", "--no-worker", "--port", "0", "--json"]
    start = time.perf_counter()
    process = subprocess.Popen([*command, "--home", str(home)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        said = ""
        while "sign-in/link/" not in said:
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"the page did not start: {said}")
            said += line
        took = time.perf_counter() - start
        link = urlsplit(next(w for w in said.replace('"', " ").split() if "sign-in/link/" in w))
        assert link.port
        connection = http.client.HTTPConnection("127.0.0.1", link.port, timeout=60)
        connection.request("GET", link.path)
        name, _, value = (connection.getresponse().headers["set-cookie"] or "").partition("=")
        connection.close()
        yield Served(process, link.port, (name, value.partition(";")[0])), took
    finally:
        process.terminate()
        process.wait(30)


def say(what: str, text: str) -> None:
    print(f"{what:<58}{text}", flush=True)


def first_requests(home: Path, times: int) -> None:
    """Of a process that has just started, asked for one view first: at once, and a while later,
    when it has warmed up."""
    for path in ("/", "/jobs", f"/coverage?universe={SP500}&for=1y"):
        firsts: dict[float, list[float]] = {0.0: [], WARM: []}
        starts, seconds = [], []
        for wait in firsts:
            for _ in range(times):
                with serve(home) as (page, took):
                    time.sleep(wait)
                    firsts[wait].append(page.ask(path)[0])
                    seconds.append(page.ask(path)[0])
                    starts.append(took)
        at_once, later = (1e3 * statistics.median(found) for found in firsts.values())
        then = f"the second {1e3 * statistics.median(seconds):5.0f} ms"
        text = f"{at_once:6.0f} ms at once, {later:5.0f} ms after {WARM:.0f} s, {then}"
        say(f"first {path[:40]}", f"{text}; start {statistics.median(starts):.2f} s")


def keys(page: Served, times: int) -> None:
    """What a key of a search costs the processor."""
    for path in ("/universes/rows?q=", f"{HISTORICAL}/picker?q=", "/rows?q=", "/find/rows?q="):
        wanted = [f"{path}{key.replace(' ', '+')}" for key in KEYS]
        for one in wanted:
            page.ask(one)
        before = page.cpu()
        whole = sorted(page.ask(one)[1] for _ in range(times) for one in wanted)
        cpu = (page.cpu() - before) / len(whole)
        median = f"{1e3 * statistics.median(whole):6.1f} ms median"
        say(f"a key of {path}", f"{1e3 * cpu:6.1f} ms of processor, {median}")


def weights(page: Served, world: World) -> None:
    for name, path in world.views.items():
        page.ask(path)
        before = page.cpu()
        asked = [page.ask(path) for _ in range(5)]
        cpu = (page.cpu() - before) / len(asked)
        first = min(first for first, _, _ in asked)
        size = len(asked[0][2])
        text = (
            f"{size:8,} bytes, {1e3 * cpu:6.0f} ms of processor, first byte {1e3 * first:6.0f} ms"
        )
        say(f"view {name}", text)


# --- the browser ----------------------------------------------------------------------------
PAINT = "performance.getEntriesByName('first-contentful-paint').map(e => e.startTime)"
SIZES = """['navigation', 'resource'].flatMap(kind => performance.getEntriesByType(kind))
  .reduce((sum, e) => sum + e.encodedBodySize, 0)"""


@contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = next((path for name in NAMES if (path := shutil.which(name))), None)
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


def _context(browser: Any, page: Served, **options: Any) -> Any:
    context = browser.new_context(**options)
    url = f"http://127.0.0.1:{page.port}"
    context.add_cookies([{"name": page.cookie[0], "value": page.cookie[1], "url": url}])
    return context


def paints(browser: Any, page: Served, world: World, times: int, only: str) -> None:
    """Also of a line of text, which is what the browser and the machine take by themselves."""
    for name, path in ({"a line of text": "/healthz"} | world.views).items():
        if only not in name:
            continue
        found, size = [], 0
        for _ in range(times):
            context = _context(browser, page)
            tab = context.new_page()
            tab.goto(f"http://127.0.0.1:{page.port}{path}", wait_until="load")
            while not (paint := tab.evaluate(PAINT)):
                tab.wait_for_timeout(10)
            found.append(paint[0])
            size = tab.evaluate(SIZES)
            context.close()
        text = f"{min(found):5.0f} ms least, {statistics.median(found):5.0f} median of {times}"
        say(f"first paint of {name}", f"{text}; with all files {size:7,} bytes")


def key_to_result(browser: Any, page: Served) -> None:
    context = _context(browser, page)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}/universes")
    field = tab.locator("#q")
    taken = []
    for key in "424242":
        start = time.perf_counter()
        with tab.expect_response("**/universes/rows*"):
            field.press("Backspace") if len(field.input_value()) > 3 else field.press(key)
        tab.evaluate("() => new Promise(requestAnimationFrame)")
        taken.append(time.perf_counter() - start)
    say("key to what is shown, in the browser", f"{1e3 * statistics.median(taken):6.0f} ms median")
    context.close()


def progress(browser: Any, page: Served, home: Path, job: str) -> None:
    """From a write of a worker to what the page shows."""
    context = _context(browser, page)
    tab = context.new_page()
    tab.goto(f"http://127.0.0.1:{page.port}{job}")
    taken = []
    with TickStock.open(Settings(home=home, vendor="synthetic")) as tick:
        found = tick.jobs.find(job.rpartition("/")[2])
        for n in range(7):
            steer, shown = (
                (tick.steering.pause, "[data-state=paused]")
                if n % 2
                else (tick.steering.resume, ":not([data-state=paused])")
            )
            start = time.perf_counter()
            steer(found)
            tab.locator(f"#progress{shown}").wait_for()
            if n:  # the first one also waits for the stream to begin
                taken.append(time.perf_counter() - start)
        tick.steering.pause(found)
    say("a job's change to the page", f"{1e3 * statistics.median(taken):6.0f} ms median")
    context.close()


def pictures(browser: Any, page: Served, world: World, folder: Path, only: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for theme in THEMES:
        for width in WIDTHS:
            size = {"width": width, "height": 900}
            context = _context(browser, page, viewport=size, color_scheme=theme)
            tab = context.new_page()
            for name, path in world.views.items():
                if only not in name:
                    continue
                tab.goto(f"http://127.0.0.1:{page.port}{path}", wait_until="load")
                tab.wait_for_timeout(300)
                over = tab.evaluate("document.documentElement.scrollWidth - innerWidth")
                high = min(2600, tab.evaluate("document.documentElement.scrollHeight"))
                clip = {"x": 0, "y": 0, "width": width, "height": high}
                file = folder / f"{name}-{width}-{theme}.png"
                tab.screenshot(path=file, full_page=True, clip=clip)
                if over > 0:
                    say(f"{name} {width} {theme}", f"{over} px too wide")
            context.close()


def main() -> None:
    about = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    about.add_argument("--universes", type=int, default=5_000)
    about.add_argument("--symbols", type=int, default=3_000)
    about.add_argument("--seconds", type=float, default=8.0, help="of work at the large job")
    about.add_argument("--times", type=int, default=5)
    about.add_argument("--home", type=Path, help="keep the world there, or use the one that is")
    about.add_argument("--parts", default=",".join(PARTS), help="which of them")
    about.add_argument("--pictures", type=Path, help="keep pictures of all views there")
    about.add_argument("--only", default="", help="views with this in their name")
    args = about.parse_args()
    home = args.home or Path(tempfile.mkdtemp(prefix="page-"))
    kept = home / "views.json"
    if not kept.exists():
        with TickStock.open(Settings(home=home, vendor="synthetic")) as tick:
            kept.write_text(json.dumps(make_world(tick, args).views))
    world = World(json.loads(kept.read_text()))
    parts = () if args.pictures else args.parts.split(",")
    if "starts" in parts:
        first_requests(home, min(3, args.times))
    with serve(home) as (page, _):
        if "keys" in parts:
            keys(page, args.times)
        if "views" in parts:
            weights(page, world)
        if not {"paints", "live"}.intersection(parts) and not args.pictures:
            return
        with chromium() as browser:
            if args.pictures:
                pictures(browser, page, world, args.pictures, args.only)
            if "paints" in parts:
                paints(browser, page, world, args.times, args.only)
            if "live" in parts:
                key_to_result(browser, page)
                progress(browser, page, home, world.views["job-large"])


if __name__ == "__main__":
    main()
