"""A receipt: what a view of coverage showed at a moment, kept as it was. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from tickstock.loading.coverage_rows import MOST_MONTHS, CoverageChoice, is_by_session
from tickstock.loading.grid import Grid
from tickstock.loading.strip import Cell, make_strip, totals
from tickstock.model import GapCause, Timeframe

SCHEMA = 1
"""Of the text that is kept."""
MOST_NAMES = 12


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A symbol, or all of them: sessions held of those expected, and its cells."""

    name: str
    held: int
    expected: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class CauseLine:
    """How many sessions are not held for one cause, with the first few of them."""

    cause: GapCause
    sessions: int
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeldContent:
    """The bars of a universe in a span: how many, and the SHA-256 that their content has (raw, by
    `tickstock.content`). No hash where there are more than are read for it."""

    bars: int
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The view: `symbols` are chosen (`chosen` says how), from number `first_row` on `rows` are
    shown. `held`, `expected` and `causes` are of the whole universe, with those `never_heard_of`.
    `first` and `last` are None where there is no session.
    """

    universe: str
    timeframe: Timeframe
    made_at: datetime
    first: date | None
    last: date | None
    chosen: str
    symbols: int
    first_row: int
    by_session: bool
    columns: tuple[date, ...]
    total: ReceiptRow
    rows: tuple[ReceiptRow, ...]
    held: int
    expected: int
    causes: tuple[CauseLine, ...]
    never_heard_of: int
    some_never_heard_of: tuple[str, ...]
    synthetic: int
    survivorship: str
    content: HeldContent
    schema: int = SCHEMA

    @property
    def days(self) -> str:
        return f"{self.first} to {self.last}" if self.first else "no session"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a receipt tells beside the grid."""

    universe: str
    made_at: datetime
    unknown: tuple[str, ...]
    unasked: int
    synthetic: int
    survivorship: str
    content: HeldContent


def make_receipt(grid: Grid, choice: CoverageChoice, around: Surroundings) -> Receipt:
    """The receipt of what `choice` shows of a grid."""
    by_session = is_by_session(grid)
    columns = make_strip(grid, 0, by_session=by_session).months[-MOST_MONTHS:]
    chosen = choice.rows(grid)
    shown = chosen[choice.start : choice.end(len(columns))]
    strip = make_strip(grid, by_session=by_session, chosen=shown)
    held, expected = grid.held.row_counts(), grid.expected.row_counts()
    span = grid.span(0, len(grid.days)) if len(grid.days) else None
    return Receipt(
        around.universe,
        grid.timeframe,
        around.made_at,
        span.start if span else None,
        span.last if span else None,
        str(choice),
        len(chosen),
        choice.start + 1,
        by_session,
        columns,
        ReceiptRow(
            "",
            int(held[chosen].sum()),
            int(expected[chosen].sum()),
            totals(grid, chosen, by_session=by_session)[-MOST_MONTHS:],
        ),
        tuple(
            ReceiptRow(symbol, int(held[row]), int(expected[row]), cells[-MOST_MONTHS:])
            for row, symbol, cells in zip(shown, strip.symbols, strip.rows, strict=True)
        ),
        int(held.sum()),
        int(expected.sum()) + around.unasked,
        _causes(grid),
        len(around.unknown),
        around.unknown[:MOST_NAMES],
        around.synthetic,
        around.survivorship,
        around.content,
    )


def _causes(grid: Grid) -> tuple[CauseLine, ...]:
    return tuple(
        CauseLine(cause, count, tuple(f"{symbol} {span}" for symbol, span in grid.examples(cause)))
        for cause, count in grid.counts().items()
    )


def share(held: int, expected: int) -> str:
    """`99.9 %`; a hundred only where all is held."""
    if not expected:
        return "–"
    return "100 %" if held >= expected else f"{min(99.9, 100 * held / expected):.1f} %"


def some_of(names: Sequence[str], count: int) -> str:
    """`A, B and 3 more`."""
    more = count - len(names)
    return ", ".join(names) + (f" and {more:,} more" if more > 0 else "")


def as_text(receipt: Receipt) -> str:
    """As JSON, to be kept."""
    return msgspec.json.encode(receipt).decode()


def from_text(text: str) -> Receipt:
    """What `as_text` made. Raises ValueError for any other text."""
    return msgspec.json.decode(text, type=Receipt)
