"""Which load goes first, and whose call goes through the gate next."""

from __future__ import annotations

import asyncio

from tickstock.loading.priority import priority_of
from tickstock.worker.call_scheduler import CallScheduler


def test_small_loads_are_more_urgent_than_large_ones() -> None:
    assert [priority_of(n) for n in (0, 1, 10, 11, 100, 101, 1000, 1001, 10**6)] == [
        30, 30, 30, 20, 20, 10, 10, 0, 0,
    ]  # fmt: skip


# --- the gate ------------------------------------------------------------------------------------
def served(arrivals: list[tuple[str, int]]) -> list[str]:
    """In which order those get in who all came while the gate was taken."""
    order: list[str] = []

    async def one(turns: CallScheduler, who: str, priority: int) -> None:
        async with turns.take(who, priority):
            order.append(who)

    async def run() -> None:
        turns = CallScheduler()
        async with turns.take("first", 0):
            tasks = [asyncio.create_task(one(turns, *a)) for a in arrivals]
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    asyncio.run(run())
    return order


def test_the_urgent_go_first_and_the_rest_in_turn() -> None:
    assert served([("a", 0)] * 3 + [("b", 0)] * 2 + [("c", 9)]) == ["c", "a", "b", "a", "b", "a"]


def test_who_gives_up_waiting_leaves_the_turn_to_others() -> None:
    async def run() -> None:
        turns = CallScheduler()

        async def wait(who: str) -> str:
            async with turns.take(who, 0):
                return who

        async with turns.take("first", 0):
            gone, stays = asyncio.create_task(wait("gone")), asyncio.create_task(wait("stays"))
            await asyncio.sleep(0)
            gone.cancel()
        # The turn may have been passed to the cancelled one in the same moment.
        assert await asyncio.wait_for(stays, 5) == "stays"
        assert await asyncio.wait_for(wait("later"), 5) == "later"

    asyncio.run(run())


def test_a_turn_that_came_in_the_moment_of_giving_up_is_passed_on() -> None:
    async def run() -> None:
        turns = CallScheduler()

        async def wait(who: str) -> str:
            async with turns.take(who, 0):
                return who

        async with turns.take("first", 0):
            gone, stays = asyncio.create_task(wait("gone")), asyncio.create_task(wait("stays"))
            await asyncio.sleep(0)
        gone.cancel()  # its turn has come, but it has not run since
        assert await asyncio.wait_for(stays, 5) == "stays"

    asyncio.run(run())
