"""`tickstock coverage` and `tickstock bars`."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

First = Annotated[date | None, Parameter(name="--from", help="First session (New York date).")]
Last = Annotated[date | None, Parameter(name="--to", help="Last session, included.")]
TIMEFRAMES = Literal["1min", "hour", "day", "week", "month"]
SHOWN_SYMBOLS = 40


def coverage(
    universe: str,
    *,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1y.")] = None,
    from_: First = None,
    to: Last = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Draw what is held of a universe, month by month, and why the rest is not."""
    from tickstock.model import Timeframe

    with open_tick(common) as tick:
        symbols = tick.universes.members(universe)
        given = for_ or from_ or to
        span = tick.loads.span(for_, from_, to) if given else None
        view = tick.holdings.coverage(symbols, Timeframe(timeframe), span)
    if common.json:
        print_json("coverage", coverage_as_dict(view))
        return 0
    show_coverage(view, universe)
    return 0


def coverage_as_dict(view: Any) -> dict[str, Any]:
    from tickstock.loading.report import item_results

    return {
        "timeframe": view.grid.timeframe,
        "items": [
            {
                "symbol": i.symbol,
                "expected": i.expected,
                "held": i.held,
                "causes": dict(i.causes),
                "origin": view.summaries[i.symbol].origin if i.symbol in view.summaries else None,
            }
            for i in item_results(view.grid)
        ],
        "never_heard_of": list(view.unknown),
    }


def show_coverage(view: Any, title: str) -> None:
    from tickstock.cli.draw import LEGEND, strip_lines
    from tickstock.loading.strip import make_strip

    out = console()
    strip = make_strip(view.grid)
    out.print(f"[bold]{title}[/]  {view.grid.timeframe}  {_days(view.grid)}")
    for line in strip_lines(strip, out.width)[: SHOWN_SYMBOLS + 1]:
        out.print(line)
    if len(strip.symbols) > SHOWN_SYMBOLS:
        out.print(f"and {len(strip.symbols) - SHOWN_SYMBOLS} more symbols; --json has them all")
    out.print(LEGEND, style="dim")
    held, expected = view.grid.held.count(), view.grid.expected.count()
    out.print(f"{held:,} of {expected:,} sessions held")
    for cause, count in view.grid.counts().items():
        names = ", ".join(f"{s} {span}" for s, span in view.grid.examples(cause))
        out.print(f"  {cause.replace('_', ' ')}: {count:,}  ({names})")
    if view.unknown:
        out.print(f"  nothing was ever asked for {', '.join(view.unknown[:8])}")
    origins = {s.origin for s in view.summaries.values()}
    if "synthetic" in origins:
        made = [n for n, s in view.summaries.items() if s.origin == "synthetic"]
        out.print(f"  [bold magenta]synthetic[/] bars, invented: {_some(made)}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _days(grid: Any) -> str:
    if not len(grid.days):
        return "no session"
    return str(grid.span(0, len(grid.days)))


def bars(
    universe: str,
    *,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1mo.")] = None,
    from_: First = None,
    to: Last = None,
    adjust: Annotated[
        Literal["raw"], Parameter(help="raw: as the vendor printed them, unadjusted.")
    ] = "raw",
    format_: Annotated[
        Literal["table", "csv", "json"], Parameter(name="--format", help="How to print.")
    ] = "table",
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Print the bars of a universe, or of symbols: `tickstock bars '{AAPL}' --for 1mo`."""
    from tickstock.cli.tables import write_csv, write_json, write_table
    from tickstock.model import Timeframe

    del adjust  # one way so far
    with open_tick(common) as tick:
        symbols = tick.universes.members(universe)
        given = for_ or from_ or to
        span = tick.loads.span(for_, from_, to) if given else None
        table = tick.holdings.bars(symbols, Timeframe(timeframe), span)
    if not len(table):
        talk("No bars are held for that. `tickstock coverage` says why.")
    kind = "json" if common.json else format_
    {"csv": write_csv, "json": write_json, "table": write_table}[kind](
        sys.stdout, table, Timeframe(timeframe)
    )
    return 0
