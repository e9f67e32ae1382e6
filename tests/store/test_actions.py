"""Splits and dividends in the database: facts with the time they were known."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.kit import day
from tickstock.actions import Action, ActionKind, Dividend, Split
from tickstock.errors import FenceLost, VendorUnreadable
from tickstock.loading.actions import KnownActions
from tickstock.model import JobState
from tickstock.store import actions, jobs
from tickstock.store.actions import ActionClaim, Changes, Outcome
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.moment import database_now

SPLITS, DIVIDENDS = ActionKind.SPLITS, ActionKind.DIVIDENDS
THROUGH = day("2026-11-20")


def split(on: str, to: float = 2, ticker: str = "AAPL") -> Split:
    return Split(f"{ticker}:{on}", ticker, day(on), 1, to, "forward_split")


def targets(database: Database, *symbols: str) -> dict[str, int]:
    with database.transaction() as conn:
        return {s: i.id for s, i in ensure_instruments(conn, symbols).items()}


def write(
    database: Database,
    records: Sequence[Action],
    *,
    since: str = "",
    kind: ActionKind = SPLITS,
    of: Sequence[str] = ("AAPL",),
) -> Changes:
    whom = {id_: (symbol,) for symbol, id_ in targets(database, *of).items()}
    with database.transaction() as conn:
        return actions.write_answer(
            conn,
            kind,
            whom,
            records,
            since=day(since) if since else None,
            through=THROUGH,
            origin="recorded",
        )


def known(database: Database, known_at: datetime | None = None) -> list[Split]:
    apple = targets(database, "AAPL")["AAPL"]
    with database.transaction() as conn:
        return actions.read_splits(conn, [apple], known_at).get(apple, [])


def now(database: Database) -> datetime:
    with database.transaction() as conn:
        return database_now(conn)


def test_what_was_written_is_read(database: Database) -> None:
    records = [split("2000-06-21"), split("2005-02-28")]
    assert write(database, [*records, split("2003-02-18", ticker="MSFT")]) == Changes(added=2)
    assert known(database) == records
    assert write(database, records) == Changes()


def test_a_dividend_keeps_all_that_is_said_of_it(database: Database) -> None:
    full = Dividend(
        "d1", "AAPL", day("2012-08-09"), 2.65, "USD", "recurring", day("2012-07-24"),
        day("2012-08-13"), day("2012-08-16"),
    )  # fmt: skip
    bare = Dividend("d2", "AAPL", day("2012-11-07"), 2.65)
    assert write(database, [bare, full], kind=DIVIDENDS) == Changes(added=2)
    apple = targets(database, "AAPL")["AAPL"]
    with database.transaction() as conn:
        assert actions.read_dividends(conn, [apple]) == {apple: [full, bare]}


def test_corrections_and_withdrawals_keep_what_was_known(database: Database) -> None:
    write(database, [split("2000-06-21"), split("2014-06-02"), split("2014-06-09")])
    first = now(database)
    after = [split("2000-06-21"), split("2014-06-09", 7)]
    assert write(database, after) == Changes(corrected=1, withdrawn=1)
    second = now(database)
    assert write(database, [split("2020-08-31", 4)], since="2015-01-01") == Changes(added=1)
    assert known(database, first - timedelta(days=1)) == []
    assert known(database, first) == [split("2000-06-21"), split("2014-06-02"), split("2014-06-09")]
    assert known(database, second) == after
    assert known(database) == [*after, split("2020-08-31", 4)]


def test_an_answer_that_is_not_believed_changes_nothing(database: Database) -> None:
    many = [split(f"20{n:02}-01-03") for n in range(8)]
    write(database, many)
    with pytest.raises(VendorUnreadable):
        write(database, [])
    assert known(database) == many


def test_the_same_split_under_two_tickers_of_an_instrument_is_one(database: Database) -> None:
    meta = targets(database, "META")["META"]
    record = Split("e1", "META", day("2030-01-02"), 1, 2)
    for tickers in (("META",), ("FB", "META"), ("FB",)):
        with database.transaction() as conn:
            actions.write_answer(
                conn,
                SPLITS,
                {meta: tickers},
                [record],
                since=None,
                through=THROUGH,
                origin="massive",
            )
            assert actions.read_splits(conn, [meta]) == {meta: [record]}


def test_until_when_each_kind_is_known(database: Database) -> None:
    write(database, [], of=["AAPL", "MSFT"])
    write(database, [], kind=DIVIDENDS, since="2026-11-01")
    write(database, [], since="2026-11-01")
    ids = targets(database, "AAPL", "MSFT", "IBM")
    with database.transaction() as conn:
        assert actions.read_known(conn, [*ids.values()]) == {
            (ids["AAPL"], SPLITS): KnownActions(THROUGH, THROUGH, frozenset(["AAPL"])),
            (ids["MSFT"], SPLITS): KnownActions(THROUGH, THROUGH, frozenset(["MSFT"])),
            (ids["AAPL"], DIVIDENDS): KnownActions(THROUGH, None, frozenset()),
        }


def test_of_each_jump_the_list_of_instruments_is_not_gone_through(database: Database) -> None:
    """With an array, which each look into an index sorts anew, 10,000 instruments that all jumped
    took two seconds, and twenty jumps of each 35."""
    ids = [*targets(database, "AAPL", "MSFT").values()]
    asked = {"ids": ids, "jump": "jump", "today": THROUGH, "recent": 10, "near": 5}
    with database.transaction() as conn:
        plan = conn.execute(f"EXPLAIN {actions.QUERIES['jumped']}", asked).fetchall()
    assert " ANY " not in "\n".join(line for (line,) in plan)


# --- who asks for a job --------------------------------------------------------------------
MINUTE = timedelta(minutes=1)


def do(database: Database, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with database.transaction() as conn:
        return work(conn, *args, **options)


def claim(database: Database, load_id: uuid.UUID, worker: str) -> ActionClaim | None:
    with database.transaction() as conn:
        return actions.claim(conn, load_id, worker, MINUTE)


def new_load(database: Database) -> uuid.UUID:
    load_id = uuid.uuid4()
    with database.transaction() as conn:
        conn.execute(
            "INSERT INTO tickstock.loads (id, title, request, summary, vendor)"
            " VALUES (%s, 't', '{}', '{}', 'replay')",
            [load_id],
        )
    return load_id


def test_one_worker_asks_and_another_takes_over_when_it_is_gone(database: Database) -> None:
    load_id = new_load(database)
    a = claim(database, load_id, "a")
    assert a is not None
    assert claim(database, load_id, "b") is None
    assert do(database, actions.renew, a, timedelta(0))
    b = claim(database, load_id, "b")
    assert b is not None
    assert (b.fence, b.lost) == (a.fence + 1, 1)
    assert not do(database, actions.renew, a, MINUTE)
    for late in (
        lambda: do(database, actions.count, a, Changes(9)),
        lambda: do(database, actions.end, a, "failed", "late"),
    ):
        with pytest.raises(FenceLost):
            late()
    do(database, actions.hand_back, a)
    found = do(database, actions.outcome, load_id)
    assert (found, found.is_over) == (Outcome("running", Changes(), "", True), False)
    do(database, actions.count, b, Changes(2, 1))
    do(database, actions.hand_back, b)
    c = claim(database, load_id, "c")
    assert c is not None
    assert c.lost == 0  # b got an answer written, and gave the rest back
    do(database, actions.end, c, "failed", "no dividends")
    found = do(database, actions.outcome, load_id)
    assert found == Outcome("failed", Changes(2, 1), "no dividends")


@pytest.mark.parametrize("end", ["done", "failed"])
def test_what_has_ended_is_not_claimed_again_until_it_is_opened_again(
    database: Database, end: str
) -> None:
    """The fault: a worker that came late took it up again, and another wrote the verdict then."""
    load_id = new_load(database)
    first = claim(database, load_id, "a")
    do(database, actions.end, first, end, "why")
    assert claim(database, load_id, "b") is None
    do(database, actions.reopen, load_id)
    again = claim(database, load_id, "b")
    assert again is not None
    with pytest.raises(FenceLost):
        do(database, actions.end, first, "done")
    do(database, actions.end, again, "done")
    assert do(database, actions.outcome, load_id).message == ""


@pytest.mark.parametrize("how", ["cancel", "pause", "retry"])
def test_whoever_asks_is_refused_when_the_load_stops(database: Database, how: str) -> None:
    load_id = new_load(database)
    held = claim(database, load_id, "a")
    match how:
        case "cancel":
            do(database, jobs.cancel, load_id, "enough")
        case "pause":
            do(database, jobs.pause, load_id)
        case _:
            do(database, jobs.reopen, load_id, anyway=True)
    assert do(database, actions.outcome, load_id).state == "waiting"
    with pytest.raises(FenceLost):
        do(database, actions.count, held, Changes(1))
    assert not do(database, actions.renew, held, MINUTE)


def test_there_is_no_verdict_while_somebody_asks(database: Database) -> None:
    load_id = new_load(database)
    held = claim(database, load_id, "a")
    verdict = (load_id, JobState.COMPLETED, "", {})
    assert not do(database, jobs.finish, *verdict)
    assert not do(database, jobs.fail_load, load_id, "a fault elsewhere", with_open=False)
    do(database, actions.end, held, "done")
    assert do(database, jobs.finish, *verdict)
