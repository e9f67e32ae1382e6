"""Work that has to wait for its turn."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psycopg

from tests.cli_run import until
from tickstock.store.database import Database

T = TypeVar("T")
WAITING = "SELECT count(*) FROM pg_locks WHERE relation = %s::regclass AND NOT granted"


def after_vacuum(database: Database, table: str, work: Callable[[], T], *also: str) -> T:
    """What `work` gives, where it begins while somebody holds a table as vacuum does, and does what
    is said there `also` before that is over."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(database.conninfo) as other:
        other.execute(f"LOCK TABLE tickstock.{table} IN SHARE UPDATE EXCLUSIVE MODE")
        for statement in also:
            other.execute(statement.encode())
        begun = pool.submit(work)
        named = (f"tickstock.{table}",)
        until(lambda: begun.done() or other.execute(WAITING, named).fetchone() == (1,))
        other.commit()
        return begun.result()
