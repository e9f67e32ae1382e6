"""What is stored against what was said of it: by us, by others, by earlier programs."""

from __future__ import annotations

import random
import uuid
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from tests.kit import plan, sessions, span, ticker_call
from tests.store.test_bar_history import ids_of, session_of, write
from tickstock.checksums import Comparison, compare, day_of, instrument_of
from tickstock.clock import NEW_YORK
from tickstock.model import JobState, Timeframe, epoch_day
from tickstock.spans import day_of as date_of
from tickstock.store import bars, checksums, coverage, job_checksums, jobs, ledger
from tickstock.store.bars import TABLES, read_rows
from tickstock.store.database import Database
from tickstock.store.queries import load

DAYS = sessions(span("2024-06-03", "2024-06-14"))
EVERY = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)


def moments(timeframe: Timeframe) -> list[int]:
    """Times of bars: of day bars the days, else some of each day, over the change of UTC days."""
    if timeframe is Timeframe.DAY:
        return [epoch_day(d) for d in DAYS]
    return [
        int(datetime(d.year, d.month, d.day, hour, tzinfo=NEW_YORK).timestamp())
        for d in DAYS
        for hour in (4, 9, 12, 15, 19, 20)
    ]


def compared(database: Database, timeframe: Timeframe, ids: list[int]) -> Comparison:
    every = np.array(ids, np.int64)
    low, high = (-700_000, 2_900_000) if timeframe is Timeframe.DAY else (-(2**35), 2**35)
    with database.transaction() as conn:
        stored = read_rows(
            conn, timeframe, every, np.full_like(every, low), np.full_like(every, high)
        )
        said = checksums.read_statements(conn, timeframe, every)
    return compare(bars.cells(stored, timeframe), said)


def named(found: Comparison, flags: str) -> list[tuple[int, date]]:
    keys = found.actual.key[getattr(found, flags)]
    whose = instrument_of(keys).tolist()
    return list(zip(whose, [date_of(d) for d in day_of(keys).tolist()], strict=True))


def run(database: Database, text: str, *params: Any) -> list[Any]:
    with database.transaction() as conn:
        cursor = conn.execute(text, params)
        return cursor.fetchall() if cursor.description else []


# --- by us -------------------------------------------------------------------------------------
@pytest.mark.parametrize("timeframe", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_after_any_writes_each_day_is_what_was_said(
    database: Database, timeframe: Timeframe, seed: int
) -> None:
    """New bars, the same again, others, late ones, in parts of days, of one and of many."""
    dice = random.Random(seed)
    ids = ids_of(database, "A", "B", "C")
    keys = [(i, at) for i in ids for at in moments(timeframe)]
    truth: dict[tuple[int, int], float] = {}
    for _ in range(12):
        some = dice.sample(keys, dice.choice([1, 3, len(keys) // 2, len(keys)]))
        batch = {k: truth.get(k, 10.0) + dice.choice([0, 0, 1]) for k in some}
        write(database, timeframe, batch)
        truth |= batch
        found = compared(database, timeframe, ids)
        assert not found.wrong.any()
        assert not found.unknown.any()
        assert set(found.actual.key[found.is_there].tolist()) == {
            (i << 32) + (1 << 31) + session_of(timeframe, at) for i, at in truth
        }


def test_days_that_all_have_are_kept_once(database: Database) -> None:
    one, two = ids_of(database, "A", "B")
    at = moments(Timeframe.DAY)
    write(database, Timeframe.DAY, {(i, d): 10.0 for i in (one, two) for d in at[:4]})
    write(database, Timeframe.DAY, {(one, at[4]): 10.0, (two, at[5]): 10.0})
    sizes = run(database, "SELECT length(days), length(sums) FROM tickstock.bar_checksums")
    assert sizes == [(16, 32), (8, 8)]
    assert not compared(database, Timeframe.DAY, [one, two]).wrong.any()
    assert not compared(database, Timeframe.DAY, [two]).wrong.any()


def test_a_reload_that_brings_nothing_new_says_nothing(database: Database) -> None:
    (one,) = ids_of(database, "A")
    batch = {(one, at): 10.0 for at in moments(Timeframe.MINUTE)}
    write(database, Timeframe.MINUTE, batch)
    write(database, Timeframe.MINUTE, batch)
    assert run(database, "SELECT count(*) FROM tickstock.bar_checksums") == [(1,)]


@pytest.mark.parametrize("timeframe", EVERY)
def test_what_was_spoiled_is_right_again_when_it_is_loaded_again(
    database: Database, timeframe: Timeframe
) -> None:
    (one,) = ids_of(database, "A")
    batch = {(one, at): 10.0 for at in moments(timeframe)}
    write(database, timeframe, batch)
    table = f"tickstock.{TABLES[timeframe]}"
    run(database, f"UPDATE {table} SET volume = 7 WHERE at = (SELECT min(at) FROM {table})")
    run(database, f"DELETE FROM {table} WHERE at = (SELECT max(at) FROM {table})")
    spoiled = [(one, DAYS[0]), (one, DAYS[-1])]
    assert named(compared(database, timeframe, [one]), "wrong") == spoiled
    write(database, timeframe, batch)
    assert not compared(database, timeframe, [one]).wrong.any()


# --- by others ---------------------------------------------------------------------------------
def test_bars_of_another_form_are_found(database: Database) -> None:
    (one,) = ids_of(database, "A")
    for timeframe in EVERY:
        write(database, timeframe, {(one, at): 10.0 for at in moments(timeframe)})
    run(database, "UPDATE tickstock.bars_day SET vwap = 'NaN' WHERE at = %s", DAYS[0])
    run(database, "UPDATE tickstock.bars_hour SET trades = -1 WHERE at::date = %s", DAYS[1])
    run(database, "UPDATE tickstock.bars_minute SET at = at + interval '1 ms' WHERE at::date = %s",
        DAYS[2])  # fmt: skip
    with database.transaction() as conn:
        for timeframe, found in zip(EVERY, DAYS, strict=False):
            odd = checksums.odd_bars(conn, timeframe, TABLES[timeframe], [one])
            assert (one, found) in odd


def test_bars_of_no_instrument_are_found_in_every_gap(database: Database) -> None:
    (one,) = ids_of(database, "A")
    for number in (-5, one, one + 3, one + 500):
        run(database, "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close,"
            " volume) VALUES (%s, '2024-06-03', 1, 1, 1, 1, 1)", number)  # fmt: skip
    with database.transaction() as conn:
        found = checksums.bars_of_nobody(conn, "bars_day")
    assert -5 in found
    assert one not in found
    assert found[-1] > one


# --- by a program of before checksums ------------------------------------------------------------
def earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write as the release before did: no word of checksums."""
    plain = load("bars.sql")["lock_instruments"].replace(
        ", set_config('tickstock.checksums', 'kept', true)", ""
    )
    monkeypatch.setattr(bars, "QUERIES", {**bars.QUERIES, "lock_instruments": plain})
    monkeypatch.setattr(checksums, "add_cells", lambda *_: None)
    add = load("coverage.sql")["add"]
    start, end = add.index("    written_origin = CASE"), add.index("WHERE EXCLUDED.bars")
    add = add[:start].rstrip().removesuffix(",") + "\n" + add[end:]
    add = add.replace(", written_origin, written_at)", ")").replace("now_, origin, now_", "now_")
    monkeypatch.setattr(coverage, "QUERIES", {**coverage.QUERIES, "add": add})


@pytest.mark.parametrize("timeframe", EVERY)
def test_what_an_earlier_program_writes_is_unknown_and_not_wrong(
    any_database: Database, timeframe: Timeframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = any_database
    one, two = ids_of(database, "A", "B")
    at = moments(timeframe)
    on = {d: [m for m in at if session_of(timeframe, m) == epoch_day(d)] for d in DAYS}
    first = {(i, m): 10.0 for i in (one, two) for d in DAYS[:4] for m in on[d][:3]}
    write(database, timeframe, first)
    with monkeypatch.context() as patched:
        earlier(patched)
        write(database, timeframe, {(one, on[DAYS[0]][0]): 11.0})  # another bar
        write(database, timeframe, {(one, m): 10.0 for m in on[DAYS[5]]})  # a new day
        write(database, timeframe, {(two, on[DAYS[1]][-1]): 12.0})  # late, or another
    found = compared(database, timeframe, [one, two])
    assert named(found, "wrong") == []
    there = {key for key in named(found, "unknown") if key[1] in DAYS}
    assert there == {(one, DAYS[0]), (one, DAYS[5]), (two, DAYS[1])}
    with database.transaction() as conn:
        states = checksums.coverage_checks(conn, timeframe, [one, two])
    assert states[one] is None
    write(database, timeframe, {(one, on[DAYS[0]][0]): 13.0})  # by us: known from here on
    assert (one, DAYS[0]) not in named(compared(database, timeframe, [one, two]), "unknown")


def test_coverage_that_somebody_changed_stays_so_when_it_grows(database: Database) -> None:
    one, two = ids_of(database, "A", "B")
    at = moments(Timeframe.DAY)
    write(database, Timeframe.DAY, {(i, at[0]): 10.0 for i in (one, two)})
    run(database, "UPDATE tickstock.coverage SET origin = 'Massive' WHERE instrument_id = %s", one)
    for n in (1, 2):
        write(database, Timeframe.DAY, {(i, at[n]): 10.0 for i in (one, two)})
        with database.transaction() as conn:
            states = checksums.coverage_checks(conn, Timeframe.DAY, [one, two])
        assert states == {one: False, two: True}
    counts = [(one, 3, *(at[n] * 86_400 for n in (0, 2)))]
    with database.transaction() as conn:
        checksums.accept_coverage(conn, Timeframe.DAY, counts)
        states = checksums.coverage_checks(conn, Timeframe.DAY, [one, two])
    assert states == {one: True, two: True}


# --- jobs ----------------------------------------------------------------------------------------
def ended(database: Database) -> list[Any]:
    with database.transaction() as conn:
        return [found.changes for found in job_checksums.ended(conn)]


def submitted(database: Database, number: int) -> uuid.UUID:
    within = span("2024-06-03")
    made = plan([ticker_call(f"S{number}", within)], {f"S{number}": number}, within)
    with database.transaction() as conn:
        return jobs.submit(conn, made, title="t", vendor="v", summary={})[0]


def test_an_ended_job_is_what_it_was_until_it_begins_again(any_database: Database) -> None:
    database = any_database
    (one,) = ids_of(database, "S1")
    job = submitted(database, one)
    assert ended(database) == []
    with database.transaction() as conn:
        (lease,) = ledger.claim(conn, job, "w", 1, timedelta(minutes=1))
        assert ledger.fail(conn, lease, ValueError("no"))
        assert jobs.finish(conn, job, JobState.WITH_ERRORS, "m", {"a": 1.5})
    assert ended(database) == [()]
    run(database, "UPDATE tickstock.calls SET attempt = attempt + 1")
    assert ended(database) == [(f"its call {lease.id} is not as it was when it ended",)]
    run(database, "UPDATE tickstock.calls SET attempt = attempt - 1")
    with database.transaction() as conn:
        assert jobs.reopen(conn, job) == 1
    assert ended(database) == []
    run(database, "UPDATE tickstock.loads SET finished_at = now(), state = 'failed'")  # by whom?
    assert ended(database) == [None]
    with database.transaction() as conn:
        job_checksums.write(conn, [job])
    assert ended(database) == [()]


def test_cancelled_and_failed_jobs_are_what_they_were(database: Database) -> None:
    one, two = ids_of(database, "S1", "S2")
    with database.transaction() as conn:
        assert jobs.cancel(conn, submitted(database, one), "enough")
        assert jobs.fail_load(conn, submitted(database, two), "a fault", with_open=True)
        assert job_checksums.contradictions(conn) == []
    assert ended(database) == [(), ()]
