"""Which rows and columns of a grid a view of coverage shows, and in what order. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.grid import Grid
from tickstock.model import GapCause, Ints

MOST_CELLS = 2_000
"""On one page; a symbol more needs another one."""
MOST_MONTHS = 72
MOST_SESSIONS = 45
"""Spans of so few sessions are shown session by session."""


class CoverageOrder(enum.StrEnum):
    """In what order symbols are shown."""

    WORST = "worst"
    LISTED = "listed"


@dataclass(frozen=True, slots=True)
class CoverageChoice:
    """Which symbols are shown: in their order from the one at `start` on, of those that have gaps
    of a cause and a text in their name."""

    order: CoverageOrder = CoverageOrder.WORST
    cause: GapCause | None = None
    symbol: str = ""
    start: int = 0

    def rows(self, grid: Grid) -> list[int]:
        """The rows of the grid that are chosen, in their order, on whatever page."""
        rows = np.arange(len(grid.instruments))
        if self.order is CoverageOrder.WORST:
            lacking = grid.expected.row_counts() - grid.held.row_counts()
            rows = np.lexsort((-lacking, -_calling(grid)))  # by the last key first, and stable
        if self.cause:
            cells = grid.gaps.get(self.cause)
            rows = rows[cells.any_in_row()[rows]] if cells else rows[:0]
        wanted = self.symbol.upper()
        if not wanted:
            return list(map(int, rows))
        return [int(row) for row in rows if wanted in grid.instruments[row].symbol.upper()]

    def end(self, columns: int) -> int:
        """Before which of the chosen rows the page ends that has so many columns."""
        return self.start + max(1, MOST_CELLS // max(1, columns))

    def __str__(self) -> str:
        """What is chosen, for people; nothing where all is."""
        with_gaps = f"with gaps: {self.cause.replace('_', ' ')}" if self.cause else ""
        named = f"with {self.symbol!r} in the name" if self.symbol else ""
        return ", ".join(filter(None, (with_gaps, named)))


def is_by_session(grid: Grid) -> bool:
    """Whether the span is so short that each session has a column of its own."""
    return len(grid.days) <= MOST_SESSIONS


def _calling(grid: Grid) -> Ints:
    """How many sessions of each row call for somebody."""
    found = np.zeros(len(grid.instruments), np.int64)
    for cause, cells in grid.gaps.items():
        if CAUSES[cause].colour is Colour.BAD:
            found += cells.row_counts()
    return found
