"""The bars under plain names, for readers of SQL; what others have under these names stays."""

from __future__ import annotations

import psycopg

from tests.conftest import Cluster
from tests.kit import day
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.store.migrate import migrate

NAMES = ["1min", "daily", "hourly", "monthly", "weekly"]


def fill(database: Database) -> None:
    with database.transaction() as conn:
        apple = ensure_instruments(conn, ["AAPL"])["AAPL"].id
        for i, text in enumerate(["2024-05-31", "2024-06-03", "2024-06-04", "2024-06-10"]):
            numbers = [apple, day(text), 10.0 + i, 20.0 + i, 5.0 + i, 11.0 + i, 100.0]
            conn.execute(
                "INSERT INTO tickstock.bars_day (instrument_id, at, open, high, low, close, volume)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                numbers,
            )
        conn.execute("SELECT tickstock.add_minute_months(ARRAY[DATE '2024-06-01'])")
        for table in ("bars_hour", "bars_minute"):
            conn.execute(
                f"INSERT INTO tickstock.{table}"
                " (instrument_id, at, open, high, low, close, volume)"
                " VALUES (%s, '2024-06-03 13:30Z', 1, 2, 0.5, 1.5, 10)",
                [apple],
            )


def test_the_bars_under_plain_names(database: Database) -> None:
    fill(database)
    with database.transaction() as conn:

        def rows(text: str) -> list[tuple[object, ...]]:
            return conn.execute(text).fetchall()

        days = rows("SELECT symbol, date, close FROM ohlcv_daily ORDER BY date")
        assert days[0] == ("AAPL", day("2024-05-31"), 11.0)
        assert len(days) == 4
        weeks = rows("SELECT * FROM ohlcv_weekly WHERE symbol = 'AAPL' ORDER BY week_start")
        assert weeks[1] == ("AAPL", day("2024-06-03"), 11.0, 22.0, 6.0, 13.0, 200.0)
        assert [w[1] for w in weeks] == [day(f"2024-{d}") for d in ("05-27", "06-03", "06-10")]
        months = rows("SELECT * FROM ohlcv_monthly ORDER BY month_start")
        assert months[1] == ("AAPL", day("2024-06-01"), 11.0, 23.0, 6.0, 14.0, 300.0)
        for name in ("ohlcv_hourly", "ohlcv_1min"):
            (row,) = rows(f"SELECT * FROM {name}")
            assert row[0] == "AAPL"
            assert str(row[1]) == "2024-06-03 13:30:00+00:00"


def test_tables_of_others_with_these_names_stay(cluster: Cluster) -> None:
    name = cluster.create()
    with psycopg.connect(cluster.uri(name), autocommit=True) as conn:
        conn.execute("CREATE TABLE public.ohlcv_daily (mine int)")
        migrate(conn)
        found = conn.execute(
            "SELECT schemaname, viewname FROM pg_views WHERE viewname LIKE 'ohlcv%' ORDER BY 1, 2"
        ).fetchall()
        kept = conn.execute("SELECT count(*) FROM public.ohlcv_daily").fetchone()
    cluster.drop(name)
    assert kept == (0,)
    expected = [("public", f"ohlcv_{n}") for n in NAMES if n != "daily"]
    assert found == expected + [("tickstock", f"ohlcv_{n}") for n in NAMES]
