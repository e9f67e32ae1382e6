"""Every earlier schema, with data in it, becomes today's; nothing that was there is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.conftest import Cluster
from tests.reliability.snapshot import QUERIES
from tickstock.store import migrate
from tickstock.store.database import Database
from tickstock.store.migrate import steps

DATA = """
INSERT INTO cache_entries (type, name, key, value) VALUES
    ('etf_universe', 'Mine', 'mine', '["SPY", "QQQ"]'), ('themes', 'Dark', 'dark', '{"a": 1}');
UPDATE cache_entries SET value = '["SPY"]' WHERE key = 'mine';
INSERT INTO tickstock.instruments (symbol, listed, delisted) VALUES
    ('SPY', '1993-01-29', NULL), ('OLD', NULL, '2020-02-03');
INSERT INTO tickstock.bars_day SELECT 1, DATE '2024-01-01' + n, 1, 2, 0.5, 1, 100, 1, 7
    FROM generate_series(1, 50) AS n;
INSERT INTO tickstock.bars_minute SELECT 1, TIMESTAMPTZ '2024-01-30 14:30+00'
    + n * interval '1 min', 1, 2, 0.5, 1, 100 FROM generate_series(0, 1200, 60) AS n;
INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held, bars)
    VALUES (1, 'day', 'massive', '{[2024-01-02,2024-02-21)}', 50);
INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)
    VALUES (2, 'day', '[2024-01-02,2024-01-03)', 'vendor_empty');
INSERT INTO tickstock.loads (id, client_id, title, request, summary, vendor, state) VALUES
    ('aaaa0000-0000-4000-8000-000000000000', 'job-1', 't', '{"refresh": false}', '{}', 'v',
     'running');
INSERT INTO tickstock.load_items SELECT id, 1, 'day', 'SPY', '[2024-01-02,2024-03-01)', 40, 0
    FROM tickstock.loads;
INSERT INTO tickstock.calls (load_id, position, kind, timeframe, symbol, span, cells, state)
    SELECT id, n, 'ticker', 'day', 'SPY', '[2024-01-02,2024-03-01)', 40,
           (ARRAY['waiting', 'done', 'failed'])[n + 1]
    FROM tickstock.loads, generate_series(0, 2) AS n
"""
KEPT = ("universes", "bars", "coverage", "holes", "loads", "items", "calls")
MINUTES = "SELECT instrument_id, at, open, high, low, close, volume FROM tickstock.bars_minute"
HISTORY = """SELECT type, key, action, old_value::text, new_value::text
FROM tickstock.universe_revisions"""


@pytest.fixture
def old(cluster: Cluster) -> Iterator[str]:
    name = cluster.create()
    yield cluster.uri(name)
    cluster.drop(name)


def contents(conn: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    queries = {name: QUERIES[name] for name in KEPT} | {"minutes": MINUTES, "history": HISTORY}
    return {name: sorted(conn.execute(q).fetchall(), key=repr) for name, q in queries.items()}


@pytest.mark.parametrize("count", range(1, len(steps())))
def test_an_earlier_schema_with_data_becomes_todays(
    old: str, count: int, home: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = steps()[:count]
    with psycopg.connect(old, autocommit=True) as conn:
        with monkeypatch.context() as patched:
            patched.setattr(migrate, "steps", lambda: earlier)
            migrate.migrate(conn)
        with conn.transaction():
            if "0005" in {step.version for step in earlier}:
                conn.execute("SELECT tickstock.add_minute_months('{2024-01-01}')")
            conn.execute(DATA)
        before = contents(conn)
        done = migrate.migrate(conn)
        assert [name.split()[1] for name in done] == [step.version for step in steps()[count:]]
        assert contents(conn) == before
        today = {row for row in conn.execute(QUERIES["schema"]) if "minute_2" not in row[1]}
    with database.transaction() as fresh:
        assert today == set(fresh.execute(QUERIES["schema"]))
