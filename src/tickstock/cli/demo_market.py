"""`tickstock demo --market`: a whole market with its dead, and what is lost without them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tickstock.cli.output import Common, console, talk
from tickstock.config import FILE, default_home
from tickstock.words import plural

if TYPE_CHECKING:
    from tickstock.service import TickStock
    from tickstock.service.progress import Progress
    from tickstock.vendors.synthetic.market import SyntheticMarket

YEARS = (date(2022, 12, 29), date(2024, 12, 31))
"""Two years of the free plan: 504 sessions."""
LEAD = timedelta(days=95)
"""How long the market is held before the first month that is picked: the window of the rule."""
SMALL, WHOLE = 600, 12_000
LIQUID, LEAST = 500, 100
"""How many of 12,000 are picked by liquidity; of fewer the same share, and not fewer than these."""
PICTURE = "survivorship.svg"
SETTINGS = """# Written by `tickstock demo --market`.
# The vendor is a server on loopback with a synthetic market: no firm, ticker or bar of it is real.
vendor = "replay:market={tickers}@2022"
"""


@dataclass(frozen=True, slots=True)
class Lost:
    """Of those picked on `day`, how many are not in what is picked from the survivors."""

    day: date
    picked: int
    lost: int

    @property
    def percent(self) -> float:
        return 100 * self.lost / self.picked


def show_market(common: Common, *, tickers: int, days: tuple[date, date] = YEARS) -> int:
    """Load a synthetic market whole, pick the most liquid month by month, and hold that against the
    same by today's list."""
    from tickstock.cli.session import open_tick
    from tickstock.cli.watch import exit_code

    started = time.monotonic()
    home = common.home or default_home() / f"demo-market-{tickers}"
    home.mkdir(parents=True, exist_ok=True)
    if not (home / FILE).exists():
        (home / FILE).write_text(SETTINGS.format(tickers=tickers), "utf-8")
    own = Common(json=common.json, home=home, verbose=common.verbose)
    vendor = f"replay:market={tickers}@2022"
    with open_tick(own, vendor=vendor, database_uri="") as tick:
        talk(f"Database: {tick.database.safe_uri}")
        talk(f"A synthetic market of {tickers:,} tickers; nothing of it is real.")
        loaded = _load(tick, days)
        _read_lists(tick)
        lost = _build(tick, days, max(LIQUID * tickers // WHOLE, min(LEAST, tickers // 6)))
        _show(home, lost)
        _hold_against_making(tick, vendor, days)
    talk(f"Done in {time.monotonic() - started:.0f} s.")
    out = console()
    out.print("\nThis database is yours to play with:", markup=False)
    out.print(f"  export TICKSTOCK_HOME='{home}'", markup=False)
    for line in (
        "tickstock universe show market_us_etfs --as-of 2023-06-30",
        'tickstock universe show "pick(market_us_stocks; price >= 5; top 20 by dollar_volume)"',
        "tickstock universe show theme_liquid --as-of 2023-06-30",
    ):
        out.print(f"  {line}", markup=False)
    return exit_code(loaded)


def _load(tick: TickStock, days: tuple[date, date]) -> Progress:
    from tickstock.cli.foreground import work_and_watch
    from tickstock.cli.jobs import show_outcome
    from tickstock.cli.load import show_plan_line

    begun = time.monotonic()
    request = tick.requests.resolve("market_us", first=days[0], last=days[1])
    plan = tick.plans.make(request)
    show_plan_line(plan)
    if plan.calls:
        talk(f"(At the free plan's 5 calls a minute these are {len(plan.calls) / 5:.0f} minutes.)")
    load = tick.jobs.submit(plan, requested_by="demo")
    progress = work_and_watch(tick, load.id)
    show_outcome(progress, as_json=False)
    talk(f"Loaded in {time.monotonic() - begun:.0f} s.")
    return progress


def _read_lists(tick: TickStock) -> None:
    from tickstock.cli.asking import ask_listings

    found = ask_listings(tick, partial(tick.listings.refresh, say=talk))
    talk(
        f"Lists: {found.listed:,} symbols are listed, {found.delisted:,} no longer"
        f" ({plural(found.calls, 'call')})."
    )


def _build(tick: TickStock, days: tuple[date, date], count: int) -> list[Lost]:
    """The most liquid on the first session of each month, and the same out of today's list."""
    from tickstock.cli.build import say_day
    from tickstock.service.builds import Every
    from tickstock.spans import Span

    rule = f"top {count} by dollar_volume over 63"
    span = Span.inclusive(days[0] + LEAD, days[1])
    begun = time.monotonic()
    built = tick.builds.build(f"pick(market_us; {rule})", span, Every.MONTH, say_day)
    say_day(None)
    plan = tick.builds.plan("stock_universe:theme_liquid", built, title="Most liquid")
    tick.edits.apply(plan, reason="demo", allow=())
    talk(
        f"Built theme_liquid: {plural(len(built.members), 'month')} of the {count} most liquid in"
        f" {time.monotonic() - begun:.0f} s."
    )
    begun = time.monotonic()
    survivors = f"pick(market_us @ {span.end}; {rule})"
    then = dict(tick.builds.build(survivors, span, Every.MONTH, say_day).members)
    say_day(None)
    talk(f"The same out of the list of {span.last} in {time.monotonic() - begun:.0f} s.")
    return [Lost(d, len(who), len({*who} - {*then[d]})) for d, who in built.members]


def _show(home: Path, lost: list[Lost]) -> None:
    from tickstock.cli.draw import chart_lines
    from tickstock.cli.picture import chart_svg

    out = console()
    title = f"Of the {lost[0].picked} most liquid of each month, missing from a list made today, %"
    out.print(f"\n[bold]{title}[/]")
    days, shares = [one.day for one in lost], [one.percent for one in lost]
    wide = [day for day in days for _ in range(3)]
    levels = [share for share in shares for _ in range(3)]
    for line in chart_lines(wide, levels, min(out.width, 90)):
        out.print(line, markup=False)
    picture = home / PICTURE
    note = "A synthetic market: no firm, ticker or bar of it is real."
    picture.write_text(chart_svg(title, note, days, shares), "utf-8")
    talk(f"The same as a picture: {picture}")


def _hold_against_making(tick: TickStock, vendor: str, days: tuple[date, date]) -> None:
    """What the product says of survivors, and what is known from the making of the market."""
    from tickstock.sessions import shipped_calendar
    from tickstock.vendors.replay.market import market_of

    market, now = market_of(vendor.partition(":")[2], shipped_calendar()), tick.clock().timestamp()
    label = tick.history.survivorship("market_us", days[0])
    out = console()
    out.print("\n[bold]How far today's list stands for the market of two years ago[/]")
    out.print(f"  as the product has it:  {label}", markup=False)
    if market is not None:
        out.print(f"  as it was made:         {known_from_making(market, days, now)}", markup=False)


def known_from_making(market: SyntheticMarket, days: tuple[date, date], now: float) -> str:
    """What became of those that traded in the first session, by the last one that is loaded; and
    what of it lists that are read at `now` tell otherwise."""
    first, last = market.session(days[0]), market.session(days[1])
    if first is None or last is None:
        return "the market does not have these days"
    then = market.traded_on(first).tolist()
    traded = set(market.traded_on(last).tolist())
    ends = {f: min(last, int(market.firms.lost[f]) - 1) for f in then}
    renamed = {f for f in then if market.ticker_of(f, first) != market.ticker_of(f, ends[f])}
    lost = {f for f in then if ends[f] < last}
    same = {f for f in then if f in traded} - renamed
    idle = {*then} - same - lost - renamed
    read = market.closed(now) - 1
    since = {f for f in idle if market.firms.lost[f] <= read and _kept_ticker(market, f, last)}
    return (
        f"of {plural(len(then), 'firm')} that traded on {days[0]}, {len(same)}"
        f" ({len(same) / len(then):.0%}) trade under their ticker on {days[1]}; {len(lost)} are"
        f" delisted ({len(lost & renamed)} under a later ticker), {len(renamed - lost)} renamed,"
        f" {len(idle)} did not trade that day ({len(since)} delisted since)"
    )


def _kept_ticker(market: SyntheticMarket, firm: int, session: int) -> bool:
    """Whether a firm had one ticker from a session to its end."""
    last = int(market.firms.lost[firm]) - 1
    return market.ticker_of(firm, session) == market.ticker_of(firm, last)
