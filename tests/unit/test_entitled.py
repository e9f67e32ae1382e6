"""Jobs of accounts that include less than is asked for: in whatever order answers and refusals
come, what is included is loaded, and little else is asked."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.kit import CALENDAR
from tickstock.errors import NotEntitled
from tickstock.model import Answer, BarTable, Call, CallKind, Limits, Timeframe
from tickstock.spans import Span
from tickstock.vendors import Gate
from tickstock.worker.entitled import Entitled

NOW = datetime(2026, 11, 28, 15, tzinfo=UTC)
NEWEST = CALENDAR.published(NOW, timedelta(hours=8))
DAY, HOUR, MINUTE = Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE


class Plan:
    """A source for an account that includes some sessions of some timeframes. Answers come in any
    order."""

    name = "plan"
    limits = Limits()

    def __init__(self, first: int, end: int, frames: set[Timeframe], dice: random.Random) -> None:
        self.first, self.end, self.frames, self.dice = first, end, frames, dice
        self.answered: list[Call] = []
        self.refused: list[Call] = []

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await gate.enter()
        for _ in range(self.dice.randrange(4)):
            await asyncio.sleep(0)
        start, end = CALENDAR.between(call.span)
        if start < self.first or end > self.end or call.timeframe not in self.frames:
            self.refused.append(call)
            raise NotEntitled(f"no {call}", "pay")
        self.answered.append(call)
        return Answer(call, BarTable.empty(), "plan")

    async def close(self) -> None:
        return


class Open:
    """A door that lets everybody in."""

    async def enter(self) -> None:
        return

    async def push_back(self, seconds: float | None) -> None:
        raise AssertionError(seconds)

    @contextlib.asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        yield

    def is_asked(self) -> None:
        return


def span(start: int, end: int) -> Span:
    return Span.inclusive(CALENDAR.day(start), CALENDAR.day(end - 1))


def calls(symbols: int, start: int, frames: list[Timeframe]) -> list[Call]:
    wide = {DAY: NEWEST, HOUR: 52, MINUTE: 52}
    return [
        Call(CallKind.TICKER, frame, span(at, min(at + wide[frame], NEWEST)), f"S{n}")
        for frame in frames
        for n in range(symbols)
        for at in range(start, NEWEST, wide[frame])
    ]


async def drained(plan: Plan, wanted: list[Call], at_once: int) -> set[tuple[str, Timeframe, int]]:
    """Ask for all, `at_once`, and for the parts of what was refused; which sessions came."""
    asking = Entitled(plan, CALENDAR, lambda: NOW)
    asking.begin(Span(wanted[0].span.start, CALENDAR.day(NEWEST)), ())
    left, found = wanted[::-1], set()

    async def work() -> None:
        while left:
            call = left.pop()
            try:
                await asking.of(Open()).fetch(call, Open())
            except NotEntitled:
                left.extend(asking.parts(call))
            else:
                start, end = CALENDAR.between(call.span)
                found.update((call.symbol, call.timeframe, s) for s in range(start, end))

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(work())
    return found


@given(
    st.integers(1, 6),
    st.integers(30, 1500),
    st.floats(0, 1),
    st.integers(0, 4),
    st.sampled_from([[DAY], [HOUR], [DAY, HOUR], [DAY, HOUR, MINUTE]]),
    st.sampled_from([1, 3, 64]),
    st.integers(0, 1 << 20),
)
def test_in_whatever_order_answers_come_nothing_is_lost(
    symbols: int, length: int, share: float, lacking: int, frames: list[Timeframe], at_once: int,
    seed: int,
) -> None:  # fmt: skip
    start = NEWEST - length
    edge, late = min(start + round(share * length), NEWEST - 6), NEWEST - lacking
    plan = Plan(edge, late, {DAY, HOUR}, random.Random(seed))
    found = asyncio.run(drained(plan, calls(symbols, start, frames), at_once))
    wanted = {
        (f"S{n}", frame, session)
        for n in range(symbols)
        for frame in frames
        if frame is not MINUTE
        for session in range(max(edge, start), late)
    }
    assert found == wanted


@given(st.integers(2, 6), st.integers(0, 400), st.sampled_from([1, 64]), st.integers(0, 1 << 20))
def test_what_is_refused_is_few(symbols: int, more: int, at_once: int, seed: int) -> None:
    """A plan of two years, and no minutes."""
    edge = CALENDAR.between(Span.inclusive(NOW.date() - timedelta(730), NOW.date()))[0]
    plan = Plan(edge, NEWEST, {DAY, HOUR}, random.Random(seed))
    wanted = calls(symbols, edge - 1 - more, [DAY, HOUR, MINUTE])
    asyncio.run(drained(plan, wanted, at_once))
    # Of days the call itself, perhaps a longer plan, and the day before the edge; that day again
    # of hours and of minutes; and of minutes for one name and a second one.
    assert len(plan.refused) <= 8, [str(c) for c in plan.refused]
    # One session may also be all that is included of a range that was wanted: that is no question.
    inside = [(c, *CALENDAR.between(c.span)) for c in wanted]
    wanted_alone = [
        replace(c, span=span(end - 1, end))
        for c, start, end in inside
        if end - max(start, edge) == 1
    ]
    questions = [c for c in plan.answered if c.span.days == 1 and c not in wanted_alone]
    assert len(questions) <= 3, [str(c) for c in questions]


@given(st.integers(3, 9), st.sampled_from([1, 64]), st.integers(0, 1 << 20))
def test_nothing_at_all_is_found_out_by_two_names(symbols: int, at_once: int, seed: int) -> None:
    plan = Plan(NEWEST, NEWEST, set(), random.Random(seed))
    wanted = calls(symbols, NEWEST - 600, [MINUTE])
    assert asyncio.run(drained(plan, wanted, at_once)) == set()
    assert len(plan.refused) <= 5
    assert len({c.symbol for c in plan.refused}) == 2


class Waits(Plan):
    """Answers nobody until as many are asked as `together` says, the first one by itself."""

    def __init__(self, together: int) -> None:
        super().__init__(0, NEWEST, {DAY}, random.Random(0))
        self.together = asyncio.Barrier(together)

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        if self.answered:
            await self.together.wait()
        return await super().fetch(call, gate)


def test_what_waited_for_the_first_answer_is_asked_side_by_side() -> None:
    async def run() -> set[tuple[str, Timeframe, int]]:
        wanted = calls(8, NEWEST - 5, [DAY])
        return await asyncio.wait_for(drained(Waits(7), wanted, 8), 10)

    assert len(asyncio.run(run())) == 8 * 5
