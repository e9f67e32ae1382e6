"""Coverage: symbols down, months or sessions across, and why the rest is not held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.errors import BadInput, TickStockError
from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.grid import Grid
from tickstock.loading.report import item_results
from tickstock.loading.strip import Cell, make_strip
from tickstock.model import HoleCause, Timeframe
from tickstock.spans import ONE_DAY, Span
from tickstock.web.answers import status_of
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of

MOST_CELLS = 4_000
"""On one page; a symbol more needs another one."""
MOST_MONTHS = 72
DURATIONS = (("", "All held"), ("1w", "1 Week"), ("1mo", "1 Month"), ("3mo", "3 Months"),
             ("1y", "1 Year"), ("2y", "2 Years"), ("5y", "5 Years"))  # fmt: skip
MOST_SESSIONS = 45
"""Spans of so few sessions are shown session by session."""


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the picture: the class that colours it, what it says, and where more is told."""

    shade: str
    text: str
    address: str


def show(ctx: RequestContext) -> Response:
    """The heat map of a universe."""
    universe, timeframe = ctx.query("universe").strip(), ctx.query("timeframe", "day")
    duration = ctx.query("for")
    context: dict[str, Any] = {
        "universe": universe, "timeframe": timeframe, "duration": duration,
        "durations": DURATIONS, "names": ctx.tick.universes.list(), "causes": CAUSES,
    }  # fmt: skip
    if not universe:
        return ctx.page("coverage.html", **context, view=None, error=None)
    try:
        view = _view(ctx, universe, timeframe, duration)
    except TickStockError as e:
        return ctx.page("coverage.html", status_of(e), **context, view=None, error=e)
    return ctx.page("coverage.html", **context, view=view, error=None)


def _view(ctx: RequestContext, universe: str, timeframe: str, duration: str) -> dict[str, object]:
    tick = ctx.tick
    symbols = tick.universes.members(universe)
    span = tick.dates.span(duration) if duration else None
    found = tick.holdings.coverage(symbols, one_of(Timeframe, timeframe, "a timeframe"), span)
    by_session = len(found.grid.days) <= MOST_SESSIONS
    start = _start(ctx)
    columns = make_strip(found.grid, 0, by_session=by_session).months[-MOST_MONTHS:]
    end = start + max(1, MOST_CELLS // max(1, len(columns)))
    strip = make_strip(found.grid, end, by_session=by_session)
    counts = {i.symbol: i for i in item_results(found.grid)}
    spans = [_days(day, by_session=by_session) for day in columns]
    rows = []
    for symbol, row in list(zip(strip.symbols, strip.rows, strict=True))[start:end]:
        address = _Address(symbol, universe, timeframe)
        cells = zip(row[-MOST_MONTHS:], spans, strict=True)
        squares = [_square(cell, address.of(days)) for cell, days in cells]
        rows.append((symbol, counts[symbol], squares, found.summaries.get(symbol), address.of()))
    holes = [
        (cause, n, [(s, days, _Address(s, universe, timeframe).of(days)) for s, days in examples])
        for cause, n, examples in _examples(found.grid)
    ]
    return {
        "columns": columns,
        "by_session": by_session,
        "rows": rows,
        "first": start + 1,
        "last": start + len(rows),
        "symbols": len(found.grid.instruments),
        "next": _page_at(ctx, end) if end < len(found.grid.instruments) else "",
        "previous": _page_at(ctx, max(0, 2 * start - end)) if start else "",
        "held": found.grid.held.count(),
        "expected": found.grid.expected.count() + found.unasked,
        "holes": holes,
        "unknown": found.unknown,
    }


def _examples(grid: Grid) -> Iterator[tuple[HoleCause, int, tuple[tuple[str, Span], ...]]]:
    for cause, count in grid.counts().items():
        yield cause, count, grid.examples(cause)


def _start(ctx: RequestContext) -> int:
    text = ctx.query("start", "0")
    if not text.isdecimal() or len(text) > 9:
        raise BadInput(
            f"{text[:40]!r} is no place in a list.", "Follow the links, or leave it out."
        )
    return int(text)


def _page_at(ctx: RequestContext, start: int) -> str:
    """The address of this view from another symbol on."""
    names = ("universe", "timeframe", "for")
    fields = {name: ctx.query(name) for name in names if ctx.query(name)}
    return f"/coverage?{urlencode(fields | {'start': start})}"


@dataclass(frozen=True, slots=True)
class _Address:
    """Addresses of the bars of a symbol, and of why some are not held."""

    symbol: str
    universe: str
    timeframe: str

    def of(self, days: Span | None = None) -> str:
        fields = {"symbol": self.symbol, "timeframe": self.timeframe, "universe": self.universe}
        dates = {"from": str(days.start), "to": str(days.last)} if days else {}
        return f"/bars?{urlencode(fields | dates)}"


def _days(first: date, *, by_session: bool) -> Span:
    """The days of a column."""
    if by_session:
        return Span.inclusive(first, first)
    return Span(first, (first + 31 * ONE_DAY).replace(day=1))


def _square(cell: Cell, address: str) -> Square:
    if not cell.expected:
        return Square("none", CAUSES[cell.cause].text if cell.cause else "no session", address)
    share = f"{cell.held} of {cell.expected} sessions held"
    if cell.held >= cell.expected:
        return Square("full", share, address)
    tone = CAUSES[cell.cause].colour if cell.cause else Colour.GAP
    level = 5 * cell.held // cell.expected
    why = f", {CAUSES[cell.cause].text}" if cell.cause else ""
    return Square(f"{tone} l{level}", share + why, address)
