"""Workers keep bar files up to date, where somebody had them written once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psycopg
import pytest

from tests.store.test_bar_history import ids_of, write
from tests.worker_kit import Watched, query, until, working
from tickstock.config import read_settings
from tickstock.errors import Transient
from tickstock.model import Timeframe
from tickstock.service import TickStock
from tickstock.store import folding
from tickstock.store.database import Database

DAY = 19_700


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    settings = read_settings({"TICKSTOCK_VENDOR": "synthetic"}, tmp_path, home=tmp_path)
    return TickStock(settings, database)


def files_of(tick: TickStock) -> set[Path]:
    return set((tick.settings.home / "bars").rglob("*.safetensors"))


def add(tick: TickStock, day: int) -> None:
    (one,) = ids_of(tick.database, "AAPL")
    write(tick.database, Timeframe.DAY, {(one, day): 2.0})


def changes(tick: TickStock) -> int:
    found = query(tick, "SELECT count(*) FROM tickstock.bar_changes")
    return int(found[0][0])


def test_a_worker_writes_what_has_changed_and_only_where_there_are_files(tick: TickStock) -> None:
    add(tick, DAY)

    async def run() -> None:
        async with working(tick, Watched(tick), refold_seconds=0.05):
            await until(lambda: query(tick, "SELECT 1 FROM tickstock.workers"))
            assert not files_of(tick)
            tick.bar_files.fold()
            before = files_of(tick)
            assert len(before) == 1
            add(tick, DAY + 1)
            await until(lambda: changes(tick) == 0)
            assert files_of(tick) > before

    asyncio.run(run())
    assert tick.bar_files.verify().differences == ()


def test_it_waits_until_nothing_is_written_but_not_for_ever(tick: TickStock) -> None:
    add(tick, DAY)
    tick.bar_files.fold()
    assert tick.bar_files.refold(bool) is None, "nothing has changed"
    for day in (1, 2, 3):
        add(tick, DAY + day)
        assert tick.bar_files.refold(bool) is None, "somebody is writing"
    done = tick.bar_files.refold(bool)
    assert done is not None
    assert done.bars == 4
    add(tick, DAY + 4)
    with tick.database.transaction() as connection:
        connection.execute("UPDATE tickstock.bar_files SET folded_at = now() - interval '2 hours'")
    assert tick.bar_files.refold(bool) is not None, "it has waited for long enough"


def test_what_an_open_transaction_holds_back_is_not_written_again_and_again(
    tick: TickStock,
) -> None:
    add(tick, DAY)
    tick.bar_files.fold()
    with psycopg.connect(tick.database.conninfo) as slow:
        slow.execute("UPDATE tickstock.bars_day SET close = 3 WHERE false")
        slow.execute("SELECT pg_current_xact_id()")
        add(tick, DAY + 1)
        found = [tick.bar_files.refold(bool) for _ in range(5)]
        assert [done is not None for done in found] == [False, True, False, False, False]
        assert changes(tick) == 1
    tick.bar_files.fold()
    assert changes(tick) == 0


def test_who_leaves_does_not_write_to_the_end(tick: TickStock) -> None:
    add(tick, DAY)
    tick.bar_files.fold()
    add(tick, DAY + 1)
    assert tick.bar_files.refold(bool) is None
    with pytest.raises(Transient, match="was stopped"):
        tick.bar_files.refold(lambda: True)
    assert changes(tick) == 1
    assert folding.fold(tick.database, tick.bar_files.readable).bars == 2  # type: ignore[arg-type]
