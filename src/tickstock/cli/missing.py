"""`tickstock missing`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from tickstock.cli.output import Common, console, print_json, talk, unmarked
from tickstock.cli.session import open_tick
from tickstock.words import plural

if TYPE_CHECKING:
    from rich.console import Console

    from tickstock.loading.missing import GapGroup
    from tickstock.service.missing import MissingView, Suspects
    from tickstock.store.doubts import Doubted

First = Annotated[date | None, Parameter(name="--from", help="First session (New York date).")]
Last = Annotated[date | None, Parameter(name="--to", help="Last session, included.")]
SHOWN = 10
USUAL = "1y"
SHOWN_REASONS = 5


def missing(
    universe: str,
    *,
    timeframes: Annotated[str, Parameter(help="Any of day,hour,1min.")] = "day",
    for_: Annotated[
        str | None, Parameter(name="--for", help="How far back, say 1y [default: 1y].")
    ] = None,
    from_: First = None,
    to: Last = None,
    common: Common = Common(),
) -> int:
    """List what is not held of a universe, and why.

    By cause: how much, where, until when that stands, and what to do; then the bars that
    somebody should look at.
    """
    from tickstock.loading.request import parse_timeframes

    with open_tick(common) as tick:
        asked = tick.requests.look(universe, duration=for_, first=from_, last=to, usual=USUAL)
        span = asked.span or tick.dates.span(USUAL)
        view = tick.missing.find(
            asked.symbols, parse_timeframes(timeframes), span, intervals=asked.intervals
        )
        now = tick.clock()
    if common.json:
        print_json("missing", missing_as_dict(view))
    else:
        show_missing(view, universe, now)
    return 0


def missing_as_dict(view: MissingView) -> dict[str, object]:
    return {
        "from": view.span.start.isoformat(),
        "to": view.span.last.isoformat(),
        "gaps": [_gap_as_dict(gap) for gap in view.gaps],
        "doubtful": [_bar_as_dict(s, b) for s in view.suspects for b in s.doubtful],
        "quarantined": [_bar_as_dict(s, b) for s in view.suspects for b in s.quarantined],
        "never_heard_of": list(view.unknown),
        "never_heard_of_sessions": view.unasked,
    }


def _gap_as_dict(gap: GapGroup) -> dict[str, object]:
    first, last = gap.expires or (None, None)
    return {
        "timeframe": gap.timeframe,
        "cause": gap.cause,
        "sessions": gap.cells,
        "symbols": gap.symbols,
        "examples": [
            {"symbol": symbol, "from": span.start.isoformat(), "to": span.last.isoformat()}
            for symbol, span in gap.examples
        ],
        "detail": gap.reasons[0][0] if gap.reasons else "",
        "reasons": [{"detail": detail, "sessions": count} for detail, count in gap.reasons],
        "expires_first": first.isoformat() if first else None,
        "expires_last": last.isoformat() if last else None,
        "advice": gap.advice,
    }


def _bar_as_dict(suspects: Suspects, bar: Doubted) -> dict[str, object]:
    return {
        "symbol": bar.symbol,
        "timeframe": suspects.timeframe,
        "at": _when(suspects.timeframe, bar.at),
        "reason": bar.reason,
        "detail": bar.detail,
        "seen_at": bar.seen_at.isoformat(),
    }


def show_missing(view: MissingView, title: str, now: datetime) -> None:
    from tickstock.loading.causes import CAUSES
    from tickstock.model import GapCause

    out = console()
    out.print(f"[bold]{unmarked(title)}[/]  {view.span}")
    for gap in view.gaps:
        cause = gap.cause.replace("_", " ")
        names = ", ".join(f"{symbol} {span}" for symbol, span in gap.examples)
        out.print(f"{gap.timeframe:<5} [bold]{cause}[/]: "
                  f"{plural(gap.cells, 'session')} of {plural(gap.symbols, 'symbol')}"
                  f"  [dim]{names}[/]")  # fmt: skip
        for detail, count in gap.reasons[:SHOWN_REASONS]:
            out.print(f"      {plural(count, 'session')}: {detail}", markup=False)
        if (more := len(gap.reasons) - SHOWN_REASONS) > 0:
            left = sum(count for _, count in gap.reasons[SHOWN_REASONS:])
            out.print(
                f"      {plural(left, 'session')}: {plural(more, 'other reason')}, see --json"
            )
        out.print(f"      {_stands(gap, now)}{gap.advice}", markup=False)
    for suspects in view.suspects:
        _show_bars(out, suspects, suspects.quarantined, "cannot be true, quarantined")
        _show_bars(out, suspects, suspects.doubtful, "doubtful, kept")
    if view.unknown:
        more = len(view.unknown) - SHOWN
        names = ", ".join(view.unknown[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        out.print(
            f"never asked for: {plural(view.unasked, 'session')} of"
            f" {plural(len(view.unknown), 'symbol')}  ({names})",
            markup=False,
        )
        out.print(f"      {CAUSES[GapCause.NEVER_ASKED].advice}", markup=False)
    if not (view.gaps or view.unknown):
        talk("Nothing is missing.")


def _stands(gap: GapGroup, now: datetime) -> str:
    if gap.expires is None:
        return ""
    first, last = (moment.astimezone().strftime("%Y-%m-%d") for moment in gap.expires)
    if gap.expires[1] <= now:
        return f"That answer has expired on {last}. "
    return f"Asked again from {first} on. " if first == last else f"Asked again {first} to {last}. "


def _show_bars(out: Console, suspects: Suspects, bars: Sequence[Doubted], what: str) -> None:
    if not bars:
        return
    out.print(f"{suspects.timeframe:<5} [bold]{plural(len(bars), 'bar')}[/] {what}")
    for bar in bars[:SHOWN]:
        when = _when(suspects.timeframe, bar.at)
        line = f"      {bar.symbol:<8} {when}  {bar.reason} {bar.detail}"
        out.print(line.rstrip(), markup=False)
    if len(bars) > SHOWN:
        out.print(f"      and {len(bars) - SHOWN:,} more; --json has them all")


def _when(timeframe: str, at: datetime) -> str:
    moment = at.astimezone(UTC)
    return moment.strftime("%Y-%m-%d" if timeframe == "day" else "%Y-%m-%dT%H:%M:%SZ")
