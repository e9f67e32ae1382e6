"""`tickstock plan` and `tickstock load`."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk
from tickstock.cli.session import open_tick

For = Annotated[
    str | None,
    Parameter(name="--for", help="How far back: 1d 2d 1w 1mo 3mo 6mo 1y 2y 5y all [default: 1y]."),
]
First = Annotated[date | None, Parameter(name="--from", help="First session (New York date).")]
Last = Annotated[date | None, Parameter(name="--to", help="Last session, included.")]
Frames = Annotated[str, Parameter(help="Any of day,hour,1min; week and month come from day.")]
Refresh = Annotated[bool, Parameter(negative="", help="Ask again for what is held already.")]
Csv = Annotated[
    str | None, Parameter(help="A CSV file in the configured folder, in place of a universe.")
]


def plan(
    universe: str = "",
    *,
    for_: For = None,
    from_: First = None,
    to: Last = None,
    timeframes: Frames = "day",
    refresh: Refresh = False,
    csv: Csv = None,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Show what `load` would do: sessions missing, calls, time. Nothing is asked or written.

    UNIVERSE is a universe (`etf_universe:core_etfs`), or an expression over universes and sets
    (`etf_universe:sector_* | {SPY}`).
    """
    with open_tick(common) as tick:
        request = tick.loads.request(
            _named(universe, csv), csv=csv, duration=for_, first=from_, last=to,
            timeframes=timeframes, refresh=refresh,
        )  # fmt: skip
        made = tick.loads.plan(request)
        if common.json:
            print_json("plan", plan_as_dict(made))
        else:
            show_plan(made)
    return 0


def load(
    universe: str = "",
    *,
    for_: For = None,
    from_: First = None,
    to: Last = None,
    timeframes: Frames = "day",
    refresh: Refresh = False,
    csv: Csv = None,
    background: Annotated[
        bool, Parameter(negative="", help="Submit and return; a worker does it.")
    ] = False,
    common: Common = Common(),  # noqa: B008 -- frozen
) -> int:
    """Load what is missing of a universe's history, with the fewest calls.

    Ctrl-C stops at once and keeps what is done; `tickstock jobs resume` goes on.
    """
    from tickstock.cli.foreground import exit_code, work_and_watch
    from tickstock.cli.jobs import show_outcome
    from tickstock.worker.run import configured_source

    with open_tick(common) as tick:
        request = tick.loads.request(
            _named(universe, csv), csv=csv, duration=for_, first=from_, last=to,
            timeframes=timeframes, refresh=refresh,
        )  # fmt: skip
        made = tick.loads.plan(request)
        if not background and made.calls:
            # A wrong vendor or a missing key is said before anything is submitted.
            configured_source(tick, ())
        submitted = tick.loads.submit(made, requested_by="cli")
        if background:
            show_outcome(tick.loads.progress(submitted.id), as_json=common.json)
            return 0
        if not common.json:
            show_plan_line(made)
        progress = work_and_watch(tick, submitted.id)
        show_outcome(progress, as_json=common.json)
    return exit_code(progress)


def _named(universe: str, csv: str | None) -> str:
    from tickstock.errors import BadInput

    if bool(universe) == bool(csv):
        got = "Both a universe and --csv were given." if csv else "No universe was given."
        raise BadInput(got, "Give one, say etf_universe:core_etfs; `tickstock universe list`.")
    return universe


def show_plan_line(made: Any) -> None:
    kinds = ", ".join(f"{n} {k.replace('_', ' ')}" for k, n in made.calls_by_kind.items())
    calls = f"{len(made.calls)} calls ({kinds})" if made.calls else "no call"
    talk(f"{made.cells:,} sessions missing: {calls}, about {_time(made.seconds)}")


def show_plan(made: Any) -> None:
    """The plan for a person."""
    out = console()
    held, expected = sum(i.held for i in made.items), sum(i.expected for i in made.items)
    request = made.request
    out.print(f"[bold]{request.universe}[/]  {request.span}  {', '.join(request.timeframes)}")
    out.print(f"  symbols    {len(request.symbols):>12,}")
    out.print(f"  sessions   {expected:>12,}   held {held:,}, missing {made.cells:,}")
    for skip in made.skips:
        names = ", ".join(f"{s} {span}" for s, span in skip.examples)
        out.print(f"  not asked  {skip.cells:>12,}   {skip.cause.replace('_', ' ')}: {names}")
    kinds = ", ".join(f"{n:,} {k.replace('_', ' ')}" for k, n in made.calls_by_kind.items())
    out.print(f"  calls      {len(made.calls):>12,}   {kinds or 'nothing to ask'}")
    out.print(f"  bars       {made.expected_bars:>12,}   about {made.bytes / 1e6:,.1f} MB")
    out.print(f"  time       {_time(made.seconds):>12}   {'fewest calls' if made.exact else ''}")
    out.print(f"  plan       {made.digest[:12]:>12}")


def plan_as_dict(made: Any) -> dict[str, Any]:
    from tickstock.service.loads import request_as_dict, summary_of

    return {
        "request": request_as_dict(made.request),
        "summary": summary_of(made),
        "calls": [
            {
                "kind": p.call.kind,
                "timeframe": p.call.timeframe,
                "symbol": p.call.symbol,
                "from": p.call.span.start.isoformat(),
                "to": p.call.span.last.isoformat(),
                "cells": p.cells,
            }
            for p in made.calls
        ],
        "skips": [
            {"timeframe": s.timeframe, "cause": s.cause, "cells": s.cells} for s in made.skips
        ],
    }


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
