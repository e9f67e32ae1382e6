"""Asking for one job with doubt: an answer that cannot be true is asked for again at once, and a
range that is too long is not sent. Belongs to one event loop."""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import structlog

from tickstock.clock import Clock
from tickstock.errors import VendorEndless, VendorTooSlow, VendorUnreadable
from tickstock.loading.lengths import Lengths
from tickstock.loading.plausible import Empties, is_empty_of_ticker, is_newest, is_whole_empty
from tickstock.loading.targets import Targets
from tickstock.model import Answer, Call, CallKind, Timeframe
from tickstock.sessions import Calendar
from tickstock.spans import Span
from tickstock.vendors import BarSource, Gate

TRIES = ((VendorEndless, 1), (VendorUnreadable, 2), (VendorTooSlow, 2))
"""How often a call is asked that meets one of these: an answer came, or all of its time went by."""
log = structlog.get_logger("tickstock.worker")


def most_tries(error: Exception) -> int:
    """How often at most anything is asked for that meets this error each time."""
    return next((n for kind, n in TRIES if isinstance(error, kind)), sys.maxsize)


@dataclass(slots=True)
class Belief:
    """What the answers of one job have taught about those that follow."""

    calendar: Calendar
    clock: Clock
    _empties: dict[Timeframe, Empties] = field(default_factory=lambda: defaultdict(Empties.none))
    _lengths: dict[Timeframe, Lengths] = field(default_factory=lambda: defaultdict(Lengths))
    _probing: dict[Timeframe, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )
    _brought: dict[tuple[Timeframe, str], Span] = field(default_factory=dict)

    def learn(self, lengths: Mapping[Timeframe, Lengths]) -> None:
        """Take over what calls of the job met before, here or elsewhere."""
        for timeframe, found in lengths.items():
            mine = self._lengths[timeframe]
            mine.too_long = min(mine.too_long, found.too_long)
            mine.has_cut = True
            mine.works = max(mine.works, found.works if found.works < mine.too_long else 0)

    def most_tries(self, call: Call, error: Exception) -> int:
        """How often at most a call is asked that meets this error each time."""
        if isinstance(error, VendorTooSlow) and self._lengths[call.timeframe].is_hopeless:
            return 1
        return most_tries(error)

    def parts(self, call: Call) -> tuple[Call, ...]:
        """The calls that take the place of one that is too long; none where it is not."""
        return self._lengths[call.timeframe].parts(call, self.calendar)

    async def ask(self, call: Call, targets: Targets, source: BarSource, gate: Gate) -> Answer:
        """The answer to `call`, to the second asking where the first could not be true.

        Raises:
            VendorTooSlow: also without asking, where ranges of its length are known to be too long.
            TickStockError: as `source.fetch`.
        """
        answer = await self._in_time(call, source, gate)
        if not self._is_doubtful(answer, targets):
            return self._noted(answer)
        log.warning("empty answer, asked again", call=str(call))
        second = await self._in_time(call, source, gate)
        if is_empty_of_ticker(answer):
            empties = self._empties[call.timeframe]
            empties.asked_again += 1
            if not is_empty_of_ticker(second):
                empties.prove_wrong(call)
        second = replace(second, pages=answer.pages + second.pages)
        return second if is_empty_of_ticker(second) else self._noted(second)

    async def _in_time(self, call: Call, source: BarSource, gate: Gate) -> Answer:
        if call.kind is not CallKind.TICKER:
            return await source.fetch(call, gate)
        lengths = self._lengths[call.timeframe]
        if not lengths.is_probing:
            return await self._measured(call, lengths, source, gate)
        # One at a time, until some length works: the others need not meet the same.
        async with self._probing[call.timeframe]:
            return await self._measured(call, lengths, source, gate)

    async def _measured(
        self, call: Call, lengths: Lengths, source: BarSource, gate: Gate
    ) -> Answer:
        if self.parts(call) or lengths.is_hopeless:
            raise VendorTooSlow(
                f"The call for {call} is not made: ranges of its length are not answered in time.",
                "Shorter ones are asked for." if not lengths.is_hopeless else "Try again later.",
            )
        try:
            answer = await source.fetch(call, gate)
        except VendorTooSlow:
            lengths.not_in_time(call.span.days)
            raise
        if len(answer.bars):
            lengths.answered(call.span.days)
        return answer

    def _is_doubtful(self, answer: Answer, targets: Targets) -> bool:
        call = answer.call
        if is_whole_empty(answer):
            # A file that is not there has not been asked in vain; it may come tomorrow.
            return not answer.note and not is_newest(call, self.calendar, self.clock())
        target = targets.get(call.symbol)
        if target is None or not is_empty_of_ticker(answer):
            return False
        empties = self._empties[call.timeframe]
        holds = self._brought.get((call.timeframe, call.symbol))
        doubtful = any(empties.is_doubtful(call, h) for h in (target.holds, holds))
        empties.note(call)
        return doubtful

    def _noted(self, answer: Answer) -> Answer:
        """The answer to the one asking, as it is to be judged; what it brought is remembered."""
        call = answer.call
        if is_empty_of_ticker(answer):
            is_sure = self._empties[call.timeframe].is_explained(call)
            return answer if is_sure else replace(answer, is_sure=False)
        if call.symbol:
            before = self._brought.get((call.timeframe, call.symbol), call.span)
            first, end = min(before.start, call.span.start), max(before.end, call.span.end)
            self._brought[call.timeframe, call.symbol] = Span(first, end)
        return answer
