"""Writes bar files from the database, and compares the two.

All of it happens in one transaction, with one snapshot: first the files, each whole and kept by the
disk, then the row that makes them count. Whoever dies before that leaves files that nobody looks
at, which the next one removes. The files of the row before stay: somebody may be reading them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
import structlog

from tickstock.bar_file import ENDING, BarFile, FileStamp, about_rows, write_bar_file
from tickstock.errors import BadFile, DatabaseRefused, Transient
from tickstock.failpoints import reach
from tickstock.model import Ints, Timeframe, epoch_day
from tickstock.private import make_folder
from tickstock.store import checksums
from tickstock.store.bar_files import BarFiles, FilesState, Wanted, year_of
from tickstock.store.bars import Rows, read_rows
from tickstock.store.connection import Connection, take_turn
from tickstock.store.database import Database
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load

log = structlog.get_logger("tickstock.store")
QUERIES = load("bar_files.sql")
AT_ONCE = 500
"""Instruments read at once, so that memory stays below that of the bars of a year."""
EVER = (-700_000, 2_900_000)
"""Before the first and after the last day of any bar, since 1970."""
ALL_CHANGES = 1_000_000
_OF_DAYS = {"timeframe": Timeframe.DAY}


@dataclass(frozen=True, slots=True)
class Folded:
    """What was written: the years, bars and bytes in them; and of how many years there are files
    now."""

    years: tuple[int, ...]
    bars: int
    bytes: int
    files: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """What was written since files were: statements, and whether some wait for over an hour."""

    changes: int
    is_old: bool


@dataclass(frozen=True, slots=True)
class FoldingWork:
    """About how many bars the next fold writes, and whether there are no files yet."""

    bars: int
    is_first: bool


@dataclass(frozen=True, slots=True)
class YearDifference:
    """A year of which the files do not tell what the database does."""

    year: int
    what: str


@dataclass(frozen=True, slots=True)
class Compared:
    """Bars that were compared, and the years that differ; `files` is None where there are none."""

    bars: int
    files: int | None
    differences: tuple[YearDifference, ...]


@dataclass(frozen=True, slots=True)
class Everything:
    """Whose day bars there are, and the years from the first to the last of them."""

    instruments: Ints
    years: range

    def of(self, year: int, at_once: int) -> Iterator[Wanted]:
        """The bars of a year, so many instruments at a time."""
        first, last = epoch_day(date(year, 1, 1)), epoch_day(date(year, 12, 31))
        for start in range(0, len(self.instruments), at_once):
            yield _all_days(self.instruments[start : start + at_once], first, last)


def read_waiting(database: Database, files: BarFiles) -> Waiting | None:
    """What files in a folder do not have yet; None where there are none of this database."""
    if (place := files.place()) is None:
        return None
    params = {"place": place, "timeframe": Timeframe.DAY}
    with database.transaction() as connection:
        found = connection.execute(QUERIES["waiting"], params).fetchone()
    return Waiting(*found) if found else None


def read_work(database: Database, files: BarFiles) -> FoldingWork:
    """What the next fold has to do: write the years that have changed, and those without files."""
    with database.transaction() as connection:
        state = files.state(connection, *EVER, ALL_CHANGES)
        (stored,) = connection.execute(QUERIES["stored"], _OF_DAYS).fetchone() or (0,)
    if state is None:
        return FoldingWork(stored, is_first=True)
    if not state.changes:
        return FoldingWork(0, is_first=False)
    rows = {
        year: about_rows(files.folder / state.database, name)
        for year, name in zip(state.years, state.names, strict=True)
    }
    changed = sum(rows[year] for year in _changed_years(state, state.years))
    without = max(stored - sum(rows.values()), 0)
    return FoldingWork(max(changed + without, 1), is_first=False)


def forget_unneeded_changes(database: Database) -> None:
    """Forget what was noted of bars for files that nobody has.

    Not while somebody writes files: those of a moment ago would lack what was noted since. Raises
    Transient then.
    """
    with database.transaction() as connection:
        take_turn(connection, QUERIES["if_nobody_writes"], "is writing bar files")
        connection.execute(QUERIES["forget_unneeded_changes"], _OF_DAYS)


def fold(
    database: Database,
    files: BarFiles,
    *,
    anew: bool = False,
    at_once: int = AT_ONCE,
    is_leaving: Callable[[], bool] = lambda: False,
) -> Folded:
    """Write the years of day bars that have changed since they were last written, or with `anew`
    all of them and from the database alone.

    Raises:
        Transient: another one is writing files now, or `is_leaving` has come true.
        BadFile: the folder cannot be written.
        DatabaseRefused: the server does not tell which database it is.
    """
    with database.transaction() as connection:
        take_turn(connection, QUERIES["one_at_a_time"], "is writing bar files")
        checksums.take_time(connection)
        try:
            return _fold(connection, files, anew, at_once, is_leaving)
        except OSError as e:
            raise BadFile(
                f"Bar files cannot be written to {files.folder}: {e.strerror}.",
                "Make room or let it be written to; TICKSTOCK_BAR_FILES may name another folder.",
            ) from e


def _fold(
    connection: Connection,
    files: BarFiles,
    anew: bool,
    at_once: int,
    is_leaving: Callable[[], bool],
) -> Folded:
    identity, watermark = connection.execute(QUERIES["moment"]).fetchone() or (None, None)
    if identity is None:
        raise DatabaseRefused(
            "The server does not tell which one it is, so that no file can be known as its own.",
            "GRANT EXECUTE ON FUNCTION pg_control_system() TO PUBLIC",
        )
    place = files.make_place()
    folder = files.folder / identity
    make_folder(folder)
    every = everything(connection)
    before = files.state(connection, *EVER, ALL_CHANGES)
    kept = {} if anew or before is None else _unchanged(before, every.years, folder)
    through = None if anew or before is None else files
    made: dict[int, str] = {}
    bars = size = 0
    for year in every.years:
        if is_leaving():
            raise Transient("The writing of bar files was stopped.", "The next one begins anew.")
        if year not in kept and len(rows := _year_rows(connection, every, year, through, at_once)):
            made[year] = f"{Timeframe.DAY}-{year}-{uuid.uuid4().hex}"
            size += write_bar_file(folder, FileStamp(made[year], identity), rows.columns)
            bars += len(rows)
            reach("fold.year")
    _sync(folder)
    now = dict(sorted((kept | made).items()))
    row = {
        "place": place, "timeframe": Timeframe.DAY, "database": identity, "watermark": watermark,
        "years": list(now), "names": list(now.values()),
    }  # fmt: skip
    for query in ("keep", "forget_places", "forget_changes"):
        connection.execute(QUERIES[query], row)
    _remove_others(folder, {*now.values(), *(before.names if before else ())})
    reach("fold.kept")
    return Folded(tuple(made), bars, size, len(now))


def compare_files(database: Database, files: BarFiles, *, at_once: int = AT_ONCE) -> Compared:
    """Day bars as they are read by way of the files, against the database, as of one moment."""
    with database.snapshot() as connection:
        checksums.take_time(connection)
        every = everything(connection)
        state = files.state(connection, *EVER, ALL_CHANGES)
        if state is None:
            return Compared(0, None, ())
        bars, found = 0, list[YearDifference]()
        for year in sorted({*every.years, *state.years}):
            count, what = _compare_year(connection, every, year, files, at_once)
            bars += count
            found += [YearDifference(year, what)] * bool(what)
    return Compared(bars, len(state.names), tuple(found))


def _compare_year(
    connection: Connection, every: Everything, year: int, files: BarFiles, at_once: int
) -> tuple[int, str]:
    bars, unlike = 0, 0
    for wanted in every.of(year, at_once):
        theirs = read_rows(connection, Timeframe.DAY, wanted.instruments, wanted.lo, wanted.hi)
        bars += len(theirs)
        try:
            ours = files.answer(connection, wanted, most=ALL_CHANGES)
        except BadFile as e:
            return bars, e.what
        if ours is None or not _equal(ours, theirs):
            unlike += len(theirs)
    return bars, "differs from the database" if unlike else ""


def _equal(a: Rows, b: Rows) -> bool:
    return all(
        np.array_equal(getattr(a, f.name), getattr(b, f.name), equal_nan=True) for f in fields(Rows)
    )


def everything(connection: Connection) -> Everything:
    params = dict(zip(("lo", "hi"), EVER, strict=True))
    found = columns_cursor(connection).execute(QUERIES["instruments"], params).fetchone()
    if found is None:
        return Everything(np.empty(0, np.int64), range(0))
    instruments, first, last = found
    return Everything(instruments, range(year_of(first), year_of(last) + 1))


def _unchanged(before: FilesState, years: Sequence[int], folder: Path) -> dict[int, str]:
    """The files that can stay: those of years in which nothing was written since."""
    changed = _changed_years(before, years)
    stay = {}
    for year, name in zip(before.years, before.names, strict=True):
        if year in years and year not in changed:
            with suppress(BadFile):
                BarFile(folder, FileStamp(name, before.database))
                stay[year] = name
    return stay


def _changed_years(state: FilesState, years: Sequence[int]) -> set[int]:
    return {
        year for _, first, last in state.changes for year in years
        if year_of(first) <= year <= year_of(last)
    }  # fmt: skip


def _year_rows(
    connection: Connection, every: Everything, year: int, files: BarFiles | None, at_once: int
) -> Rows:
    parts = []
    for wanted in every.of(year, at_once):
        asked = connection, Timeframe.DAY, wanted.instruments, wanted.lo, wanted.hi
        parts.append(files.read(*asked) if files else read_rows(*asked))
    return Rows.join(parts)


def _all_days(instruments: Ints, first: int, last: int) -> Wanted:
    return Wanted(instruments, np.full(len(instruments), first), np.full(len(instruments), last))


def _sync(folder: Path) -> None:
    """Have the disk keep the names of the files."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove_others(folder: Path, names: set[str]) -> None:
    for file in folder.iterdir():
        if file.suffix in (ENDING, ".tmp") and file.stem not in names:
            with suppress(OSError):
                file.unlink()
