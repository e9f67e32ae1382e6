"""Cells of coverage as pictures show them: a colour, words, and where more is told."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.loading.causes import CAUSES, Colour
from tickstock.loading.strip import Cell


@dataclass(frozen=True, slots=True)
class Square:
    """A cell of the picture: the class that colours it, what it says, and where more is told."""

    shade: str
    text: str
    address: str


def square(cell: Cell, address: str) -> Square:
    """How a cell is shown."""
    if not cell.expected:
        return Square("none", CAUSES[cell.cause].text if cell.cause else "no session", address)
    share = f"{cell.held} of {cell.expected} sessions held"
    if cell.held >= cell.expected:
        return Square("full", share, address)
    tone = CAUSES[cell.cause].colour if cell.cause else Colour.GAP
    level = 5 * cell.held // cell.expected
    why = f", {CAUSES[cell.cause].text}" if cell.cause else ""
    return Square(f"{tone} l{level}", share + why, address)
