"""Coverage and gaps, against a model that keeps them day by day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit import day, span
from tests.work import calls
from tickstock.loading.gains import Gains
from tickstock.loading.grid import DaySpans
from tickstock.loading.targets import AskedSpans
from tickstock.loading.unheld import GapColumns
from tickstock.model import Gain, Gap, GapCause, Timeframe, epoch_day
from tickstock.spans import ONE_DAY, Span, days_of
from tickstock.store import coverage
from tickstock.store.coverage import (
    add_coverage,
    held_spans,
    standing_days,
    standing_gaps,
    summaries,
)
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments

NOW = datetime(2025, 6, 2, 12, tzinfo=UTC)
DAY, HOUR = Timeframe.DAY, Timeframe.HOUR


class RolledBack(Exception):
    """Ends a transaction that must leave nothing behind."""


def instrument(database: Database, symbol: str = "A") -> int:
    with database.transaction() as conn:
        return ensure_instruments(conn, [symbol])[symbol].id


def gain(instrument_id: int, *held: Span, bars: int = 1, origin: str = "massive") -> Gain:
    first, last = (epoch_day(d) * 86_400 for d in (held[0].start, held[-1].last))
    return Gain(instrument_id, origin, held, bars, first, last)


def add(database: Database, *gains: Gain, timeframe: Timeframe = DAY) -> None:
    with database.transaction() as conn:
        add_coverage(conn, timeframe, Gains.of(gains))


def replace_gaps(
    conn: Any, timeframe: Timeframe, asked: list[tuple[int, Span]], gaps: list[Gap]
) -> None:
    coverage.replace_gaps(conn, timeframe, AskedSpans.of(asked), GapColumns.of(gaps))


def held_days(conn: Any, instrument_id: int, timeframe: Timeframe = DAY) -> set[int]:
    found = held_spans(conn, timeframe, [instrument_id])
    assert set(found.instrument.tolist()) <= {instrument_id}
    return {d for a, b in zip(found.start, found.end, strict=True) for d in range(a, b)}


# --- held ----------------------------------------------------------------------------------------
def test_spans_join_and_numbers_add_up(database: Database) -> None:
    one = instrument(database)
    add(database, gain(one, span("2024-01-02", "2024-01-05"), bars=4))
    add(database, gain(one, span("2024-01-10"), span("2024-01-06", "2024-01-07"), bars=2))
    add(database, gain(one, span("2023-12-29"), bars=1))
    with database.transaction() as conn:
        found = held_spans(conn, DAY, [one])
        summary = summaries(conn, DAY, [one])[one]
    spans = list(zip(found.start.tolist(), found.end.tolist(), strict=True))
    wanted = (span("2023-12-29"), span("2024-01-02", "2024-01-07"), span("2024-01-10"))
    assert spans == [(epoch_day(s.start), epoch_day(s.end)) for s in wanted]
    assert (summary.bars, summary.origin) == (7, "massive")
    assert (summary.first_at, summary.last_at) == (
        datetime(2023, 12, 29, tzinfo=UTC), datetime(2024, 1, 7, tzinfo=UTC)
    )  # fmt: skip


def test_a_gain_that_is_held_already_touches_nothing(database: Database) -> None:
    one = instrument(database)
    first = gain(one, span("2024-01-02", "2024-01-05"), bars=4)
    add(database, first)
    asked = "SELECT ctid::text, updated_at FROM tickstock.coverage"
    with database.transaction() as conn:
        before = conn.execute(asked).fetchall()
    add(database, gain(one, span("2024-01-03"), bars=0))
    with database.transaction() as conn:
        assert conn.execute(asked).fetchall() == before


def test_instruments_and_timeframes_are_apart(database: Database) -> None:
    one, two = instrument(database), instrument(database, "B")
    add(database, gain(one, span("2024-01-02")), gain(two, span("2024-01-03")))
    add(database, gain(one, span("2024-01-04")), timeframe=HOUR)
    with database.transaction() as conn:
        found = held_spans(conn, DAY, [one, two])
        assert sorted(found.instrument.tolist()) == [one, two]
        assert held_days(conn, one, HOUR) == {epoch_day(day("2024-01-04"))}
        assert len(held_spans(conn, HOUR, [two]).instrument) == 0
        assert len(held_spans(conn, DAY, []).instrument) == 0
        assert summaries(conn, HOUR, [one, two]).keys() == {one}


DAYS = st.integers(0, 40).map(lambda n: day("2024-01-01") + n * ONE_DAY)
SPANS = st.tuples(DAYS, DAYS).map(lambda p: Span.inclusive(min(p), max(p)))


def test_held_is_the_union_of_all_gains(database: Database) -> None:
    one = instrument(database)

    @settings(max_examples=30, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.lists(SPANS, min_size=1, max_size=3), min_size=1, max_size=5))
    def check(gains: list[list[Span]]) -> None:
        try:
            with database.transaction() as conn:
                for spans in gains:
                    add_coverage(conn, DAY, Gains.of([gain(one, *spans)]))
                wanted = {epoch_day(d) for spans in gains for s in spans for d in days_of(s)}
                assert held_days(conn, one) == wanted
                raise RolledBack
        except RolledBack:
            pass

    check()


# --- gaps ---------------------------------------------------------------------------------------
def gap(
    instrument_id: int,
    where: Span,
    cause: GapCause = GapCause.FAILED,
    detail: str = "",
    expires: datetime | None = None,
) -> Gap:
    return Gap(instrument_id, where, cause, detail, NOW, expires)


def standing(database: Database, instrument_id: int, now: datetime = NOW) -> list[tuple[str, str]]:
    with database.transaction() as conn:
        found = standing_gaps(conn, DAY, [instrument_id], now)
    return [(str(h.span), h.cause.value) for h in found]


def test_a_gap_stands_until_it_expires(database: Database) -> None:
    one = instrument(database)
    where = span("2024-01-02", "2024-01-05")
    with database.transaction() as conn:
        replace_gaps(conn, DAY, [(one, where)], [gap(one, where, expires=NOW + timedelta(days=1))])
        (kept,) = standing_gaps(conn, DAY, [one], NOW)
    assert kept == gap(one, where, expires=NOW + timedelta(days=1))
    assert standing(database, one, NOW + timedelta(hours=23)) != []
    assert standing(database, one, NOW + timedelta(days=1)) == []
    with database.transaction() as conn:
        assert standing_days(conn, DAY, [one], NOW + timedelta(hours=23)).keys() == {"failed"}
        assert standing_days(conn, DAY, [one], NOW + timedelta(days=1)) == {}
        assert standing_days(conn, HOUR, [one], NOW) == standing_days(conn, DAY, [], NOW) == {}


def test_what_was_said_about_days_not_asked_for_stays_said(database: Database) -> None:
    one = instrument(database)
    year, may = span("2024-01-01", "2024-12-31"), span("2024-05-01", "2024-05-31")
    with database.transaction() as conn:
        replace_gaps(conn, DAY, [(one, year)], [gap(one, year)])
        replace_gaps(conn, DAY, [(one, may)], [gap(one, span("2024-05-02"), GapCause.VENDOR_EMPTY)])
    assert standing(database, one) == [
        ("2024-01-01..2024-04-30", "failed"),
        ("2024-05-02", "vendor_empty"),
        ("2024-06-01..2024-12-31", "failed"),
    ]


def test_several_spans_asked_at_once_are_all_cut_out(database: Database) -> None:
    one = instrument(database)
    year = span("2024-01-01", "2024-12-31")
    asked = [span(f"2024-0{m}-10") for m in (3, 1, 2)]
    with database.transaction() as conn:
        replace_gaps(conn, DAY, [(one, year)], [gap(one, year)])
        replace_gaps(conn, DAY, [(one, s) for s in asked], [])
    assert standing(database, one) == [
        ("2024-01-01..2024-01-09", "failed"),
        ("2024-01-11..2024-02-09", "failed"),
        ("2024-02-11..2024-03-09", "failed"),
        ("2024-03-11..2024-12-31", "failed"),
    ]


def test_gaps_of_other_instruments_and_timeframes_are_left_alone(database: Database) -> None:
    one, two = instrument(database), instrument(database, "B")
    where = span("2024-01-02")
    with database.transaction() as conn:
        for timeframe, who in ((DAY, one), (DAY, two), (HOUR, one)):
            replace_gaps(conn, timeframe, [(who, where)], [gap(who, where)])
        replace_gaps(conn, DAY, [(one, where)], [])
        assert standing_gaps(conn, DAY, [one], NOW) == []
        assert len(standing_gaps(conn, DAY, [two], NOW)) == 1
        assert len(standing_gaps(conn, HOUR, [one], NOW)) == 1


def cells_of(days: DaySpans) -> set[tuple[int, int]]:
    columns = (column.tolist() for column in days.columns)
    return {(i, d) for i, a, b in zip(*columns, strict=True) for d in range(a, b)}


CAUSES = st.sampled_from([GapCause.FAILED, GapCause.VENDOR_EMPTY, GapCause.QUARANTINED])
SAID = st.lists(st.tuples(st.lists(SPANS, min_size=1, max_size=3), CAUSES), min_size=1, max_size=6)


def test_the_last_word_about_a_day_counts(database: Database) -> None:
    one = instrument(database)

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(SAID)
    def check(said: list[tuple[list[Span], GapCause]]) -> None:
        model: dict[Any, GapCause] = {}
        try:
            with database.transaction() as conn:
                for asked, cause in said:
                    # The first span asked for turned out empty; the others are held now.
                    replace_gaps(conn, DAY, [(one, s) for s in asked], [gap(one, asked[0], cause)])
                    for d in (d for s in asked for d in days_of(s)):
                        model.pop(d, None)
                    model |= dict.fromkeys(days_of(asked[0]), cause)
                found = standing_gaps(conn, DAY, [one], NOW)
                told = [(d, h.cause) for h in found for d in days_of(h.span)]
                assert len(told) == len(dict(told))
                assert dict(told) == model
                flat = standing_days(conn, DAY, [one, one + 1], NOW)
                assert {cause: cells_of(days) for cause, days in flat.items()} == {
                    cause: {(one, epoch_day(d)) for d, c in model.items() if c is cause}
                    for cause in set(model.values())
                }
                raise RolledBack
        except RolledBack:
            pass

    check()


HOLD_WEEKS = """
    INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held)
    SELECT i, 'day', '',
           range_agg(daterange('2000-01-01'::date + 7 * n, '2000-01-01'::date + 7 * n + 5))
    FROM unnest(%(ids)s::int[]) i, generate_series(1, %(count)s) n GROUP BY i
    ON CONFLICT (instrument_id, timeframe) DO UPDATE SET held = excluded.held"""
LACK_WEEKS = """
    INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)
    SELECT i, 'day', daterange('2000-01-01'::date + 7 * n, '2010-01-01'), 'failed'
    FROM unnest(%(ids)s::int[]) i, generate_series(1, %(count)s) n ON CONFLICT DO NOTHING"""


def test_no_span_and_no_gap_costs_anything_by_itself(database: Database) -> None:
    """Coverage of thousands of symbols has to be there at once: what is read comes in columns."""
    costs = []
    for count in (1, 30):
        with database.transaction() as conn:
            ids = [i.id for i in ensure_instruments(conn, [f"N{i}" for i in range(20)]).values()]
            params = {"ids": ids, "count": count}
            conn.execute(HOLD_WEEKS, params)
            conn.execute(LACK_WEEKS, params)
            held_spans(conn, DAY, ids)  # what is read for the first time is made ready
            standing_days(conn, DAY, ids, NOW)
            costs.append(
                calls(lambda c=conn, i=ids: (held_spans(c, DAY, i), standing_days(c, DAY, i, NOW)))
            )
            assert len(standing_days(conn, DAY, ids, NOW)[GapCause.FAILED].start) == 20 * count
    assert costs[1] < costs[0] + 100  # of 600 spans and 600 gaps


def test_reading_a_hundred_thousand_spans_is_quick(database: Database) -> None:
    with database.transaction() as conn:
        ids = [i.id for i in ensure_instruments(conn, [f"S{i}" for i in range(2_000)]).values()]
        conn.execute(
            "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held)"
            " SELECT i, 'day', '', (SELECT range_agg(daterange('2000-01-01'::date + 7 * n,"
            " '2000-01-01'::date + 7 * n + 5)) FROM generate_series(1, 50) n)"
            " FROM unnest(%s::int[]) i",
            (ids,),
        )
        found = held_spans(conn, DAY, ids)
    assert len(found.instrument) == 100_000
    assert np.unique(found.instrument).tolist() == sorted(ids)
    assert ((found.end - found.start) == 5).all()
