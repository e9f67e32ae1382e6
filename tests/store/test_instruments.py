"""Instruments under their tickers."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date

from tests.kit import span
from tickstock.identity import identities, shipped_events
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.store.instruments import (
    ensure_instruments,
    find_held,
    find_instruments,
    find_lasting,
    foresee_dated,
    foresee_instruments,
    record_identities,
    spelled,
    traded,
    with_lifetimes,
)


def count(database: Database) -> int:
    with database.transaction() as conn:
        row = conn.execute("SELECT count(*)::int FROM tickstock.instruments").fetchone()
    assert row is not None
    return int(row[0])


def test_a_symbol_gets_one_instrument_for_good(database: Database) -> None:
    with database.transaction() as conn:
        first = ensure_instruments(conn, ["B", "A", "B"])
        again = ensure_instruments(conn, ["A", "C", "B"])
    assert first.keys() == {"A", "B"}
    assert {s: again[s] for s in first} == first
    assert count(database) == 3


def test_case_matters(database: Database) -> None:
    with database.transaction() as conn:
        found = ensure_instruments(conn, ["KIMpL", "KIMPL"])
        assert found["KIMpL"].id != found["KIMPL"].id
        assert find_instruments(conn, ["kimpl"]) == {}


def test_an_instrument_foreseen_is_not_made(database: Database) -> None:
    with database.transaction() as conn:
        old = ensure_instruments(conn, ["OLD"])["OLD"]
        conn.execute("UPDATE tickstock.tickers SET valid = '(,2020-01-02)'")
    days = span("2021-01-04", "2021-02-01")
    with database.transaction() as conn:
        found = foresee_instruments(conn, ["OLD", "NEW"], days)
    assert count(database) == 1
    with database.transaction() as conn:
        assert [found[s].id for s in ("NEW", "OLD")] == [-1, -2]
        made = ensure_instruments(conn, ["OLD", "NEW"], days)
        assert {s: i.listed for s, i in found.items()} == {s: i.listed for s, i in made.items()}
        assert made["OLD"].id != old.id


def test_a_share_class_without_its_point_is_known_to_an_empty_database(database: Database) -> None:
    with database.transaction() as conn:
        assert spelled(conn, ["BRKB", "BFB", "AAPL", "GOOGL"]) == {"BRKB": "BRK.B", "BFB": "BF.B"}
        ensure_instruments(conn, ["BFB"])
        assert spelled(conn, ["BFB"]) == {"BFB": "BF.B"}, "nobody has bars of a BFB"
        conn.execute("UPDATE tickstock.tickers SET source = 'told'")
        assert spelled(conn, ["BFB"]) == {}, "an event told of a BFB"


def test_symbols_are_known_that_have_bars_or_were_told_of(database: Database) -> None:
    with database.transaction() as conn:
        made = ensure_instruments(conn, ["ZZZA", "ZZZB", "ZZZC", "ZZZZ.D"])
        conn.execute("UPDATE tickstock.tickers SET source = 'told' WHERE symbol = 'ZZZA'")
        assert traded(conn, ["ZZZA", "ZZZB", "ZZZC", "ZZZQ"]) == {"ZZZA"}
        assert traded(conn, []) == frozenset()
    assert made


def test_racing_creators_make_one_of_each(database: Database) -> None:
    barrier = threading.Barrier(4)
    symbols = [f"S{i}" for i in range(50)]

    def create(turn: int) -> dict[str, int]:
        barrier.wait(20)
        order = symbols[::-1] if turn % 2 else symbols
        with database.transaction() as conn:
            return {s: i.id for s, i in ensure_instruments(conn, order).items()}

    with ThreadPoolExecutor(4) as pool:
        one, *others = pool.map(create, range(4))
    assert all(o == one for o in others)
    assert count(database) == 50


def test_a_reused_ticker_names_the_instrument_of_today(database: Database) -> None:
    with database.transaction() as conn:
        old, new = (ensure_instruments(conn, [s])[s].id for s in ("OLD", "NEW"))
        conn.execute(
            "INSERT INTO tickstock.tickers (instrument_id, symbol, valid) VALUES"
            " (%s, 'GE', '[1990-01-01,2010-01-01)'), (%s, 'GE', '[2012-01-01,)')",
            (old, new),
        )
        assert find_instruments(conn, ["GE"])["GE"].id == new
        conn.execute("UPDATE tickstock.tickers SET valid = '[2005-01-01,2011-01-01)'"
                     " WHERE symbol = 'GE' AND instrument_id = %s", (new,))  # fmt: skip
        assert find_instruments(conn, ["GE"])["GE"].id == new


def test_a_renamed_instrument_answers_to_both_tickers(database: Database) -> None:
    with database.transaction() as conn:
        meta = ensure_instruments(conn, ["META"])["META"]
        conn.execute("INSERT INTO tickstock.tickers VALUES (%s, 'FB', '[2012-05-18,2022-06-09)')",
                     (meta.id,))  # fmt: skip
        found = ensure_instruments(conn, ["FB", "META"])
    assert found["FB"].id == found["META"].id
    assert count(database) == 1


def test_lifetimes_are_the_databases(database: Database) -> None:
    with database.transaction() as conn:
        found = ensure_instruments(conn, ["A", "B"])
        conn.execute("UPDATE tickstock.instruments SET listed='2012-05-18', delisted='2020-01-02'"
                     " WHERE symbol = 'A'")  # fmt: skip
        a, b = with_lifetimes(conn, [found["A"], found["B"]])
    assert (a.listed, a.delisted) == (date(2012, 5, 18), date(2020, 1, 2))
    assert (b.listed, b.delisted) == (None, None)


def test_without_days_the_instrument_with_bars_is_meant(database: Database) -> None:
    with database.transaction() as conn:
        old = ensure_instruments(conn, ["GOOG"])["GOOG"].id
        conn.execute("UPDATE tickstock.tickers SET valid = '(,2014-04-03)'")
        new = ensure_instruments(conn, ["GOOG"], span("2015-01-02", "2015-02-02"))["GOOG"].id
        assert find_held(conn, ["GOOG"])["GOOG"].id == new
        conn.execute(
            "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, bars)"
            " VALUES (%s, 'day', 'massive', 250)", [old],
        )  # fmt: skip
        assert find_held(conn, ["GOOG"])["GOOG"].id == old
        assert find_held(conn, ["GOOG"], span("2015-01-02", "2015-02-02"))["GOOG"].id == new
        assert find_instruments(conn, ["GOOG"])["GOOG"].id == new


def test_a_dated_symbol_means_who_had_it_on_those_days(database: Database) -> None:
    with database.transaction() as connection:
        record_identities(connection, identities(shipped_events()), "test")
        wanted = [
            # AT&T, and then SBC, which took its ticker; each is asked for on its own days.
            ("T", (span("2004-01-02", "2006-12-29"),)),
            ("SBC", (span("2004-01-02", "2005-11-30"),)),
            ("COR", (span("2012-01-03", "2012-12-31"),)),
            ("NEWCO", (span("2012-01-03", "2012-12-31"),)),
        ]
        hull = span("2004-01-02", "2012-12-31")
        found = foresee_dated(connection, wanted, hull)
        old, sbc = (
            find_instruments(connection, [s], span(d))[s]
            for s, d in (("T", "2004-06-01"), ("T", "2006-06-01"))
        )
    days = {one.id: (one.symbol, of) for one, of in found}
    assert days[old.id] == ("T", (span("2004-01-02", "2005-11-18"),))
    # The days between the two firms are nobody's: they go to the one that had it afterwards.
    assert days[sbc.id] == ("T", (span("2004-01-02", "2006-12-29"),))
    cencora = next(one for one, _ in found if one.symbol == "COR")
    assert [t.symbol for t in cencora.tickers] == ["ABC", "COR"]
    assert sum(one.id < 0 for one, _ in found) == 1


def test_whoever_has_a_ticker_alone_is_meant_on_every_day(database: Database) -> None:
    """Reused, given up, taken later, of somebody with two: asked once or on each day, the same."""
    spans = {
        "ALONE": [(1, "(,)")], "LATE": [(2, "[2015-01-01,)")], "GONE": [(3, "(,2012-01-01)")],
        "USED": [(4, "(,2011-01-01)"), (5, "[2013-01-01,)")], "FB": [(6, "(,2022-06-09)")],
        "META": [(6, "[2022-06-09,)")], "TWICE": [(7, "(,2010-01-01)"), (7, "[2012-01-01,)")],
    }  # fmt: skip
    days = [date(2009, 1, 1), date(2011, 6, 1), date(2014, 1, 1), date(2023, 1, 1)]
    with database.transaction() as conn:
        made = ensure_instruments(conn, [f"I{n}" for n in range(8)])
        for symbol, had in spans.items():
            for number, valid in had:
                conn.execute(
                    "INSERT INTO tickstock.tickers (instrument_id, symbol, valid)"
                    " VALUES (%s, %s, %s)",
                    (made[f"I{number}"].id, symbol, valid),
                )
        lasting = find_lasting(conn, [*spans, "I1", "NOBODY"])
        assert lasting.keys() == {"ALONE", "LATE", "META", "I1"}
        for span in (None, *(Span.inclusive(day, day) for day in days)):
            meant = find_instruments(conn, list(lasting), span)
            assert {symbol: of.id for symbol, of in meant.items()} == lasting, span
