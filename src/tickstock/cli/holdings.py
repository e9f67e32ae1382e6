"""`tickstock coverage` and `tickstock bars`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from tickstock.cli.load import Universe
from tickstock.cli.moments import KnownAt, moment
from tickstock.cli.output import Common, console, print_json, talk, unmarked, width_of
from tickstock.cli.session import open_tick
from tickstock.errors import BadFile, BadInput
from tickstock.words import plural, sessions_held

if TYPE_CHECKING:
    from tickstock.loading.grid import Grid
    from tickstock.model import Timeframe
    from tickstock.service import TickStock
    from tickstock.service.holdings import CoverageView

First = Annotated[date | None, Parameter(name="--from", help="First session (New York date).")]
Last = Annotated[date | None, Parameter(name="--to", help="Last session, included.")]
AdjustBy = Annotated[
    Literal["raw", "splits", "total"],
    Parameter(help="raw: as printed; splits: for splits; total: for splits and dividends."),
]
SHOWN_FINDINGS = 5
TIMEFRAMES = Literal["1min", "hour", "day", "week", "month"]
SHOWN_SYMBOLS = 40


def coverage(
    universe: Universe,
    *,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1y.")] = None,
    from_: First = None,
    to: Last = None,
    receipt: Annotated[
        Path | None, Parameter(help="Also write a receipt of it: a new file, .md, .svg or .png.")
    ] = None,
    common: Common = Common(),
) -> int:
    """Draw what is held of a universe, month by month, and why the rest is not."""
    from tickstock.cli.history import label_as_dict, talk_label
    from tickstock.model import Timeframe

    if receipt:
        refuse_form(receipt)
    with open_tick(common) as tick:
        if receipt:
            write_receipt(tick, receipt, universe, Timeframe(timeframe), for_, from_, to)
        asked = tick.requests.look(universe, duration=for_, first=from_, last=to)
        view = tick.holdings.coverage(
            asked.symbols, Timeframe(timeframe), asked.span, intervals=asked.intervals
        )
        label = None
        if asked.span and not asked.is_market:  # which has no list to be labelled
            label = tick.history.survivorship(universe, asked.span.start)
    if common.json:
        print_json("coverage", coverage_as_dict(view) | label_as_dict(label))
        return 0
    show_coverage(view, universe)
    talk_label(label)
    return 0


def refuse_form(file: Path) -> None:
    """Raises BadInput where a receipt cannot be written in the form that the name asks for."""
    if file.suffix not in (".md", ".svg", ".png"):
        raise BadInput(f"{file.name!r} names no form of a receipt.", "End it in .md, .svg or .png.")


def write_receipt(
    tick: TickStock,
    file: Path,
    universe: str,
    timeframe: Timeframe,
    duration: str | None,
    first: date | None,
    last: date | None,
) -> None:
    """Raises BadFile for a file that is there, or cannot be written."""
    from tickstock.loading.receipt_forms import as_markdown
    from tickstock.loading.receipt_png import as_png
    from tickstock.loading.receipt_svg import as_svg
    from tickstock.service.receipts import CoverageQuestion

    made = tick.receipts.take(CoverageQuestion(universe, timeframe, duration, first, last))
    if file.suffix == ".png":
        content = as_png(made)
    else:
        content = (as_svg(made) if file.suffix == ".svg" else as_markdown(made)).encode()
    try:
        with file.open("xb") as stream:
            stream.write(content)
    except OSError as e:
        raise BadFile(f"{file} cannot be written: {e.strerror}.", "Name a new file.") from e
    talk(f"Receipt: {file}")


def coverage_as_dict(view: CoverageView) -> dict[str, object]:
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
        "never_heard_of_sessions": view.unasked,
    }


def show_coverage(view: CoverageView, title: str) -> None:
    from tickstock.cli.draw import LEGEND, strip_lines
    from tickstock.loading.strip import make_strip

    out = console()
    strip = make_strip(view.grid, SHOWN_SYMBOLS)
    out.print(f"[bold]{unmarked(title)}[/]  {view.grid.timeframe}  {_days(view.grid)}")
    for line in strip_lines(strip, width_of(out)):
        out.print(line)
    if (more := len(view.grid.instruments) - SHOWN_SYMBOLS) > 0:
        out.print(f"and {more} more symbols; --json has them all")
    out.print(LEGEND, style="dim")
    held, expected = view.grid.held.count(), view.grid.expected.count() + view.unasked
    out.print(sessions_held(held, expected))
    for cause, count in view.grid.counts().items():
        names = ", ".join(f"{s} {span}" for s, span in view.grid.examples(cause))
        out.print(f"  {cause.replace('_', ' ')}: {count:,}  ({names})")
    if view.unknown:
        out.print(
            f"  never asked for: {plural(view.unasked, 'session')} of "
            f"{plural(len(view.unknown), 'symbol')}  ({_some(view.unknown)})"
        )
    origins = {s.origin for s in view.summaries.values()}
    if "synthetic" in origins:
        made = [n for n, s in view.summaries.items() if s.origin == "synthetic"]
        out.print(f"  [bold magenta]synthetic[/] bars of: {_some(made)}")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else "")


def _days(grid: Grid) -> str:
    if not len(grid.days):
        return "no session"
    return str(grid.span(0, len(grid.days)))


def bars(
    universe: Universe,
    *,
    timeframe: Annotated[TIMEFRAMES, Parameter(help="Which bars.")] = "day",
    for_: Annotated[str | None, Parameter(name="--for", help="How far back, say 1mo.")] = None,
    from_: First = None,
    to: Last = None,
    adjust: AdjustBy = "splits",
    known_at: KnownAt = None,
    format_: Annotated[
        Literal["table", "csv", "json", "parquet", "arrow"],
        Parameter(name="--format", help="How to print; the last two are binary."),
    ] = "table",
    common: Common = Common(),
) -> int:
    """Print bars of symbols or universes.

    As in `tickstock bars '{AAPL}' --for 1mo`.
    """
    from tickstock.actions import Adjust
    from tickstock.cli.tables import write
    from tickstock.extras import require
    from tickstock.model import Timeframe

    if format_ in ("parquet", "arrow"):
        require("pyarrow")  # before anything is read
    with open_tick(common) as tick:
        asked = tick.requests.look(universe, duration=for_, first=from_, last=to, by_name=True)
        symbols = asked.symbols
        found = tick.holdings.read(
            symbols,
            Timeframe(timeframe),
            asked.span,
            intervals=asked.intervals,
            adjust=Adjust(adjust),
            known_at=moment(known_at),
        )
        unadjusted = () if adjust == "raw" else tick.holdings.never_asked(symbols, found.timeframe)
        undivided = adjust == "total" and not tick.actions.dividends(symbols)
    if not len(found.bars):
        talk("No bars are held for that. `tickstock coverage` says why.")
    if unadjusted:
        talk(f"Splits were never asked for, bars are as printed: {_some(list(unadjusted))}")
    if undivided:
        talk("No dividend of these is known: total return is adjusted for splits alone.")
    for finding in found.findings[:SHOWN_FINDINGS]:
        talk(f"{finding.symbol} {finding.day}: {finding.what}. {finding.why} {finding.do}")
    if (more := len(found.findings) - SHOWN_FINDINGS) > 0:
        talk(f"and {more} more doubts; `tickstock verify` shows them all")
    write(sys.stdout, found.bars, found.timeframe, "json" if common.json else format_)
    return 0
