"""What a database holds, without what differs from run to run: ids, times, and who did it."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tickstock.store.database import Database

BY_SYMBOL = "JOIN tickstock.instruments AS i ON i.id = t.instrument_id"
CALL = re.compile(r"the call for \S+ day \S+")
WRITTEN = (
    "bars_day", "bar_revisions", "quarantine", "coverage", "holes", "calls", "loads", "splits",
    "dividends", "actions_known", "load_actions",
)  # fmt: skip
QUERIES = {
    "bars": f"SELECT i.symbol, at, open, high, low, close, volume, vwap, trades"
    f" FROM tickstock.bars_day AS t {BY_SYMBOL}",
    "revisions": f"SELECT i.symbol, timeframe, at, open, high, low, close, volume"
    f" FROM tickstock.bar_revisions AS t {BY_SYMBOL}",
    "quarantine": f"SELECT i.symbol, timeframe, at, reason, bar::text"
    f" FROM tickstock.quarantine AS t {BY_SYMBOL}",
    "coverage": f"SELECT i.symbol, timeframe, origin, held::text, bars, first_at, last_at"
    f" FROM tickstock.coverage AS t {BY_SYMBOL}",
    "holes": f"SELECT i.symbol, timeframe, span::text, cause, detail"
    f" FROM tickstock.holes AS t {BY_SYMBOL}",
    "loads": "SELECT client_id, title, request::text, (summary - 'digest')::text, state, message,"
    " report::text FROM tickstock.loads",
    "items": "SELECT symbol, timeframe, span::text, expected, held_before"
    " FROM tickstock.load_items",
    "calls": "SELECT position, kind, timeframe, symbol, span::text, cells, state, held, rows_new,"
    " rows_changed, pages, error_class, error FROM tickstock.calls",
    "splits": f"SELECT i.symbol, vendor_id, execution_date, split_from, split_to, superseded_at"
    f" FROM tickstock.splits AS t {BY_SYMBOL}",
    "dividends": f"SELECT i.symbol, vendor_id, ex_dividend_date, cash_amount, superseded_at"
    f" FROM tickstock.dividends AS t {BY_SYMBOL}",
    "known": f"SELECT i.symbol, t.kind, t.through FROM tickstock.actions_known AS t {BY_SYMBOL}",
    "asking": "SELECT state, message FROM tickstock.load_actions",
    "universes": "SELECT type, key, environment, name, value::text FROM cache_entries",
    "facts": "SELECT environment, type, key, description, source, expression, base::text"
    " FROM tickstock.universe_facts",
    "history": "SELECT environment, type, key, action, source, reason, new_value::text"
    " FROM tickstock.universe_revisions",
    "sessions": "SELECT count(*) FROM tickstock.sessions",
    "schema": "SELECT table_schema, table_name, column_name, data_type"
    " FROM information_schema.columns WHERE table_schema IN ('public', 'tickstock')",
    "queue": "SELECT queue_name, task_name, status::text FROM procrastinate_jobs",
    "steps": "SELECT part, version, name, checksum FROM tickstock.migrations",
}


def snapshot(database: Database) -> dict[str, list[Any]]:
    """The rows of every table, sorted."""
    with database.transaction() as connection:
        found = {name: connection.execute(query).fetchall() for name, query in QUERIES.items()}
    return {name: sorted(map(_plain, rows), key=repr) for name, rows in found.items()}


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the name of the call that happened to meet what meets every call."""
    return tuple(CALL.sub("the call for X", v) if isinstance(v, str) else v for v in row)


def versions(database: Database) -> dict[str, list[Any]]:
    """The physical version of every row that a commit may write: it differs after any write."""
    with database.transaction() as connection:
        return {
            table: connection.execute(
                f"SELECT ctid::text, xmin::text FROM tickstock.{table} ORDER BY 1"
            ).fetchall()
            for table in WRITTEN
        }


def differences(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> dict[str, Any]:
    """Rows that are in one of the two alone, by table."""
    differing = {}
    for name, rows in wanted.items():
        has, should = Counter(found[name]), Counter(rows)
        if has != should:
            extra, lacking = (has - should).elements(), (should - has).elements()
            differing[name] = {"extra": [*extra][:5], "lacking": [*lacking][:5]}
    return differing
