"""Backup, destroy, restore: what is held afterwards is equal, and work goes on."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import new_folder
from tests.reliability.form import FORM, record
from tests.reliability.scenarios import KEY, opened, organize
from tests.reliability.snapshot import differences, snapshot
from tests.reliability.test_outages import submit
from tests.reliability.zygote import Zygote
from tickstock.model import Timeframe
from tickstock.store import embedded, programs
from tickstock.store.backup import back_up
from tickstock.store.database import Database
from tickstock.vendors.replay.server import ReplayVendor, serve_in_thread


@pytest.fixture
def folder() -> Any:
    path = new_folder()
    yield path
    for home in path.iterdir():
        if home.is_dir():
            embedded.stop(home)
    shutil.rmtree(path)


def test_what_was_destroyed_is_restored_equal(forks: Zygote, folder: Path) -> None:
    names = [f"R{i:03}" for i in range(FORM.restarted_symbols)]
    home, backup = folder / "one", folder / "all.dump"
    with serve_in_thread(ReplayVendor(symbols=names, key=KEY)) as vendor:
        with Database.open(None, home) as database:
            job = submit(_At(database, home), vendor.url, names)
            assert forks.run(job) == 0, Path(job["log"]).read_text()[-3000:]
            organize(job)
            before = snapshot(database)
            doubts = _verified(job, names)
            size = back_up(database, backup).size
        embedded.stop(home)
        shutil.rmtree(home)  # destroyed: server, data and all
        with Database.open(None, home, migrate=False) as database:
            programs.restore(database, backup, replace=True)
            assert differences(snapshot(database), before) == {}
            again = job | {"uri": database.conninfo}
            assert _verified(again, names) == doubts
            assert forks.run(again) == 0  # and nothing is asked for again
            asked = [seen for seen in vendor.requests if "/aggs/" in seen.path]
    rows = {table: len(found) for table, found in before.items()}
    assert len(asked) == rows["calls"]
    record(
        "backup, destroyed, restored",
        bars=rows["bars"],
        universes=rows["universes"],
        kilobytes=size // 1024,
        differences=0,
    )


class _At:
    """A server, as `test_outages.submit` knows it."""

    def __init__(self, database: Database, home: Path) -> None:
        self.uri, self.home = database.conninfo, home


def _verified(job: dict[str, Any], names: list[str]) -> Any:
    """What `tickstock verify` finds."""
    with opened(job) as tick:
        return tick.verify.stored(names, Timeframe.DAY)
