"""Whatever happens to minutes, hours and sealed files: what is read is what it would be without."""

from __future__ import annotations

import errno
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psycopg
import pyarrow
import pytest
from pyarrow import parquet

from tests.cli_run import in_turn
from tests.conftest import Cluster
from tests.moment import handed_on
from tests.store.test_bar_history import ids_of, now, write
from tests.store.turns import after_vacuum
from tickstock import failpoints
from tickstock.errors import (
    BadFile,
    BadSetting,
    Conflict,
    OutOfResources,
    TickStockError,
    Transient,
)
from tickstock.model import Timeframe, epoch_day
from tickstock.sealed_place import ENDING, FRESH
from tickstock.service.sealed_months import SealedMonths
from tickstock.spans import Span
from tickstock.store import bar_history, bars, checksums, coverage, locks, sealing
from tickstock.store.bars import Rows
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.vendors.newyork import instants_of

SYMBOLS = ("AAPL", "MSFT", "KIMpL", "BRK.B", "GE")
MINUTE, HOUR = Timeframe.MINUTE, Timeframe.HOUR
FRAMES = pytest.mark.parametrize("frame", [MINUTE, HOUR])
MONTHS = [date(2024, 1, 1), date(2024, 2, 1), date(2024, 3, 1)]
DAYS = [epoch_day(date(2024, m, d)) for m, d in [(1, 3), (1, 31), (2, 1), (2, 29), (3, 1), (3, 28)]]
MOMENTS = [
    int(instants_of(np.array([day]), hour)[0]) + 60 * minute
    for day in DAYS
    for hour, minute in [(9, 30), (9, 31), (15, 59), (18, 59), (19, 0), (19, 59)]
]
"""Of days at the edges of months: in winter 19:00 in New York is another day, and month, by UTC."""
EVER = (-(2**35), 2**35)
SEALS = {"group_rows": 7, "at_once": 2, "compared": 3}


@pytest.fixture
def plain(cluster: Cluster) -> Iterator[Database]:
    """A database in which nothing is ever sealed."""
    name = cluster.create()
    with Database.open(cluster.uri(name), Path()) as database:
        yield database
    cluster.drop(name)


@pytest.fixture
def both(database: Database, plain: Database, tmp_path: Path) -> tuple[Database, Database]:
    database.sealed_files = tmp_path / "sealed"
    return database, plain


def read(
    database: Database,
    frame: Timeframe,
    ids: list[int],
    lo: int,
    hi: int,
    at: datetime | None = None,
) -> Rows:
    every = np.array(ids, np.int64)
    edges = np.full(len(every), lo), np.full(len(every), hi)
    with database.transaction() as conn:
        return bar_history.read_known_at(conn, frame, every, *edges, at)


def assert_equal(found: Rows, expected: Rows) -> None:
    for column in fields(Rows):
        mine, theirs = getattr(found, column.name), getattr(expected, column.name)
        assert np.array_equal(mine, theirs, equal_nan=True), column.name
        assert mine.dtype == theirs.dtype, column.name


def count(database: Database, table: str) -> int:
    with database.transaction() as conn:
        (found,) = conn.execute(f"SELECT count(*) FROM tickstock.{table}").fetchone() or (0,)
    return int(found)


def is_sealed(database: Database, frame: Timeframe) -> bool:
    with database.transaction() as conn:
        return any(one.timeframe is frame for one in sealing.listed(conn))


def held(conn: Connection, frame: Timeframe, ids: list[int]) -> list[tuple[int, int, int]]:
    spans = coverage.held_spans(conn, frame, ids)
    return sorted(
        zip(spans.instrument.tolist(), spans.start.tolist(), spans.end.tolist(), strict=True)
    )


def some_bars(ids: list[int], value: float = 2.0) -> dict[tuple[int, int], float]:
    return {(i, at): value for i in ids for at in MOMENTS}


def sealed_files(database: Database) -> list[Path]:
    return sorted(database.sealed_files.glob(f"*{ENDING}"))


# --- anything in any order ----------------------------------------------------------------------
@dataclass
class Pair:
    """Two databases to which the same happens, but that one of them seals."""

    sealed: Database
    plain: Database
    dice: random.Random
    frames: tuple[Timeframe, ...]
    ids: list[int]
    moments: list[tuple[datetime, datetime]] = field(default_factory=list)

    @property
    def frame(self) -> Timeframe:
        """One of those of this order."""
        return self.dice.choice(self.frames)

    def load(self) -> None:
        few = self.dice.sample(MOMENTS, self.dice.randint(1, 9))
        ids = self.dice.sample(self.ids, self.dice.randint(1, len(self.ids)))
        found = {(i, at): float(self.dice.randint(2, 4)) for i in ids for at in few}
        frame = self.frame
        for database in (self.sealed, self.plain):
            write(database, frame, found)

    def seal(self) -> None:
        try:
            sealing.seal(self.sealed, self.frame, self.dice.choice(MONTHS), **SEALS)
        except Conflict as e:
            assert re.match("No (minute|hour) bars", e.what)

    def unseal(self) -> None:
        sealing.unseal(self.sealed, self.frame, self.dice.choice(MONTHS), at_once=2)

    def broken(self) -> None:
        """One of these ends at some point by an error."""
        point, act = self.dice.choice(
            [
                ("sealed_file.group", self.seal),
                ("sealed_file.written", self.seal),
                ("seal.published", self.seal),
                ("seal.deleted", self.seal),
                ("seal.kept", self.seal),
                ("unseal.brought", self.unseal),
                ("unseal.released", self.unseal),
                ("seal.brought_back", self.broken_load),
            ]
        )
        # A load is of both: the one that breaks is the first.
        times = 1 if act == self.broken_load else self.dice.randint(1, 2)
        failpoints.arm(f"{point}@{times}:fault")
        try:
            act()
        except RuntimeError:
            pass
        finally:
            failpoints.arm("")

    def broken_load(self) -> None:
        found = {(self.dice.choice(self.ids), self.dice.choice(MOMENTS)): 9.0}
        frame = self.frame
        for database in (self.sealed, self.plain):
            write(database, frame, found)

    def look(self) -> bool:
        """Read some, now and as of an earlier moment; whether a file was needed for it."""
        dice, frame = self.dice, self.frame
        ids = [dice.choice(self.ids) for _ in range(dice.randint(1, 6))]
        lo, hi = sorted(dice.sample([*EVER, *MOMENTS], 2))
        assert_equal(read(self.sealed, frame, ids, lo, hi), read(self.plain, frame, ids, lo, hi))
        if self.moments:
            mine, theirs = dice.choice(self.moments)
            assert_equal(
                read(self.sealed, frame, ids, lo, hi, mine),
                read(self.plain, frame, ids, lo, hi, theirs),
            )
        day = date(2024, dice.randint(1, 3), 1)
        span = Span(day, date(2024, day.month + 1, 2))
        found = []
        for database in (self.sealed, self.plain):
            with database.transaction() as conn:
                revised = bar_history.revisions(conn, frame, self.ids)
                found.append(
                    (
                        [(r.instrument_id, r.at, r.old, r.new) for r in revised],
                        bars.count_by_day(conn, frame, ids[0], span),
                        held(conn, frame, self.ids),
                    )
                )
        assert found[0] == found[1]
        return is_sealed(self.sealed, frame)


STEPS: tuple[tuple[Callable[[Pair], None], int], ...] = (
    (Pair.load, 8), (Pair.seal, 7), (Pair.unseal, 2), (Pair.broken, 4),
)  # fmt: skip
MOVES, WEIGHTS = zip(*STEPS, strict=True)


def play(both: tuple[Database, Database], seed: int) -> tuple[int, int]:
    """In so many looks of so many some bars were in files."""
    for database in both:
        with database.transaction() as conn:
            conn.execute(
                "TRUNCATE tickstock.bars_minute, tickstock.bars_hour, tickstock.coverage, "
                "tickstock.bar_checksums, tickstock.bar_revisions, tickstock.bar_arrivals, "
                "tickstock.sealed_bars, tickstock.sealed_files"
            )
    ids = [ids_of(database, *SYMBOLS) for database in both]
    assert ids[0] == ids[1]
    dice = random.Random(seed)
    pair = Pair(*both, dice, dice.choice([(MINUTE,), (HOUR,), (MINUTE, HOUR)]), ids[0])
    sealed = looks = 0
    for _ in range(12):
        pair.dice.choices(MOVES, WEIGHTS)[0](pair)
        if not pair.dice.randrange(4):
            pair.moments.append((now(both[0]), now(both[1])))
        looks += 1
        sealed += pair.look()
    return sealed, looks


def test_in_any_order_sealing_is_not_noticed(
    both: tuple[Database, Database], request: pytest.FixtureRequest
) -> None:
    """`--folds` says how many orders."""
    many, one = request.config.getoption("--folds"), request.config.getoption("--seed")
    sealed = looks = 0
    for seed in range(many) if one is None else [one]:
        try:
            found = play(both, seed)
        except AssertionError as e:
            e.add_note(f"in order {seed}")
            raise
        sealed, looks = sealed + found[0], looks + found[1]
    assert sealed > looks / 3 or one is not None
    print(f"{many} orders, {looks} looks, in {sealed} of which bars were in files")


# --- minutes and hours --------------------------------------------------------------------------
def test_minutes_and_hours_of_a_month_go_their_own_ways(both: tuple[Database, Database]) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    minutes, hours = some_bars(ids, 2.0), some_bars(ids, 3.0)
    write(database, MINUTE, minutes)
    write(database, HOUR, hours)
    with database.transaction() as conn:
        before = held(conn, MINUTE, ids)
    sealing.seal(database, HOUR, MONTHS[0])
    assert count(database, "bars_minute") == len(minutes)
    assert not is_sealed(database, MINUTE)
    sealing.seal(database, MINUTE, MONTHS[0])
    files = sealed_files(database)
    assert [file.name[:13] for file in files] == ["hours-2024-01", "minutes-2024-"]
    schemas = [parquet.read_schema(file).metadata[b"schema"] for file in files]
    assert schemas == [b"tickstock/hours/1", b"tickstock/minutes/1"]
    assert all_closes(database, MINUTE, ids) == minutes
    assert all_closes(database, HOUR, ids) == hours
    assert sealing.unseal(database, MINUTE, MONTHS[0]) == (20, 0)
    assert is_sealed(database, HOUR)
    files[0].unlink()
    assert sealing.unseal(database, HOUR, MONTHS[0], is_lost=True) == (0, 2)
    assert all_closes(database, MINUTE, ids) == minutes
    with database.transaction() as conn:
        assert held(conn, MINUTE, ids) == before, "no minute was lost"
        assert len(held(conn, HOUR, ids)) < len(before)


@FRAMES
def test_a_writer_of_others_keeps_nothing_from_being_sealed(
    both: tuple[Database, Database], frame: Timeframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, frame, some_bars(ids))
    made = []

    def reached(name: str) -> None:
        if name == "bars.copied":
            made.append(sealing.seal(database, frame, MONTHS[0]).bars)

    monkeypatch.setattr(bars, "reach", reached)
    write(database, HOUR if frame is MINUTE else MINUTE, some_bars(ids))
    assert made == [20]


@FRAMES
def test_months_and_whose_they_are_are_found(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    """Instruments with bars before, in and after a month, in one of these, and at its edges."""
    database, _ = both
    every = ids_of(database, *SYMBOLS)
    edges = [f"{m}-01T00:00:00" for m in ("1969-12", "1970-01", "2023-12", "2024-01", "2024-02")]
    seconds = np.array(edges, "datetime64[s]").astype(np.int64)
    moments = [int(at) + step for at in seconds for step in (-1, 0, 86_400)]
    for seed in range(20):
        dice = random.Random(seed)
        with psycopg.connect(database.conninfo) as conn:
            conn.execute("TRUNCATE tickstock.bars_minute, tickstock.bars_hour")
            conn.execute("TRUNCATE tickstock.bar_checksums, tickstock.coverage")
        ids = dice.sample(every, dice.randint(1, 5))
        found = {(dice.choice(ids), dice.choice(moments)): 2.0 for _ in range(dice.randint(1, 12))}
        write(database, frame, found)
        if frame is HOUR:  # minutes have no partition for these
            with psycopg.connect(database.conninfo) as conn:
                never = "unnest('{-infinity,infinity}'::timestamptz[]) AS at"
                row = f"SELECT {ids[0]}, at, 1, 1, 1, 1, 1 FROM {never}"
                conn.execute(f"INSERT INTO tickstock.bars_hour {row}".encode())
        months = {(i, np.datetime64(at, "s").astype("datetime64[M]")) for i, at in found}
        before = date(*dice.choice([(1970, 1, 1), (2024, 1, 1), (2024, 2, 1), (2025, 1, 1)]))
        with database.transaction() as conn:
            listed = sealing.months_before(conn, frame, before)
            assert listed == sorted({m.astype(date) for _, m in months if m.astype(date) < before})
            for month in listed:
                mine = sealing._whose(conn, sealing.Month(frame, month)).tolist()
                assert mine == sorted(i for i, m in months if m.astype(date) == month)


def test_what_sealed_hours_took_is_used_for_hours_to_come(
    both: tuple[Database, Database],
) -> None:
    """Also where they are few of many, whose places VACUUM would leave for another time."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS)
    months = (date(2024, 1, 1), date(2024, 2, 1), date(2025, 1, 1))
    first, second, third = (int(instants_of(np.array([epoch_day(m)]))[0]) for m in months)
    write(database, HOUR, {(i, first + 3600 * n): 2.0 for i in ids for n in range(30)})
    write(database, HOUR, {(i, second + 3600 * n): 2.0 for i in ids for n in range(3_200)})
    size = "SELECT pg_relation_size('tickstock.bars_hour')"
    with psycopg.connect(database.conninfo, autocommit=True) as conn:
        conn.execute("VACUUM tickstock.bars_hour")  # takes away what was made ahead of bars
        before = conn.execute(size).fetchone()
    sealed = SealedMonths(database, lambda: datetime(2024, 6, 1, tzinfo=UTC))
    assert [one.bars for one in sealed.seal("2024-02", "hour").months] == [150]
    write(database, HOUR, {(i, third + 3600 * n): 2.0 for i in ids for n in range(30)})
    with database.transaction() as conn:
        assert conn.execute(size).fetchone() == before


def test_what_was_sealed_before_hours_were_is_known_for_minutes(
    both: tuple[Database, Database],
) -> None:
    """Also by `db backup` and after `db restore`, which leave the schema as it is."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, MINUTE, some_bars(ids))
    sealing.seal(database, MINUTE, MONTHS[0])
    with database.transaction() as conn:
        named = sealing.named_files(conn)
    with psycopg.connect(database.conninfo) as conn:
        conn.execute("ALTER TABLE tickstock.sealed_files DROP COLUMN timeframe")
        conn.execute("ALTER TABLE tickstock.sealed_bars DROP COLUMN timeframe")
        conn.execute("ALTER TABLE tickstock.sealed_bars ADD PRIMARY KEY (instrument_id, month)")
        conn.execute("CREATE INDEX sealed_bars_by_month ON tickstock.sealed_bars (month)")
        conn.execute("DELETE FROM tickstock.migrations WHERE version = '0036'")
    with database.transaction() as conn:
        assert sealing.named_files(conn) == named
    assert sealing.lacking(database) == []
    with Database.open(database.conninfo, Path(), sealed_files=database.sealed_files) as newer:
        assert all_closes(newer, MINUTE, ids) == some_bars(ids)
        with newer.transaction() as conn:
            assert sealing.named_files(conn) == named
            assert [one.timeframe for one in sealing.listed(conn)] == [MINUTE]


# --- at the same time ---------------------------------------------------------------------------
def all_closes(
    database: Database, frame: Timeframe, ids: list[int]
) -> dict[tuple[int, int], float]:
    rows = read(database, frame, ids, *EVER)
    keys = zip(rows.instrument.tolist(), rows.at.tolist(), strict=True)
    found = dict(zip(keys, rows.close.tolist(), strict=True))
    assert len(found) == len(rows), "a bar is there twice"
    return found


@FRAMES
def test_who_began_to_read_before_still_has_the_bars(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    """With one snapshot over the sealing, as `verify`, exports and backups have: a partition that
    was dropped or truncated would be empty for them."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    found = some_bars(ids)
    write(database, frame, found)
    every, lo, hi = np.array(ids), np.full(2, EVER[0]), np.full(2, EVER[1])
    with database.snapshot() as conn:
        conn.execute("SELECT count(*) FROM tickstock.instruments")
        assert not sealing.seal(database, frame, MONTHS[0]).is_freed, "somebody still sees the bars"
        sealing.make_reusable(database, frame)
        assert len(bars.read_rows(conn, frame, every, lo, hi)) == len(found)
    assert all_closes(database, frame, ids) == found


def test_the_disk_has_the_room_of_minutes_back(both: tuple[Database, Database]) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    found = some_bars(ids)
    write(database, MINUTE, found)
    with database.snapshot() as conn:
        conn.execute("SELECT count(*) FROM tickstock.instruments")
        sealing.seal(database, MINUTE, MONTHS[0])
    assert sealing.free(database, MONTHS[0])
    assert all_closes(database, MINUTE, ids) == found
    with database.transaction() as conn:
        size = conn.execute(
            "SELECT pg_relation_size('tickstock.bars_minute_2024_01')"
            " + pg_relation_size('tickstock.bars_minute_2024_01_pkey')"
        ).fetchone()
    assert size == (8192,), "the first page of an empty index"


def test_a_month_with_bars_of_anybody_is_not_emptied(both: tuple[Database, Database]) -> None:
    database, _ = both
    (one,) = ids_of(database, "AAPL")
    write(database, MINUTE, some_bars([one]))
    assert not sealing.free(database, MONTHS[0])
    assert all_closes(database, MINUTE, [one]) == some_bars([one])


@pytest.mark.parametrize("point", ["bars.read_back", "seal.brought_back", "bars.replaced"])
@FRAMES
def test_nothing_is_sealed_under_a_writer(
    both: tuple[Database, Database], frame: Timeframe, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    """Between the moment at which it reads back, and that at which it replaces."""
    database, plain = both
    ids = ids_of(database, *SYMBOLS)
    ids_of(plain, *SYMBOLS)
    for of in both:
        write(of, frame, some_bars(ids))
    tried = []

    def reached(name: str) -> None:
        if name == point:
            with pytest.raises(Transient, match="are being written"):
                sealing.seal(database, frame, MONTHS[0], **SEALS)
            tried.append(name)

    monkeypatch.setattr(bars, "reach", reached)
    write(database, frame, {(ids[0], MOMENTS[1]): 8.0})
    monkeypatch.undo()
    write(plain, frame, {(ids[0], MOMENTS[1]): 8.0})
    assert tried == [point]
    sealing.seal(database, frame, MONTHS[0], **SEALS)
    assert_equal(read(database, frame, ids, *EVER), read(plain, frame, ids, *EVER))
    write(database, frame, {(ids[0], MOMENTS[1]): 7.0})
    assert all_closes(database, frame, ids)[ids[0], MOMENTS[1]] == 7.0
    assert count(database, "bar_revisions") == 2


@FRAMES
def test_nothing_is_sealed_while_it_comes_back(
    both: tuple[Database, Database], frame: Timeframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What lies over the file would go into a new one, which then nobody names."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, frame, some_bars(ids))
    sealing.seal(database, frame, MONTHS[0])
    write(database, frame, {(ids[0], MOMENTS[0]): 5.0})
    tried = []

    def reached(name: str) -> None:
        if name == "unseal.brought" and not tried:
            tried.append(name)
            with pytest.raises(Transient, match="are being written"):
                sealing.seal(database, frame, MONTHS[0])

    monkeypatch.setattr(sealing, "reach", reached)
    sealing.unseal(database, frame, MONTHS[0])
    assert tried
    assert all_closes(database, frame, ids) == some_bars(ids) | {(ids[0], MOMENTS[0]): 5.0}


@FRAMES
def test_another_program_that_writes_meanwhile_loses_nothing(
    both: tuple[Database, Database], frame: Timeframe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows no locks of ours: what it adds stays; where it changes a bar nothing is sealed."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    found = some_bars(ids)
    write(database, frame, found)
    table, statement = f"tickstock.{bars.TABLES[frame]}", ""

    def reached(name: str) -> None:
        if name == "seal.checked":
            with psycopg.connect(database.conninfo) as other:
                other.execute(statement)  # type: ignore[call-overload]

    monkeypatch.setattr(sealing, "reach", reached)
    values = "1, 2, 1, 9, 5, NULL, NULL"
    statement = f"INSERT INTO {table} VALUES ({ids[0]}, to_timestamp({MOMENTS[0] + 120}), {values})"
    sealing.seal(database, frame, MONTHS[0], **SEALS)
    found[ids[0], MOMENTS[0] + 120] = 9.0
    assert all_closes(database, frame, ids) == found
    statement = f"UPDATE {table} SET close = 11 WHERE at >= '2024-03-01'"
    with pytest.raises(Transient):
        sealing.seal(database, frame, MONTHS[2], **SEALS)
    closes = all_closes(database, frame, ids)
    assert {c for (_, at), c in closes.items() if at >= 1709251200} == {11.0}


def test_hours_of_many_years_are_written_under_few_locks(database: Database) -> None:
    days = np.arange(20 * 365) * 86_400
    counted = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid::bigint = %s"
    with database.transaction() as conn:
        bars.lock_months(conn, HOUR, days)
        assert conn.execute(counted, [locks.SEALS_OF_HOURS]).fetchone() == (20,)


def test_one_seals_at_a_time(both: tuple[Database, Database]) -> None:
    database, _ = both
    write(database, MINUTE, some_bars(ids_of(database, "AAPL")))
    with database.transaction() as conn:
        conn.execute("LOCK TABLE tickstock.sealed_files IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(Transient, match="Another process is sealing"):
            sealing.seal(database, MINUTE, MONTHS[0])
    assert sealing.seal(database, MINUTE, MONTHS[0]).bars == 10


def test_the_server_s_own_vacuum_is_waited_for(both: tuple[Database, Database]) -> None:
    database, _ = both
    write(database, MINUTE, some_bars(ids_of(database, "AAPL")))
    done = after_vacuum(database, "sealed_files", lambda: sealing.seal(database, MINUTE, MONTHS[0]))
    assert done.bars == 10


SEALING = """
import sys
from datetime import date
from pathlib import Path
from tickstock.model import Timeframe
from tickstock.store import sealing
from tickstock.store.database import Database
with Database.open(sys.argv[1], Path(), migrate=False, sealed_files=Path(sys.argv[2])) as database:
    month, frame = date(2024, 1, 1), Timeframe(sys.argv[4])
    if sys.argv[3] == "seal":
        sealing.seal(database, frame, month, group_rows=7, at_once=2, compared=3)
    else:
        sealing.unseal(database, frame, month, at_once=2)
"""


@pytest.mark.parametrize(
    ("frame", "act", "point"),
    [
        (MINUTE, "seal", "sealed_file.group@2"),
        (MINUTE, "seal", "sealed_file.written@1"),
        (MINUTE, "seal", "seal.published@1"),
        (MINUTE, "seal", "seal.deleted@2"),
        (MINUTE, "seal", "seal.kept@1"),
        (MINUTE, "seal", "seal.committed@1"),
        (MINUTE, "unseal", "unseal.brought@3"),
        (MINUTE, "unseal", "unseal.released@2"),
        (HOUR, "seal", "seal.published@1"),
        (HOUR, "seal", "seal.kept@1"),
        (HOUR, "seal", "seal.committed@1"),
        (HOUR, "unseal", "unseal.released@2"),
    ],
)
def test_killed_anywhere_bars_are_whole_on_one_side(
    both: tuple[Database, Database], frame: Timeframe, act: str, point: str
) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS)
    expected = some_bars(ids)
    write(database, frame, expected)
    if act == "unseal":
        sealing.seal(database, frame, MONTHS[0], **SEALS)
    where = database.conninfo, str(database.sealed_files)
    environment = {**os.environ, **handed_on(), failpoints.VARIABLE: f"{point}:kill"}
    command = [sys.executable, "-c", SEALING, *where, act, frame]
    killed = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
    assert killed.returncode == -9, killed
    assert all_closes(database, frame, ids) == expected
    if point != "seal.committed@1":
        in_turn(lambda: sealing.seal(database, frame, MONTHS[0], **SEALS))
    assert all_closes(database, frame, ids) == expected
    assert not [one for one in sealing.check(database) if one.what]
    sealing.unseal(database, frame, MONTHS[0])
    assert all_closes(database, frame, ids) == expected
    assert count(database, bars.TABLES[frame]) == len(expected)
    assert count(database, "sealed_bars") == 0


# --- what is refused ----------------------------------------------------------------------------
@FRAMES
def test_bars_that_are_not_what_was_written_are_not_sealed(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS)
    write(database, frame, some_bars(ids))
    table = f"tickstock.{bars.TABLES[frame]}"
    statements = [
        f"UPDATE {table} SET volume = 1 WHERE at = to_timestamp({MOMENTS[0]})",
        f"DELETE FROM {table} WHERE at = to_timestamp({MOMENTS[0]})",
        f"UPDATE {table} SET trades = -5",
        f"UPDATE {table} SET at = at + interval '1 ms'",
        # The evening of the last day belongs to the next month by UTC, and to this day's checksum.
        f"UPDATE {table} SET volume = 1 WHERE at = to_timestamp({MOMENTS[10]})",
    ]
    for number, statement in enumerate(statements):
        with psycopg.connect(database.conninfo) as conn:
            conn.execute(statement)  # type: ignore[call-overload]
            conn.commit()
            with pytest.raises(Conflict, match=r"differ from their checksums|no job writes"):
                sealing.seal(database, frame, MONTHS[0], **SEALS)
            conn.execute(f"TRUNCATE {table}, tickstock.bar_checksums, tickstock.coverage".encode())
            conn.commit()
        write(database, frame, some_bars(ids, 2.0 + number))
    assert not list(database.sealed_files.iterdir()), "and nothing is left"
    assert sealing.seal(database, frame, MONTHS[0], **SEALS).bars == 10 * len(ids)


# --- damage -------------------------------------------------------------------------------------
@FRAMES
def test_a_damaged_or_lacking_file_is_never_no_data(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS)
    expected = some_bars(ids)
    write(database, frame, expected)
    sealing.seal(database, frame, MONTHS[0], **SEALS)
    (file,) = sealed_files(database)
    whole = file.read_bytes()
    dice = random.Random(1)
    for _ in range(60):
        cut = dice.random() < 0.2
        damaged = bytearray(whole[: dice.randrange(len(whole))] if cut else whole)
        if damaged and not cut:
            damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
        file.write_bytes(damaged)
        try:
            assert all_closes(database, frame, ids) == expected
        except BadFile as e:
            assert str(file) in e.what
    file.write_bytes(whole)
    assert sealing.lacking(database) == []
    file.rename(file.with_suffix(".moved"))
    with pytest.raises(BadFile, match=r"is not there.*--lost"):
        all_closes(database, frame, ids)
    with pytest.raises(BadFile, match="is not there"):
        write(database, frame, {(ids[0], MOMENTS[0]): 5.0})
    with pytest.raises(BadFile, match="is not there"):
        sealing.unseal(database, frame, MONTHS[0])
    assert [one.name for one in sealing.lacking(database)] == [file.stem]
    assert [bool(one.what) for one in sealing.check(database)] == [True]
    others = {k: v for k, v in expected.items() if k[1] >= 1706832000}
    lo = min(at for _, at in others)
    assert len(read(database, frame, ids, lo, EVER[1])) == len(others), (
        "other months are read as always"
    )
    file.with_suffix(".moved").rename(file)
    assert all_closes(database, frame, ids) == expected


def test_another_file_in_its_place_is_damage(both: tuple[Database, Database]) -> None:
    """One that is whole, of the same month, with as many bars: from an old copy, say."""
    database, _ = both
    ids = ids_of(database, *SYMBOLS)
    write(database, MINUTE, some_bars(ids))
    sealing.seal(database, MINUTE, MONTHS[0])
    (old,) = sealed_files(database)
    write(database, MINUTE, {(i, MOMENTS[0]): 5.0 for i in ids})
    sealing.seal(database, MINUTE, MONTHS[0])
    (new,) = set(sealed_files(database)) - {old}
    assert all_closes(database, MINUTE, ids)[ids[0], MOMENTS[0]] == 5.0
    new.write_bytes(old.read_bytes())
    with pytest.raises(BadFile, match="differ from their checksums"):
        all_closes(database, MINUTE, ids)


@FRAMES
def test_what_is_lost_can_be_loaded_again(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    database, plain = both
    ids = ids_of(database, *SYMBOLS[:2])
    ids_of(plain, *SYMBOLS[:2])
    for of in both:
        write(of, frame, some_bars(ids))
    sealing.seal(database, frame, MONTHS[0], **SEALS)
    sealed_files(database)[0].unlink()
    assert sealing.unseal(database, frame, MONTHS[0], is_lost=True) == (0, 2)
    with database.transaction() as conn:
        assert not [start for _, start, _ in held(conn, frame, ids) if start <= DAYS[0]], (
            "missing now"
        )
    write(database, frame, some_bars(ids))
    assert_equal(read(database, frame, ids, *EVER), read(plain, frame, ids, *EVER))
    with database.transaction() as mine, plain.transaction() as theirs:
        kept = coverage.summaries(mine, frame, ids)
        counted = len(MOMENTS) - 10 + len(MOMENTS)  # `write` counts all that it brings as new
        assert {s.bars for s in kept.values()} == {counted}
        assert held(mine, frame, ids) == held(theirs, frame, ids)
        assert checksums.coverage_checks(mine, frame, ids) == dict.fromkeys(ids, True)


@FRAMES
def test_of_a_damaged_file_only_what_is_damaged_is_given_up(
    both: tuple[Database, Database], frame: Timeframe
) -> None:
    database, _ = both
    ids = sorted(ids_of(database, *SYMBOLS))
    write(database, frame, some_bars(ids))
    sealing.seal(database, frame, MONTHS[0], **SEALS)
    (file,) = sealed_files(database)
    place = parquet.read_metadata(file).row_group(1).column(2).data_page_offset
    damaged = bytearray(file.read_bytes())
    damaged[place + 40] ^= 1
    file.write_bytes(damaged)
    with pytest.raises(BadFile):
        sealing.unseal(database, frame, MONTHS[0])
    assert sealing.unseal(database, frame, MONTHS[0], is_lost=True) == (40, 1)
    kept = some_bars(ids)
    for at in MOMENTS[:10]:
        del kept[ids[1], at]
    assert all_closes(database, frame, ids) == kept


@pytest.mark.parametrize(
    ("short", "told"),
    [
        (OSError(errno.EMFILE, "Too many open files"), OutOfResources),
        (pyarrow.lib.ArrowMemoryError("none"), OutOfResources),
        (PermissionError(errno.EACCES, "Permission denied"), BadSetting),
        (OSError(errno.ESTALE, "Stale file handle"), BadSetting),
    ],
)
def test_what_cannot_be_got_at_is_not_lost(
    both: tuple[Database, Database],
    monkeypatch: pytest.MonkeyPatch,
    short: Exception,
    told: type[TickStockError],
) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, MINUTE, some_bars(ids))
    sealing.seal(database, MINUTE, MONTHS[0], **SEALS)

    def refused(*_: object, **__: object) -> None:
        raise short

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", refused)
        with pytest.raises(told):
            sealing.unseal(database, MINUTE, MONTHS[0], is_lost=True)
    assert all_closes(database, MINUTE, ids) == some_bars(ids)


def test_a_folder_that_is_not_mounted_is_not_lost(both: tuple[Database, Database]) -> None:
    database, _ = both
    ids = ids_of(database, *SYMBOLS[:2])
    write(database, MINUTE, some_bars(ids))
    sealing.seal(database, MINUTE, MONTHS[0], **SEALS)
    away = database.sealed_files.rename(database.sealed_files.with_name("elsewhere"))
    with pytest.raises(BadSetting, match="the folder is not there"):
        sealing.unseal(database, MINUTE, MONTHS[0], is_lost=True)
    assert "is not there" in sealing.lacking(database)[0].what
    database.sealed_files.touch()
    assert "cannot be got at: Not a directory" in sealing.lacking(database)[0].what
    database.sealed_files.unlink()
    away.rename(database.sealed_files)
    assert all_closes(database, MINUTE, ids) == some_bars(ids)


def test_a_session_that_became_held_twice_has_arrived_on_each_of_its_days() -> None:
    """As one does that was lost: the later span may lie inside the first one."""
    every = [(np.array([1, 2]), np.array([10]), np.array([20])), (np.array([1]), [12], [13])]
    found = [(ids, np.array(first), np.array(after)) for ids, first, after in every]
    starts, ends = bar_history._arrival_keys(found, np.array([1, 2]))
    for instrument in (1, 2):
        keys = bar_history._day_keys(np.array([instrument]), np.arange(8, 22))
        place = np.searchsorted(starts, keys, side="right") - 1
        inside = (place >= 0) & (keys < ends[place])
        assert np.arange(8, 22)[inside].tolist() == [*range(10, 20)]


def test_files_that_nobody_names_are_told_and_stay(both: tuple[Database, Database]) -> None:
    database, _ = both
    write(database, MINUTE, some_bars(ids_of(database, "AAPL")))
    sealing.seal(database, MINUTE, MONTHS[0])
    assert sealing.unnamed(database) == []
    other = database.sealed_files / f"minutes-2020-01-0{FRESH}"
    other.write_bytes(b"")
    sealing.unseal(database, MINUTE, MONTHS[0])
    assert sealing.unnamed(database) == [str(f) for f in (other, *sealed_files(database))]


def test_groups_of_any_size_hold_the_same(both: tuple[Database, Database]) -> None:
    database, plain = both
    ids = ids_of(database, *SYMBOLS)
    ids_of(plain, *SYMBOLS)
    for of in both:
        write(of, MINUTE, some_bars(ids))
    expected = read(plain, MINUTE, ids, *EVER)
    for rows, at_once, compared in [(1, 1, 1), (25, 2, 5), (25_000, 8, 1_000)]:
        made = sealing.seal(
            database, MINUTE, MONTHS[0], group_rows=rows, at_once=at_once, compared=compared
        )
        assert (made.instruments, made.bars) == (5, 50)
        assert_equal(read(database, MINUTE, ids, *EVER), expected)
        sealing.unseal(database, MINUTE, MONTHS[0], at_once=compared)
        assert_equal(read(database, MINUTE, ids, *EVER), expected)
