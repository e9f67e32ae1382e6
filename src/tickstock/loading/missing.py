"""What is not held, by cause: how much, where, until when that stands, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickstock.loading.causes import CAUSES
from tickstock.loading.grid import Grid
from tickstock.model import Hole, HoleCause, Timeframe
from tickstock.spans import Span


@dataclass(frozen=True, slots=True)
class Gap:
    """Sessions that are not held for one cause, in one timeframe.

    `detail` is what was said of one of them. `expires` are the first and the last moment from which
    the answers that stand for these no longer do, None where none does or none ends by itself.
    """

    timeframe: Timeframe
    cause: HoleCause
    cells: int
    symbols: int
    examples: tuple[tuple[str, Span], ...]
    detail: str
    expires: tuple[datetime, datetime] | None
    advice: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sessions in a row of one symbol that are not held for one cause.

    `detail` is what was said of them, `expires_at` from when on that answer no longer stands; None
    where none was given, or where it stands until somebody asks.
    """

    symbol: str
    span: Span
    sessions: int
    cause: HoleCause
    detail: str
    expires_at: datetime | None
    advice: str


def gaps_of(grid: Grid, told: Sequence[Hole], now: datetime, most: int = 5) -> tuple[Gap, ...]:
    """The gaps of a grid, the most pressing cause first.

    `told` are the holes that the grid was made with. They may have expired: then the next load asks
    for them.
    """
    return tuple(_gap(grid, cause, told, now, most) for cause in CAUSES if grid.holes.get(cause))


def _gap(grid: Grid, cause: HoleCause, told: Sequence[Hole], now: datetime, most: int) -> Gap:
    cells = grid.holes[cause]
    mine = {one.id for one, some in zip(grid.instruments, cells.any_in_row(), strict=True) if some}
    holes = [h for h in told if h.cause is cause and h.instrument_id in mine]
    ends = sorted(h.expires_at for h in holes if h.expires_at is not None)
    expires = (ends[0], ends[-1]) if ends else None
    advice = CAUSES[cause].advice
    if expires and expires[1] <= now:
        advice = CAUSES[HoleCause.NEVER_ASKED].advice
    return Gap(
        grid.timeframe,
        cause,
        cells.count(),
        int(np.count_nonzero(cells.any_in_row())),
        grid.examples(cause, most),
        next((h.detail for h in holes if h.detail), ""),
        expires,
        advice,
    )


def stretches_of(grid: Grid, told: Sequence[Hole], now: datetime) -> tuple[Stretch, ...]:
    """Every stretch of a grid, by symbol and time; `told` and `now` as for `gaps_of`."""
    by_instrument: dict[int, list[Hole]] = {}
    for hole in told:
        by_instrument.setdefault(hole.instrument_id, []).append(hole)
    found = []
    for cause, cells in grid.holes.items():
        for row, start, end in zip(*(part.tolist() for part in cells.runs()), strict=True):
            instrument, span = grid.instruments[row], grid.span(start, end)
            mine = [h for h in by_instrument.get(instrument.id, ()) if h.cause is cause]
            found.append((row, _stretch(instrument.symbol, span, end - start, cause, mine, now)))
    return tuple(stretch for _, stretch in sorted(found, key=lambda f: (f[0], f[1].span)))


def _stretch(
    symbol: str, span: Span, sessions: int, cause: HoleCause, mine: Sequence[Hole], now: datetime
) -> Stretch:
    said = next((h for h in mine if h.span & span), None)
    expires_at = said.expires_at if said else None
    over = expires_at is not None and expires_at <= now
    advice = CAUSES[HoleCause.NEVER_ASKED if over else cause].advice
    return Stretch(symbol, span, sessions, cause, said.detail if said else "", expires_at, advice)
