"""Whose turn it is: which loads a worker takes on, and which call goes through the gate next."""

from __future__ import annotations

import asyncio
import uuid

from hypothesis import given
from hypothesis import strategies as st

from tickstock.loading.priority import priority_of
from tickstock.worker.crew import SLICE_SECONDS, AtWork, Crew, Waits, next_turn
from tickstock.worker.turns import Turns

LOADS = [uuid.UUID(int=n) for n in range(1, 9)]
A, B, C, D = LOADS[:4]
LATER = SLICE_SECONDS + 1


def test_the_most_urgent_begin_and_then_who_was_here_longest_ago() -> None:
    waiting = [Waits(A, 0, 5.0), Waits(B, 0, 1.0), Waits(C, 30, 9.0)]
    assert next_turn([], 0, waiting, 2, 10.0).begin == (C, B)


def test_an_urgent_load_takes_the_place_of_the_least_urgent_one() -> None:
    at_work = [AtWork(A, 10, 0.0), AtWork(B, 0, 0.0)]
    turn = next_turn(at_work, 0, [Waits(C, 30)], 2, 1.0)
    assert (turn.begin, turn.hand_back) == ((), (B,))
    # The one that is on its way out is not asked to go twice, nor another for the same.
    assert next_turn(at_work[:1], 1, [Waits(C, 30)], 2, 1.0).hand_back == ()


def test_loads_of_one_priority_take_turns_when_they_had_their_time() -> None:
    at_work = [AtWork(A, 0, 0.0), AtWork(B, 0, 1.0)]
    waiting = [Waits(C, 0)]
    assert next_turn(at_work, 0, waiting, 2, LATER - 2).hand_back == ()
    assert next_turn(at_work, 0, waiting, 2, LATER).hand_back == (A,)


def test_a_lesser_load_never_takes_the_place_of_a_more_urgent_one() -> None:
    assert next_turn([AtWork(A, 10, 0.0)], 0, [Waits(B, 0)], 1, 1e6).hand_back == ()


@given(
    st.lists(st.tuples(st.sampled_from(LOADS), st.integers(0, 3), st.floats(0, 500)), max_size=8),
    st.lists(st.tuples(st.sampled_from(LOADS), st.integers(0, 3), st.floats(0, 500)), max_size=8),
    st.integers(0, 3),
    st.integers(1, 6),
)
def test_places_are_never_overrun_nor_left_empty(
    here: list[tuple[uuid.UUID, int, float]],
    there: list[tuple[uuid.UUID, int, float]],
    leaving: int,
    places: int,
) -> None:
    at_work = [AtWork(*x) for x in {i: (i, p, s) for i, p, s in here}.values()]
    taken = {a.load_id for a in at_work}
    waiting = [Waits(*x) for x in {i: (i, p, s) for i, p, s in there if i not in taken}.values()]
    turn = next_turn(at_work, leaving, waiting, places, 1000.0)
    free = max(0, places - len(at_work) - leaving)
    assert len(turn.begin) == min(free, len(waiting))
    assert set(turn.hand_back) <= taken
    left = [w.priority for w in waiting if w.load_id not in turn.begin]
    by_id = {a.load_id: a for a in at_work}
    for load_id in turn.hand_back:
        assert any(p >= by_id[load_id].priority for p in left)


def test_round_and_round_every_load_gets_its_turn() -> None:
    """Three endless loads, one place: each is worked on a third of the time."""
    crew, workable = Crew(places=1, rest=1.0), {A: 0, B: 0, C: 0}
    worked = dict.fromkeys(workable, 0.0)
    now, current = 0.0, None
    while now < 100 * LATER:
        turn = crew.turn(workable, now)
        for load in turn.hand_back:
            crew.left(load, now)
            current = None
        for load in turn.begin:
            current = load
        now += 1.0
        if current:
            worked[current] += 1.0
    assert max(worked.values()) - min(worked.values()) < 2 * LATER
    assert sum(worked.values()) > 95 * LATER


def test_a_load_that_left_unended_is_not_begun_again_at_once() -> None:
    crew = Crew(places=2, rest=5.0)
    assert crew.turn({A: 0}, 0.0).begin == (A,)
    crew.left(A, 1.0)
    assert crew.turn({A: 0}, 2.0).begin == ()
    assert crew.turn({A: 0}, 6.0).begin == (A,)


def test_small_loads_are_more_urgent_than_large_ones() -> None:
    assert [priority_of(n) for n in (0, 1, 10, 11, 100, 101, 1000, 1001, 10**6)] == [
        30, 30, 30, 20, 20, 10, 10, 0, 0,
    ]  # fmt: skip


# --- the gate ------------------------------------------------------------------------------------
def served(arrivals: list[tuple[str, int]]) -> list[str]:
    """In which order those get in who all came while the gate was taken."""
    order: list[str] = []

    async def one(turns: Turns, who: str, priority: int) -> None:
        async with turns.take(who, priority):
            order.append(who)

    async def run() -> None:
        turns = Turns()
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
        turns = Turns()

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
        turns = Turns()

        async def wait(who: str) -> str:
            async with turns.take(who, 0):
                return who

        async with turns.take("first", 0):
            gone, stays = asyncio.create_task(wait("gone")), asyncio.create_task(wait("stays"))
            await asyncio.sleep(0)
        gone.cancel()  # its turn has come, but it has not run since
        assert await asyncio.wait_for(stays, 5) == "stays"

    asyncio.run(run())
