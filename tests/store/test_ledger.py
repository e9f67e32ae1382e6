"""The ledger: no call is given twice, no late commit is taken, and nothing is lost between."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.kit import CALENDAR, answer, bar, day, plan, span, ticker_call
from tickstock.errors import (
    CredentialsRefused,
    DatabaseUnavailable,
    UnknownJob,
    VendorThrottled,
    VendorUnavailable,
)
from tickstock.loading.poison import MOST_LOST, MOST_LOST_ANYHOW
from tickstock.loading.targets import Target
from tickstock.model import CallState, JobState
from tickstock.service.queue import defer_drain
from tickstock.store import jobs, ledger, tallies, tasks
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.ledger import Finished, Lease
from tickstock.worker.commit import Committed, Fetched, commit

WEEK = span("2024-07-01", "2024-07-05")
NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
LONG, SHORT = timedelta(minutes=5), timedelta(milliseconds=30)
SOME = VendorUnavailable("away")


def submit(database: Database, count: int = 3, **other: Any) -> uuid.UUID:
    symbols = [f"S{i}" for i in range(count)]
    with database.transaction() as conn:
        ids = {s: i.id for s, i in ensure_instruments(conn, symbols).items()}
        made = plan([ticker_call(s, WEEK) for s in symbols], ids, WEEK)
        facts = {"title": "t", "vendor": "v", "summary": {"calls": count}} | other
        return jobs.submit(conn, made, **facts)[0]


def claim(
    database: Database, load: uuid.UUID, most: int = 99, lease: timedelta = LONG, who: str = "w"
) -> list[Lease]:
    with database.transaction() as conn:
        return ledger.claim(conn, load, who, most, lease)


def do(database: Database, work: Callable[..., Any], *args: Any, **options: Any) -> Any:
    with database.transaction() as conn:
        return work(conn, *args, **options)


def states(database: Database, load: uuid.UUID) -> dict[str, int]:
    found = do(database, tallies.by_state, [load])[load]
    return {t.state.value: t.calls for t in found}


def calls(database: Database, columns: str) -> list[Any]:
    with database.transaction() as conn:
        return conn.execute(f"SELECT {columns} FROM tickstock.calls ORDER BY position").fetchall()


def finish(database: Database, leases: Sequence[Lease]) -> list[int]:
    """Finish those that are still ours; the ids."""
    with database.transaction() as conn:
        mine = ledger.fence_check(conn, leases)
        ledger.finish_calls(conn, [Finished(i, 1, 1, 0, 1) for i in mine])
    return sorted(mine)


def wait_for_expiry(database: Database) -> None:
    end = time.monotonic() + 10
    asked = (
        "SELECT FROM tickstock.calls WHERE state = 'leased' AND lease_until >= clock_timestamp()"
    )
    while do(database, lambda conn: conn.execute(asked).fetchone()) is not None:
        assert time.monotonic() < end
        time.sleep(0.005)


# --- submitting ----------------------------------------------------------------------------------
def test_a_client_id_is_submitted_once(database: Database) -> None:
    first = submit(database, client_id="job-1")
    assert submit(database, client_id="job-1") == first
    assert submit(database) != submit(database)
    assert len(calls(database, "id")) == 9


def test_racing_submits_of_one_client_id_are_one_load(database: Database) -> None:
    submit(database)  # so that the instruments are there
    barrier = threading.Barrier(4)

    def race(_: int) -> uuid.UUID:
        barrier.wait(20)
        return submit(database, client_id="job-1")

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(race, range(4)))) == 1
    assert len(calls(database, "id")) == 6


def test_a_client_id_that_reads_like_the_start_of_another_load_is_its_own(
    database: Database,
) -> None:
    other = uuid.UUID("ab120000-0000-4000-8000-000000000000")
    submit(database, load_id=other)
    mine = submit(database, client_id="ab12")
    assert mine != other
    assert submit(database, client_id="ab12") == mine
    assert do(database, jobs.find, "ab12") == mine  # what a client named goes first


def test_find(database: Database) -> None:
    one = submit(database, load_id=uuid.UUID("aaaa0000-0000-4000-8000-000000000000"))
    two = submit(
        database, load_id=uuid.UUID("aabb0000-0000-4000-8000-000000000000"), client_id="x_y"
    )
    assert do(database, jobs.find, str(one)) == one
    assert do(database, jobs.find, "AABB") == two
    assert do(database, jobs.find, "x_y") == two
    for text, told in (("aa", "Several"), ("b", "No job"), ("", "No job"), ("%", "No job"),
                       ("x%y", "No job"), ("xAy", "No job"), ("-", "No job")):  # fmt: skip
        with pytest.raises(UnknownJob, match=told):
            do(database, jobs.find, text)
    with pytest.raises(UnknownJob):
        do(database, jobs.read, uuid.uuid4())


# --- claiming ------------------------------------------------------------------------------------
def test_calls_are_given_in_the_order_of_the_plan(database: Database) -> None:
    load = submit(database, 5)
    assert [x.call.symbol for x in claim(database, load, 2)] == ["S0", "S1"]
    assert [x.call.symbol for x in claim(database, load, 9)] == ["S2", "S3", "S4"]
    assert claim(database, load) == []


def test_the_first_claim_starts_the_load(database: Database) -> None:
    load = submit(database)
    assert do(database, jobs.read, load).state is JobState.SUBMITTED
    claim(database, load, 1)
    begun = do(database, jobs.read, load)
    assert (begun.state, begun.started_at is None) == (JobState.RUNNING, False)
    claim(database, load, 1)
    assert do(database, jobs.read, load).started_at == begun.started_at


def test_many_threads_never_get_one_call_twice(database: Database) -> None:
    load = submit(database, 300)
    barrier = threading.Barrier(6)

    def take_all(turn: int) -> list[int]:
        barrier.wait(20)
        got: list[int] = []
        while found := claim(database, load, 7, who=str(turn)):
            assert len(found) <= 7
            got += [x.id for x in found]
        return got

    with ThreadPoolExecutor(6) as pool:
        got = [i for part in pool.map(take_all, range(6)) for i in part]
    assert len(got) == len(set(got)) == 300


def test_an_expired_lease_is_given_to_another_with_a_higher_fence(database: Database) -> None:
    load = submit(database, 1)
    (old,) = claim(database, load)
    assert claim(database, load) == []
    expire(database, [old])
    (new,) = claim(database, load)
    assert (new.id, new.fence, new.lost) == (old.id, old.fence + 1, old.lost + 1)


def die(database: Database, load: uuid.UUID, most: int = 99, who: str = "w") -> list[Lease]:
    """What a worker had in hand that died."""
    found = claim(database, load, most, who=who)
    expire(database, found)
    return found


def expire(database: Database, leases: Sequence[Lease]) -> None:
    over = "UPDATE tickstock.calls SET lease_until = clock_timestamp() - interval '1 s'"
    with database.transaction() as conn:
        conn.execute(f"{over} WHERE id = ANY (%s)", [[x.id for x in leases]])


def test_of_a_paused_job_no_call_is_given_nor_one_that_a_worker_died_with(
    database: Database,
) -> None:
    load = submit(database, 2)
    died = die(database, load, most=1)
    (again,) = claim(database, load, most=1, who="x")
    assert again.id != died[0].id
    (lost,) = claim(database, load, who="x")
    assert (lost.id, lost.lost) == (died[0].id, 1)
    do(database, jobs.pause, load)
    assert states(database, load) == {"waiting": 2}
    assert claim(database, load) == []
    do(database, jobs.unpause, load)
    assert [c.id for c in claim(database, load)] == [again.id]
    assert [c.id for c in claim(database, load)] == [lost.id]


def test_a_worker_that_dies_burns_no_attempt_and_a_refusal_is_no_loss(database: Database) -> None:
    load = submit(database, 1)
    assert [(x.attempt, x.lost) for _ in "ab" for x in die(database, load)] == [(1, 0), (1, 1)]
    (lease,) = claim(database, load)
    assert (lease.attempt, lease.lost) == (1, 2)
    do(database, ledger.postpone, lease, timedelta(0), SOME, refund=False)
    (lease,) = claim(database, load)
    assert (lease.attempt, lease.lost) == (2, 2)
    do(database, ledger.fail, lease, SOME)
    assert calls(database, "state, attempt, lost") == [("failed", 2, 2)]


def test_calls_that_workers_were_lost_with_come_last_and_alone(database: Database) -> None:
    load = submit(database, 4)
    assert len(die(database, load, 2)) == 2
    fresh = claim(database, load)
    assert [x.call.symbol for x in fresh] == ["S2", "S3"]
    assert do(database, ledger.claim, load, "w", 9, LONG, alone=False) == []
    finish(database, fresh)
    assert [x.call.symbol for x in die(database, load)] == ["S0"]
    # It was lost twice by now: another goes first.
    assert [(x.call.symbol, x.lost) for x in claim(database, load)] == [("S1", 1)]
    assert [(x.call.symbol, x.lost) for x in claim(database, load)] == [("S0", 2)]
    assert claim(database, load) == []


def test_a_call_that_three_workers_died_with_is_set_aside(database: Database) -> None:
    load = submit(database, 2)
    one, two = claim(database, load)
    finish(database, [two])
    do(database, ledger.hand_back, [one])
    for lost in range(MOST_LOST):
        (last,) = die(database, load)
        assert (last.call.symbol, last.lost) == ("S0", lost)
        if lost + 1 < MOST_LOST:
            assert do(database, ledger.set_aside, load) == []
    ((call, error),) = do(database, ledger.set_aside, load)
    assert call.symbol == "S0"
    assert claim(database, load) == []
    assert finish(database, [last]) == []
    asked = "state, attempt, lost, error_class, error"
    assert calls(database, asked)[0] == ("failed", 0, 3, "PoisonCall", str(error))
    assert do(database, jobs.reopen, load) == 1
    assert calls(database, "state, lost, error")[0] == ("waiting", 0, None)


def test_a_call_is_not_blamed_where_workers_die_of_something_else(database: Database) -> None:
    """They are killed one after the other, whatever they have in hand."""
    load, other = submit(database, 1), submit(database, MOST_LOST_ANYHOW)
    for number in range(MOST_LOST_ANYHOW - 1):
        die(database, other, 1, who=f"b{number}")
        die(database, load, who=f"a{number}")
        assert do(database, ledger.set_aside, load) == []
    die(database, load, who="last")
    ((call, _),) = do(database, ledger.set_aside, load)  # not for ever, though
    assert call.symbol == "S0"


def test_deaths_by_calls_that_are_known_to_kill_do_not_speak_for_another(
    database: Database,
) -> None:
    load = submit(database, 2)
    die(database, load)  # with both
    for number in range(2 * MOST_LOST):
        do(database, ledger.set_aside, load)
        die(database, load, who=f"w{number}")
    do(database, ledger.set_aside, load)
    assert calls(database, "state, lost, error_class") == [("failed", MOST_LOST, "PoisonCall")] * 2


def test_renewing_keeps_a_lease_and_tells_which_are_lost(database: Database) -> None:
    load = submit(database, 3)
    mine = claim(database, load, lease=SHORT)
    wait_for_expiry(database)
    (taken,) = claim(database, load, 1)
    assert do(database, ledger.renew, mine, LONG) == {x.id: True for x in mine if x.id != taken.id}
    assert claim(database, load) == []


def test_renewing_does_not_wait_for_a_commit_that_takes_long(database: Database) -> None:
    load = submit(database, 2)
    busy, idle = claim(database, load, lease=SHORT)
    with database.transaction() as conn:
        ledger.fence_check(conn, [busy])
        wait_for_expiry(database)
        assert do(database, ledger.renew, [busy, idle], LONG) == {busy.id: False, idle.id: True}
        assert claim(database, load) == []  # the one is locked, the other renewed
        ledger.finish_calls(conn, [Finished(busy.id, 1, 1, 0, 1)])
    assert states(database, load) == {"done": 1, "leased": 1}


# --- the fence -----------------------------------------------------------------------------------
def fetched(database: Database, lease: Lease) -> Fetched:
    symbol = lease.call.symbol
    instrument = do(database, ensure_instruments, [symbol])[symbol]
    found = answer(lease.call, [bar(symbol, day("2024-07-01"))])
    return Fetched(lease, found, {symbol: Target(instrument.id, symbol, WEEK)})


def fenced(database: Database, batch: Sequence[Fetched]) -> Committed:
    return commit(database, batch, CALENDAR, NOW)


def unfenced(database: Database, batch: Sequence[Fetched]) -> Committed:
    """The same commit, by a ledger that takes everybody's word for it."""
    believed = pytest.MonkeyPatch()
    believed.setattr(ledger, "fence_check", lambda _, leases: {x.id for x in leases})
    with believed.context():
        try:
            return commit(database, batch, CALENDAR, NOW)
        finally:
            believed.undo()


def bars(database: Database) -> int:
    asked = "SELECT count(*)::int FROM tickstock.bars_day"
    return int(do(database, lambda conn: conn.execute(asked).fetchone())[0])


def a_late_commit_changes_nothing(
    database: Database, committing: Callable[[Database, Sequence[Fetched]], Committed]
) -> None:
    load = submit(database, 1)
    (old,) = claim(database, load, lease=SHORT)
    late = fetched(database, old)
    wait_for_expiry(database)
    (new,) = claim(database, load)
    assert committing(database, [late]).refused == (old.id,)
    assert bars(database) == 0
    assert states(database, load) == {"leased": 1}
    assert committing(database, [fetched(database, new)]).rows_new == 1
    assert committing(database, [late]).refused == (old.id,)
    assert states(database, load) == {"done": 1}


def test_a_late_commit_is_refused(database: Database) -> None:
    a_late_commit_changes_nothing(database, fenced)


def test_that_test_fails_without_the_fence(database: Database) -> None:
    with pytest.raises(AssertionError):
        a_late_commit_changes_nothing(database, unfenced)
    assert bars(database) == 1


def test_a_batch_keeps_what_is_ours_and_leaves_out_what_is_not(database: Database) -> None:
    load = submit(database, 3)
    mine = claim(database, load, lease=SHORT)
    batch = [fetched(database, x) for x in mine]
    wait_for_expiry(database)
    (taken,) = claim(database, load, 1)
    done = fenced(database, batch)
    assert (done.rows_new, done.refused) == (2, (taken.id,))
    assert states(database, load) == {"done": 2, "leased": 1}


def test_a_commit_and_the_claim_of_its_expired_lease_cannot_both_win(database: Database) -> None:
    load = submit(database, 40)
    mine = claim(database, load, lease=SHORT)
    batches = [[fetched(database, x) for x in mine[i : i + 4]] for i in range(0, 40, 4)]
    wait_for_expiry(database)
    barrier = threading.Barrier(2)

    def take(_: Any) -> list[int]:
        barrier.wait(20)
        got: list[int] = []
        while found := claim(database, load, 3):
            got += [x.id for x in found]
        return got

    def write(_: Any) -> list[int]:
        barrier.wait(20)
        kept: list[int] = []
        for batch in batches:
            refused = fenced(database, batch).refused
            kept += [f.lease.id for f in batch if f.lease.id not in refused]
        return kept

    with ThreadPoolExecutor(2) as pool:
        taking, writing = pool.submit(take, 0), pool.submit(write, 0)
        taken, kept = taking.result(60), writing.result(60)
    assert sorted(taken + kept) == sorted(x.id for x in mine)
    assert bars(database) == len(kept)


# --- cancelling ----------------------------------------------------------------------------------
def test_cancelling_ends_the_load_and_refuses_who_is_still_at_work(database: Database) -> None:
    load = submit(database, 3)
    one, two = claim(database, load, 2)
    fenced(database, [fetched(database, one)])
    late = fetched(database, two)
    assert do(database, jobs.cancel, load, "enough") is True
    assert fenced(database, [late]).refused == (two.id,)
    assert do(database, ledger.renew, [two], LONG) == {}
    do(database, ledger.hand_back, [two])
    assert do(database, ledger.fail, two, SOME) is False
    do(database, ledger.postpone, two, LONG, SOME, refund=False)
    assert states(database, load) == {"done": 1, "cancelled": 2}
    found = do(database, jobs.read, load)
    assert (found.state, found.message) == (JobState.CANCELLED, "enough")
    assert do(database, jobs.cancel, load, "again") is False
    assert do(database, jobs.read, load).message == "enough"
    assert claim(database, load) == []


def test_cancelling_while_others_claim_and_commit_does_not_deadlock(database: Database) -> None:
    for _ in range(4):
        load = submit(database, 60)
        barrier = threading.Barrier(3)

        def work(load: uuid.UUID = load, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(20)
            while found := claim(database, load, 5):
                do(database, ledger.renew, found, LONG)
                fenced(database, [fetched(database, x) for x in found[::-1]])

        def end(load: uuid.UUID = load, barrier: threading.Barrier = barrier) -> None:
            barrier.wait(20)
            assert do(database, jobs.cancel, load, "enough")

        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(work), pool.submit(work), pool.submit(end)]:
                done.result(60)
        assert states(database, load).keys() <= {"done", "cancelled"}


# --- giving up, postponing, trying again ----------------------------------------------------------
def test_handing_back_makes_a_call_free_at_once_and_does_not_count(database: Database) -> None:
    load = submit(database, 2)
    one, _ = claim(database, load)
    do(database, ledger.hand_back, [one])
    (again,) = claim(database, load)
    assert (again.id, again.attempt, again.fence) == (one.id, 1, one.fence + 1)
    do(database, ledger.hand_back, [one], [7])  # too late: it is another's
    assert states(database, load) == {"leased": 2}
    do(database, ledger.hand_back, [again], [1])
    assert sorted(calls(database, "state, asked"), key=str) == [("leased", None), ("waiting", 1)]


@pytest.mark.parametrize(("refund", "attempt"), [(False, 2), (True, 1)])
def test_a_postponed_call_waits(database: Database, refund: bool, attempt: int) -> None:
    load = submit(database, 1)
    (lease,) = claim(database, load)
    do(database, ledger.postpone, lease, timedelta(milliseconds=150), SOME, refund=refund)
    assert claim(database, load) == []
    count, wait = do(database, ledger.open_calls, load)
    assert count == 1
    assert 0 < wait <= 0.15
    ((kind, text),) = calls(database, "error_class, error")
    assert (kind, text) == ("VendorUnavailable", "away")
    time.sleep(wait)
    (again,) = claim(database, load)
    assert again.attempt == attempt
    fenced(database, [fetched(database, again)])
    assert calls(database, "error_class, error") == [(None, None)]


def test_a_failed_call_is_at_its_end(database: Database) -> None:
    load = submit(database, 2)
    one, _ = claim(database, load)
    assert do(database, ledger.fail, one, SOME) is True
    assert do(database, ledger.fail, one, SOME) is False
    assert states(database, load) == {"failed": 1, "leased": 1}
    (told,) = do(database, tallies.errors, load)
    assert (told.kind, told.calls, told.failed, told.example, told.symbol) == (
        "VendorUnavailable", 1, 1, "away", "S0"
    )  # fmt: skip


def test_an_error_of_all_fails_what_waits_and_not_what_others_hold(database: Database) -> None:
    load = submit(database, 4)
    held = claim(database, load, 1)
    failed = do(database, ledger.fail_rest, load, SOME)
    assert [c.symbol for c in sorted(failed)] == ["S1", "S2", "S3"]
    assert states(database, load) == {"leased": 1, "failed": 3}
    assert finish(database, held) == [held[0].id]
    assert do(database, tallies.failed_symbols, load) == {("day", f"S{i}") for i in (1, 2, 3)}


def test_retrying_reopens_only_what_failed_or_was_cancelled(database: Database) -> None:
    load = submit(database, 4)
    one, two, three, _ = claim(database, load)
    fenced(database, [fetched(database, one)])
    do(database, ledger.fail, two, SOME)
    do(database, ledger.postpone, three, LONG, SOME, refund=False)
    do(database, jobs.cancel, load, "enough")
    assert states(database, load) == {"done": 1, "failed": 1, "cancelled": 2}
    assert do(database, jobs.reopen, load) == 3
    assert states(database, load) == {"done": 1, "waiting": 3}
    reopened = do(database, jobs.read, load)
    assert (reopened.state, reopened.finished_at, reopened.report) == (
        JobState.SUBMITTED,
        None,
        None,
    )
    assert calls(database, "attempt, error_class, not_before")[1:] == [(0, None, None)] * 3
    assert [x.attempt for x in claim(database, load)] == [1, 1, 1]
    assert do(database, jobs.reopen, load) == 0


def test_retrying_a_load_that_is_running_reopens_what_failed_so_far(database: Database) -> None:
    load = submit(database, 2)
    one, _ = claim(database, load)
    do(database, ledger.fail, one, SOME)
    assert do(database, jobs.reopen, load) == 1
    assert do(database, jobs.read, load).state is JobState.RUNNING
    assert states(database, load) == {"leased": 1, "waiting": 1}


def test_retrying_and_cancelling_at_once_do_not_deadlock(database: Database) -> None:
    load = submit(database, 50)
    for lease in claim(database, load):
        do(database, ledger.fail, lease, SOME)
    barrier = threading.Barrier(2)

    def repeat(work: Callable[..., Any], *args: Any) -> None:
        barrier.wait(20)
        for _ in range(20):
            do(database, work, load, *args)

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(repeat, jobs.reopen), pool.submit(repeat, jobs.cancel, "x")]:
            done.result(60)


# --- ends ----------------------------------------------------------------------------------------
def verdict(database: Database, load: uuid.UUID) -> bool:
    return bool(do(database, jobs.finish, load, JobState.COMPLETED, "done", {"held": 1}))


def test_a_verdict_is_written_once_and_not_before_the_end(database: Database) -> None:
    load = submit(database, 2)
    assert verdict(database, load) is False
    finish(database, claim(database, load, 1))
    assert verdict(database, load) is False
    finish(database, claim(database, load, 1))
    assert verdict(database, load) is True
    assert verdict(database, load) is False
    found = do(database, jobs.read, load)
    assert (found.state, found.report) == (JobState.COMPLETED, {"held": 1})


def test_open_loads_without_a_task_are_found_most_urgent_first(database: Database) -> None:
    low, high = submit(database, priority=0), submit(database, priority=9)
    other = submit(database, vendor="another")
    queued, ended, paused = submit(database), submit(database), submit(database)
    do(database, defer_drain, queued, "v", 0)
    do(database, jobs.cancel, ended, "")
    do(database, jobs.pause, paused)
    assert [*do(database, tasks.unattended, "v")] == [high, low]
    assert [*do(database, tasks.unattended, "another")] == [other]


def test_a_load_has_one_task_that_waits(database: Database) -> None:
    """However many offer it; one that is being done is none."""
    load = submit(database)
    assert do(database, defer_drain, load, "v", 0)
    assert not do(database, defer_drain, load, "v", 0)
    fetched = "SELECT (procrastinate_fetch_job_v2(ARRAY['loads-v'], NULL)).args ->> 'load_id'"
    with database.transaction() as conn:
        assert conn.execute(fetched).fetchone() == (str(load),)
    assert do(database, defer_drain, load, "v", 0, 60.0)
    with database.transaction() as conn:
        assert conn.execute(fetched).fetchone() == (None,)  # its time has not come


def test_a_cancelled_load_leaves_no_task_and_asks_its_slices_to_end(database: Database) -> None:
    load, other = submit(database), submit(database)
    for each in (load, other):
        do(database, defer_drain, each, "v", 0)
    with database.transaction() as conn:
        conn.execute("SELECT procrastinate_fetch_job_v2(ARRAY['loads-v'], NULL)")
    do(database, defer_drain, load, "v", 0)
    do(database, jobs.cancel, load, "")
    found = "SELECT args ->> 'load_id', status::text, abort_requested FROM procrastinate_jobs"
    with database.transaction() as conn:
        assert sorted(conn.execute(found).fetchall()) == sorted(
            [(str(load), "doing", True), (str(other), "todo", False)]
        )


def test_readiness_tells_when_a_call_may_be_claimed(database: Database) -> None:
    load = submit(database, 1)
    found = do(database, tasks.readiness, load)
    assert (found.is_due, found.open_calls, found.seconds) == (True, 1, 0.0)
    leased = claim(database, load)
    assert 0 < do(database, tasks.readiness, load).seconds <= 3600
    finish(database, leased)
    assert do(database, tasks.readiness, load).open_calls == 0
    do(database, jobs.cancel, load, "")
    assert not do(database, tasks.readiness, load).is_due


def test_progress_counts_no_session_that_was_held_before(database: Database) -> None:
    load = submit(database, 2)
    with database.transaction() as conn:
        ledger.finish_calls(
            conn, [Finished(x.id, 99, 1, 2, 1) for x in ledger.claim(conn, load, "", 2, LONG)]
        )
        (tally,) = tallies.by_state(conn, [load])[load]
    assert (tally.state, tally.calls, tally.cells, tally.held) == (CallState.DONE, 2, 2, 2)
    assert (tally.rows_new, tally.rows_changed) == (2, 4)


def test_errors_are_grouped_with_the_most_frequent_first(database: Database) -> None:
    load = submit(database, 5)
    one, *rest = claim(database, load)
    do(database, ledger.postpone, one, LONG, VendorThrottled("slow"), refund=True)
    for lease in rest:
        do(database, ledger.fail, lease, SOME)
    found = do(database, tallies.errors, load)
    assert [(e.kind, e.calls, e.failed) for e in found] == [
        ("VendorUnavailable", 4, 4),
        ("VendorThrottled", 1, 0),
    ]


# --- all together --------------------------------------------------------------------------------
class Ledger(RuleBasedStateMachine):
    """Workers that claim, freeze, finish, fail and hand back in any order, against a model."""

    database: Database

    @initialize()
    def begin(self) -> None:
        self.load = submit(self.database, 4)
        self.leases: list[Lease] = []
        self.current: dict[int, Lease] = {}
        self.done: Counter[int] = Counter()

    @rule(most=st.integers(1, 4), expired=st.booleans())
    def claim(self, most: int, expired: bool) -> None:
        lease = timedelta(0) if expired else LONG
        for x in claim(self.database, self.load, most, lease):
            assert x.fence > max((o.fence for o in self.leases if o.id == x.id), default=0)
            self.leases.append(x)
            self.current[x.id] = x

    @rule(pick=st.integers(0, 99))
    def finish(self, pick: int) -> None:
        if self.leases:
            lease = self.leases[pick % len(self.leases)]
            got = finish(self.database, [lease])
            assert bool(got) == (self.current.get(lease.id) is lease)
            if got:
                self.done[lease.id] += 1
                del self.current[lease.id]

    @rule(pick=st.integers(0, 99), how=st.sampled_from(["back", "fail", "later"]))
    def give_up(self, pick: int, how: str) -> None:
        if self.leases:
            lease = self.leases[pick % len(self.leases)]
            match how:
                case "back":
                    do(self.database, ledger.hand_back, [lease])
                case "fail":
                    do(self.database, ledger.fail, lease, SOME)
                case _:
                    do(self.database, ledger.postpone, lease, timedelta(0), SOME, refund=True)
            if self.current.get(lease.id) is lease:
                del self.current[lease.id]

    @rule()
    def cancel_and_retry(self) -> None:
        do(self.database, jobs.cancel, self.load, "")
        self.current.clear()
        do(self.database, jobs.reopen, self.load)

    @invariant()
    def no_call_is_finished_twice(self) -> None:
        assert not self.done or max(self.done.values()) == 1
        found = states(self.database, self.load)
        assert found.get("done", 0) == len(self.done)
        assert found.get("leased", 0) == len(self.current)
        assert sum(found.values()) == 4

    def teardown(self) -> None:
        with suppress(DatabaseUnavailable), self.database.transaction() as conn:
            conn.execute("DELETE FROM tickstock.loads")


def test_no_order_of_events_finishes_a_call_twice_or_loses_one(database: Database) -> None:
    machine = type("Machine", (Ledger,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip


def test_it_is_in_vain_when_all_failed_or_the_key_was_refused(database: Database) -> None:
    load = submit(database)
    one, two, three = claim(database, load)
    assert not do(database, jobs.in_vain, load)
    do(database, ledger.fail, one, SOME)
    assert do(database, jobs.in_vain, load)
    do(database, ledger.finish_calls, [Finished(two.id, 1, 1, 0, 1)])
    assert not do(database, jobs.in_vain, load)
    do(database, ledger.fail, three, CredentialsRefused("wrong key"))
    assert do(database, jobs.in_vain, load)
