"""What becomes of calls that fail, where the database is away or clashes while that is written."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from tests.contract.test_drain import MONTH, QUICK, SYMBOLS, drain, query, submit
from tests.kit import CALENDAR, market_call, sessions, ticker_call
from tickstock import failpoints
from tickstock.errors import (
    CredentialsRefused,
    DatabaseRefused,
    DatabaseUnavailable,
    NotEntitled,
    TickStockError,
    Transient,
    VendorUnreadable,
)
from tickstock.model import Answer, Call
from tickstock.store.account_limits import Account
from tickstock.store.database import Database
from tickstock.vendors import Gate, OpenGate
from tickstock.vendors.synthetic.source import SyntheticSource
from tickstock.worker.drain import Drain
from tickstock.worker.lane import Lane


class Source:
    """Answers as it is told to, and counts how often it is asked."""

    name = "synthetic"

    def __init__(self, answer: Callable[[Call], Awaitable[Answer]]) -> None:
        self.limits = SyntheticSource(CALENDAR, SYMBOLS).limits
        self.answer = answer
        self.asked = 0

    async def fetch(self, call: Call, gate: Gate) -> Answer:
        await gate.enter()
        self.asked += 1
        return await self.answer(call)

    async def close(self) -> None:
        return


def refusing(error: TickStockError) -> Source:
    async def refuse(call: Call) -> Answer:
        raise error

    return Source(refuse)


def answering() -> Source:
    real = SyntheticSource(CALENDAR, SYMBOLS)
    return Source(lambda call: real.fetch(call, OpenGate()))


@pytest.fixture
def fails_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, TickStockError, int], None]:
    """Arm a failpoint: it raises an error so many times."""

    def arm(point: str, error: TickStockError, times: int) -> None:
        left = Counter({point: times})

        def reached(name: str) -> None:
            if left[name] > 0:
                left[name] -= 1
                raise error

        monkeypatch.setattr(failpoints, "_armed", reached)

    return arm


def run(one: Drain) -> None:
    asyncio.run(asyncio.wait_for(one.run(), 60))


Arm = Callable[[str, TickStockError, int], None]
CLASH = Transient("deadlock detected", "again")


def test_a_clash_while_a_call_is_given_up_is_no_second_failure(
    database: Database, fails_at: Arm
) -> None:
    load = submit(database, [ticker_call("AAPL", MONTH)])
    source = refusing(VendorUnreadable("x", "y"))
    fails_at("drain.giving_up", CLASH, 1)
    run(drain(database, load, source))
    assert source.asked == 2  # as often as without the clash
    assert query(database, "SELECT state, asked FROM tickstock.calls") == [("failed", 2)]


def test_what_was_learned_of_the_account_is_kept_past_a_clash(
    database: Database, fails_at: Arm
) -> None:
    load = submit(database, [ticker_call("AAPL", MONTH)])
    source = refusing(NotEntitled("x", "y"))
    fails_at("drain.giving_up", CLASH, 1)
    account = Account("synthetic", "me")
    run(Drain(database, source, OpenGate(), CALENDAR, load, "w", QUICK, account=account))
    assert query(database, "SELECT count(*) FROM tickstock.account_limits") == [(1,)]
    assert query(database, "SELECT asked FROM tickstock.calls") == [(source.asked,)]


@pytest.mark.parametrize("error", [DatabaseRefused("x", "y"), VendorUnreadable("x", "y")])
def test_a_call_whose_answer_cannot_be_written_was_asked(
    database: Database, fails_at: Arm, error: TickStockError
) -> None:
    load = submit(database, [ticker_call("AAPL", MONTH)])
    source = answering()
    fails_at("commit.written", error, 100)
    run(drain(database, load, source))
    assert query(database, "SELECT state, asked FROM tickstock.calls") == [("failed", source.asked)]


def test_who_cannot_hand_back_keeps_no_lane(database: Database, fails_at: Arm) -> None:
    load = submit(database, [ticker_call("AAPL", MONTH)])
    query(database, "UPDATE tickstock.calls SET lost = 1 RETURNING id")
    lane, asked = Lane(), asyncio.Event()

    async def silent(call: Call) -> Answer:
        asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def stopped() -> None:
        one = Drain(database, Source(silent), OpenGate(), CALENDAR, load, "w", QUICK, lane=lane)
        task = asyncio.create_task(one.run())
        await asyncio.wait_for(asked.wait(), 20)
        assert not lane.take(object())
        one.stop()
        with pytest.raises(DatabaseUnavailable):
            await asyncio.wait_for(task, 60)

    fails_at("drain.hand_back", DatabaseUnavailable("away", "wait"), 1_000)
    asyncio.run(stopped())
    assert lane.take(object())


def test_a_refused_key_leaves_one_gap_a_name_however_many_days_there_are(
    database: Database,
) -> None:
    days = sessions(MONTH)
    load = submit(database, [market_call(day) for day in days])
    run(drain(database, load, refusing(CredentialsRefused("no", "key"))))
    assert query(database, "SELECT DISTINCT state FROM tickstock.calls") == [("failed",)]
    first, last = days[0], days[-1]
    found = query(
        database, "SELECT instrument_id, lower(span), upper(span) - 1 FROM tickstock.holes"
    )
    assert len(found) == len(SYMBOLS)
    assert {(start, end) for _, start, end in found} == {(first, last)}
