"""What the page shows besides what a command asks for: a plan with its failures."""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.loading.plan import Plan
from tickstock.loading.request import LoadRequest
from tickstock.model import GapCause
from tickstock.service import TickStock


@dataclass(frozen=True, slots=True)
class Preview:
    """A plan, and how many of the sessions it asks for failed when they were asked for before;
    `left_out` tells of universes that its globs match and nobody can read."""

    plan: Plan
    failed: int
    left_out: tuple[str, ...] = ()

    @property
    def expected(self) -> int:
        return sum(item.expected for item in self.plan.items)

    @property
    def held(self) -> int:
        return sum(item.held for item in self.plan.items)


def preview(tick: TickStock, request: LoadRequest) -> Preview:
    """The plan as `Plans.make` makes it, with the failures of before."""
    plan = tick.plans.make(request)
    failed = 0
    for timeframe in request.timeframes:
        view = tick.holdings.coverage(
            request.symbols, timeframe, request.span, intervals=request.intervals
        )
        failed += view.grid.counts().get(GapCause.FAILED, 0)
    return Preview(plan, failed, tuple(tick.universes.left_out(request.universe)))
