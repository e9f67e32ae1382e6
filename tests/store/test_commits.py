"""Answers committed together, or in parts, leave the database as they do one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.kit import CALENDAR, bar, day, market_call, sessions, span, table, ticker_call
from tests.store.test_bars import NOW, instruments, lease, query
from tickstock.loading.targets import Target, WantedTargets, narrowed
from tickstock.model import Answer, Aside, BarTable, Call, CallKind, Timeframe, epoch_day
from tickstock.spans import ONE_DAY, Span
from tickstock.store import checksums
from tickstock.store.database import Database
from tickstock.worker.commit import PART_ROWS, Fetched, commit

WEEKS = span("2024-06-17", "2024-07-12")
DAYS = sessions(WEEKS)
SYMBOLS = [f"C{i:02}" for i in range(24)]
TABLES = {
    "bars_day": "*",
    "coverage": "instrument_id, timeframe, origin, held, bars, first_at, last_at, written_origin, "
    "written_at = updated_at",
    "holes": "instrument_id, timeframe, span, cause, detail, expires_at - seen_at",
    "doubts": "instrument_id, timeframe, at, reason, detail",
    "quarantine": "instrument_id, timeframe, at, reason, bar",
    "bar_revisions": "instrument_id, timeframe, at, close, call_id",
}


def answers(database: Database, dice: np.random.Generator, wanted: WantedTargets) -> list[Fetched]:
    """Sessions of the market and ranges of some tickers: with odd bars, rows that cannot be read,
    names that are lacking, and on some days nobody at all."""
    prices = {s: float(dice.uniform(5, 50)) for s in SYMBOLS}
    calls: list[Any] = [market_call(d) for d in DAYS if dice.random() < 0.8]
    calls += [ticker_call(s, WEEKS) for s in dice.choice(SYMBOLS, 3, replace=False).tolist()]
    dice.shuffle(calls)
    out = []
    for call in calls:
        days = [d for d in DAYS if d in call.span]
        names = [call.symbol] if call.symbol else [*SYMBOLS, "OTHER"]
        kept = [(s, d) for d in days for s in names if dice.random() < 0.9]
        if dice.random() < 0.1:
            kept = []
        rows = [
            bar(s, d, round(prices.get(s, 9.0) * float(dice.choice([1, 1, 1, 3])), 2),
                **({"low": -1.0} if dice.random() < 0.05 else {}))
            for s, d in kept
        ]  # fmt: skip
        aside = tuple(
            Aside("row 9", str(s), "no number", epoch_day(days[0]))
            for s in dice.choice(names, 1) if dice.random() < 0.2
        )  # fmt: skip
        odd = () if call.symbol else tuple((s, "recorded") for s in SYMBOLS[::5])
        targets = wanted.of(call)
        found = Answer(call, table(rows), "massive", origins=odd, aside=aside)
        out.append(Fetched(lease(database, call), narrowed(found, targets), targets))
    return out


def content(database: Database, ids: list[int]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: query(database, f"SELECT t::text FROM (SELECT {columns} FROM tickstock.{name}) AS t "
                              "ORDER BY 1")
        for name, columns in TABLES.items()
    }  # fmt: skip
    arrived = "SELECT unnest(instruments), r::text FROM tickstock.bar_arrivals, unnest(sessions) r"
    found["days"] = sorted(
        (one, d) for one, text in query(database, arrived) for d in days_in(text)
    )
    with database.transaction() as connection:
        said = checksums.read_statements(connection, Timeframe.DAY, np.array(ids)).cells
    found["sums"] = dict(zip(said.key.tolist(), said.sums.tolist(), strict=True))
    return found


def days_in(text: str) -> list[int]:
    first, end = (epoch_day(day(part)) for part in text.strip("[)").split(","))
    return [d for d in CALENDAR.days.tolist() if first <= d < end]


@pytest.mark.parametrize("seed", range(2))
def test_together_or_one_by_one_the_database_is_the_same(database: Database, seed: int) -> None:
    ids = instruments(database, *SYMBOLS)
    intervals = (span("2024-06-17", "2024-06-21"), span("2024-07-01", "2024-07-12"))
    wanted = WantedTargets(
        [
            Target(i, s, WEEKS, intervals if s.endswith("3") else ())
            for i, s in zip(ids, SYMBOLS, strict=True)
        ]
    )
    found = []
    for size, part in ((1, PART_ROWS), (1000, PART_ROWS), (1000, 20)):
        # The market first, as in a batch: of two answers for one bar the later one counts. In the
        # order of time: a doubt is of a bar and the one before it as it is written.
        batch = answers(database, np.random.default_rng(seed), wanted)
        batch.sort(key=lambda f: (bool(f.lease.call.symbol), f.lease.call.span.start))
        numbers = {f.lease.id: place for place, f in enumerate(batch)}
        for start in range(0, len(batch), size):
            commit(database, batch[start : start + size], CALENDAR, NOW, part_rows=part)
        here = content(database, ids)
        here["bar_revisions"] = sorted(
            (*row[:-1], numbers[row[-1]])
            for row in query(database, f"SELECT {TABLES['bar_revisions']} FROM "
                                       "tickstock.bar_revisions")
        )  # fmt: skip
        found.append(here)
        with database.transaction() as connection:
            for name in (*TABLES, "bar_arrivals", "bar_checksums"):
                connection.execute(f"DELETE FROM tickstock.{name}")
    assert found[0] == found[1] == found[2]
    assert all(found[0].values())


def test_one_answer_may_be_larger_than_a_part(database: Database) -> None:
    count = 5 * PART_ROWS // 380
    names = [f"P{i:04}" for i in range(count)]
    ids = instruments(database, *names)
    call = Call(CallKind.FLAT_DAY, Timeframe.MINUTE, Span(DAYS[0], DAYS[0] + ONE_DAY))
    targets = WantedTargets([Target(i, s, WEEKS) for i, s in zip(ids, names, strict=True)]).of(call)
    opens = int(CALENDAR.opens[CALENDAR.index(DAYS[0])])
    lengths = np.where(np.arange(count) % 97 == 5, 0, 385)
    minutes = np.append(np.arange(384), 389)  # to the end: else it would not be believed
    at = np.concatenate([opens + 60 * minutes[:n] for n in lengths])
    price = np.full(len(at), 10.0)
    bars = BarTable(
        tuple(names), np.repeat(np.arange(count), lengths), at, price, price + 1, price - 1, price,
        price, price, np.full(len(at), 3),
    )  # fmt: skip
    whole = narrowed(Answer(call, bars, "massive"), targets)
    done = commit(database, [Fetched(lease(database, call), whole, targets)], CALENDAR, NOW)
    assert (done.rows_new, done.rows_changed, len(at) > 4 * PART_ROWS) == (len(at), 0, True)
    kept = query(
        database, "SELECT count(*), count(DISTINCT instrument_id) FROM tickstock.bars_minute"
    )
    assert kept == [(len(at), int((lengths > 0).sum()))]
    held = "SELECT count(*), sum(bars)::bigint FROM tickstock.coverage WHERE NOT isempty(held)"
    assert query(database, held) == [(int((lengths > 0).sum()), len(at))]
    assert query(database, "SELECT count(*) FROM tickstock.holes") == [(int((lengths == 0).sum()),)]
    sums = query(database, "SELECT count(*) FROM tickstock.bar_checksums")
    assert sums > [(4,)]
