"""Coverage as a picture: symbols down, months across. Pure; a terminal and a page draw it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from tickstock.loading.bits import Bits
from tickstock.loading.grid import Grid
from tickstock.model import HoleCause
from tickstock.spans import day_of


@dataclass(frozen=True, slots=True)
class Cell:
    """One symbol in one month: sessions expected and held, and the main cause of the rest."""

    expected: int
    held: int
    cause: HoleCause | None = None


@dataclass(frozen=True, slots=True)
class Strip:
    """`rows[i][j]` is `symbols[i]` in `months[j]` (its first day)."""

    months: tuple[date, ...]
    symbols: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def make_strip(grid: Grid) -> Strip:
    """Sum a grid up by month."""
    if not len(grid.days):
        return Strip((), tuple(i.symbol for i in grid.instruments), ())
    month = grid.days.astype("datetime64[D]").astype("datetime64[M]")
    first = np.concatenate(([0], np.flatnonzero(np.diff(month).astype(np.int64)) + 1))
    tables: dict[str, Bits] = {"expected": grid.expected, "held": grid.held}
    tables |= {cause.value: cells for cause, cells in grid.holes.items()}
    sums = {
        name: np.add.reduceat(bits.unpack(), first, axis=1, dtype=np.int64).tolist()
        for name, bits in tables.items()
    }
    causes = list(grid.holes)
    rows = tuple(
        tuple(
            Cell(
                sums["expected"][i][j],
                sums["held"][i][j],
                _main({cause: sums[cause][i][j] for cause in causes}),
            )
            for j in range(len(first))
        )
        for i in range(len(grid.instruments))
    )
    months = tuple(day_of(int(d)).replace(day=1) for d in grid.days[first])
    return Strip(months, tuple(i.symbol for i in grid.instruments), rows)


def _main(counts: dict[HoleCause, int]) -> HoleCause | None:
    cause = max(counts, key=lambda c: counts[c], default=None)
    return cause if cause is not None and counts[cause] else None
