"""`tickstock demo`: the whole thing, on a machine with nothing."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, talk
from tickstock.config import FILE, default_home
from tickstock.errors import BadInput

if TYPE_CHECKING:
    from rich.console import Console

    from tickstock.service import TickStock
    from tickstock.service.progress import Progress

REAL = "{AAPL, FB, GOOG, IBM, MSFT}"
"""The five stocks whose real bars come with the package."""
YEAR = (date(2012, 1, 1), date(2012, 12, 31))
ETFS = "etf_universe:core_etfs"
SETTINGS = """# Written by `tickstock demo`.
# The vendor is a server on loopback that speaks the real vendor's wire format. It has real bars
# of five stocks (2000-2013, public domain) and makes synthetic ones, labelled so, for the rest.
vendor = "replay"
"""


def demo(
    *,
    market: Annotated[
        bool,
        Parameter(negative="", help="A whole synthetic market, and what is lost by today's list."),
    ] = False,
    full: Annotated[
        bool, Parameter(negative="", help="With --market: 12,000 tickers in place of 600.")
    ] = False,
    common: Common = Common(),
) -> int:
    """Try everything on a machine with nothing: start here.

    Starts a database, organizes the catalog, loads two universes, and shows what is held.
    Everything stays in a home folder of its own, so that synthetic bars never meet yours.
    """
    from tickstock.cli.session import open_tick

    if full and not market:
        raise BadInput("--full is of the market.", "Give --market too.")
    if market:
        from tickstock.cli.demo_market import SMALL, WHOLE, show_market

        return show_market(common, tickers=WHOLE if full else SMALL)
    from tickstock.cli.watch import exit_code

    started = time.monotonic()
    home = common.home or default_home() / "demo"
    _write_settings(home)
    own = Common(json=common.json, home=home, verbose=common.verbose)
    out = console()
    # The demo is on its own: a DATABASE_URI of yours is left alone.
    with open_tick(own, vendor="replay", database_uri="") as tick:
        talk(f"Database: {tick.database.safe_uri}")
        organized = _organize(tick)
        talk(f"Universes: {organized}")
        real = _load(tick, REAL, days=YEAR)
        etfs = _load(tick, ETFS, duration="1mo")
        _show(out, tick, REAL, YEAR)
        _show(out, tick, ETFS, None)
        _chart(out, tick)
    talk(f"Done in {time.monotonic() - started:.1f} s.")
    _try_next(out, home)
    return max(exit_code(real), exit_code(etfs))


def _write_settings(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    if not (home / FILE).exists():
        (home / FILE).write_text(SETTINGS, "utf-8")


def _organize(tick: TickStock) -> str:
    plan = tick.universes.plan_organize()
    tick.universes.apply(plan, reason="demo")
    return ", ".join(f"{n} {what}" for what, n in plan.counts.items() if n)


def _load(
    tick: TickStock,
    universe: str,
    *,
    days: tuple[date, date] | None = None,
    duration: str | None = None,
) -> Progress:
    from tickstock.cli.foreground import work_and_watch
    from tickstock.cli.jobs import show_outcome

    first, last = days or (None, None)
    request = tick.requests.resolve(universe, duration=duration, first=first, last=last)
    plan = tick.plans.make(request)
    load = tick.jobs.submit(plan, requested_by="demo")
    progress = work_and_watch(tick, load.id)
    show_outcome(progress, as_json=False)
    return progress


def _show(out: Console, tick: TickStock, universe: str, days: tuple[date, date] | None) -> None:
    from tickstock.cli.holdings import show_coverage
    from tickstock.model import Timeframe

    span = tick.dates.span(None, *days) if days else tick.dates.span("1mo")
    out.print()
    symbols = tick.universes.members(universe)
    show_coverage(tick.holdings.coverage(symbols, Timeframe.DAY, span), universe)


def _chart(out: Console, tick: TickStock) -> None:
    from tickstock.actions import Adjust
    from tickstock.cli.draw import chart_lines
    from tickstock.model import Timeframe
    from tickstock.spans import day_of

    span = tick.dates.span(None, *YEAR)
    bars = tick.holdings.bars(["AAPL"], Timeframe.DAY, span, adjust=Adjust.RAW)
    days = [day_of(d) for d in bars.at.tolist()]
    out.print("\n[bold]AAPL[/] 2012, closing prices as printed then (raw), US dollars")
    for line in chart_lines(days, bars.close.tolist(), min(out.width, 90)):
        out.print(line, markup=False)


def _try_next(out: Console, home: Path) -> None:
    out.print("\nThis database is yours to play with:", markup=False)
    out.print(f"  export TICKSTOCK_HOME='{home}'", markup=False)
    for line in (
        "tickstock universe list",
        f"tickstock plan {ETFS} --for 1y           # what would be asked, and what it costs",
        f"tickstock load {ETFS} --for 1y",
        "tickstock bars '{AAPL}' --from 2012-03-01 --to 2012-03-09 --format csv",
        "tickstock coverage etf_universe:sector_bonds --for 1y",
    ):
        out.print(f"  {line}", markup=False)
    out.print("With a key of your own (MASSIVE_API_KEY) and without that home, bars are real.")
