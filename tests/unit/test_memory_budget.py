"""Room for bars: by turns, never more than there is, and no turn is lost."""

from __future__ import annotations

import asyncio
import random

import pytest

from tests.kit import CALENDAR, market_call, span, ticker_call
from tickstock.loading.prices import MARKET_BARS
from tickstock.model import Call, CallKind, Timeframe
from tickstock.worker.memory_budget import MemoryBudget, most_bars

WEEK = span("2024-07-01", "2024-07-05")


@pytest.mark.parametrize(
    ("call", "most"),
    [
        (ticker_call("A", WEEK), 4),
        (ticker_call("A", WEEK, Timeframe.MINUTE), 4 * 960),
        (market_call(WEEK.start), MARKET_BARS),
        (Call(CallKind.FLAT_DAY, Timeframe.MINUTE, span("2024-07-01")), 7 * 960),
    ],
)
def test_what_an_answer_may_hold(call: Call, most: int) -> None:
    assert most_bars(call, 7, CALENDAR) == most


def test_in_turn_and_never_more_than_there_is_room_for() -> None:
    async def test() -> None:
        room = MemoryBudget(10)
        order: list[int] = []
        dice = random.Random(5)

        async def use(number: int, bars: int) -> None:
            await room.enter(bars)
            order.append(number)
            assert room.taken <= 10 or room.taken == bars  # alone
            await asyncio.sleep(dice.random() / 1000)
            room.leave(bars)

        sizes = [dice.choice([1, 3, 7, 10, 25]) for _ in range(60)]
        await asyncio.gather(*(use(n, bars) for n, bars in enumerate(sizes)))
        assert (order, room.taken) == (list(range(60)), 0)

    asyncio.run(test())


def test_who_gives_up_waiting_holds_up_nobody_and_keeps_nothing() -> None:
    async def test() -> None:
        room = MemoryBudget(10)
        await room.enter(10)
        first, second, third = (asyncio.create_task(room.enter(n)) for n in (10, 5, 5))
        await asyncio.sleep(0)
        first.cancel()
        room.leave(10)  # the turn of the first one comes in the same moment
        await asyncio.gather(first, second, third, return_exceptions=True)
        assert first.cancelled()
        assert room.taken == 10

    asyncio.run(test())


def test_a_turn_that_comes_just_before_the_cancellation_is_given_back() -> None:
    async def test() -> None:
        room = MemoryBudget(10)
        await room.enter(10)
        waiting = asyncio.create_task(room.enter(10))
        await asyncio.sleep(0)
        room.leave(10)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert room.taken == 0

    asyncio.run(test())


def test_more_room_lets_more_in() -> None:
    async def test() -> None:
        room = MemoryBudget(1)
        await room.enter(1)
        waiting = asyncio.create_task(room.enter(5))
        await asyncio.sleep(0)
        assert not waiting.done()
        room.resize(6)
        await waiting
        assert room.taken == 6

    asyncio.run(test())
