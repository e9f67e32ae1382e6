"""Coverage: symbols down, months across, and why the rest is not held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from tickstock.errors import BadInput, TickStockError
from tickstock.loading.report import item_results
from tickstock.loading.strip import Cell, make_strip
from tickstock.model import HoleCause, Timeframe
from tickstock.web.visit import Visit

MOST_SYMBOLS = 200
MOST_MONTHS = 72
DURATIONS = (("", "All held"), ("3mo", "3 Months"), ("1y", "1 Year"), ("2y", "2 Years"),
             ("5y", "5 Years"))  # fmt: skip
FAULTS = (HoleCause.FAILED, HoleCause.QUARANTINED, HoleCause.NOT_ENTITLED)
CAUSES = {
    HoleCause.NEVER_ASKED: "nobody has asked for it yet",
    HoleCause.NOT_PUBLISHED: "the vendor has not published it yet",
    HoleCause.NOT_LISTED: "the symbol was not listed then",
    HoleCause.VENDOR_EMPTY: "the vendor says that there is none",
    HoleCause.FAILED: "the call failed",
    HoleCause.QUARANTINED: "what came cannot be true, and was set aside",
    HoleCause.NOT_ENTITLED: "the account does not include it",
}


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the picture: the class that colours it, and what it says."""

    shade: str
    text: str


def show(visit: Visit) -> Response:
    """The heat map of a universe."""
    universe, timeframe = visit.query("universe").strip(), visit.query("timeframe", "day")
    duration = visit.query("for")
    context: dict[str, Any] = {
        "universe": universe, "timeframe": timeframe, "duration": duration,
        "durations": DURATIONS, "names": visit.tick.universes.list(), "causes": CAUSES,
    }  # fmt: skip
    if not universe:
        return visit.page("coverage.html", **context, view=None, error=None)
    try:
        view = _view(visit, universe, timeframe, duration)
    except TickStockError as e:
        return visit.page("coverage.html", 422, **context, view=None, error=e)
    return visit.page("coverage.html", **context, view=view, error=None)


def _view(visit: Visit, universe: str, timeframe: str, duration: str) -> dict[str, object]:
    tick = visit.tick
    symbols = tick.universes.members(universe)
    span = tick.loads.span(duration) if duration else None
    found = tick.holdings.coverage(symbols, _timeframe(timeframe), span)
    strip = make_strip(found.grid)
    counts = {i.symbol: i for i in item_results(found.grid)}
    rows = [
        (symbol, counts[symbol], [_square(cell) for cell in row[-MOST_MONTHS:]],
         found.summaries.get(symbol))
        for symbol, row in list(zip(strip.symbols, strip.rows, strict=True))[:MOST_SYMBOLS]
    ]  # fmt: skip
    holes = [(c, n, found.grid.examples(c)) for c, n in found.grid.counts().items()]
    return {
        "months": strip.months[-MOST_MONTHS:],
        "rows": rows,
        "more": max(0, len(strip.symbols) - MOST_SYMBOLS),
        "held": found.grid.held.count(),
        "expected": found.grid.expected.count() + found.unasked,
        "holes": holes,
        "unknown": found.unknown,
    }


def _square(cell: Cell) -> Square:
    if not cell.expected:
        return Square("none", words_of(cell.cause) if cell.cause else "no session")
    share = f"{cell.held} of {cell.expected} sessions held"
    if cell.held >= cell.expected:
        return Square("full", share)
    tone = "bad" if cell.cause in FAULTS else "gap"
    level = 5 * cell.held // cell.expected
    why = f", {words_of(cell.cause)}" if cell.cause else ""
    return Square(f"{tone} l{level}", share + why)


def words_of(cause: HoleCause) -> str:
    return CAUSES[cause]


def _timeframe(text: str) -> Timeframe:
    try:
        return Timeframe(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not a timeframe.", "Use day, hour or 1min.") from None
