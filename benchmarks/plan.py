"""How long a plan takes: 10,000 symbols over 20 years of day bars, gaps and calls.

    python benchmarks/plan.py [--symbols N]

In the first table the work is done in this process without a database: coverage comes as it is
read from one, in flat columns. Memory is the peak of one more run. In the second one it is what a
person waits for: symbols, lives, coverage and answers are read from an embedded database first.
Each case runs three times, the middle one is shown.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from tickstock.config import read_settings
from tickstock.loading.bits import Bits
from tickstock.loading.grid import HeldSpans, build_grid
from tickstock.loading.plan import Plan
from tickstock.loading.planner import make_plan
from tickstock.loading.request import LoadRequest
from tickstock.model import CallKind, Flags, Instrument, Limits, Timeframe
from tickstock.service import TickStock
from tickstock.sessions import Calendar, shipped_calendar
from tickstock.spans import Span, day_of
from tickstock.store.instruments import ensure_instruments

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SESSIONS = 5040
BASIC = Limits(calls_per_minute=5)
UNLIMITED = Limits()
NOTHING = HeldSpans(*(np.empty(0, np.int64) for _ in range(3)))


@dataclass(frozen=True)
class Case:
    name: str
    timeframe: Timeframe
    limits: Limits
    span: Span
    instruments: tuple[Instrument, ...]
    held: HeldSpans


def cases(calendar: Calendar, span: Span, symbols: int) -> Iterator[Case]:
    rng = np.random.default_rng(2026)
    first, stop = calendar.between(span)
    always = tuple(Instrument(i, f"T{i:05}") for i in range(symbols))
    # About three fifths of all cells, as in a market where names come and go.
    listed = calendar.days[first + (rng.beta(0.6, 1.0, symbols) * (stop - first)).astype(int)]
    dated = tuple(Instrument(i, f"T{i:05}", day_of(int(d))) for i, d in enumerate(listed))
    gaps = np.zeros((symbols, stop - first), np.bool_)
    gaps.ravel()[rng.integers(0, gaps.size, gaps.size * 64 // 1000)] = True
    tails = np.arange(stop - first) >= (stop - first - rng.pareto(1.0, symbols) * 20)[:, None]
    scattered, stale = held_of(~gaps, calendar, first), held_of(~tails, calendar, first)
    for name, limits in (("5 a minute", BASIC), ("no limit", UNLIMITED)):
        yield Case(f"fresh, listing dates, {name}", Timeframe.DAY, limits, span, dated, NOTHING)
        yield Case(f"scattered gaps, {name}", Timeframe.DAY, limits, span, always, scattered)
        yield Case(f"stale tails, {name}", Timeframe.DAY, limits, span, always, stale)
    year = Span(calendar.day(stop - 252), span.end)
    for name, limits in (("5 a minute", BASIC), ("no limit", UNLIMITED)):
        label = f"scattered, minutes of a year, {name}"
        yield Case(label, Timeframe.MINUTE, limits, year, always, scattered)
    filed = replace(BASIC, flat_days=span)
    yield Case("the same, with files", Timeframe.MINUTE, filed, year, always, scattered)
    label = "fresh, minutes of a year, with files"
    yield Case(label, Timeframe.MINUTE, filed, year, always[: symbols // 10], NOTHING)
    yield Case("fresh, listing dates, with files", Timeframe.DAY, filed, span, dated, NOTHING)


def held_of(flags: Flags, calendar: Calendar, first: int) -> HeldSpans:
    row, start, end = Bits.pack(flags).runs()
    return HeldSpans(row, calendar.days[first + start], calendar.days[first + end - 1] + 1)


def plan(case: Case, calendar: Calendar) -> tuple[float, float, int, Plan]:
    """Seconds for the gaps, seconds for the calls, number of missing cells, and the plan."""
    published = calendar.published(NOW, timedelta(hours=8))
    symbols = tuple(i.symbol for i in case.instruments)
    request = LoadRequest("benchmark", symbols, (case.timeframe,), case.span)
    started = time.perf_counter()
    grid = build_grid(case.timeframe, case.instruments, case.span, calendar, published, case.held)
    between = time.perf_counter()
    made = make_plan(request, [grid], case.limits)
    return between - started, time.perf_counter() - between, grid.missing.count(), made


def peak_memory(case: Case, calendar: Calendar) -> float:
    """Megabytes that gaps and plan took at their height, above what the case itself holds."""
    tracemalloc.start()
    plan(case, calendar)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


# --- with a database -------------------------------------------------------------------------
@contextmanager
def installation() -> Iterator[TickStock]:
    with tempfile.TemporaryDirectory(prefix="ts-plan-") as folder:
        Path(folder).chmod(0o711)
        environ = {"TICKSTOCK_HOME": folder, "TICKSTOCK_VENDOR": "massive"}
        settings = read_settings(environ | {"MASSIVE_CALLS_PER_MINUTE": "5"})
        with TickStock.open(settings) as tick:
            yield TickStock(settings, tick.database, lambda: NOW)


def list_symbols(tick: TickStock, calendar: Calendar, span: Span, symbols: int) -> list[str]:
    """Instruments with listing dates, as `cases` has them."""
    rng, names = np.random.default_rng(2026), [f"T{i:05}" for i in range(symbols)]
    first, stop = calendar.between(span)
    listed = first + (rng.beta(0.6, 1.0, symbols) * (stop - first)).astype(int)
    days = [calendar.day(int(day)) for day in listed]
    with tick.database.transaction() as connection:
        ensure_instruments(connection, names)
        connection.execute(
            "UPDATE tickstock.instruments AS i SET listed = n.day"
            " FROM unnest(%s::text[], %s::date[]) AS n(symbol, day) WHERE i.symbol = n.symbol",
            (names, days),
        )
    return names


def hold_all_but(tick: TickStock, last: date, gaps: int) -> None:
    """Let every instrument be held from its listing on, but for so many days."""
    with tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.coverage")
        connection.execute(
            "INSERT INTO tickstock.coverage"
            " (instrument_id, timeframe, origin, held, bars, first_at, last_at)"
            " SELECT id, 'day', 'massive', datemultirange(daterange(listed, %(last)s, '[]'))"
            " - coalesce((SELECT range_agg(daterange(day, day, '[]')) FROM"
            "   (SELECT listed + (random() * (%(last)s - listed))::int AS day"
            "    FROM generate_series(1, %(gaps)s) WHERE i.id > 0) AS d), '{}'),"
            " 1, now(), now() FROM tickstock.instruments AS i WHERE listed < %(last)s",
            {"last": last, "gaps": gaps},
        )
        connection.execute("ANALYZE tickstock.coverage")


def with_database(calendar: Calendar, span: Span, symbols: int) -> None:
    print(
        "\nfrom a database, 5 a minute             {:>12}{:>9}{:>9}".format("missing", "s", "calls")
    )
    with installation() as tick:
        names = list_symbols(tick, calendar, span, symbols)

        def show(name: str) -> None:
            seconds = []
            for _ in range(3):
                started = time.perf_counter()
                request = tick.requests.resolve(symbols=names, first=span.start, last=span.last)
                made = tick.plans.make(request)
                seconds.append(time.perf_counter() - started)
            middle = statistics.median(seconds)
            print(f"{name:40}{made.cells:>12,}{middle:>9.2f}{len(made.calls):>9,}")

        show("nothing held")
        for gaps in (0, 5, 50):
            hold_all_but(tick, span.last, gaps)
            show(f"{gaps} gaps each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--symbols", type=int, default=10_000)
    symbols = parser.parse_args().symbols
    calendar = shipped_calendar()
    last = calendar.index(date(2026, 11, 19))
    span = Span.inclusive(calendar.day(last + 1 - SESSIONS), calendar.day(last))
    print(f"{symbols} symbols x {SESSIONS} sessions ({span})")
    head = (
        "case",
        "missing",
        "gaps s",
        "plan s",
        "all s",
        "days",
        "files",
        "ticker",
        "exact",
        "MB",
    )
    print("{:40}{:>12}{:>9}{:>8}{:>8}{:>7}{:>7}{:>9}{:>7}{:>6}".format(*head))
    for case in cases(calendar, span, symbols):
        runs = [plan(case, calendar) for _ in range(3)]
        gaps = statistics.median(run[0] for run in runs)
        calls = statistics.median(run[1] for run in runs)
        missing, made = runs[0][2:]
        kinds = made.calls_by_kind
        print(
            f"{case.name:40}{missing:>12,}{gaps:>9.2f}{calls:>8.2f}{gaps + calls:>8.2f}"
            f"{kinds.get(CallKind.MARKET_DAY, 0):>7,}{kinds.get(CallKind.FLAT_DAY, 0):>7,}"
            f"{kinds.get(CallKind.TICKER, 0):>9,}"
            f"{'yes' if made.exact else 'no':>7}{peak_memory(case, calendar):>6,.0f}"
        )
    with_database(calendar, span, symbols)


if __name__ == "__main__":
    main()
