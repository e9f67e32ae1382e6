"""Cancellations arrive, whatever they meet."""

from __future__ import annotations

import asyncio

from tickstock.waiting import end, within


def test_an_event_within_the_time_and_not() -> None:
    async def test() -> None:
        event = asyncio.Event()
        assert not await within(0.001, event)
        event.set()
        assert await within(10, event)

    asyncio.run(test())


def test_a_cancellation_in_the_moment_of_the_event_is_not_lost() -> None:
    async def test() -> None:
        event = asyncio.Event()

        async def work() -> None:
            await within(10, event)
            raise AssertionError("the cancellation was lost")

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        event.set()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    asyncio.run(test())


def test_a_task_that_swallows_a_cancellation_is_asked_again() -> None:
    async def test() -> None:
        asked = 0

        async def work() -> None:
            nonlocal asked
            while asked < 2:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    asked += 1

        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            await end([task])
        assert asked == 2

    asyncio.run(test())
