"""What is not held, by cause: how much, where, until when that stands, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickstock.loading.grid import Grid
from tickstock.model import Hole, HoleCause, Timeframe
from tickstock.spans import Span

ORDER = (
    HoleCause.FAILED,
    HoleCause.NOT_ENTITLED,
    HoleCause.QUARANTINED,
    HoleCause.VENDOR_EMPTY,
    HoleCause.NEVER_ASKED,
    HoleCause.NOT_PUBLISHED,
    HoleCause.NOT_LISTED,
)
"""What calls for somebody first."""
ADVICE = {
    HoleCause.FAILED: "Load again: `tickstock load` asks for these.",
    HoleCause.NOT_ENTITLED: "Change the plan at the vendor, then `tickstock load --refresh`.",
    HoleCause.QUARANTINED: "Look at the bars put aside; `tickstock load --refresh` asks again.",
    HoleCause.VENDOR_EMPTY: "Nothing, or `tickstock load --refresh` to ask again at once.",
    HoleCause.NEVER_ASKED: "`tickstock load` asks for these.",
    HoleCause.NOT_PUBLISHED: "Nothing: a later load asks for these.",
    HoleCause.NOT_LISTED: "Nothing: there are no bars of these days.",
}


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


def gaps_of(grid: Grid, told: Sequence[Hole], now: datetime, most: int = 5) -> tuple[Gap, ...]:
    """The gaps of a grid, the most pressing cause first.

    `told` are the holes that the grid was made with. They may have expired: then the next load asks
    for them.
    """
    return tuple(_gap(grid, cause, told, now, most) for cause in ORDER if grid.holes.get(cause))


def _gap(grid: Grid, cause: HoleCause, told: Sequence[Hole], now: datetime, most: int) -> Gap:
    cells = grid.holes[cause]
    mine = {one.id for one, some in zip(grid.instruments, cells.any_in_row(), strict=True) if some}
    holes = [h for h in told if h.cause is cause and h.instrument_id in mine]
    ends = sorted(h.expires_at for h in holes if h.expires_at is not None)
    expires = (ends[0], ends[-1]) if ends else None
    advice = ADVICE[cause]
    if expires and expires[1] <= now:
        advice = ADVICE[HoleCause.NEVER_ASKED]
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
