"""The writer of bars: what is new, what changed, what is left alone; bit for bit; racing."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit import CALENDAR, answer, bar, day, market_call, span, ticker_call
from tickstock.errors import MixedOrigin
from tickstock.loading.targets import Target
from tickstock.model import Answer, BarTable, Call, CallKind, Ints, Timeframe, epoch_day
from tickstock.spans import ONE_DAY, Span
from tickstock.store import bars
from tickstock.store.bars import Rows, read_rows, write_rows
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.ledger import Lease
from tickstock.worker.commit import Fetched, commit

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
D1, D2, D3 = (epoch_day(day(d)) for d in ("2024-07-01", "2024-07-02", "2024-07-03"))
NAMES = ("open", "high", "low", "close", "volume", "vwap")


def rows(*found: tuple[Any, ...]) -> Rows:
    """Instrument, at, five prices and volume, vwap, trades: in the order given."""
    columns = list(zip(*found, strict=True))
    ints = [np.array(columns[i], np.int64) for i in (0, 1, 8)]
    floats = [np.array(columns[i], np.float64) for i in range(2, 8)]
    return Rows(ints[0], ints[1], *floats, ints[2])


def row(instrument: int, at: int, close: float = 10.0, **other: float) -> tuple[Any, ...]:
    found = {"vwap": 10.25, "trades": 7} | other
    return (instrument, at, 9.5, 11.0, 9.0, close, 1000.0, found["vwap"], int(found["trades"]))


def instruments(database: Database, *symbols: str) -> list[int]:
    with database.transaction() as conn:
        found = ensure_instruments(conn, symbols)
    return [found[s].id for s in symbols]


def calls_of(batch: Rows) -> Ints:
    return np.arange(len(batch)) + 71


def write(database: Database, batch: Rows, timeframe: Timeframe = Timeframe.DAY) -> tuple[int, int]:
    with database.transaction() as conn:
        bars.lock_instruments(conn, sorted(set(batch.instrument.tolist())))
        done = write_rows(conn, timeframe, batch, calls_of(batch))
    return int(done.new.sum()), int(done.changed.sum())


def read(database: Database, ids: Sequence[int], timeframe: Timeframe = Timeframe.DAY) -> Rows:
    low, high = (-700_000, 2_900_000) if timeframe is Timeframe.DAY else (-(2**35), 2**35)
    every = np.array(ids, np.int64)
    with database.transaction() as conn:
        return read_rows(
            conn, timeframe, every, np.full_like(every, low), np.full_like(every, high)
        )


def query(database: Database, text: str) -> list[Any]:
    with database.transaction() as conn:
        return conn.execute(text).fetchall()


def same(found: Rows, wanted: Rows) -> None:
    for name in ("instrument", "at", *NAMES, "trades"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))


def versions(database: Database) -> list[Any]:
    """The physical version of every bar and every row of coverage."""
    found = query(database, "SELECT ctid::text, xmin::text FROM tickstock.bars_day ORDER BY 1")
    return found + query(database, "SELECT xmin::text FROM tickstock.coverage ORDER BY 1")


# --- new, unchanged, changed ---------------------------------------------------------------------
def test_new_bars_are_copied_and_an_unchanged_reload_touches_no_row(database: Database) -> None:
    one, two = instruments(database, "A", "B")
    batch = rows(row(one, D1), row(one, D2, vwap=np.nan), row(two, D1, trades=-1))
    assert write(database, batch) == (3, 0)
    before = versions(database)
    assert write(database, batch) == (0, 0)
    assert versions(database) == before
    assert query(database, "SELECT count(*) FROM tickstock.bar_revisions") == [(0,)]


def test_absent_vwap_and_trades_are_null(database: Database) -> None:
    (one,) = instruments(database, "A")
    write(database, rows(row(one, D1, vwap=np.nan, trades=-1), row(one, D2)))
    found = query(database, "SELECT vwap, trades FROM tickstock.bars_day ORDER BY at")
    assert found == [(None, None), (10.25, 7)]
    back = read(database, [one])
    assert np.isnan(back.vwap[0])
    assert back.trades.tolist() == [-1, 7]


@pytest.mark.parametrize("change", [{"close": 10.5}, {"vwap": 10.26}, {"trades": 8}])
def test_a_changed_bar_keeps_its_predecessor(database: Database, change: dict[str, float]) -> None:
    (one,) = instruments(database, "A")
    write(database, rows(row(one, D1), row(one, D2), row(one, D3)))
    assert write(database, rows(row(one, D1), row(one, D2, **change), row(one, D3))) == (0, 1)
    kept = query(
        database, "SELECT at, close, vwap, trades, timeframe, call_id FROM tickstock.bar_revisions"
    )
    assert kept == [(datetime(2024, 7, 2, tzinfo=UTC), 10.0, 10.25, 7, "day", 72)]
    same(read(database, [one]).pick(np.array([1])), rows(row(one, D2, **change)))


def test_a_bar_without_vwap_or_trades_takes_none_away(database: Database) -> None:
    """A file brings the same bar as a call, less its vwap."""
    (one,) = instruments(database, "A")
    write(database, rows(row(one, D1)))
    assert write(database, rows(row(one, D1, vwap=np.nan, trades=-1))) == (0, 0)
    same(read(database, [one]), rows(row(one, D1)))
    write(database, rows(row(one, D2, vwap=np.nan, trades=-1)))
    assert write(database, rows(row(one, D2))) == (0, 1)


def test_every_change_is_kept_in_order(database: Database) -> None:
    (one,) = instruments(database, "A")
    for close in (10.0, 10.1, 10.2, 10.2):
        write(database, rows(row(one, D1, close)))
    asked = "SELECT close FROM tickstock.bar_revisions ORDER BY replaced_at"
    assert query(database, asked) == [(10.0,), (10.1,)]


def test_intraday_bars_change_alike(database: Database) -> None:
    (one,) = instruments(database, "A")
    at = int(datetime(2024, 7, 1, 13, 30, tzinfo=UTC).timestamp())
    for timeframe in (Timeframe.MINUTE, Timeframe.HOUR):
        assert write(database, rows(row(one, at), row(one, at + 60)), timeframe) == (2, 0)
        assert write(database, rows(row(one, at, 10.5), row(one, at + 60)), timeframe) == (0, 1)
        assert read(database, [one], timeframe).close.tolist() == [10.5, 10.0]
    kept = query(database, "SELECT timeframe, at, close FROM tickstock.bar_revisions ORDER BY 1")
    assert kept == [(t, datetime(2024, 7, 1, 13, 30, tzinfo=UTC), 10.0) for t in ("1min", "hour")]


def test_bars_between_and_around_held_ones(database: Database) -> None:
    one, two = instruments(database, "A", "B")
    write(database, rows(row(one, D2)))
    every = [row(i, d) for i in (one, two) for d in (D1, D2, D3)]
    assert write(database, rows(*every)) == (5, 0)
    assert read(database, [two, one, two]).at.tolist() == [D1, D2, D3] * 3


def test_no_rows_are_no_work(database: Database) -> None:
    done = write(database, Rows.join([]))
    assert done == (0, 0)
    assert len(read(database, [])) == 0


# --- bit for bit ---------------------------------------------------------------------------------
ANY_FLOAT = st.floats(allow_nan=False, allow_subnormal=True)
DAYS = st.integers(epoch_day(date(1, 1, 1)), epoch_day(date(9999, 12, 31)))
SECONDS = st.integers(-(2**34), 2**34)  # about the years 1425 to 2514
VWAP, TRADES = ANY_FLOAT | st.just(np.nan), st.integers(-1, 2**31 - 1)


def bits(values: Any) -> list[bytes]:
    return [struct.pack(">d", v) for v in values.tolist()]


@pytest.mark.parametrize("timeframe", [Timeframe.DAY, Timeframe.HOUR])
def test_whatever_double_is_written_comes_back_bit_for_bit(
    database: Database, timeframe: Timeframe
) -> None:
    (one,) = instruments(database, "A")
    at = DAYS if timeframe is Timeframe.DAY else SECONDS
    some = st.tuples(st.just(one), at, *[ANY_FLOAT] * 5, VWAP, TRADES)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(st.lists(some, min_size=1, max_size=6, unique_by=lambda r: r[1]))
    def check(found: list[tuple[Any, ...]]) -> None:
        batch = rows(*sorted(found))
        with pytest.raises(RolledBack), database.transaction() as conn:
            write_rows(conn, timeframe, batch, calls_of(batch))
            low, high = batch.at.min(), batch.at.max()
            back = read_rows(conn, timeframe, *(np.array([n]) for n in (one, low, high)))
            assert back.at.tolist() == batch.at.tolist()
            assert back.trades.tolist() == batch.trades.tolist()
            for name in NAMES:
                assert bits(getattr(back, name)) == bits(getattr(batch, name)), name
            assert not write_rows(conn, timeframe, batch, calls_of(batch)).changed.any()
            changed = rows(*((*r[:5], r[5] + 1.5, *r[6:]) for r in sorted(found)))
            write_rows(conn, timeframe, changed, calls_of(changed))  # by parameters, not by COPY
            back = read_rows(conn, timeframe, *(np.array([n]) for n in (one, low, high)))
            for name in NAMES:
                assert bits(getattr(back, name)) == bits(getattr(changed, name)), name
            raise RolledBack

    check()


class RolledBack(Exception):
    """Ends a transaction that must leave nothing behind."""


def test_nan_is_a_value_that_equals_itself(database: Database) -> None:
    (one,) = instruments(database, "A")
    odd = rows((one, D1, np.nan, np.inf, -np.inf, -0.0, 5e-324, np.nan, 0))
    assert write(database, odd) == (1, 0)
    assert write(database, odd) == (0, 0)
    same(read(database, [one]), odd)


# --- commits of answers ---------------------------------------------------------------------------
WEEK = span("2024-07-01", "2024-07-05")


def lease(database: Database, call: Call) -> Lease:
    """A call of some load that is ours."""
    with database.transaction() as conn:
        found = conn.execute(
            "WITH l AS (INSERT INTO tickstock.loads (id, title, request, summary, vendor)"
            " VALUES (gen_random_uuid(), '', '{}', '{}', '') RETURNING id)"
            " INSERT INTO tickstock.calls (load_id, position, kind, timeframe, symbol, span, cells,"
            " state, fence) SELECT id, 0, %s, %s, %s, daterange(%s, %s), 1, 'leased', 1 FROM l"
            " RETURNING id",
            (call.kind, call.timeframe, call.symbol, call.span.start, call.span.end),
        ).fetchone()
    assert found is not None
    return Lease(found[0], 1, 1, call, 1)


def fetched(
    database: Database, targets: dict[str, Target], call: Call, found: Any, origin: str = "massive"
) -> Fetched:
    return Fetched(lease(database, call), answer(call, found, origin), targets)


def targets(database: Database, *symbols: str, within: Span = WEEK) -> dict[str, Target]:
    ids = instruments(database, *symbols)
    return {s: Target(i, s, within) for s, i in zip(symbols, ids, strict=True)}


def test_unordered_and_doubled_bars_of_one_batch_are_one_bar_each(database: Database) -> None:
    wanted = targets(database, "A", "B")
    days = [day("2024-07-03"), day("2024-07-01"), day("2024-07-02")]
    batch = [
        fetched(database, wanted, ticker_call("B", WEEK), [bar("B", d) for d in days]),
        fetched(
            database, wanted, market_call(days[0]), [bar("B", days[0], 11.0), bar("A", days[0])]
        ),
        fetched(database, wanted, ticker_call("A", WEEK), [bar("A", d) for d in days]),
    ]
    done = commit(database, batch, CALENDAR, NOW)
    assert (done.rows_new, done.rows_changed, done.refused) == (6, 1, ())
    found = query(database, "SELECT symbol, at, close FROM tickstock.bars_day"
                  " JOIN tickstock.instruments ON id = instrument_id ORDER BY 1, 2")  # fmt: skip
    closes = {(s, d): c for s, d, c in found}
    assert closes["B", days[0]] == 10.0  # a ticker's answer is written after a whole market's
    per_call = query(database, "SELECT rows_new, state FROM tickstock.calls ORDER BY id")
    assert per_call == [(2, "done"), (2, "done"), (2, "done")]
    assert query(database, "SELECT sum(bars)::int FROM tickstock.coverage") == [(6,)]


def test_committing_the_same_answer_again_writes_nothing(database: Database) -> None:
    wanted = targets(database, "A")
    found = [bar("A", day(f"2024-07-0{n}")) for n in (1, 2, 3, 5)]
    first = commit(
        database, [fetched(database, wanted, ticker_call("A", WEEK), found)], CALENDAR, NOW
    )
    before = versions(database)
    again = commit(
        database, [fetched(database, wanted, ticker_call("A", WEEK), found)], CALENDAR, NOW
    )
    assert (first.rows_new, again.rows_new, again.rows_changed) == (4, 0, 0)
    assert versions(database) == before
    assert query(database, "SELECT count(*) FROM tickstock.holes") == [(0,)]


@pytest.mark.parametrize("timeframe", [Timeframe.DAY, Timeframe.HOUR])
def test_a_revision_names_the_call_that_made_it(database: Database, timeframe: Timeframe) -> None:
    wanted = targets(database, "A", "B")
    moment = int(datetime(2024, 7, 2, 14, tzinfo=UTC).timestamp())
    early, late = (D1, D2) if timeframe is Timeframe.DAY else (moment, moment + 3600)

    def asked(symbol: str, *found: Any) -> Fetched:
        return fetched(database, wanted, ticker_call(symbol, WEEK, timeframe), found)

    commit(database, [asked("A", bar("A", early)), asked("B", bar("B", early))], CALENDAR, NOW)
    again = [asked("B", bar("B", early, 11.0), bar("B", late)), asked("A", bar("A", early, 12.0))]
    commit(database, again, CALENDAR, NOW)
    kept = query(database, "SELECT close, call_id FROM tickstock.bar_revisions"
                 " ORDER BY call_id, at")  # fmt: skip
    came_late = [] if timeframe is Timeframe.DAY else [(None, again[0].lease.id)]
    assert kept == [(10.0, again[0].lease.id), *came_late, (10.0, again[1].lease.id)]


def test_impossible_bars_are_put_aside_as_received(database: Database) -> None:
    wanted = targets(database, "A")
    found = [bar("A", day("2024-07-01"), low=-1.0, volume=np.inf), bar("A", day("2024-07-02"))]
    for _ in range(2):
        commit(database, [fetched(database, wanted, ticker_call("A", WEEK), found)], CALENDAR, NOW)
    ((at, reason, kept),) = query(database, "SELECT at, reason, bar FROM tickstock.quarantine")
    assert (at, reason) == (datetime(2024, 7, 1, tzinfo=UTC), "not a finite number")
    assert kept == {"open": 10.0, "high": 11.0, "low": -1.0, "close": 10.0, "volume": "inf",
                    "vwap": None, "trades": None}  # fmt: skip
    assert query(database, "SELECT count(*)::int FROM tickstock.bars_day") == [(1,)]


def market(symbols: Sequence[str], on: date) -> BarTable:
    n = len(symbols)
    column = np.linspace(10, 20, n)
    return BarTable(
        tuple(symbols), np.arange(n)[::-1].copy(), np.full(n, epoch_day(on)), column, column + 1,
        column - 1, column, np.full(n, 1e6), np.full(n, np.nan), np.full(n, -1),
    )  # fmt: skip


def test_a_market_day_of_ten_thousand_instruments(database: Database) -> None:
    symbols = [f"S{i}" for i in range(10_000)]
    wanted = targets(database, *symbols)
    days = [WEEK.start, WEEK.start + ONE_DAY]
    wanted_of = {market_call(d): market(symbols, d) for d in days}
    for turn, new in ((0, 20_000), (1, 0)):
        batch = [
            Fetched(lease(database, call), Answer(call, found, "massive"), wanted)
            for call, found in wanted_of.items()
        ]  # fmt: skip
        done = commit(database, batch, CALENDAR, NOW)
        assert (turn, done.rows_new, done.rows_changed) == (turn, new, 0)
    held = query(database, "SELECT count(*)::int, min(held::text), max(held::text), sum(bars)::int"
                 " FROM tickstock.coverage")  # fmt: skip
    assert held == [(10_000, "{[2024-07-01,2024-07-03)}", "{[2024-07-01,2024-07-03)}", 20_000)]


# --- two at once ---------------------------------------------------------------------------------
def test_two_racing_writers_of_the_same_instruments_lose_and_double_nothing(
    database: Database,
) -> None:
    symbols = [f"S{i}" for i in range(40)]
    wanted = targets(database, *symbols)
    calls = [ticker_call(s, WEEK) for s in symbols]
    found = [day(f"2024-07-0{n}") for n in (1, 2, 3, 5)]
    barrier = threading.Barrier(2)

    def race(turn: int) -> int:
        new = 0
        order = calls if turn else calls[::-1]
        for i in range(0, 40, 8):
            batch = [
                fetched(database, wanted, c, [bar(c.symbol, d) for d in found])
                for c in order[i : i + 8]
            ]
            barrier.wait(20)
            new += commit(database, batch, CALENDAR, NOW).rows_new
        return new

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(race, (0, 1))) == 160
    assert query(database, "SELECT sum(bars)::int, count(*)::int FROM tickstock.coverage") == [
        (160, 40)
    ]
    assert query(database, "SELECT count(*)::int FROM tickstock.bars_day") == [(160,)]


def test_racing_batches_of_two_timeframes_do_not_deadlock(database: Database) -> None:
    wanted = targets(database, "A", "B")
    moment = int(datetime(2024, 7, 1, 14, tzinfo=UTC).timestamp())
    hour = {s: fetched_hour(database, wanted, s, moment) for s in "AB"}
    daily = {s: fetched(database, wanted, ticker_call(s, WEEK), [bar(s, day("2024-07-01"))])
             for s in "AB"}  # fmt: skip
    # By timeframe, one batch wants A then B, and the other B then A.
    pairs = [[daily["A"], hour["B"]], [daily["B"], hour["A"]]]
    barrier = threading.Barrier(2)

    def race(batch: list[Fetched]) -> int:
        barrier.wait(20)
        return commit(database, batch, CALENDAR, NOW).rows_new

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(race, pairs)) == [2, 2]


def fetched_hour(
    database: Database, wanted: dict[str, Target], symbol: str, moment: int
) -> Fetched:
    call = Call(CallKind.TICKER, Timeframe.HOUR, WEEK, symbol)
    return fetched(database, wanted, call, [bar(symbol, moment)])


# --- real and synthetic ---------------------------------------------------------------------------
@pytest.mark.parametrize(("first", "second"), [("massive", "synthetic"), ("synthetic", "recorded")])
def test_real_and_synthetic_bars_are_never_mixed(
    database: Database, first: str, second: str
) -> None:
    wanted = targets(database, "A", "B")
    one = [bar("A", day("2024-07-01"))]
    commit(database, [fetched(database, wanted, ticker_call("A", WEEK), one, first)], CALENDAR, NOW)
    before = versions(database)
    hourly = Call(CallKind.TICKER, Timeframe.HOUR, WEEK, "A")
    moment = int(datetime(2024, 7, 1, 14, tzinfo=UTC).timestamp())
    for call, found in ((ticker_call("A", WEEK), one), (hourly, [bar("A", moment)])):
        with pytest.raises(MixedOrigin, match=f"A.*{first}"):
            commit(database, [fetched(database, wanted, call, found, second)], CALENDAR, NOW)
    assert versions(database) == before


def test_an_answer_may_mix_origins_by_ticker(database: Database) -> None:
    wanted = targets(database, "A", "B")
    on = day("2024-07-01")
    found = answer(market_call(on), [bar("A", on), bar("B", on)], "synthetic",
                   origins=(("B", "recorded"), ("X", "recorded")))  # fmt: skip
    commit(database, [Fetched(lease(database, found.call), found, wanted)], CALENDAR, NOW)
    held = "SELECT symbol, origin FROM tickstock.coverage JOIN tickstock.instruments ON id ="
    assert query(database, f"{held} instrument_id ORDER BY 1") == [
        ("A", "synthetic"), ("B", "recorded"),
    ]  # fmt: skip


def test_two_origins_of_one_instrument_in_one_batch_are_refused(database: Database) -> None:
    wanted = targets(database, "A")
    batch = [
        fetched(database, wanted, ticker_call("A", WEEK), [bar("A", day("2024-07-01"))], origin)
        for origin in ("recorded", "synthetic")
    ]
    with pytest.raises(MixedOrigin, match="A"):
        commit(database, batch, CALENDAR, NOW)
    assert versions(database) == []


def test_recorded_and_vendor_bars_are_both_real(database: Database) -> None:
    wanted = targets(database, "A")
    for origin, when in (("recorded", "2024-07-01"), ("massive", "2024-07-02")):
        found = [bar("A", day(when))]
        commit(database, [fetched(database, wanted, ticker_call("A", span(when)), found, origin)],
               CALENDAR, NOW)  # fmt: skip
    asked = "SELECT origin, bars::int FROM tickstock.coverage"
    assert query(database, asked) == [("massive", 2)]


def test_nothing_of_a_failed_commit_remains(database: Database) -> None:
    wanted = targets(database, "A")
    batch = [fetched(database, wanted, ticker_call("A", WEEK), [bar("A", day("2024-07-01"))])]
    with database.transaction() as conn:
        conn.execute("ALTER TABLE tickstock.coverage ADD CONSTRAINT broken CHECK (bars > 99)")
    with pytest.raises(Exception, match="broken") as caught:
        commit(database, batch, CALENDAR, NOW)
    assert isinstance(caught.value.__cause__, psycopg.errors.CheckViolation)
    assert query(database, "SELECT count(*)::int FROM tickstock.bars_day") == [(0,)]
    assert query(database, "SELECT state FROM tickstock.calls") == [("leased",)]


@pytest.mark.parametrize("timeframe", [Timeframe.DAY, Timeframe.HOUR])
@pytest.mark.parametrize("far", [1, bars.FAR_DAYS, 10_000])
def test_what_lies_between_bars_far_apart_is_not_read_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, timeframe: Timeframe, far: int
) -> None:
    monkeypatch.setattr(bars, "FAR_DAYS", far)
    one, two = instruments(database, "A", "B")
    unit = 1 if timeframe is Timeframe.DAY else bars.DAY_SECONDS
    days = [(D1 + n) * unit for n in range(200)]
    write(database, rows(*(row(i, at) for i in (one, two) for at in days)), timeframe)
    back: list[int] = []

    def counted(*given: Any) -> Rows:
        found = read_rows(*given)
        back.append(len(found))
        return found

    monkeypatch.setattr(bars, "read_rows", counted)
    ends = [(one, days[0]), (one, days[1]), (one, days[-1]), (two, days[5])]
    batch = rows(*(row(i, at, close=10.0 + 0.5 * (at == days[-1])) for i, at in ends))
    assert write(database, batch, timeframe) == (0, 1)
    assert back == [4 if far < 10_000 else 201]
    after = read(database, [one], timeframe)
    assert (len(after), after.close[-1], after.close[:-1].max()) == (200, 10.5, 10.0)
