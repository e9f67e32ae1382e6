"""A database as the application of a stranger leaves it: tables of its own making, rows of its own
ways, written by a session that knows nothing of us."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

TYPES = ("app_settings", "cache_config", "themes", "UI", "user_preferences", "feature_flags",
         "stock_stats", "pattern_library", "etf_holdings_raw")  # fmt: skip
"""Nine types that are no universes."""
TABLES = """
CREATE TABLE public.cache_entries (
    id          serial PRIMARY KEY,
    type        varchar(50),
    name        varchar(100),
    key         text,
    value       jsonb,
    environment varchar(20) DEFAULT 'DEFAULT',
    created_at  timestamp,
    updated_at  timestamp,
    UNIQUE (type, name, key, environment)
);
CREATE TABLE public.ohlcv_daily (
    symbol varchar(20), date date, open numeric, high numeric, low numeric, close numeric,
    volume bigint, PRIMARY KEY (symbol, date)
);
INSERT INTO public.ohlcv_daily VALUES ('AAPL', '2020-01-02', 1, 2, 0.5, 1.5, 100);
CREATE TABLE public.ohlcv_1min (symbol varchar(20), timestamp timestamp, close numeric);
CREATE VIEW public.ohlcv_weekly AS SELECT symbol, min(date) AS week_start, max(close) AS close
    FROM public.ohlcv_daily GROUP BY symbol, date_trunc('week', date);
"""
INSERT = """INSERT INTO cache_entries (type, name, key, value, environment, created_at, updated_at)
            VALUES (%s, %s, %s, %s, %s, %s, %s)"""
"""As existing programs write: every column named, times without a zone or none at all."""
ODD_KEYS = ("my list", " blanks around ", "Tech & Media", "a/b", 'say "hi"', "100%", "x?y#z", "é",
            "semi;colon", "a:b", "{braces}", "tab\there", "back\\slash", "-dash", "SPY", "it's",
            "dots..", "*", "")  # fmt: skip
"""Keys that no convention of ours would allow."""
ODD_VALUES: dict[str, Any] = {
    "text": "SPY, QQQ",
    "number": 1.5,
    "json_null": None,
    "flag": True,
    "empty_object": {},
    "nested": {"overview": {"deep": [1, [2, [None]]]}},
    "list_of_lists": [["A"], ["B"]],
    "numbers": [1, 2],
    "blank_element": ["A", " "],
    "list_in_text_broken": '["A"',
    "symbols_is_text": {"symbols": "A B C"},
}
"""Values of universes that hold no list of symbols."""


def universe(number: int, size: int = 6) -> tuple[Any, ...]:
    """A universe of the stranger, with a key that could be ours."""
    kind = ("stock_universe", "etf_universe")[number % 2]
    symbols = [f"F{chr(65 + number % 26)}{chr(65 + n % 26)}{n // 26 or ''}" for n in range(size)]
    shapes: tuple[Any, ...] = (symbols, {"symbols": symbols, "count": size}, {"value": symbols})
    stamp = (None, "2024-03-10 02:30:00", "infinity")[number % 3]
    row = (kind, f"Theirs {number}", f"theme_theirs_{number}", shapes[number % 3], "DEFAULT")
    return (*row, stamp, stamp)


def odd_rows() -> Iterator[tuple[Any, ...]]:
    """Universes with odd keys, with odd values, and rows that are no universes."""
    for number, key in enumerate(ODD_KEYS):
        yield "stock_universe", f"Odd {number}", key, ["SPY", "QQQ"], "DEFAULT", None, None
    for key, value in ODD_VALUES.items():
        yield "etf_universe", "Twice the same name", f"bad_{key}", value, "DEFAULT", None, None
    yield "stock_universe", None, "theme_nameless", ["SPY"], None, None, "2024-01-01"
    yield "stock_universe", "Keyless", None, ["SPY"], "DEFAULT", None, None
    yield None, "Typeless", "x", ["SPY"], "DEFAULT", None, None
    yield "Stock_Universe", "Other case", "THEME_CASE", ["SPY"], "DEFAULT", None, None
    yield "stock_universe", "Other case", "THEME_THEIRS_0", ["SPY"], "DEFAULT", None, None
    yield "stock_universe", "Long key", "long_" * 2_000, ["SPY"], "DEFAULT", None, None
    yield "stock_universe", "Control\x07 and\nlines", "theme_bell", ["SPY"], "DEFAULT", None, None
    yield "stock_etf_combo", "Old type", "old", {"symbols": ["SPY"]}, "DEFAULT", None, None
    for kind in TYPES:
        yield kind, "settings", "a key", {"dark": True}, None, None, None


def strangers_database(uri: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Make the tables of the stranger in an empty database, with these rows."""
    with psycopg.connect(uri, autocommit=True) as conn:
        conn.execute(TABLES)
        write(conn, rows)
        # One without even a JSON null.
        nothing = ("etf_universe", "No value", "bad_nothing", None, "DEFAULT", None, None)
        conn.execute(INSERT, nothing)


def write(conn: psycopg.Connection[Any], rows: Iterable[tuple[Any, ...]]) -> None:
    """Rows as the stranger's program writes them, before us and beside us."""
    with conn.cursor() as cursor:
        cursor.executemany(INSERT, [(*row[:3], json.dumps(row[3]), *row[4:]) for row in rows])
