"""A `cache_entries` that another application made is taken over without losing anything."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.conftest import Cluster
from tickstock.errors import DatabaseRefused
from tickstock.store.adoption import what_jsonb_loses
from tickstock.store.migrate import migrate

FOREIGN = """
CREATE TABLE public.cache_entries (
    id          serial PRIMARY KEY,
    type        varchar(50) NOT NULL,
    name        varchar(100) NOT NULL,
    key         varchar(100) NOT NULL,
    value       jsonb NOT NULL,
    environment varchar(20) DEFAULT 'DEFAULT',
    created_at  timestamp DEFAULT timezone('utc', now()),
    updated_at  timestamp DEFAULT CURRENT_TIMESTAMP,
    owner       text DEFAULT 'them',
    UNIQUE (type, name, key, environment)
);
CREATE INDEX ON public.cache_entries (environment);
CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.updated_at := 'infinity'; RETURN NEW; END $$;
CREATE TRIGGER theirs BEFORE UPDATE ON public.cache_entries
    FOR EACH ROW EXECUTE FUNCTION public.theirs();
"""
TYPES = ("stock_universe", "etf_universe", "stock_etf_combo", "app_settings", "cache_config",
         "themes", "UI")  # fmt: skip
SHAPES = (
    '["SPY", "QQQ", "KIMpL"]',
    '{"count": 1, "symbols": ["SPY"], "last_updated": "2025-01-01T00:00:00"}',
    '{"symbols": [{"ticker": "BRK.B"}, {"symbol": "AAPL"}]}',
    '{"value": ["SPY"]}',
    '{"count": 2, "stocks": [{"name": "Äpple – “Inc”", "rank": 1, "ticker": "AAPL"}]}',
    '{"etfs": [{"symbol": "SPY"}], "name": "x"}',
    '{"holdings": ["AAPL"], "data_source": "s", "total_holdings": 1}',
    '"[\\"SPY\\", \\"QQQ\\"]"',
    '{"overview": {"deep": [1, [2, [null, true]]]}}',
    "[]",
    "{}",
    "null",
    "1.10",
    "123456789012345678901234567890.000",
    '""',
)


def rows() -> Iterator[tuple[Any, ...]]:
    """Some 290 rows: each type with each shape, in three environments of which one is NULL."""
    cells = itertools.product(TYPES, enumerate(SHAPES), (None, "PROD", "DEFAULT"))
    for number, (kind, (shape, value), environment) in enumerate(cells):
        if number % 13 == 12:
            continue
        key = f"key_{shape}{'_default' if environment else ''}"
        stamp = f"2024-{number % 12 + 1:02}-{number % 28 + 1:02} 23:30:00.123456"
        yield kind, f"Name {number}", key, value, environment, stamp, stamp, f"owner {number}"


def fill(conn: Connection) -> None:
    conn.cursor().executemany(
        """INSERT INTO public.cache_entries
               (type, name, key, value, environment, created_at, updated_at, owner)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        list(rows()),
    )


def contents(conn: Connection, zone: str = "") -> list[tuple[Any, ...]]:
    """Every row bit for bit; times as a clock in `zone` shows them where they have one."""
    at = f"AT TIME ZONE '{zone}'" if zone else ""
    return conn.execute(
        f"""SELECT id, type, name, key, value::text, md5(value::text),
                   coalesce(environment, 'DEFAULT'), (created_at {at})::text,
                   (updated_at {at})::text, owner
            FROM public.cache_entries ORDER BY id"""
    ).fetchall()


def definition(conn: Connection) -> list[tuple[Any, ...]]:
    return conn.execute(
        """SELECT column_name, data_type, is_nullable FROM information_schema.columns
           WHERE table_schema = 'public' AND table_name = 'cache_entries'
           ORDER BY ordinal_position"""
    ).fetchall()


def uniques(conn: Connection) -> list[str]:
    query = """SELECT pg_get_constraintdef(oid) FROM pg_constraint
               WHERE conrelid = 'public.cache_entries'::regclass AND contype = 'u'"""
    return [row[0] for row in conn.execute(query)]


@pytest.fixture
def theirs(empty: str) -> Iterator[Connection]:
    """A database with the other application's table and its rows."""
    with psycopg.connect(empty, autocommit=True) as conn:
        conn.execute(FOREIGN)
        fill(conn)
        yield conn


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_no_row_of_any_type_is_lost_or_altered(theirs: Connection, zone: str) -> None:
    before = contents(theirs)
    assert 285 <= len(before) <= 295
    assert {row[1] for row in before} == set(TYPES)
    theirs.execute("SET timezone = 'Asia/Tokyo'")
    migrate(theirs, zone=zone)
    assert contents(theirs, zone) == before
    assert definition(theirs) == [
        ("id", "integer", "NO"),
        ("type", "text", "NO"),
        ("name", "text", "NO"),
        ("key", "text", "NO"),
        ("value", "jsonb", "NO"),
        ("environment", "text", "NO"),
        ("created_at", "timestamp with time zone", "NO"),
        ("updated_at", "timestamp with time zone", "NO"),
        ("owner", "text", "YES"),
    ]
    assert sorted(uniques(theirs)) == [
        "UNIQUE (type, key, environment)",
        "UNIQUE (type, name, key, environment)",
    ]


def test_both_applications_can_write_afterwards(theirs: Connection) -> None:
    migrate(theirs)
    upsert = """INSERT INTO public.cache_entries (type, name, key, value)
                VALUES ('etf_universe', %s, 'new', '["SPY"]')
                ON CONFLICT (type, key, environment) DO UPDATE SET name = excluded.name
                RETURNING id, name, environment, now() - created_at < interval '1 min'"""
    first, second = (theirs.execute(upsert, (name,)).fetchone() for name in ("a", "b" * 200))
    assert first is not None
    assert second == (first[0], "b" * 200, "DEFAULT", True)


def test_rows_that_collide_are_named_and_nothing_is_changed(theirs: Connection) -> None:
    twin = """INSERT INTO public.cache_entries (type, name, key, value, environment)
              VALUES ('themes', 'twin', %s, '[]', %s) RETURNING id"""
    ids = []
    for key, environment in (("gold", None), ("gold", "DEFAULT"), ("oil", "PROD")):
        row = theirs.execute(twin, (key, environment)).fetchone()
        assert row is not None
        ids.append(row[0])
    before, form = contents(theirs), definition(theirs)
    with pytest.raises(DatabaseRefused) as caught:
        migrate(theirs)
    assert f"themes:gold in DEFAULT (ids {ids[0]}, {ids[1]})" in caught.value.what
    assert "oil" not in caught.value.what
    assert (contents(theirs), definition(theirs)) == (before, form)
    schema = "SELECT FROM pg_namespace WHERE nspname = 'tickstock'"
    assert theirs.execute(schema).fetchone() is None

    theirs.execute("DELETE FROM public.cache_entries WHERE id = %s", (ids[0],))
    migrate(theirs)
    assert len(contents(theirs)) == len(before) - 1


def test_a_key_of_their_own_and_a_fitting_table_stay(theirs: Connection) -> None:
    theirs.execute("ALTER TABLE public.cache_entries ADD CONSTRAINT own UNIQUE (type, owner)")
    theirs.execute("ALTER TABLE public.cache_entries ADD UNIQUE (key, environment, type)")
    migrate(theirs)
    assert sorted(uniques(theirs)) == [
        "UNIQUE (key, environment, type)",
        "UNIQUE (type, name, key, environment)",
        "UNIQUE (type, owner)",
    ]


def test_an_index_instead_of_a_constraint_is_understood(theirs: Connection) -> None:
    theirs.execute(
        """ALTER TABLE public.cache_entries
               DROP CONSTRAINT cache_entries_type_name_key_environment_key;
           CREATE UNIQUE INDEX "Odd name" ON public.cache_entries (environment, type, key, name)"""
    )
    migrate(theirs)
    left = "SELECT indexname FROM pg_indexes WHERE indexname = 'Odd name'"
    assert theirs.execute(left).fetchone() is not None
    assert uniques(theirs) == ["UNIQUE (type, key, environment)"]


# --- other forms ----------------------------------------------------------------------------------
def made(uri: str, statements: str) -> Connection:
    conn = psycopg.connect(uri, autocommit=True)
    conn.execute(statements)
    return conn


def test_a_scanty_table_is_completed(cluster: Cluster) -> None:
    name = cluster.create()
    scanty = """CREATE TABLE public.cache_entries (type text, name text, key text, value json);
                INSERT INTO public.cache_entries VALUES
                    ('themes', NULL, 'a', '{"b":  [1.50, 2e2], "a": "\\u00e9"}'),
                    ('t', 'n', 'b', '1')"""
    with made(cluster.uri(name), scanty) as conn:
        migrate(conn)
        assert definition(conn) == [
            ("type", "text", "NO"),
            ("name", "text", "YES"),
            ("key", "text", "NO"),
            ("value", "jsonb", "NO"),
            ("id", "bigint", "NO"),
            ("environment", "text", "NO"),
            ("created_at", "timestamp with time zone", "YES"),
            ("updated_at", "timestamp with time zone", "YES"),
        ]
        query = "SELECT value, created_at, environment FROM public.cache_entries ORDER BY id"
        kept = {"a": "é", "b": [1.5, 200]}
        assert conn.execute(query).fetchall() == [(kept, None, "DEFAULT"), (1, None, "DEFAULT")]
    cluster.drop(name)


def test_ids_that_the_other_application_gave_are_counted_on(cluster: Cluster) -> None:
    name = cluster.create()
    table = """CREATE TABLE public.cache_entries
                   (id int PRIMARY KEY, type text, name text, key text, value jsonb);
               INSERT INTO public.cache_entries VALUES (7, 'a', 'a', 'a', '1')"""
    insert = """INSERT INTO public.cache_entries (type, name, key, value)
                VALUES ('b', 'b', 'b', '1') RETURNING id"""
    with made(cluster.uri(name), table) as conn:
        migrate(conn)
        assert conn.execute(insert).fetchone() == (8,)
    cluster.drop(name)


COLUMNS = "id serial, type text, name text, key text, value jsonb"
SEEN_BY_A_VIEW = f"""
CREATE TABLE public.cache_entries ({COLUMNS}, created_at timestamp);
CREATE VIEW public.seen AS SELECT created_at FROM public.cache_entries;
"""
DOUBLED_NAME = """
CREATE TABLE public.cache_entries (id serial, type text, name text, key text, value json);
INSERT INTO public.cache_entries VALUES (3, 't', 'n', 'k', '{"a": 1, "a": 2}');
"""


@pytest.mark.parametrize(
    ("statements", "message"),
    [
        ("CREATE TABLE public.cache_entries (id int, key text)",
         "column type is missing; column name is missing; column value is missing"),
        (f"CREATE TABLE public.cache_entries ({COLUMNS}, who text NOT NULL)",
         "column who is required and has no default"),
        (f"CREATE TABLE public.cache_entries ({COLUMNS}, updated_at date)",
         "column updated_at is date, not timestamptz or timestamp"),
        ("CREATE TABLE public.cache_entries (id uuid, type text, name text, key text, value text)",
         "column id is uuid, not int8 or int4 or int2; column value is text, not jsonb or json"),
        ("CREATE VIEW public.cache_entries AS SELECT 1", "not an ordinary table"),
        (SEEN_BY_A_VIEW,
         r"used by a view or rule \(rule _RETURN on view (public\.)?seen depends on column"),
        (DOUBLED_NAME, r"t:k \(id 3: the name 'a' is there twice\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_is_refused_with_the_reason(
    cluster: Cluster, statements: str, message: str
) -> None:
    name = cluster.create()
    with made(cluster.uri(name), statements) as conn:
        form = definition(conn)
        with pytest.raises(DatabaseRefused, match=message):
            migrate(conn)
        assert definition(conn) == form
    cluster.drop(name)


@pytest.mark.parametrize(
    ("text", "loses"),
    [
        (json.dumps({"a": [1, {"a": 2}], "b": "\\u0000"}), False),
        ('{"a": {"x": 1, "x": 1}}', True),
        ('["\\u0000"]', True),
        ('{"\\u0000": 1}', True),
        ("1e400", False),
    ],
)
def test_what_jsonb_would_lose(text: str, loses: bool) -> None:
    assert bool(what_jsonb_loses(text)) is loses
