"""What clients are told of a job that has no verdict yet."""

from __future__ import annotations

import pytest

from tests.contract.test_drain import MONTH, query, submit
from tests.kit import ticker_call
from tickstock.store import client_jobs
from tickstock.store.database import Database


@pytest.mark.parametrize("state", ["waiting", "failed"])
def test_a_renamed_symbol_is_done_with_when_the_calls_under_all_its_tickers_are(
    database: Database, state: str
) -> None:
    load = submit(database, [ticker_call("FB", MONTH), ticker_call("IBM", MONTH)])
    query(
        database,
        "UPDATE tickstock.load_items SET symbol = 'META' WHERE symbol = 'FB' RETURNING load_id",
    )
    query(
        database,
        "UPDATE tickstock.calls SET state = CASE symbol WHEN 'FB' THEN %s ELSE 'done' END"
        " RETURNING id",
        state,
    )
    with database.transaction() as connection:
        found = client_jobs.symbols_so_far(connection, [load])[load]
    assert "META" not in found.good
    assert found.failed == (("META",) if state == "failed" else ())
    assert set(found.good) == {"AAPL", "GOOG", "IBM", "MSFT"}
