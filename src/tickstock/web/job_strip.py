"""A job as a strip that fills in while it runs: blocks of symbols down, spans of days across."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.responses import Response

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.grid import Grid
from tickstock.loading.strip import Block, Cell, make_blocks
from tickstock.model import Timeframe
from tickstock.service.progress import Progress
from tickstock.spans import Span
from tickstock.web.context import RequestContext
from tickstock.web.squares import Square, square
from tickstock.web.steering import progress_of

MOST_ROWS = 24
MOST_COLUMNS = 72


@dataclass(frozen=True, slots=True)
class StripRow:
    """A block of symbols: its name, where more is told, and its cells."""

    name: str
    address: str
    squares: tuple[Square, ...]


@dataclass(frozen=True, slots=True)
class JobStrip:
    """One timeframe of a job."""

    timeframe: Timeframe
    columns: tuple[Span, ...]
    total: tuple[Square, ...]
    rows: tuple[StripRow, ...]


def show(ctx: RequestContext) -> Response:
    """The strip of a job as a part that asks for itself again until the job has ended."""
    progress = progress_of(ctx)
    return ctx.page("job_strip.html", **context_of(ctx, progress))


def context_of(ctx: RequestContext, progress: Progress) -> dict[str, Any]:
    load = progress.load
    # What a fault has ended may not be summed up: it is what the fault may have come from.
    grids = [] if load.met_a_fault else ctx.tick.verdicts.grids(load.id)
    return {"load": load, "ended": load.state.finished, "strips": list(_strips(grids))}


def _strips(grids: list[Grid]) -> Iterator[JobStrip]:
    for grid in grids:
        made = make_blocks(grid, MOST_ROWS, MOST_COLUMNS)
        total = tuple(_named(c, s, "") for c, s in zip(made.total, made.columns, strict=True))
        rows = tuple(_row(block, made.columns, grid.timeframe) for block in made.rows)
        yield JobStrip(grid.timeframe, made.columns, total, rows)


def _row(block: Block, columns: tuple[Span, ...], timeframe: Timeframe) -> StripRow:
    first, last, many = block.symbols[0], block.symbols[-1], len(block.symbols)
    name = first if many == 1 else f"{first} – {last}"
    squares = zip(block.cells, columns, strict=True)
    whole = Span(columns[0].start, columns[-1].end)
    return StripRow(
        name,
        _address(block, whole, timeframe),
        tuple(_named(c, s, _cause(block, c, s, timeframe)) for c, s in squares),
    )


def _cause(block: Block, cell: Cell, days: Span, timeframe: Timeframe) -> str:
    """Where the cause of a cell is told, if it calls for somebody."""
    if cell.cause is None or CAUSES[cell.cause].colour is not Colour.BAD:
        return ""
    return _address(block, days, timeframe)


def _address(block: Block, days: Span, timeframe: Timeframe) -> str:
    """Bars with the cause of each gap; of several symbols, their map with these days marked."""
    fields = {"timeframe": str(timeframe), "from": str(days.start), "to": str(days.last)}
    if len(block.symbols) == 1:
        return f"/bars?{urlencode({'symbol': block.symbols[0]} | fields)}"
    universe = "{" + ", ".join(block.symbols) + "}"
    return f"/coverage?{urlencode({'universe': universe} | fields)}"


def _named(cell: Cell, days: Span, address: str) -> Square:
    found = square(cell, address)
    return Square(found.shade, f"{days}: {found.text}", address)
