"""Thousands of schedules of jobs, workers and mishaps; the model of them and the SQL agree."""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.kit import plan, span, ticker_call
from tests.reliability import model
from tests.reliability.form import FORM, record
from tests.reliability.simulation import Variant, World, failing, failing_on_all_cores, told
from tickstock.errors import FenceLost
from tickstock.model import JobState
from tickstock.store import actions, budget, jobs, ledger, losses
from tickstock.store.actions import ActionClaim, Changes
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.ledger import Finished, Lease

ROOT = Path(__file__).parents[2]
WEEK = span("2024-07-01", "2024-07-05")
START = datetime(2026, 1, 5, tzinfo=UTC)
CALLS = 4
CLOCK = """
CREATE SCHEMA frozen;
CREATE FUNCTION frozen.clock_timestamp() RETURNS timestamptz STABLE
RETURN current_setting('frozen.now')::timestamptz;
SET search_path = frozen, pg_catalog, public;
"""
"""A clock that the test moves, found before the server's own."""


# --- schedules ------------------------------------------------------------------------------------
def test_no_schedule_breaks_a_rule() -> None:
    begun = time.monotonic()
    found = failing_on_all_cores(FORM.schedules)
    assert not found, told(found)
    seconds = round(time.monotonic() - begun, 1)
    record("simulated schedules", runs=FORM.schedules, violations=0, seconds=seconds)


@pytest.mark.parametrize(
    "variant",
    [
        Variant(fenced=False), Variant(one_budget=False), Variant(once=False), Variant(looks=False),
    ],
)  # fmt: skip
def test_what_is_built_in_wrong_is_found(variant: Variant) -> None:
    assert failing(range(2_000), variant)


def test_a_failing_seed_is_replayed_by_the_command_that_is_printed() -> None:
    seed, why = failing(range(2_000), Variant(fenced=False))[0]
    command = shlex.split(told([(seed, why)], Variant(fenced=False)).splitlines()[1])
    command[0] = sys.executable
    run = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert run.returncode == 1, run.stderr
    assert run.stdout.splitlines()[-1] == f"VIOLATION {why}"


def test_a_seed_is_played_alike_each_time() -> None:
    worlds = [World(seed) for seed in (5, 5)]
    for world in worlds:
        world.told = []
        world.run()
    assert worlds[0].told == worlds[1].told
    assert len(worlds[0].told or ()) > 10


# --- the model and the SQL ------------------------------------------------------------------------
class Twins:
    """One job, in the model and in the database, by one clock."""

    def __init__(self, connection: psycopg.Connection[Any], dice: random.Random) -> None:
        self.dice = dice
        self.connection = connection
        self.now = 0
        self.commands: Sequence[Callable[[Twins], Both]] = COMMANDS
        self.model = model.Ledger(CALLS)
        self.leases: list[Lease] = []
        self.claims: list[ActionClaim] = []
        self._tick(0)
        connection.execute("DELETE FROM tickstock.loads")
        symbols = [f"S{i}" for i in range(CALLS)]
        ids = {s: i.id for s, i in ensure_instruments(connection, symbols).items()}
        made = plan([ticker_call(s, WEEK) for s in symbols], ids, WEEK)
        given: dict[str, Any] = {"summary": {}, "title": "t", "vendor": "v"}
        self.load = jobs.submit(connection, made, **given)[0]
        asked = "SELECT min(id) FROM tickstock.calls WHERE load_id = %s"
        row = connection.execute(asked, [self.load]).fetchone()
        assert row is not None
        self.first = row[0]

    def _tick(self, milliseconds: int) -> None:
        self.now += milliseconds
        at = (START + timedelta(milliseconds=self.now)).isoformat()
        self.connection.execute("SELECT set_config('frozen.now', %s, false)", [at])

    def held(self, leases: list[Lease]) -> list[model.Held]:
        return [(x.id - self.first, x.fence) for x in leases]

    def some(self) -> list[Lease]:
        """Leases of now and before, in any order; a call at most once, as workers have it."""
        chosen = self.dice.sample(self.leases, min(len(self.leases), self.dice.randint(0, 3)))
        return list({x.id: x for x in chosen}.values())

    def step(self) -> str:
        self._tick(self.dice.choice([0, 1, 40, 400]))
        command = self.dice.choice(self.commands)
        ours, theirs = command(self)
        assert ours == theirs, command.__name__
        assert self.rows() == [self.model.state, *(call.row() for call in self.model.calls)]
        assert self.asking() == self.model.actions.row(), command.__name__
        return command.__name__

    def rows(self) -> list[Any]:
        found = self.connection.execute(
            "SELECT state, attempt, lost, fence::int, worker, lease_until, not_before"
            " FROM tickstock.calls WHERE load_id = %s ORDER BY position",
            [self.load],
        ).fetchall()
        state = jobs.read(self.connection, self.load).state.value
        return [state, *((*row[:5], _ms(row[5]), _ms(row[6])) for row in found)]

    def asking(self) -> Any:
        row = self.connection.execute(
            "SELECT state, worker, fence::int, lost, lease_until, calls"
            " FROM tickstock.load_actions WHERE load_id = %s",
            [self.load],
        ).fetchone()
        return ("", "", 0, 0, None, 0) if row is None else (*row[:4], _ms(row[4]), row[5])

    def claimed(self) -> tuple[ActionClaim, str, int] | None:
        """A claim to the splits and dividends, of now or before, and how the model names it."""
        if not self.claims:
            return None
        one = self.dice.choice(self.claims[-3:])
        return one, one.worker, one.fence


def _ms(at: datetime | None) -> int | None:
    return None if at is None else round((at - START) / timedelta(milliseconds=1))


Both = tuple[Any, Any]


def claim(t: Twins) -> Both:
    who, most, lease = t.dice.choice("abcd"), t.dice.randint(1, 3), t.dice.choice([1, 50, 900])
    alone, span = t.dice.random() < 0.8, timedelta(milliseconds=lease)
    found = ledger.claim(t.connection, t.load, who, most, span, alone=alone)
    t.leases += found
    return sorted(t.held(found)), t.model.claim(t.now, who, most, lease, alone=alone)


def set_aside(t: Twins) -> Both:
    found = ledger.set_aside(t.connection, t.load)
    return sorted(int(call.symbol[1:]) for call, _ in found), t.model.set_aside(t.now)


def renew(t: Twins) -> Both:
    some = t.some()
    ours = ledger.renew(t.connection, some, timedelta(milliseconds=70))
    return {i - t.first for i in ours}, set(t.model.renew(t.now, t.held(some), 70))


def finish_calls(t: Twins) -> Both:
    some = t.some()
    mine = ledger.fence_check(t.connection, some)
    ledger.finish_calls(t.connection, [Finished(i, 1, 1, 0, 1) for i in sorted(mine)])
    return {i - t.first for i in mine}, set(t.model.finish_calls(t.held(some)))


def hand_back(t: Twins) -> Both:
    some = t.some()
    return ledger.hand_back(t.connection, some), t.model.hand_back(t.held(some))


def postpone(t: Twins) -> Both:
    refund = t.dice.random() < 0.5
    for lease in t.some():
        delay = timedelta(milliseconds=60)
        ledger.postpone(t.connection, lease, delay, ValueError(), refund=refund)
        t.model.postpone(t.now, *t.held([lease]), 60, refund=refund)
    return None, None


def fail(t: Twins) -> Both:
    some = t.some()[:1]
    ours = [ledger.fail(t.connection, lease, ValueError()) for lease in some]
    return ours, [t.model.fail(held) for held in t.held(some)]


def fail_rest(t: Twins) -> Both:
    if t.dice.random() < 0.8:
        return None, None
    ledger.fail_rest(t.connection, t.load, ValueError())
    return None, t.model.fail_rest()


def cancel(t: Twins) -> Both:
    if t.dice.random() < 0.7:
        return None, None
    return jobs.cancel(t.connection, t.load, "enough"), t.model.cancel()


def reopen(t: Twins) -> Both:
    return jobs.reopen(t.connection, t.load), t.model.reopen()


def finish(t: Twins) -> Both:
    done = jobs.finish(t.connection, t.load, JobState.COMPLETED, "", {})
    return done, t.model.finish("completed")


def claim_actions(t: Twins) -> Both:
    who, lease = t.dice.choice("ab"), t.dice.choice([1, 50, 900])
    found = actions.claim(t.connection, t.load, who, timedelta(milliseconds=lease))
    t.claims += [found] if found else []
    return found and found.fence, t.model.claim_actions(t.now, who, lease)


def beside(t: Twins) -> Both:
    i, who = t.dice.choice([None, *range(CALLS)]), t.dice.choice("abcd")
    call = None if i is None else t.first + i
    return losses.beside(t.connection, t.load, call, who), t.model.beside(t.now, i, who)


def hold_actions(t: Twins) -> Both:
    if not (one := t.claimed()):
        return None, None
    ours = actions.renew(t.connection, one[0], timedelta(milliseconds=70))
    return ours, t.model.renew_actions(t.now, *one[1:], 70)


def count_actions(t: Twins) -> Both:
    if not (one := t.claimed()):
        return None, None
    return _taken(actions.count, t, one[0], Changes(1)), t.model.count_actions(*one[1:])


def end_actions(t: Twins) -> Both:
    if not (one := t.claimed()):
        return None, None
    state = t.dice.choice(["done", "failed"])
    return _taken(actions.end, t, one[0], state), t.model.end_actions(*one[1:], state)


def _taken(work: Callable[..., None], t: Twins, *args: Any) -> bool:
    try:
        work(t.connection, *args)
    except FenceLost:
        return False
    return True


def leave_actions(t: Twins) -> Both:
    if not (one := t.claimed()):
        return None, None
    return actions.hand_back(t.connection, one[0]), t.model.hand_back_actions(*one[1:])


def settle_actions(t: Twins) -> Both:
    if t.dice.random() < 0.7:
        return None, None
    return actions.settle(t.connection, t.load), t.model.settle_actions(t.now)


def stop_actions(t: Twins) -> Both:
    if t.dice.random() < 0.8:
        return None, None
    return actions.stop(t.connection, t.load), t.model.stop_actions()


COMMANDS: tuple[Callable[[Twins], Both], ...] = (
    claim, claim, claim, set_aside, beside, renew, finish_calls, hand_back, postpone, fail,
    fail_rest, cancel, reopen, finish, claim_actions, claim_actions, hold_actions, count_actions,
    end_actions, leave_actions, settle_actions, stop_actions,
)  # fmt: skip


@pytest.fixture
def clocked(database: Database) -> Iterator[psycopg.Connection[Any]]:
    """A connection in a transaction, whose clock is the test's."""
    with psycopg.connect(database.conninfo) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for statement in CLOCK.strip().split(";\n"):
            connection.execute(statement.rstrip(";\n"))
        yield connection
        connection.rollback()


def test_the_model_and_the_ledger_agree(clocked: psycopg.Connection[Any]) -> None:
    met: set[str] = set()
    for seed in range(25):
        twins = Twins(clocked, random.Random(seed))
        met |= {twins.step() for _ in range(60)}
    assert met == {command.__name__ for command in COMMANDS}


def test_the_model_and_the_ledger_agree_on_calls_that_kill(
    clocked: psycopg.Connection[Any],
) -> None:
    """Claims that nobody ends, until every call is set aside."""
    aside = 0
    for seed in range(5):
        twins, killing = Twins(clocked, random.Random(seed)), (claim, set_aside, beside)
        twins.commands = killing
        for _ in range(80):
            twins.step()
        aside += sum(call.state == model.FAILED for call in twins.model.calls)
    assert aside


def test_a_model_that_differs_is_found(clocked: psycopg.Connection[Any]) -> None:
    twins = Twins(clocked, random.Random(1))
    twins.model.calls[2].attempt += 1
    with pytest.raises(AssertionError):
        twins.step()


def test_the_model_and_the_budget_agree(clocked: psycopg.Connection[Any]) -> None:
    dice, now = random.Random(1), 0
    mine, met = model.Budget(0), set()
    spacing, late = 420, 21
    for _ in range(300):
        at = START + timedelta(milliseconds=now)
        clocked.execute("SELECT set_config('frozen.now', %s, false)", [at.isoformat()])
        if not now:
            budget.open_budget(clocked, "v")
            clocked.execute("UPDATE tickstock.budgets SET next_at = clock_timestamp()")
        n, delay = dice.randint(1, 3), dice.choice([10, 2_000])
        if dice.random() < 0.1:
            budget.push_back(clocked, "v", timedelta(milliseconds=delay))
            mine.push_back(now, delay)
        units = [timedelta(milliseconds=x) for x in (spacing, late)]
        priority = dice.choice([-5, 0, 0, 30])
        following = dice.choice([None, -5, 0, 30])
        found = budget.take(clocked, "v", n, *units, priority, following)
        wanted = mine.take(now, n, spacing, late, priority, following)
        assert round(found * 1000) == wanted
        met.add((wanted > 0, mine.wanted_priority > priority))
        now += dice.choice([1, 15, 200, 1_300])
    assert met == {(True, True), (True, False), (False, True), (False, False)}
