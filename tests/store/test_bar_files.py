"""Whatever happens to bars and to their files: what is read by way of files is what is stored."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path

import numpy as np
import psycopg
import pytest

from tests.cli_run import in_turn
from tests.conftest import Cluster
from tests.kit import day
from tests.moment import handed_on
from tests.store.test_bar_history import ids_of, now, write
from tests.store.test_bar_history import rows as rows_of
from tests.store.turns import after_vacuum
from tickstock import failpoints
from tickstock.bar_file import ENDING, BarFile, FileStamp
from tickstock.config import read_settings
from tickstock.errors import BadFile, Conflict, Transient
from tickstock.model import Timeframe, epoch_day
from tickstock.service.bar_folder import BarFolder
from tickstock.store import bar_history, bars
from tickstock.store.bar_files import BarFiles, FilesState, Wanted, year_of
from tickstock.store.bars import Rows
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.folding import (
    Folded,
    YearDifference,
    compare_files,
    fold,
    forget_unneeded_changes,
)

SYMBOLS = ("AAPL", "MSFT", "KIMpL", "BRK.B", "GE")
FIRST = np.datetime64("2022-12-20", "D").astype(int)
DAYS = [int(FIRST) + n for n in range(0, 760, 9)]
EVER = (-700_000, 2_900_000)
DAY = Timeframe.DAY
BARS = "tickstock.bars_day"
AGAIN = "ON CONFLICT (instrument_id, at) DO UPDATE SET volume = 6"


@pytest.fixture
def files(tmp_path: Path) -> BarFiles:
    return BarFiles(tmp_path / "bars", few=0)


def wanted(ids: list[int], lo: int = EVER[0], hi: int = EVER[1]) -> Wanted:
    every = np.array(ids, np.int64)
    return Wanted(every, np.full(len(every), lo), np.full(len(every), hi))


def direct(conn: Connection, of: Wanted, known_at: datetime | None = None) -> Rows:
    return bar_history.read_known_at(conn, DAY, of.instruments, of.lo, of.hi, known_at)


def assert_equal(found: Rows, expected: Rows) -> None:
    for column in fields(Rows):
        mine, theirs = getattr(found, column.name), getattr(expected, column.name)
        assert np.array_equal(mine, theirs, equal_nan=True), column.name
        assert mine.dtype == theirs.dtype, column.name


def closes(database: Database, files: BarFiles, ids: list[int]) -> dict[tuple[int, int], float]:
    """What is read by way of the files, which must be able to answer."""
    with database.transaction() as conn:
        found = files.answer(conn, wanted(ids))
    assert found is not None
    keys = zip(found.instrument.tolist(), found.at.tolist(), strict=True)
    return dict(zip(keys, found.close.tolist(), strict=True))


def execute(database: Database, statement: str) -> None:
    with database.transaction() as conn:
        conn.execute(statement)


# --- anything in any order ----------------------------------------------------------------------
@dataclass
class World:
    """A database, the files beside it, and somebody who does something to them."""

    database: Database
    files: BarFiles
    dice: random.Random
    ids: list[int]
    open: list[psycopg.Connection] = field(default_factory=list)
    moments: list[datetime] = field(default_factory=list)
    count: Iterator[int] = field(default_factory=itertools.count)

    def some(self) -> dict[tuple[int, int], float]:
        """New bars, the same and other ones."""
        days = self.dice.sample(DAYS, self.dice.randint(1, 9))
        ids = self.dice.sample(self.ids, self.dice.randint(1, len(self.ids)))
        return {(i, d): float(self.dice.randint(2, 4)) for i in ids for d in days}

    def load(self) -> None:
        write(self.database, DAY, self.some())

    def psql(self) -> None:
        """Another program, which knows nothing of ours."""
        on = f"DATE '1970-01-01' + {self.dice.choice(DAYS)}"
        id_ = self.dice.choice(self.ids)
        statement = self.dice.choice(
            (
                f"DELETE FROM {BARS} WHERE at < {on} AND instrument_id = {id_}",
                f"UPDATE {BARS} SET close = close + 1 WHERE at = {on}",
                f"UPDATE {BARS} SET at = at + 1 WHERE instrument_id = {id_} AND at = {on}",
                f"INSERT INTO {BARS} VALUES ({id_}, {on}, 1, 2, 1, 'NaN', 5, NULL, -7) {AGAIN}",
                f"DELETE FROM {BARS} WHERE false",
                f"INSERT INTO {BARS} VALUES ({id_}, 'infinity', 1, 1, 1, 1, 1) {AGAIN}",
                "" if self.open else f"TRUNCATE {BARS}",  # it would wait for them
            )
        )
        if statement:
            with suppress(Conflict):  # there is a bar on the day after already
                execute(self.database, statement)

    def begin(self) -> None:
        """A transaction that writes, and stays open while other things happen."""
        conn = psycopg.connect(self.database.conninfo)
        at = DAYS[0] + 9 * next(self.count) + 4  # of nobody else
        bars._copy(conn, DAY, rows_of(DAY, {(self.dice.choice(self.ids), at): 5.0}))
        self.open.append(conn)

    def end(self) -> None:
        if self.open:
            conn = self.open.pop(self.dice.randrange(len(self.open)))
            try:
                conn.commit() if self.dice.random() < 0.8 else conn.rollback()
            finally:
                conn.close()

    def fold(self) -> None:
        fold(self.database, self.files, anew=self.dice.random() < 0.2, at_once=2)

    def broken_fold(self) -> None:
        """It ends at some point by an error, after which nothing is committed."""
        point = self.dice.choice(("bar_file.column", "bar_file.written", "fold.year", "fold.kept"))
        failpoints.arm(f"{point}@{self.dice.randint(1, 3)}:fault")
        try:
            self.fold()
        except RuntimeError:
            pass
        finally:
            failpoints.arm("")

    def remove(self) -> None:
        if found := self._found():
            self.dice.choice(found).unlink()

    def damage(self) -> None:
        if found := self._found():
            file = self.dice.choice(found)
            whole = bytearray(file.read_bytes() or b"-")
            whole[self.dice.randrange(len(whole))] ^= 1 << self.dice.randrange(8)
            file.write_bytes(whole)

    def cut(self) -> None:
        if found := self._found():
            file = self.dice.choice(found)
            file.write_bytes(file.read_bytes()[: self.dice.randrange(file.stat().st_size + 1)])

    def sweep(self) -> None:
        """All files go, or the mark of the folder."""
        if self.dice.random() < 0.5:
            shutil.rmtree(self.files.folder, ignore_errors=True)
        else:
            (self.files.folder / "place").unlink(missing_ok=True)

    def _found(self) -> list[Path]:
        return sorted(self.files.folder.rglob(f"*{ENDING}"))

    def look(self) -> bool:
        """Read some, now and as of an earlier moment; whether the files answered."""
        dice = self.dice
        ids = [dice.choice(self.ids) for _ in range(dice.randint(1, 6))]
        edges = [sorted(dice.sample(range(DAYS[0] - 20, DAYS[-1] + 40), 2)) for _ in ids]
        if dice.random() < 0.4:
            ids, edges = self.ids, [list(EVER)] * len(self.ids)
        low, high = (np.array(edge, np.int64) for edge in zip(*edges, strict=True))
        of = Wanted(np.array(ids, np.int64), low, high)
        known_at = dice.choice([None, *self.moments])
        asked = DAY, of.instruments, of.lo, of.hi
        with self.database.transaction() as conn:
            assert_equal(self.files.read(conn, *asked), direct(conn, of))
            then = bar_history.read_known_at(conn, *asked, known_at, self.files)
            assert_equal(then, direct(conn, of, known_at))
            try:
                return self.files.answer(conn, of) is not None
            except BadFile:
                return False


STEPS: tuple[tuple[Callable[[World], None], int], ...] = (
    (World.load, 8), (World.psql, 3), (World.begin, 2), (World.end, 3), (World.fold, 6),
    (World.broken_fold, 2), (World.remove, 1), (World.damage, 1), (World.cut, 1), (World.sweep, 1),
)  # fmt: skip
MOVES, WEIGHTS = zip(*STEPS, strict=True)


def play(database: Database, files: BarFiles, seed: int) -> tuple[int, int]:
    """So many looks of which the files answered, of so many."""
    dice = random.Random(seed)
    execute(database, "TRUNCATE tickstock.bars_day, tickstock.coverage")
    world = World(database, files, dice, ids_of(database, *SYMBOLS))
    answered = looks = 0
    try:
        for _ in range(14):
            dice.choices(MOVES, WEIGHTS)[0](world)
            if not dice.randrange(4):
                world.moments.append(now(database))
            looks += 1
            answered += world.look()
    finally:
        for conn in world.open:
            conn.close()
    return answered, looks


def test_in_any_order_what_is_read_is_what_is_stored(
    database: Database, files: BarFiles, request: pytest.FixtureRequest
) -> None:
    """`--folds` says how many orders; each begins with what is left of the one before."""
    many, one = request.config.getoption("--folds"), request.config.getoption("--seed")
    answered = looks = 0
    for seed in range(many) if one is None else [one]:
        try:
            found = play(database, files, seed)
        except AssertionError as e:
            e.add_note(f"in order {seed}")
            raise
        answered, looks = answered + found[0], looks + found[1]
    assert answered > looks / 3 or one is not None
    print(f"{many} orders, {looks} looks, of which the files answered {answered}")


# --- at the same time ---------------------------------------------------------------------------
def test_what_began_before_the_fold_and_commits_after_it_is_not_lost(
    database: Database, files: BarFiles
) -> None:
    """Transactions with lower and higher numbers than others that are in the files."""
    one, two, three = ids_of(database, "AAPL", "MSFT", "GE")
    write(database, DAY, {(one, DAYS[0]): 1.0, (two, DAYS[0]): 1.0})
    slow = psycopg.connect(database.conninfo)
    bars._copy(slow, DAY, rows_of(DAY, {(three, DAYS[0]): 3.0}))
    slow.execute(f"UPDATE tickstock.bars_day SET close = 9 WHERE instrument_id = {two}")
    write(database, DAY, {(one, DAYS[1]): 2.0})
    fold(database, files)
    before = {(one, DAYS[0]): 1.0, (one, DAYS[1]): 2.0, (two, DAYS[0]): 1.0}
    assert closes(database, files, [one, two, three]) == before
    slow.commit()
    slow.close()
    after = before | {(two, DAYS[0]): 9.0, (three, DAYS[0]): 3.0}
    assert closes(database, files, [one, two, three]) == after
    fold(database, files)
    assert closes(database, files, [one, two, three]) == after
    with database.transaction() as conn:
        state = files.state(conn, *EVER, 9)
    assert state is not None
    assert state.changes == ()


class Interrupted(BarFiles):
    """Others do something between a look at what has changed and the reading of it."""

    then: tuple[Callable[[], object], ...] = ()

    def state(self, connection: Connection, lo: int, hi: int, most: int) -> FilesState | None:
        found = super().state(connection, lo, hi, most)
        if self.then:
            self.then, (now_, *_) = self.then[1:], self.then
            now_()
        return found


def test_a_reading_is_of_one_moment(database: Database, tmp_path: Path) -> None:
    """A transaction that writes a bar of the files and one that is newer is seen as a whole."""
    one, two = ids_of(database, "AAPL", "MSFT")
    files = Interrupted(tmp_path, few=0)
    write(database, DAY, {(one, DAYS[0]): 1.0, (two, DAYS[0]): 1.0})
    fold(database, files)
    write(database, DAY, {(one, DAYS[1]): 1.0})
    both = "UPDATE tickstock.bars_day SET close = close + 1"

    def change() -> None:
        execute(database, both)

    for then in [(change,), (change, change), (lambda: fold(database, files), change)]:
        files.then = then
        found = closes(database, files, [one, two])
        assert len(set(found.values())) == 1, found
        assert files.then == ()
        fold(database, files)
        execute(database, f"{both} - 1 WHERE at = DATE '1970-01-01' + {DAYS[1]}")
    files.then = (change,)
    with database.transaction() as conn:  # without a further look, all from the database
        assert files.answer(conn, wanted([one, two]), looks=1) is None


def test_one_folds_at_a_time(database: Database, files: BarFiles) -> None:
    write(database, DAY, {(ids_of(database, "AAPL")[0], DAYS[0]): 1.0})
    with database.transaction() as conn:
        conn.execute("LOCK TABLE tickstock.bar_files IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(Transient):
            fold(database, files)
    assert fold(database, files).bars == 1


def test_who_is_done_in_a_moment_is_waited_for(database: Database, files: BarFiles) -> None:
    """As the server's own vacuum, and a worker that looks whether anybody has files."""
    (one,) = ids_of(database, "AAPL")
    write(database, DAY, {(one, DAYS[0]): 1.0})
    second = (
        "INSERT INTO tickstock.bars_day SELECT instrument_id, at + 1, open, high, low, close,"
        " volume FROM tickstock.bars_day"
    )
    done = after_vacuum(database, "bar_files", lambda: fold(database, files), second)
    assert done.bars == 2, "with what was written while it waited"


FOLDING = """
import sys
from pathlib import Path
from tickstock.store.bar_files import BarFiles
from tickstock.store.database import Database
from tickstock.store.folding import fold
with Database.open(sys.argv[1], Path(), migrate=False) as database:
    fold(database, BarFiles(Path(sys.argv[2]), few=0))
"""


@pytest.mark.parametrize(
    "point",
    ["bar_file.column@15", "bar_file.written@2", "fold.year@1", "fold.kept@1"],
)
def test_a_fold_that_is_killed_leaves_what_was(
    database: Database, files: BarFiles, point: str
) -> None:
    ids = ids_of(database, *SYMBOLS)
    write(database, DAY, {(i, d): 2.0 for i in ids for d in DAYS})
    fold(database, files)
    write(database, DAY, {(i, d): 3.0 for i in ids[1:] for d in DAYS})
    expected = {(i, d): 2.0 if i == ids[0] else 3.0 for i in ids for d in DAYS}
    command = [sys.executable, "-c", FOLDING, database.conninfo, str(files.folder)]
    environment = {**os.environ, **handed_on(), failpoints.VARIABLE: f"{point}:kill"}
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed
    assert closes(database, files, ids) == expected
    assert in_turn(lambda: fold(database, files)).years == tuple(years())
    assert closes(database, files, ids) == expected
    left = {f.suffix for f in files.folder.rglob("*") if f.is_file()}
    assert left == {"", ENDING}, "what the killed one wrote is removed"


def years() -> list[int]:
    return sorted({year_of(d) for d in DAYS})


# --- which files, and whose ---------------------------------------------------------------------
def test_years_in_which_nothing_was_written_stay(database: Database, files: BarFiles) -> None:
    (one,) = ids_of(database, "AAPL")
    write(database, DAY, {(one, d): 2.0 for d in DAYS})
    first = fold(database, files)
    assert (first.years, first.bars, first.files) == (tuple(years()), len(DAYS), len(years()))
    assert fold(database, files) == Folded((), 0, 0, len(years()))
    write(database, DAY, {(one, epoch_day(day("2023-05-05"))): 2.0})
    assert fold(database, files).years == (2023,)
    assert fold(database, files, anew=True).years == tuple(years())
    execute(database, "DELETE FROM tickstock.bars_day WHERE at < '2023-01-01'")
    assert fold(database, files).files == len(years()) - 1
    execute(database, "TRUNCATE tickstock.bars_day")
    assert fold(database, files) == Folded((), 0, 0, 0)
    assert closes(database, files, [one]) == {}


def test_a_copy_of_the_database_does_not_take_its_files(
    database: Database, files: BarFiles, cluster: Cluster
) -> None:
    """The copy has the row that names them, and goes another way from here on."""
    (one,) = ids_of(database, "AAPL")
    write(database, DAY, {(one, DAYS[0]): 1.0})
    fold(database, files)
    assert closes(database, files, [one]) == {(one, DAYS[0]): 1.0}
    original = psycopg.conninfo.conninfo_to_dict(database.conninfo)["dbname"]
    database.close()
    name = cluster.create(str(original))
    with Database.open(cluster.uri(name), Path(), migrate=False) as copy:
        with copy.transaction() as conn:
            assert files.answer(conn, wanted([one])) is None
        fold(copy, files)
        assert closes(copy, files, [one]) == {(one, DAYS[0]): 1.0}
    cluster.drop(name)
    with Database.open(cluster.uri(str(original)), Path(), migrate=False) as again:
        assert closes(again, files, [one]) == {(one, DAYS[0]): 1.0}, "both have files in the folder"


def test_changes_are_kept_for_the_slowest_folder_and_no_longer(
    database: Database, files: BarFiles, tmp_path: Path
) -> None:
    (one,) = ids_of(database, "AAPL")
    other = BarFiles(tmp_path / "other", few=0)
    expected = {}
    for number, folders in enumerate([(files, other), (files,), (files,), (other,)]):
        expected[one, DAYS[number]] = 1.0
        write(database, DAY, {(one, DAYS[number]): 1.0})
        for folder in folders:
            fold(database, folder)
        assert closes(database, files, [one]) == closes(database, other, [one]) == expected
    execute(database, "UPDATE tickstock.bar_files SET folded_at = now() - interval '31 days'")
    fold(database, files)
    with database.transaction() as conn:
        assert other.state(conn, *EVER, 9) is None, "nobody has used it for a month"
        assert conn.execute("SELECT count(*) FROM tickstock.bar_changes").fetchone() == (0,)


def noted(database: Database) -> int:
    with database.transaction() as conn:
        (count,) = conn.execute("SELECT count(*)::int FROM tickstock.bar_changes").fetchone() or (
            0,
        )
    return int(count)


def test_without_files_notes_are_kept_for_nobody(database: Database, files: BarFiles) -> None:
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, DAY, {(ids[0], DAYS[0]): 1.0})
    assert noted(database) == 1
    with psycopg.connect(database.conninfo) as other:
        other.execute(f"DELETE FROM {BARS}")
        forget_unneeded_changes(database)
        assert noted(database) == 0
    assert noted(database) == 1  # it was open then, and who folds next may have to know of it
    fold(database, files)
    write(database, DAY, {(ids[1], DAYS[1]): 2.0})
    forget_unneeded_changes(database)
    assert closes(database, files, ids) == {(ids[1], DAYS[1]): 2.0}


@pytest.mark.parametrize("where", ["on", "off"])
def test_workers_see_to_that(database: Database, tmp_path: Path, where: str) -> None:
    (one,) = ids_of(database, SYMBOLS[0])
    write(database, DAY, {(one, DAYS[0]): 1.0})
    settings = read_settings({"TICKSTOCK_BAR_FILES": where}, home=tmp_path)
    assert BarFolder(database, settings).refold(lambda: False) is None
    assert noted(database) == 0


def test_nothing_is_forgotten_under_a_fold(database: Database, files: BarFiles) -> None:
    with database.transaction() as conn:
        conn.execute("LOCK TABLE tickstock.bar_files IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(Transient):
            forget_unneeded_changes(database)


def test_with_too_many_changes_all_is_read_from_the_database(
    database: Database, files: BarFiles
) -> None:
    (one,) = ids_of(database, "AAPL")
    write(database, DAY, {(one, DAYS[0]): 1.0})
    fold(database, files)
    with database.transaction() as conn:
        for count, at in enumerate(DAYS[1:4], 1):
            bars._copy(conn, DAY, rows_of(DAY, {(one, at): 1.0}))
            assert files.answer(conn, wanted([one]), most=count - 1) is None
            assert files.answer(conn, wanted([one]), most=count) is not None


def test_of_few_instruments_the_database_is_asked(database: Database, files: BarFiles) -> None:
    """What the files say is told apart by a bar that was changed past all triggers."""
    ids = ids_of(database, "AAPL", "MSFT", "GE")
    write(database, DAY, {(i, DAYS[0]): 1.0 for i in ids})
    fold(database, files)
    unseen(database)
    for few, close in ((3, 1.0), (4, 5.0)):
        reader = BarFiles(files.folder, few=few)
        of = wanted(ids)
        with database.transaction() as conn:
            found = reader.read(conn, DAY, of.instruments, of.lo, of.hi)
        assert found.close.tolist() == [close] * 3


def unseen(database: Database) -> None:
    with database.transaction() as conn:
        conn.execute("SET LOCAL session_replication_role = replica")
        conn.execute("UPDATE tickstock.bars_day SET close = 5")


@pytest.mark.parametrize("kept", [0, 1, 2, 99])
def test_however_many_files_stay_open_the_same_is_read(
    database: Database, files: BarFiles, kept: int
) -> None:
    """Those of the latest years; not one that has become another, was cut, or is gone."""
    ids = ids_of(database, *SYMBOLS)
    bars = {(i, d): float(i + d) for i in ids for d in DAYS}
    write(database, DAY, bars)
    fold(database, files)
    reader = BarFiles(files.folder, few=0, kept=kept)
    assert closes(database, reader, ids) == bars
    opened: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        first = BarFile.__init__

        def note(self: BarFile, folder: Path, stamp: FileStamp) -> None:
            opened.append(stamp.name)
            first(self, folder, stamp)

        patch.setattr(BarFile, "__init__", note)
        assert closes(database, reader, ids) == bars
    assert [name[4:8] for name in opened] == [str(y) for y in years()][
        : len(years()) - kept or None
    ]
    write(database, DAY, {(ids[0], DAYS[-1]): 3.0})
    fold(database, files)
    assert closes(database, reader, ids) == bars | {(ids[0], DAYS[-1]): 3.0}
    last = newest(database, files)
    whole = last.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", None):
        last.unlink() if broken is None else last.write_bytes(broken)
        with database.transaction() as conn, pytest.raises(BadFile):
            reader.answer(conn, wanted(ids))
    last.write_bytes(whole)
    assert closes(database, reader, ids) == bars | {(ids[0], DAYS[-1]): 3.0}


def newest(database: Database, files: BarFiles) -> Path:
    """The file of the latest year."""
    with database.transaction() as conn:
        state = files.state(conn, *EVER, 9)
    assert state is not None
    return files.folder / state.database / f"{state.names[-1]}{ENDING}"


def test_files_that_differ_or_are_damaged_are_told(database: Database, files: BarFiles) -> None:
    (one,) = ids_of(database, "AAPL")
    assert compare_files(database, files).files is None
    write(database, DAY, {(one, d): 2.0 for d in DAYS})
    fold(database, files)
    found = compare_files(database, files, at_once=1)
    assert (found.bars, found.files, found.differences) == (len(DAYS), len(years()), ())
    unseen(database)
    differs = tuple(YearDifference(year, "differs from the database") for year in years())
    assert compare_files(database, files).differences == differs
    fold(database, files, anew=True)
    assert compare_files(database, files).differences == ()
    with database.transaction() as conn:
        state = files.state(conn, *EVER, 9)
    assert state is not None
    (files.folder / state.database / f"{state.names[state.years.index(2023)]}{ENDING}").unlink()
    (gone,) = compare_files(database, files).differences
    assert gone.year == 2023
    assert gone.what.endswith("is not there.")
    assert fold(database, files).years == (2023,)
    assert compare_files(database, files).differences == ()


def test_of_a_damaged_file_no_bar_is_taken(database: Database, files: BarFiles) -> None:
    """Wherever the damage is, also in bars of years beside those of a sound file."""
    ids = ids_of(database, *SYMBOLS)
    write(database, DAY, {(i, d): 2.5 for i in ids for d in DAYS})
    fold(database, files)
    of = wanted(ids)
    every = sorted(files.folder.rglob(f"*{ENDING}"))
    assert len(every) == len(years()) > 2
    for file in every:
        whole = file.read_bytes()
        start = 8 + int.from_bytes(whole[:8], "little")
        for place in range(start, len(whole), max(1, (len(whole) - start) // 40)):
            file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
            with database.transaction() as conn:
                found = files.read(conn, DAY, of.instruments, of.lo, of.hi)
                assert_equal(found, direct(conn, of))
        file.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
        with database.transaction() as conn, pytest.raises(BadFile, match="differ from their"):
            files.answer(conn, of)
        file.write_bytes(whole)
    with database.transaction() as conn:
        assert files.answer(conn, of) is not None


def test_a_folder_that_cannot_be_written_is_said(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadFile, match="Bar files cannot be written to"):
        fold(database, BarFiles(tmp_path / "file" / "bars"))
