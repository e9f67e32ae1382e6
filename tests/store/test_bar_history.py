"""Bars as they were known at any earlier moment, and what was replaced since."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.kit import CALENDAR, day, sessions, span
from tickstock.clock import NEW_YORK
from tickstock.loading.gains import Gains
from tickstock.model import Gain, Ints, Timeframe, epoch_day
from tickstock.spans import ONE_DAY, Span, day_of
from tickstock.store import bar_history, bars, coverage
from tickstock.store.bars import Rows
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.moment import database_now

SPAN = span("2024-06-03", "2024-06-28")
DAYS = sessions(SPAN)


def ids_of(database: Database, *symbols: str) -> list[int]:
    with database.transaction() as conn:
        found = ensure_instruments(conn, symbols)
    return [found[s].id for s in symbols]


def rows(timeframe: Timeframe, found: dict[tuple[int, int], float]) -> Rows:
    """Bars by (instrument, at) with their closes."""
    keys = sorted(found)
    close = np.array([found[k] for k in keys], np.float64)
    instrument, at = (np.array([k[i] for k in keys], np.int64) for i in (0, 1))
    nothing = np.full(len(keys), np.nan)
    prices = (close, close + 1, close - 1, close, close * 100)
    return Rows(instrument, at, *prices, nothing, np.full(len(keys), -1))


def session_of(timeframe: Timeframe, at: int) -> int:
    if timeframe is Timeframe.DAY:
        return at
    return epoch_day(datetime.fromtimestamp(at, NEW_YORK).date())


def write(database: Database, timeframe: Timeframe, found: dict[tuple[int, int], float]) -> None:
    """As a worker's commit does it: bars, late ones, coverage."""
    batch = rows(timeframe, found)
    with database.transaction() as conn:
        bars.lock_instruments(conn, sorted({i for i, _ in found}))
        calls = np.full(len(batch), 7)
        done = bars.write_rows(conn, timeframe, batch, calls)
        bar_history.note_late(conn, timeframe, batch.pick(done.new), calls[done.new])
        gains = []
        for id_ in sorted({i for i, _ in found}):
            held = sorted({session_of(timeframe, at) for i, at in found if i == id_})
            spans = tuple(Span(day_of(d), day_of(d) + ONE_DAY) for d in held)
            moments = [at for i, at in found if i == id_]
            gains.append(Gain(id_, "massive", spans, len(moments), min(moments), max(moments)))
        coverage.add_coverage(conn, timeframe, Gains.of(gains))


def read(
    database: Database, timeframe: Timeframe, ids: list[int], known_at: datetime | None = None
) -> dict[tuple[int, int], float]:
    every = np.array(ids, np.int64)
    low, high = (-700_000, 2_900_000) if timeframe is Timeframe.DAY else (-(2**35), 2**35)
    with database.transaction() as conn:
        found = bar_history.read_known_at(
            conn, timeframe, every, np.full_like(every, low), np.full_like(every, high), known_at
        )
    assert np.allclose(found.high, found.close + 1)
    keys = zip(found.instrument.tolist(), found.at.tolist(), strict=True)
    return dict(zip(keys, found.close.tolist(), strict=True))


def now(database: Database) -> datetime:
    with database.transaction() as conn:
        return database_now(conn)


def moments_of(timeframe: Timeframe) -> Ints:
    if timeframe is Timeframe.DAY:
        return np.array([epoch_day(d) for d in DAYS])
    first, last = CALENDAR.index(DAYS[0]), CALENDAR.index(DAYS[-1])
    opens = CALENDAR.opens[first : last + 1]
    return np.sort(np.concatenate([opens, opens + 3600, opens + 7200]))


@pytest.mark.parametrize("timeframe", [Timeframe.DAY, Timeframe.HOUR])
@pytest.mark.parametrize("seed", range(4))
def test_every_earlier_moment_can_be_read_again(
    database: Database, timeframe: Timeframe, seed: int
) -> None:
    """Random writes of new, late, changed and unchanged bars; after each a look, kept with its
    time. In the end every look is had again."""
    dice = random.Random(f"{timeframe}{seed}")
    ids = ids_of(database, "AAPL", "MSFT", "KIMpL")
    moments = moments_of(timeframe).tolist()
    looks = [(now(database), read(database, timeframe, ids))]
    for _ in range(12):
        some = dice.sample(moments, dice.randint(1, 12))
        found = {(dice.choice(ids), at): float(dice.randint(2, 4)) for at in some}
        write(database, timeframe, found)
        looks.append((now(database), read(database, timeframe, ids)))
    assert looks[0][1] == {}
    assert len({len(seen) for _, seen in looks}) > 5
    for moment, seen in looks:
        assert read(database, timeframe, ids, moment) == seen
    assert read(database, timeframe, ids, looks[-1][0] + timedelta(days=1)) == looks[-1][1]


def test_what_is_dated_a_moment_is_known_at_it_and_not_before(database: Database) -> None:
    (apple,) = ids_of(database, "AAPL")
    key = (apple, epoch_day(day("2024-06-03")))
    for close in (10.0, 10.5):
        write(database, Timeframe.DAY, {key: close})
    with database.transaction() as conn:
        ((arrived,),) = conn.execute("SELECT at FROM tickstock.bar_arrivals").fetchall()
        (revision,) = bar_history.revisions(conn, Timeframe.DAY, [apple])
        at = [revision.replaced_at]
        assert bar_history.revisions(conn, Timeframe.DAY, [apple], since=at[0], until=at[0])
    instant = timedelta(microseconds=1)
    assert read(database, Timeframe.DAY, [apple], arrived - instant) == {}
    assert read(database, Timeframe.DAY, [apple], arrived) == {key: 10.0}
    assert read(database, Timeframe.DAY, [apple], at[0] - instant) == {key: 10.0}
    assert read(database, Timeframe.DAY, [apple], at[0]) == {key: 10.5}


def test_one_row_tells_when_many_instruments_gained_the_same_sessions(database: Database) -> None:
    ids = ids_of(database, *(f"S{n:03}" for n in range(200)))
    with database.transaction() as conn:
        spans = (Span(day("2024-06-03"), day("2024-06-08")),)
        gains = Gains.of([Gain(i, "massive", spans, 5, 0, 1) for i in ids])
        coverage.add_coverage(conn, Timeframe.DAY, gains)
        coverage.add_coverage(conn, Timeframe.DAY, gains)
        found = conn.execute("SELECT instruments, sessions::text FROM tickstock.bar_arrivals")
        assert found.fetchall() == [(sorted(ids), "{[2024-06-03,2024-06-08)}")]


def test_revisions_tell_old_and_new_and_when(database: Database) -> None:
    (apple,) = ids_of(database, "AAPL")
    at = epoch_day(day("2024-06-03"))
    before = now(database)
    for close in (10.0, 10.5, 11.0, 11.0):
        write(database, Timeframe.DAY, {(apple, at): close})
    with database.transaction() as conn:
        found = bar_history.revisions(conn, Timeframe.DAY, [apple])
        later = bar_history.revisions(conn, Timeframe.DAY, [apple], since=found[1].replaced_at)
        none = bar_history.revisions(conn, Timeframe.DAY, [apple], until=before)
    closes = [(r.old[3], r.new[3]) for r in found if r.old and r.new]
    assert closes == [(10.0, 10.5), (10.5, 11.0)]
    assert [r.at for r in found] == [datetime(2024, 6, 3, tzinfo=UTC)] * 2
    assert before < found[0].replaced_at < found[1].replaced_at
    assert (later, none) == (found[1:], [])


def test_a_minute_that_came_late_is_a_revision_of_nothing(database: Database) -> None:
    (apple,) = ids_of(database, "AAPL")
    opens = int(CALENDAR.opens[CALENDAR.index(day("2024-06-03"))])
    write(database, Timeframe.MINUTE, {(apple, opens): 10.0, (apple, opens + 120): 10.2})
    write(database, Timeframe.MINUTE, {(apple, opens + 60): 10.1, (apple, opens + 86_400): 11.0})
    with database.transaction() as conn:
        (found,) = bar_history.revisions(conn, Timeframe.MINUTE, [apple])
    assert (found.at, found.old) == (datetime.fromtimestamp(opens + 60, UTC), None)
    assert found.new is not None
    assert found.new[3] == 10.1
