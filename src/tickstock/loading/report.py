"""What a job came to: bars held against bars expected, for every symbol and timeframe. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tickstock.loading.causes import CAUSES
from tickstock.loading.grid import Grid
from tickstock.model import GapCause, JobState, Timeframe
from tickstock.words import plural, sessions_held


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One symbol in one timeframe: sessions expected, sessions held, and causes of the rest.

    `in_vain`: it was to be asked again for what it holds already, and that failed.
    """

    symbol: str
    timeframe: Timeframe
    expected: int
    held: int
    causes: tuple[tuple[GapCause, int], ...] = ()
    in_vain: bool = False

    @property
    def failed(self) -> bool:
        # An empty answer is a failure only when nothing is held; what has yet to come is none.
        faulty = any(CAUSES[cause].fails_load for cause, _ in self.causes)
        awaited = dict(self.causes).get(GapCause.NOT_PUBLISHED, 0)
        return faulty or self.in_vain or (self.expected > awaited and self.held == 0)


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on a job."""

    state: JobState
    message: str
    items: tuple[ItemResult, ...]

    @property
    def expected(self) -> int:
        return sum(i.expected for i in self.items)

    @property
    def held(self) -> int:
        return sum(i.held for i in self.items)

    @property
    def failed_symbols(self) -> tuple[str, ...]:
        return tuple(sorted({i.symbol for i in self.items if i.failed}))

    @property
    def good_symbols(self) -> tuple[str, ...]:
        bad = set(self.failed_symbols)
        return tuple(sorted({i.symbol for i in self.items} - bad))

    def as_dict(self) -> dict[str, Any]:
        return {
            "expected": self.expected,
            "held": self.held,
            "causes": {cause.value: n for cause, n in sorted(_causes(self.items).items())},
            "good_symbols": list(self.good_symbols),
            "failed_symbols": list(self.failed_symbols),
            "items": [
                [i.symbol, i.timeframe, i.expected, i.held, {c.value: n for c, n in i.causes}]
                for i in self.items
            ],
        }


def item_results(grid: Grid) -> list[ItemResult]:
    """One result a row of the grid."""
    expected = grid.expected.row_counts().tolist()
    held = grid.held.row_counts().tolist()
    causes = {
        cause: (cells & grid.expected).row_counts().tolist()
        for cause, cells in grid.gaps.items()
        if cells & grid.expected
    }
    return [
        ItemResult(
            instrument.symbol,
            grid.timeframe,
            expected[i],
            held[i],
            tuple((cause, counts[i]) for cause, counts in causes.items() if counts[i]),
        )
        for i, instrument in enumerate(grid.instruments)
    ]


def make_report(items: Sequence[ItemResult]) -> Report:
    """Completed only when every symbol holds something and every other session is explained."""
    failed = [i for i in items if i.failed]
    if not failed:
        state = JobState.COMPLETED
    elif all(i.held == 0 or i.in_vain for i in items):
        state = JobState.FAILED
    else:
        state = JobState.WITH_ERRORS
    return Report(state, _message(items, len({i.symbol for i in failed})), tuple(items))


def _message(items: Sequence[ItemResult], failed: int) -> str:
    held, expected = sum(i.held for i in items), sum(i.expected for i in items)
    many = plural(len({i.symbol for i in items}), "symbol")
    text = f"{many}, {sessions_held(held, expected)}"
    causes = _causes(items)
    if causes:
        text += " (" + ", ".join(f"{n} {c.replace('_', ' ')}" for c, n in causes.items()) + ")"
    return text + (f"; {plural(failed, 'symbol')} failed" if failed else "")


def _causes(items: Iterable[ItemResult]) -> Counter[GapCause]:
    total: Counter[GapCause] = Counter()
    for item in items:
        for cause, n in item.causes:
            total[cause] += n
    return total
