"""What is not held, by cause: how much, where, until when that stands, and what to do. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tickstock.loading.bits import Bits
from tickstock.loading.causes import CAUSES
from tickstock.loading.grid import Grid
from tickstock.model import Gap, GapCause, Ints, Timeframe, epoch_day
from tickstock.spans import Span


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Sessions that are not held for one cause, in one timeframe.

    `reasons` are what was said of them and of how many sessions each, the most frequent first; of
    some causes nothing is said. `expires` are the first and the last moment from which
    the answers that stand for these no longer do, None where none does or none ends by itself.
    """

    timeframe: Timeframe
    cause: GapCause
    cells: int
    symbols: int
    examples: tuple[tuple[str, Span], ...]
    reasons: tuple[tuple[str, int], ...]
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
    cause: GapCause
    detail: str
    expires_at: datetime | None
    advice: str


def gap_groups(
    grid: Grid, told: Sequence[Gap], now: datetime, most: int = 5
) -> tuple[GapGroup, ...]:
    """The gaps of a grid, the most pressing cause first.

    `told` are the gaps that the grid was made with. They may have expired: then the next job asks
    for them.
    """
    return tuple(_gap(grid, cause, told, now, most) for cause in CAUSES if grid.gaps.get(cause))


def _gap(grid: Grid, cause: GapCause, told: Sequence[Gap], now: datetime, most: int) -> GapGroup:
    cells = grid.gaps[cause]
    mine = {one.id for one, some in zip(grid.instruments, cells.any_in_row(), strict=True) if some}
    gaps = [h for h in told if h.cause is cause and h.instrument_id in mine]
    ends = sorted(h.expires_at for h in gaps if h.expires_at is not None)
    expires = (ends[0], ends[-1]) if ends else None
    advice = CAUSES[cause].advice
    if expires and expires[1] <= now:
        advice = CAUSES[GapCause.NEVER_ASKED].advice
    return GapGroup(
        grid.timeframe,
        cause,
        cells.count(),
        int(np.count_nonzero(cells.any_in_row())),
        grid.examples(cause, most),
        _reasons(grid, cells, [h for h in gaps if h.detail]),
        expires,
        advice,
    )


def _reasons(grid: Grid, cells: Bits, told: Sequence[Gap]) -> tuple[tuple[str, int], ...]:
    """Each reason that was given for some of the cells, and for how many."""
    row_of = {one.id: row for row, one in enumerate(grid.instruments)}
    row = np.array([row_of[h.instrument_id] for h in told], np.int64)
    start, end = (
        np.searchsorted(grid.days, np.array([epoch_day(d) for d in days], np.int64))
        for days in ([h.span.start for h in told], [h.span.end for h in told])
    )
    counts: Counter[str] = Counter()
    for gap, count in zip(told, _count_within(cells, row, start, end).tolist(), strict=True):
        counts[gap.detail] += count
    return tuple((detail, count) for detail, count in counts.most_common() if count)


def _count_within(cells: Bits, row: Ints, start: Ints, end: Ints) -> Ints:
    """How many cells are set in each range of columns of a row."""
    rows, first, last = cells.runs()
    stride = cells.columns + 1
    keys = np.concatenate(([-1], rows * stride + first))
    lengths = np.concatenate(([0], last - first))
    before = np.cumsum(lengths) - lengths

    def set_until(key: Ints) -> Ints:
        run = np.searchsorted(keys, key, side="right") - 1
        inside: Ints = before[run] + np.minimum(key - keys[run], lengths[run])
        return inside

    return set_until(row * stride + end) - set_until(row * stride + start)


def stretches_of(grid: Grid, told: Sequence[Gap], now: datetime) -> tuple[Stretch, ...]:
    """Every stretch of a grid, by symbol and time; `told` and `now` as for `gap_groups`."""
    by_instrument: dict[int, list[Gap]] = {}
    for gap in told:
        by_instrument.setdefault(gap.instrument_id, []).append(gap)
    found = []
    for cause, cells in grid.gaps.items():
        for row, start, end in zip(*(part.tolist() for part in cells.runs()), strict=True):
            instrument, span = grid.instruments[row], grid.span(start, end)
            mine = [h for h in by_instrument.get(instrument.id, ()) if h.cause is cause]
            found.append((row, _stretch(instrument.symbol, span, end - start, cause, mine, now)))
    return tuple(stretch for _, stretch in sorted(found, key=lambda f: (f[0], f[1].span)))


def _stretch(
    symbol: str, span: Span, sessions: int, cause: GapCause, mine: Sequence[Gap], now: datetime
) -> Stretch:
    said = next((h for h in mine if h.span & span), None)
    expires_at = said.expires_at if said else None
    over = expires_at is not None and expires_at <= now
    advice = CAUSES[GapCause.NEVER_ASKED if over else cause].advice
    return Stretch(symbol, span, sessions, cause, said.detail if said else "", expires_at, advice)
