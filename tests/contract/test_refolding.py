"""Bar files follow loads: by workers, and by the command that loads."""

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


def as_if_of(tick: TickStock, bars: int) -> None:
    """Have coverage count so many bars."""
    with tick.database.transaction() as connection:
        connection.execute("UPDATE tickstock.coverage SET bars = %s", [bars])


def followed(tick: TickStock, loaded: int, **limits: int) -> int | None:
    """The bars that were written after a load of so many; announced if they were."""
    told: list[int] = []
    done = tick.bar_files.follow(loaded, told.append, **limits)
    assert len(told) == (done is not None)
    return done.bars if done else None


def test_after_a_load_the_years_that_changed_are_written(tick: TickStock) -> None:
    add(tick, DAY)
    add(tick, DAY - 400)
    tick.bar_files.fold()
    assert followed(tick, 5) is None, "nothing has changed"
    add(tick, DAY + 1)
    assert followed(tick, 0) is None, "nothing was loaded"
    assert followed(tick, 1) == 2
    add(tick, DAY + 400)
    assert followed(tick, 1) == 1, "a year of which there was no file"
    assert followed(tick, 1) is None
    assert tick.bar_files.verify().differences == ()


def test_what_would_take_longer_than_the_load_is_left(tick: TickStock) -> None:
    add(tick, DAY)
    as_if_of(tick, 12)
    assert followed(tick, 2, unasked=1, soon=11) is None
    assert followed(tick, 3, unasked=1, soon=11) == 1
    as_if_of(tick, 3_000_100)
    add(tick, DAY + 400)
    assert followed(tick, 1) is None
    as_if_of(tick, 2_999_900)
    assert followed(tick, 1) == 1


def test_the_first_files_are_written_unasked_where_there_is_much_to_read(tick: TickStock) -> None:
    add(tick, DAY)
    as_if_of(tick, 249_999)
    assert followed(tick, 1) is None
    assert tick.bar_files.refold(bool) is tick.bar_files.refold(bool) is None
    as_if_of(tick, 250_000)
    assert followed(tick, 1) == 1


def test_a_worker_waits_with_the_first_files_until_nothing_is_added(tick: TickStock) -> None:
    for day in range(3):
        add(tick, DAY + day)
        assert tick.bar_files.refold(bool, unasked=2) is None, "bars are being added"
    done = tick.bar_files.refold(bool, unasked=2)
    assert done is not None
    assert done.bars == 3
    assert tick.bar_files.refold(bool, unasked=2) is None


def test_an_empty_address_is_the_embedded_database_whatever_else_is_set(tick: TickStock) -> None:
    """As `demo` says it, so that it never writes into a database of somebody's."""
    home, elsewhere = tick.settings.home, {"DATABASE_URI": tick.database.conninfo}
    settings = read_settings(elsewhere, home, home=home, database_uri="")
    assert settings.database_uri is None
    add(tick, DAY)
    assert followed(TickStock(settings, tick.database), 1, unasked=1) == 1


@pytest.mark.parametrize("setting", ["TICKSTOCK_BAR_FILES", "DATABASE_URI"])
def test_not_where_they_are_off_or_the_server_is_ones_own(tick: TickStock, setting: str) -> None:
    value = "off" if setting == "TICKSTOCK_BAR_FILES" else tick.database.conninfo
    environ = {"TICKSTOCK_VENDOR": "synthetic", setting: value}
    home = tick.settings.home
    other = TickStock(read_settings(environ, home, home=home), tick.database)
    add(tick, DAY)
    assert followed(other, 1, unasked=1) is None
    for _ in range(2):
        assert other.bar_files.refold(bool, unasked=1) is None
    assert not files_of(tick)
