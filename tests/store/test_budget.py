"""One call budget for all workers of an account: never above the limit, hardly below it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.work import statements
from tickstock.store import budget
from tickstock.store.database import Database
from tickstock.worker.gate import WINDOW, SharedGate

SPACING, STRICT = timedelta(milliseconds=100), timedelta(0)


def take(database: Database, n: int = 1, tolerance: timedelta = STRICT) -> float:
    with database.transaction() as conn:
        return budget.take(conn, "v", n, SPACING, tolerance)


def granted(database: Database, n: int = 1) -> float:
    """Wait for a grant; when it came."""
    while (wait := take(database, n)) > 0:
        time.sleep(wait)
    return time.monotonic()


# --- the row, by a clock that stands still ------------------------------------------------------
CLOCK = """
CREATE SCHEMA frozen;
CREATE FUNCTION frozen.clock_timestamp() RETURNS timestamptz STABLE
RETURN current_setting('frozen.now')::timestamptz;
SET search_path = frozen, pg_catalog, public
"""


@dataclass
class Account:
    """A budget by a clock that the test moves; times in milliseconds."""

    connection: psycopg.Connection[Any]
    now: int = 0

    def __post_init__(self) -> None:
        for statement in CLOCK.strip().split(";\n"):
            self.connection.execute(statement)
        self.later(0)
        budget.open_budget(self.connection, "v")
        self.connection.execute("UPDATE tickstock.budgets SET next_at = clock_timestamp()")

    def later(self, milliseconds: int) -> None:
        self.now += milliseconds
        at = (datetime(2026, 1, 5, tzinfo=UTC) + timedelta(milliseconds=self.now)).isoformat()
        self.connection.execute("SELECT set_config('frozen.now', %s, false)", [at])

    def take(self, n: int = 1, tolerance: int = 0, priority: int = 0) -> int:
        late = timedelta(milliseconds=tolerance)
        return round(1000 * budget.take(self.connection, "v", n, SPACING, late, priority))


@pytest.fixture
def account(database: Database) -> Iterator[Account]:
    with psycopg.connect(database.conninfo) as connection:
        yield Account(connection)
        connection.rollback()


def test_grants_come_one_spacing_apart(account: Account) -> None:
    assert [account.take() for _ in range(3)] == [0, 100, 100]
    account.later(99)
    assert account.take() == 1
    account.later(1)
    assert account.take() == 0
    assert account.take() == 100


def test_who_asks_too_early_hears_how_long_to_wait(account: Account) -> None:
    assert account.take(5) == 0
    assert [account.take(), account.take()] == [500, 500]  # asking reserves nothing


def test_an_idle_budget_saves_nothing_up(account: Account) -> None:
    account.take()
    account.later(350)
    assert account.take(tolerance=20) == -20
    assert account.take() == 80


def test_being_a_little_late_does_not_move_the_rhythm(account: Account) -> None:
    account.take()
    account.later(115)
    assert account.take(tolerance=50) == -15
    assert account.take() == 85


def test_a_due_grant_is_kept_for_the_most_urgent_who_was_told_to_wait(account: Account) -> None:
    account.take()
    assert account.take(priority=30) == 100
    account.later(110)
    assert account.take() == 20  # it is due, and not ours yet: look again
    assert account.take(priority=10) == 20
    assert account.take(priority=30, tolerance=20) == -10
    account.later(90)
    assert account.take(tolerance=20) == 0  # nobody more urgent has asked since


def test_who_is_urgent_and_does_not_come_costs_the_others_a_moment(account: Account) -> None:
    account.take()
    account.take(priority=30)
    account.later(100)
    waited = 0
    while (wait := account.take()) > 0:
        account.later(wait)
        waited += wait
    assert timedelta(milliseconds=waited) == budget.GRACE


def test_who_is_less_urgent_keeps_nobody_waiting(account: Account) -> None:
    account.take()
    account.take(priority=-5)
    account.later(100)
    assert account.take() == 0


# --- the row, by the clock of the server ---------------------------------------------------------
def test_racing_threads_get_one_grant_each(database: Database) -> None:
    def work(_: int) -> None:
        for _ in range(3):
            granted(database)

    with database.transaction() as conn:
        budget.open_budget(conn, "v")
        begun = conn.execute("SELECT next_at FROM tickstock.budgets").fetchone()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    with database.transaction() as conn:
        asked = "SELECT granted, next_at - %s FROM tickstock.budgets"
        found = conn.execute(asked, begun).fetchone()
    assert found is not None
    assert found[0] == 12
    assert found[1] >= 12 * SPACING  # who comes late moves the rhythm, but never together


def test_a_budget_can_be_pushed_back_before_it_was_ever_used(database: Database) -> None:
    begun = time.monotonic()
    with database.transaction() as conn:
        budget.push_back(conn, "v", timedelta(seconds=0.3))
        budget.push_back(conn, "v", timedelta(seconds=0.1))  # the longer one counts
        asked = "SELECT throttled FROM tickstock.budgets WHERE vendor = 'v'"
        assert conn.execute(asked).fetchone() == (2,)
    assert take(database) > 0 or time.monotonic() - begun > 0.3


def test_accounts_have_budgets_of_their_own(database: Database) -> None:
    granted(database, 50)
    with database.transaction() as conn:
        assert budget.take(conn, "other", 1, SPACING, STRICT) <= 0.001


# --- the gate ------------------------------------------------------------------------------------
def test_a_push_back_holds_everybody(database: Database) -> None:
    async def run() -> tuple[list[float], float]:
        gates = [SharedGate(database, "v", 600.0) for _ in range(3)]
        passed: list[float] = []

        async def pass_all(gate: SharedGate) -> None:
            for _ in range(2):
                await gate.enter()
                passed.append(time.monotonic())

        tasks = [asyncio.create_task(pass_all(g)) for g in gates for _ in range(2)]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await gates[0].push_back(0.6)
        held = time.monotonic()
        await asyncio.gather(*tasks)
        return passed, held

    passed, held = asyncio.run(run())
    assert len(passed) == 12
    late = [t for t in passed if t > held]
    assert late[0] - held >= 0.55


@pytest.mark.parametrize(("limit", "seconds"), [(600.0, WINDOW), (0.0, 1.0)])
def test_a_429_that_names_no_time_holds_for_the_vendors_window(
    database: Database, limit: float, seconds: float
) -> None:
    now = [1000.0]
    gate = SharedGate(database, "v", limit, clock=lambda: now[0])

    async def run() -> None:
        await gate.enter()
        await gate.push_back(None)

    asyncio.run(run())
    assert gate._held_until == now[0] + seconds
    if limit:
        assert seconds - 5 < held(database) <= seconds


def test_a_shorter_push_back_ends_no_longer_one_and_grants_taken_before_are_given_up(
    database: Database,
) -> None:
    now = [1000.0]
    gates = [SharedGate(database, "v", 6000.0, clock=lambda: now[0]) for _ in range(2)]

    async def run() -> None:
        await gates[0].enter()
        assert gates[0]._grants  # a fast limit takes some at once
        await gates[0].push_back(40.0)
        await gates[0].push_back(10.0)
        await gates[1].push_back(10.0)

    asyncio.run(run())
    assert not gates[0]._grants
    assert gates[0]._held_until == now[0] + 40.0
    assert 35 < held(database) <= 40
    with database.transaction() as conn:
        assert conn.execute("SELECT throttled FROM tickstock.budgets").fetchall() == [(3,)]


def held(database: Database) -> float:
    """Seconds for which nobody, on any machine, is granted a call."""
    asked = "SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM tickstock.budgets"
    with database.transaction() as conn:
        ((seconds,),) = conn.execute(asked).fetchall()
    return float(seconds)


def test_without_a_limit_only_a_push_back_holds(database: Database) -> None:
    async def run() -> float:
        gate = SharedGate(database, "v", 0.0)
        with statements() as asked:
            for _ in range(1000):
                await gate.enter()
        assert asked == []
        await gate.push_back(0.2)
        begun = time.monotonic()
        await asyncio.gather(*(gate.enter() for _ in range(50)))
        return time.monotonic() - begun

    assert asyncio.run(run()) >= 0.19


def test_a_longer_push_back_holds_those_who_wait_already(database: Database) -> None:
    async def run() -> list[float]:
        gate = SharedGate(database, "v", 0.0)
        await gate.push_back(0.1)
        waiting = [asyncio.create_task(enter(gate)) for _ in range(5)]
        await asyncio.sleep(0)  # the first of them waits for the end of what was said
        began = time.monotonic()
        await gate.push_back(0.4)
        return [passed - began for passed in await asyncio.gather(*waiting)]

    async def enter(gate: SharedGate) -> float:
        await gate.enter()
        return time.monotonic()

    assert min(asyncio.run(run())) >= 0.4


def test_who_leaves_takes_nothing_along(database: Database) -> None:
    """Interrupted workers must not cost the next one the grants that they were waiting for."""

    async def leave() -> None:
        gate = SharedGate(database, "v", 60.0)
        await gate.enter()
        waiting = [asyncio.create_task(gate.enter()) for _ in range(16)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    asyncio.run(leave())
    with database.transaction() as conn:
        (taken,) = conn.execute("SELECT granted FROM tickstock.budgets").fetchone() or (None,)
    assert taken <= 6  # of the 16 that left, each would have taken one


def test_who_comes_later_and_is_urgent_gets_the_grant_that_another_waits_for(
    database: Database,
) -> None:
    async def run() -> list[str]:
        gate, passed = SharedGate(database, "v", 60.0), list[str]()
        await gate.enter()

        async def enter(who: str, priority: int) -> None:
            await gate.of(who, priority).enter()
            passed.append(who)

        waiting = [asyncio.create_task(enter("backfill", 0)) for _ in range(2)]
        await asyncio.sleep(0.1)  # one of them has its turn, and waits for the next second
        await asyncio.gather(*waiting, asyncio.create_task(enter("urgent", 30)))
        return passed

    assert asyncio.run(run())[0] == "urgent"
