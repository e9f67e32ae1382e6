"""The house at a glance on a real database: what is kept, and when it is made anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Cluster
from tests.web_kit import organized, settings_for
from tests.work import statements
from tickstock.loading.house import Need, Stand
from tickstock.model import GapCause
from tickstock.service import TickStock
from tickstock.service import house as service

CORE = "etf_universe:core_etfs"


@pytest.fixture
def tick(cluster: Cluster, template: str, home: Path) -> Iterator[TickStock]:
    with organized(cluster, template, home) as database:
        yield TickStock(settings_for(home), database)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look asks whether something has changed."""
    monkeypatch.setattr(service, "FRESH", 0.0)
    monkeypatch.setattr(service, "REST", 0.0)


def stand_of(tick: TickStock, ref: str) -> Stand:
    found = {str(line.ref): line.stand for line in tick.house.look().lines}[ref]
    assert found
    return found


def hold(tick: TickStock, *symbols: str) -> None:
    """All published sessions of the last year are held of these."""
    span = tick.dates.span("1y")
    with tick.database.transaction() as connection:
        for symbol in symbols:
            connection.execute(
                "WITH i AS (INSERT INTO tickstock.instruments (symbol) VALUES (%(s)s)"
                " RETURNING id), t AS (INSERT INTO tickstock.tickers (instrument_id, symbol)"
                " SELECT id, %(s)s FROM i) INSERT INTO tickstock.coverage"
                " (instrument_id, timeframe, origin, held)"
                " SELECT id, 'day', 'replay', datemultirange(daterange(%(a)s, %(b)s)) FROM i",
                {"s": symbol, "a": span.start, "b": span.end},
            )


def test_what_is_kept_is_given_until_something_changes(tick: TickStock) -> None:
    first = tick.house.look()
    assert {line.stand.need for line in first.lines if line.stand} == {Need.UNTOUCHED}
    assert tick.house.look() is first
    hold(tick, *tick.universes.members(CORE))
    stand = stand_of(tick, CORE)
    assert (stand.members, stand.held, stand.need) == (10, stand.expected, Need.COMPLETE)
    assert stand.newest == tick.house.look().published
    with tick.database.transaction() as connection:
        day = tick.house.look().published
        connection.execute(
            "UPDATE tickstock.coverage SET held = held - datemultirange(daterange(%s, %s, '[]')),"
            " updated_at = clock_timestamp() WHERE instrument_id ="
            " (SELECT id FROM tickstock.instruments WHERE symbol = 'SPY')",
            (day, day),
        )
    assert stand_of(tick, CORE).gaps == {GapCause.NEVER_ASKED: 1}
    with tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause) SELECT id, 'day',"
            " daterange(%s, %s, '[]'), 'failed' FROM tickstock.instruments WHERE symbol = 'SPY'",
            (day, day),
        )
    stand = stand_of(tick, CORE)
    assert (stand.gaps, stand.need) == ({GapCause.FAILED: 1}, Need.HAND)


def test_a_change_of_a_universe_is_seen_and_a_row_that_nobody_can_read_is_no_end(
    tick: TickStock,
) -> None:
    before = len(tick.house.look().lines)
    with tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO public.cache_entries (type, key, name, value, environment)"
            " VALUES ('etf_universe', 'one', 'One', '[\"SPY\"]', 'DEFAULT'),"
            " ('etf_universe', 'odd', 'Odd', '[1, {}]', 'DEFAULT')"
        )
    lines = {line.name: line for line in tick.house.look().lines}
    assert len(lines) == before + 2
    assert lines["Odd"].stand is None
    one = lines["One"].stand
    assert one
    assert (one.members, one.held) == (1, 0)
    assert one.expected > 200


def test_while_loads_go_on_nobody_sums_up_all_the_time(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "REST", 1e9)
    first = tick.house.look()
    hold(tick, "SPY")
    assert tick.house.look() is first
    monkeypatch.setattr(service, "REST", 0.0)
    assert tick.house.look() is not first


def test_what_was_prepared_is_shown_while_it_is_true(
    tick: TickStock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "FRESH", 1e9)
    monkeypatch.setattr(service, "REST", 1e9)
    tick.house.prepare()
    with statements() as sent:
        first = tick.house.look()
    assert not [text for text in sent if "tickstock.tickers" in text]  # nothing is summed up again
    assert tick.house.look() is first
    tick.house.prepare()
    hold(tick, "SPY")
    assert tick.house.look() is not first
