"""Coverage: symbols down, months or sessions across, and why the rest is not held."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.responses import Response

from tickstock.errors import TickStockError
from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.grid import Grid
from tickstock.loading.strip import Cell, make_strip
from tickstock.model import HoleCause, Timeframe
from tickstock.spans import ONE_DAY, Span
from tickstock.web.answers import status_of
from tickstock.web.context import RequestContext
from tickstock.web.fields import one_of, place_in_list

MOST_CELLS = 4_000
"""On one page; a symbol more needs another one."""
MOST_MONTHS = 72
DURATIONS = (("", "All held"), ("1w", "1 Week"), ("1mo", "1 Month"), ("3mo", "3 Months"),
             ("1y", "1 Year"), ("2y", "2 Years"), ("5y", "5 Years"))  # fmt: skip
MOST_NAMES = 300
"""Universes that are offered while one is typed."""
MOST_SESSIONS = 45
"""Spans of so few sessions are shown session by session."""


class CoverageOrder(enum.StrEnum):
    """In what order symbols are shown."""

    WORST = "worst"
    LISTED = "listed"


SORTS = ((CoverageOrder.WORST, "Most gaps first"), (CoverageOrder.LISTED, "As in the universe"))


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the picture: the class that colours it, what it says, and where more is told."""

    shade: str
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Which part of the coverage of which universe is looked at, as the address says."""

    universe: str
    timeframe: str
    duration: str
    sort: str
    cause: str
    symbol: str
    start: int

    @classmethod
    def read(cls, ctx: RequestContext) -> Picture:
        return cls(
            ctx.query("universe").strip(),
            ctx.query("timeframe", "day"),
            ctx.query("for"),
            one_of(CoverageOrder, ctx.query("sort") or CoverageOrder.WORST, "an order of symbols"),
            ctx.query("cause"),
            ctx.query("q").strip(),
            place_in_list(ctx.query("start")),
        )

    def at(self, start: int) -> str:
        """The address of this view from another symbol on."""
        fields = {
            "universe": self.universe, "timeframe": self.timeframe, "for": self.duration,
            "sort": self.sort, "cause": self.cause, "q": self.symbol, "start": str(start),
        }  # fmt: skip
        return f"/coverage?{urlencode({name: text for name, text in fields.items() if text})}"

    def rows(self, grid: Grid) -> list[int]:
        """The rows of the grid that are shown, in their order."""
        rows = np.arange(len(grid.instruments))
        if self.sort == CoverageOrder.WORST:
            lacking = grid.expected.row_counts() - grid.held.row_counts()
            rows = np.argsort(-lacking, kind="stable")
        if self.cause:
            cells = grid.holes.get(one_of(HoleCause, self.cause, "a cause"))
            rows = rows[np.asarray(cells.packed.any(axis=1))[rows]] if cells else rows[:0]
        wanted = self.symbol.upper()
        return [int(row) for row in rows if wanted in grid.instruments[row].symbol.upper()]


def show(ctx: RequestContext) -> Response:
    """The heat map of a universe."""
    picture = Picture.read(ctx)
    context: dict[str, Any] = {
        "picture": picture, "durations": DURATIONS, "sorts": SORTS,
        "names": ctx.services.shelf.rows().listed[:MOST_NAMES], "causes": CAUSES,
    }  # fmt: skip
    if not picture.universe:
        return ctx.page("coverage.html", **context, view=None, error=None)
    try:
        view = _view(ctx, picture)
    except TickStockError as e:
        return ctx.page("coverage.html", status_of(e), **context, view=None, error=e)
    return ctx.page("coverage.html", **context, view=view, error=None)


def _view(ctx: RequestContext, picture: Picture) -> dict[str, object]:
    tick, start = ctx.tick, picture.start
    timeframe = one_of(Timeframe, picture.timeframe, "a timeframe")
    symbols = tick.universes.members(picture.universe)
    span = tick.dates.span(picture.duration) if picture.duration else None
    found = tick.holdings.coverage(symbols, timeframe, span)
    grid = found.grid
    by_session = len(grid.days) <= MOST_SESSIONS
    columns = make_strip(grid, 0, by_session=by_session).months[-MOST_MONTHS:]
    end = start + max(1, MOST_CELLS // max(1, len(columns)))
    chosen = picture.rows(grid)
    shown = chosen[start:end]
    strip = make_strip(grid, by_session=by_session, chosen=shown)
    expected, held = grid.expected.row_counts(), grid.held.row_counts()
    days = [_on(_days(day, by_session=by_session)) for day in columns]
    rows = []
    for number, symbol, row in zip(shown, strip.symbols, strip.rows, strict=True):
        address = _bars_of(symbol, picture)
        cells = zip(row[-MOST_MONTHS:], days, strict=True)
        squares = [_square(cell, address + on) for cell, on in cells]
        part = int(held[number]), int(expected[number])
        rows.append((symbol, part, squares, found.summaries.get(symbol), address))
    holes = [
        (cause, n, [(s, d, _bars_of(s, picture) + _on(d)) for s, d in examples])
        for cause, n, examples in _examples(grid)
    ]
    return {
        "columns": columns,
        "by_session": by_session,
        "rows": rows,
        "first": start + 1,
        "last": start + len(rows),
        "symbols": len(chosen),
        "next": picture.at(end) if end < len(chosen) else "",
        "previous": picture.at(max(0, 2 * start - end)) if start else "",
        "held": int(held.sum()),
        "expected": int(expected.sum()) + found.unasked,
        "holes": holes,
        "unknown": found.unknown,
    }


def _examples(grid: Grid) -> Iterator[tuple[HoleCause, int, tuple[tuple[str, Span], ...]]]:
    for cause, count in grid.counts().items():
        yield cause, count, grid.examples(cause)


def _bars_of(symbol: str, picture: Picture) -> str:
    """The address of the bars of a symbol. A page has thousands that differ in their days alone:
    `_on` is put behind them."""
    fields = {"symbol": symbol, "timeframe": picture.timeframe, "universe": picture.universe}
    return f"/bars?{urlencode(fields)}"


def _on(days: Span) -> str:
    return f"&from={days.start}&to={days.last}"


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
