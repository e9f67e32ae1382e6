"""Minute bars of an older schema are in partitions of a month afterwards, and none is lost."""

from __future__ import annotations

from tests.conftest import Cluster
from tests.migration.test_migrate import connect
from tickstock.store.migrate import steps

PLACES = """SELECT tableoid::regclass::text, instrument_id, at::text, open, vwap, trades
            FROM tickstock.bars_minute ORDER BY at, instrument_id"""


def migrate_up_to(uri: str, version: str) -> None:
    with connect(uri) as conn:
        for step in steps():
            if step.version < version:
                conn.execute(step.sql)


def test_minute_bars_move_into_months(any_cluster: Cluster) -> None:
    name = any_cluster.create()
    uri = any_cluster.uri(name)
    migrate_up_to(uri, "0005")
    with connect(uri) as conn:
        conn.execute("SET TimeZone = 'Asia/Tokyo'")  # months are UTC's, wherever this runs
        conn.execute("INSERT INTO tickstock.instruments (symbol) VALUES ('A'), ('B')")
        conn.execute(
            """INSERT INTO tickstock.bars_minute
               SELECT i, t, 10, 12, 9, 11, 100, nullif(i, 2), NULL FROM (VALUES (1), (2)) AS n(i),
               (VALUES (timestamptz '2024-02-29 23:59:00+00'), ('2024-03-01 00:00:00+00'),
                       ('2024-12-31 23:59:00+00')) AS b(t)"""
        )
        (step,) = [s for s in steps() if s.version == "0005"]
        conn.execute(step.sql)
        conn.execute("SET TimeZone = 'UTC'")
        found = conn.execute(PLACES).fetchall()
        months = ["2024_02", "2024_02", "2024_03", "2024_03", "2024_12", "2024_12"]
        assert [row[0] for row in found] == [f"tickstock.bars_minute_{m}" for m in months]
        assert [row[1] for row in found] == [1, 2] * 3
        assert [row[4] for row in found] == [1, None] * 3
        assert found[1][2] == "2024-02-29 23:59:00+00"
        (views,) = conn.execute("SELECT count(*) FROM public.ohlcv_1min").fetchone() or (0,)
        assert views == 6
        conn.execute("SELECT tickstock.add_minute_months('{2024-03-15,2025-01-01}')")
        conn.execute("SELECT tickstock.add_minute_months('{2025-01-31}')")
        parent = ("tickstock.bars_minute",)
        tables = "SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass"
        assert conn.execute(tables, parent).fetchone() == (4,)
    any_cluster.drop(name)


def test_an_older_schema_without_minutes_has_none_afterwards(any_cluster: Cluster) -> None:
    name = any_cluster.create()
    migrate_up_to(any_cluster.uri(name), "0006")
    with connect(any_cluster.uri(name)) as conn:
        assert conn.execute("SELECT count(*) FROM tickstock.bars_minute").fetchone() == (0,)
    any_cluster.drop(name)
