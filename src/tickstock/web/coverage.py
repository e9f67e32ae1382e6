"""Coverage: symbols down, months or sessions across, and why the rest is not held."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.responses import Response

from tickstock.errors import TickStockError
from tickstock.loading.causes import CAUSES
from tickstock.loading.coverage_rows import (
    MOST_MONTHS,
    CoverageChoice,
    CoverageOrder,
    is_by_session,
)
from tickstock.loading.grid import Grid
from tickstock.loading.strip import make_strip, totals
from tickstock.model import GapCause, Timeframe
from tickstock.service.holdings import CoverageView
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.expression import format_expression, narrowed, parse
from tickstock.web.answers import status_of
from tickstock.web.context import RequestContext
from tickstock.web.fields import day, one_of, place_in_list
from tickstock.web.historical import Card, card_of
from tickstock.web.load_form import OWN, LoadForm, is_name
from tickstock.web.squares import square

DURATIONS = (("", "All held"), ("1w", "1 Week"), ("1mo", "1 Month"), ("3mo", "3 Months"),
             ("1y", "1 Year"), ("2y", "2 Years"), ("5y", "5 Years"))  # fmt: skip
LIVES = (("1", "1 day"), ("7", "1 week"), ("30", "30 days"), ("90", "90 days"))
"""How long a receipt can be looked at."""
MOST_NAMES = 300
"""Universes that are offered while one is typed."""
MONTHS = "JFMAMJJASOND"
BETWEEN = re.compile(r"[\s,;]+")


SORTS = ((CoverageOrder.WORST, "Worst first"), (CoverageOrder.LISTED, "As in the universe"))


@dataclass(frozen=True, slots=True)
class Column:
    """A month, or a session: what stands above it, its full name, and its days."""

    letter: str
    name: str
    days: Span


@dataclass(frozen=True, slots=True)
class Picture:
    """Which part of the coverage of which universe is looked at, as the address says.

    Marked for a plan are the symbols of `pick` (all that the filters let through, where it is
    empty) on the days from `first` to `last`; a chosen `cause` marks the days on which it holds.
    """

    universe: str
    timeframe: str
    duration: str
    sort: str
    cause: str
    symbol: str
    start: int
    pick: str = ""
    first: str = ""
    last: str = ""
    again: bool = False

    @classmethod
    def read(cls, said: Callable[[str], str]) -> Picture:
        """By what the address says, or a form."""
        return cls(
            said("universe").strip(),
            said("timeframe") or Timeframe.DAY,
            said("for"),
            one_of(CoverageOrder, said("sort") or CoverageOrder.WORST, "an order of symbols"),
            one_of(GapCause, cause, "a cause") if (cause := said("cause")) else "",
            said("q").strip(),
            place_in_list(said("start")),
            said("pick").strip(),
            said("from"),
            said("to"),
            bool(said("again")),
        )

    @property
    def fields(self) -> dict[str, str]:
        """What the address says of the picture, without what is marked and where it begins."""
        found = {
            "universe": self.universe, "timeframe": self.timeframe, "for": self.duration,
            "sort": self.sort, "cause": self.cause, "q": self.symbol,
        }  # fmt: skip
        return {name: text for name, text in found.items() if text}

    def at(self, start: int = 0, days: Span | None = None, **other: str) -> str:
        """The address of this view from another symbol on, or with these days marked."""
        more = {"start": str(start)} if start else {}
        marked = {"from": str(days.start), "to": str(days.last)} if days else {}
        return f"/coverage?{urlencode(self.fields | more | marked | other)}"

    @property
    def choice(self) -> CoverageChoice:
        cause = GapCause(self.cause) if self.cause else None
        return CoverageChoice(CoverageOrder(self.sort), cause, self.symbol, self.start)

    @property
    def marks(self) -> bool:
        """Whether anything is marked for a plan."""
        return bool(self.pick or self.first or self.cause)

    @property
    def symbols_marked(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(s for s in BETWEEN.split(self.pick.strip("{}")) if s))

    def rows(self, grid: Grid) -> list[int]:
        """The rows of the grid that are shown, in their order."""
        return self.choice.rows(grid)

    def form(self, grid: Grid | None) -> LoadForm:
        """The form that asks for what is marked; `grid` where it has to be looked up."""
        symbols, span = self.symbols_marked, None
        filtered = bool(self.cause or self.symbol)
        if grid is not None and filtered and not symbols:
            symbols = tuple(grid.instruments[row].symbol for row in self.rows(grid))
        if grid is not None and not self.first and len(grid.days):
            span = self._hull(grid)
        whole = not symbols and not filtered
        if (own := self._in_its_span(symbols, span)) is not None:
            return LoadForm(
                expression=own,
                timeframes=(self.timeframe,),
                duration=OWN,
                missing_only=not self.again,
            )
        name = self.universe if whole else "{" + ", ".join(symbols) + "}"
        return LoadForm(
            universe=name if is_name(name) else "",
            expression="" if is_name(name) else name,
            timeframes=(self.timeframe,),
            duration="dates",
            first=self.first or (str(span.start) if span else ""),
            last=self.last or (str(span.last) if span else ""),
            missing_only=not self.again,
        )

    def _in_its_span(self, symbols: tuple[str, ...], span: Span | None) -> str | None:
        """Of a universe over a past span: the expression of what is marked, which asks for nobody's
        days outside it. None for any other universe."""
        first, last = day(self.first), day(self.last)
        marked = Span.inclusive(first, last) if first and last else None
        days = marked or (Span(first, date.max) if first else span)
        node = narrowed(parse(self.universe), days, symbols)
        return format_expression(node) if node else None

    def needs_grid(self) -> bool:
        """Whether what is marked depends on what is held."""
        return not (self.first and (self.symbols_marked or not (self.cause or self.symbol)))

    def _hull(self, grid: Grid) -> Span:
        """From the first to the last day of the cause; all days without one."""
        cells = grid.gaps.get(GapCause(self.cause)) if self.cause else None
        if cells is None:
            return grid.span(0, len(grid.days))
        columns = np.flatnonzero(cells.any_in_column())
        if not len(columns):
            return grid.span(0, len(grid.days))
        return grid.span(int(columns[0]), int(columns[-1]) + 1)


@dataclass(frozen=True, slots=True)
class ShareForm:
    """What is typed to make a receipt of the view, and why none could be made."""

    why: str = ""
    days: str = ""
    error: TickStockError | None = None


def show(ctx: RequestContext) -> Response:
    """The heat map of a universe, and beside it the plan of what is marked."""
    return page(ctx, Picture.read(ctx.query), ShareForm(ctx.query("why"), ctx.query("days")))


def page(ctx: RequestContext, picture: Picture, form: ShareForm) -> Response:
    """The view, with what was typed to share it."""
    context: dict[str, Any] = {
        "picture": picture, "durations": DURATIONS, "sorts": SORTS, "typed": form, "lives": LIVES,
        "names": ctx.services.shelf.rows().listed[:MOST_NAMES], "causes": CAUSES,
    }  # fmt: skip
    if not picture.universe:
        return ctx.page("coverage.html", **context, view=None, error=None, card=None)
    try:
        found = _look(ctx, picture)
        view = _view(picture, found)
        card = _card(ctx, picture, found.grid)
    except TickStockError as e:
        return ctx.page("coverage.html", status_of(e), **context, view=None, error=e, card=None)
    status = status_of(form.error) if form.error else 200
    return ctx.page("coverage.html", status, **context, view=view, error=None, card=card)


def plan(ctx: RequestContext) -> Response:
    """The plan of what is marked, as a part."""
    picture = Picture.read(ctx.query)
    grid = _look(ctx, picture).grid if picture.marks and picture.needs_grid() else None
    card = _card(ctx, picture, grid)
    return ctx.page("coverage_plan.html", picture=picture, card=card, causes=CAUSES)


def _card(ctx: RequestContext, picture: Picture, grid: Grid | None) -> Card | None:
    if not picture.marks:
        return None
    if picture.cause and not CAUSES[GapCause(picture.cause)].expected:
        return None  # nothing is lacking there
    try:
        form = picture.form(grid)
    except TickStockError as e:
        return Card(LoadForm(), chosen=True, error=e)
    return card_of(ctx, form) if form.expression != "{}" else None


def _look(ctx: RequestContext, picture: Picture) -> CoverageView:
    tick = ctx.tick
    timeframe = one_of(Timeframe, picture.timeframe, "a timeframe")
    asked = tick.requests.look(picture.universe, usual=picture.duration or None)
    return tick.holdings.coverage(asked.symbols, timeframe, asked.span, intervals=asked.intervals)


def _view(picture: Picture, found: CoverageView) -> dict[str, object]:
    start, grid = picture.start, found.grid
    by_session = is_by_session(grid)
    days = make_strip(grid, 0, by_session=by_session).months[-MOST_MONTHS:]
    columns = [_column(day, by_session=by_session) for day in days]
    end = picture.choice.end(len(columns))
    chosen = picture.rows(grid)
    shown = chosen[start:end]
    strip = make_strip(grid, by_session=by_session, chosen=shown)
    expected, held = grid.expected.row_counts(), grid.held.row_counts()
    on = [_on(column.days) for column in columns]
    rows = []
    for number, symbol, row in zip(shown, strip.symbols, strip.rows, strict=True):
        address = _bars_of(symbol, picture)
        squares = [square(c, address + o) for c, o in zip(row[-MOST_MONTHS:], on, strict=True)]
        part = int(held[number]), int(expected[number])
        rows.append((symbol, part, squares, found.summaries.get(symbol), address))
    sums = totals(grid, chosen, by_session=by_session)[-MOST_MONTHS:]
    gaps = [
        (cause, n, [(s, d, _bars_of(s, picture) + _on(d)) for s, d in examples])
        for cause, n, examples in _examples(grid)
    ]
    return {
        "columns": columns,
        "groups": _groups(columns, by_session=by_session),
        "by_session": by_session,
        "rows": rows,
        "totals": [
            square(cell, picture.at(days=column.days))
            for cell, column in zip(sums, columns, strict=True)
        ],
        "total": (sum(int(held[r]) for r in chosen), sum(int(expected[r]) for r in chosen)),
        "first": start + 1,
        "last": start + len(rows),
        "symbols": len(chosen),
        "next": picture.at(end) if end < len(chosen) else "",
        "previous": picture.at(max(0, 2 * start - end)) if start else "",
        "held": int(held.sum()),
        "expected": int(expected.sum()) + found.unasked,
        "gaps": gaps,
        "unknown": found.unknown,
        "command": _command(picture),
    }


def _command(picture: Picture) -> str:
    """The command line that draws the same."""
    words = ["tickstock", "coverage", picture.universe]
    words += ["--timeframe", picture.timeframe] if picture.timeframe != Timeframe.DAY else []
    words += ["--for", picture.duration] if picture.duration else []
    return shlex.join(words)


def _column(day: date, *, by_session: bool) -> Column:
    if by_session:
        return Column(str(day.day), str(day), Span.inclusive(day, day))
    name = f"{day:%Y-%m}"
    return Column(MONTHS[day.month - 1], name, Span(day, (day + 31 * ONE_DAY).replace(day=1)))


def _groups(columns: Sequence[Column], *, by_session: bool) -> list[tuple[str, int]]:
    """Years, or months, and how many columns each has."""
    names = [column.name[: 7 if by_session else 4] for column in columns]
    return [(name, len(list(of))) for name, of in groupby(names)]


def _examples(grid: Grid) -> Iterator[tuple[GapCause, int, tuple[tuple[str, Span], ...]]]:
    for cause, count in grid.counts().items():
        yield cause, count, grid.examples(cause)


def _bars_of(symbol: str, picture: Picture) -> str:
    """The address of the bars of a symbol. A page has thousands that differ in their days alone:
    `_on` is put behind them."""
    fields = {"symbol": symbol, "timeframe": picture.timeframe, "universe": picture.universe}
    return f"/bars?{urlencode(fields)}"


def _on(days: Span) -> str:
    return f"&from={days.start}&to={days.last}"
