"""Moves months of minute and hour bars out of the database into sealed files, and back.

Sealing is one transaction: a snapshot, the file, the file read again, its name, then the rows that
make it count and the deletion of the bars. Whoever dies before the end leaves a file that nobody
names, and the bars where they were. Bars are deleted, and no partition is dropped: who began to
read before still has them. What a file has of an instrument and month, and what the database has
besides, is read as one (`store/sealed.py`): what is written later lies over the file, until the
next sealing puts both into a new one. Files are never removed here: another database, restored from
a copy of this one, may read them too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import Any
from uuid import uuid4

import numpy as np
import psycopg
import structlog
from psycopg import sql

from tickstock.checksums import Cells, Statements, compare, day_of, instrument_of, joined
from tickstock.errors import BadFile, Conflict, TickStockError, Transient
from tickstock.failpoints import reach
from tickstock.model import Flags, Ints, Timeframe
from tickstock.sealed_file import SealedSpan, SealedWriter, read_spans
from tickstock.sealed_place import ENDING, FRESH, NOUNS, SealedPlace, damaged, kinds_of_bars
from tickstock.spans import day_of as date_of
from tickstock.store import checksums
from tickstock.store.bar_rows import Rows
from tickstock.store.bars import (
    MONTHS_A_LOCK,
    SEAL_LOCKS,
    TABLES,
    bring_back,
    cells,
    lock_instruments,
    read_rows,
    table_query,
)
from tickstock.store.connection import Connection, take_turn
from tickstock.store.database import Database, translate
from tickstock.store.pgbinary import columns_cursor
from tickstock.store.queries import load
from tickstock.vendors.newyork import dates_of, instants_of

log = structlog.get_logger("tickstock.store")
QUERIES = load("sealing.sql")
GROUP_ROWS = 25_000
"""Bars of a row group, at least; those of an instrument stay together."""
READ_AT_ONCE = 8
"""Instruments whose bars of a month are in memory at once."""
COMPARED = 1_000
"""Instruments whose checksums are read at once: each time, all writes are looked through."""
BROUGHT_AT_ONCE = 20
"""Instruments that are brought back in one transaction."""


@dataclass(frozen=True, slots=True)
class Month:
    """A month (UTC) of minute or hour bars."""

    timeframe: Timeframe
    first: date

    @property
    def number(self) -> int:
        """Months since 1970."""
        return (self.first.year - 1970) * 12 + self.first.month - 1

    @property
    def seconds(self) -> tuple[int, int]:
        """Its first and its last second, since 1970."""
        edges = np.array([self.number, self.number + 1], "datetime64[M]").astype("datetime64[s]")
        first, end = edges.astype(np.int64).tolist()
        return first, end - 1

    @property
    def days(self) -> tuple[int, int]:
        """The New York dates of both; the first one's session belongs to the month before."""
        first, last = dates_of(np.array(self.seconds)).tolist()
        return first, last

    @property
    def lock(self) -> dict[str, int]:
        """The advisory lock of its writers, and of who seals it."""
        number = self.number // MONTHS_A_LOCK[self.timeframe]
        return {"space": SEAL_LOCKS[self.timeframe], "number": number}

    @property
    def bars(self) -> str:
        """What people call its bars."""
        return kinds_of_bars([self.timeframe])

    def query(self, name: str) -> sql.Composed:
        """The query `name` over the table with its bars."""
        return table_query(QUERIES, name, self.timeframe)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


@dataclass(frozen=True, slots=True)
class SealedMonth:
    """What was sealed of a month; `is_freed`: whether the disk has the room back already, which it
    never has of hours."""

    timeframe: Timeframe
    month: date
    instruments: int
    bars: int
    bytes: int
    is_freed: bool


@dataclass(frozen=True, slots=True)
class ListedMonth:
    """What is in sealed files of a month."""

    timeframe: Timeframe
    month: date
    instruments: int
    bars: int
    files: int


@dataclass(frozen=True, slots=True)
class FileCheck:
    """A sealed file, and what is the matter with it, if anything is."""

    timeframe: Timeframe
    name: str
    bytes: int
    bars: int
    what: str = ""


@dataclass(slots=True)
class _FileDraft:
    """A file that is being written, and what it has of whom."""

    writer: SealedWriter
    group_rows: int
    waiting: list[Rows] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    spans: list[SealedSpan] = field(default_factory=list)

    def add(self, rows: Rows) -> None:
        """Add all bars of an instrument."""
        self.waiting.append(rows)
        self.ids.append(int(rows.instrument[0]))
        if sum(map(len, self.waiting)) >= self.group_rows:
            self.flush()

    def flush(self) -> None:
        if self.waiting:
            self.spans += self.writer.write(Rows.join(self.waiting).columns)
            self.waiting.clear()

    @property
    def rows(self) -> int:
        return sum(span.rows for span in self.spans)


def months_before(connection: Connection, timeframe: Timeframe, before: date) -> list[date]:
    """Months before one of which bars are in the database."""
    query = table_query(QUERIES, "months", timeframe)
    return [m for (m,) in connection.execute(query, {"before": before})]


def seal(
    database: Database,
    timeframe: Timeframe,
    first: date,
    *,
    group_rows: int = GROUP_ROWS,
    at_once: int = READ_AT_ONCE,
    compared: int = COMPARED,
) -> SealedMonth:
    """Move the bars of the month that begins on `first` into a new file.

    Raises:
        Transient: another one seals, somebody writes bars of the month, or the server of files is
            away.
        Conflict: a job still asks for bars of it, or they are not what was written.
        BadFile: the folder cannot be written, or a file that has some of them be read.
        BadSetting: the bucket may not be written to, or files of before cannot be got at.
        MissingExtra: pyarrow is not installed.
    """
    month, place = Month(timeframe, first), database.sealed_place
    name = f"{NOUNS[timeframe]}s-{month}-{uuid4().hex}"
    with database.transaction() as connection:
        take_turn(connection, QUERIES["one_at_a_time"], "is sealing bars")
        checksums.take_time(connection)
        _refuse_busy(connection, month)
        whose = _whose(connection, month)
        try:
            writer = SealedWriter(place, name, timeframe)
            draft = _FileDraft(writer, group_rows)
        except OSError as e:
            raise place.unwritable(e) from e
        try:
            size = _write(connection, month, whose, draft, at_once, compared)
            reach("seal.checked")
            draft.writer.publish()
            reach("seal.published")
        except OSError as e:
            raise place.unwritable(e) from e
        finally:
            draft.writer.discard()
        _keep(connection, month, draft, name, size, compared)
        reach("seal.kept")
    reach("seal.committed")
    is_freed = timeframe is Timeframe.MINUTE and free(database, first)
    return SealedMonth(timeframe, first, len(draft.ids), draft.rows, size, is_freed)


def _refuse_busy(connection: Connection, month: Month) -> None:
    if connection.execute(QUERIES["try_month"], month.lock).fetchone() != (True,):
        what = f"{month.bars.capitalize()} of {month} are being written."
        raise Transient(what, "Seal it later.")
    first, last = map(date_of, month.days)
    params = {"timeframe": month.timeframe, "first": first, "last": last}
    found = connection.execute(QUERIES["open_calls"], params).fetchall()
    if jobs := [job for (job,) in found]:
        raise Conflict(
            f"{month.bars.capitalize()} of {month} are still asked for by {', '.join(jobs[:5])}.",
            "Wait until these jobs have ended, or cancel them.",
        )


def _whose(connection: Connection, month: Month) -> Ints:
    """The instruments with bars of a month, which all have the form of those that jobs write."""
    lo, hi = month.seconds
    params = {"lo": lo, "hi": hi}
    row = columns_cursor(connection).execute(month.query("instruments"), params).fetchone()
    found: Ints | None = row[0] if row else None
    if found is None:
        raise Conflict(
            f"No {month.bars} of {month} are in the database.", "There is nothing to seal."
        )
    every = params | {"ids": found.tolist()}
    odd = (connection.execute(month.query("odd"), every).fetchone() or (0,))[0]
    if odd:
        raise Conflict(
            f"{odd} {month.bars} of {month} are in a form that no job writes.",
            f"`tickstock verify UNIVERSE --timeframe {month.timeframe}` names them.",
        )
    return found


def _write(
    connection: Connection,
    month: Month,
    whose: Ints,
    draft: _FileDraft,
    at_once: int,
    compared: int,
) -> int:
    """Write all bars of the month, each instrument's compared with its checksums, and read them
    again from the disk; the size of the file."""
    for some in _parts(whose, compared):
        found = [_write_some(connection, month, draft, few) for few in _parts(some, at_once)]
        _compare(connection, month, some, joined(found))
    draft.flush()
    size = draft.writer.close()
    draft.writer.check(draft.spans)
    return size


def _write_some(connection: Connection, month: Month, draft: _FileDraft, few: Ints) -> Cells:
    """Write the bars of a few instruments; the checksums of their days, which go by New York's."""
    (lo, hi), (before, last) = month.seconds, month.days
    end = int(instants_of(np.array([last + 1]))[0]) - 1
    edges = np.full(len(few), lo), np.full(len(few), end)
    rows = read_rows(connection, month.timeframe, few, *edges)
    mine = rows.pick(rows.at <= hi)
    places = np.flatnonzero(np.diff(mine.instrument, prepend=-1, append=-1)).tolist()
    for start, stop in pairwise(places):
        draft.add(mine.pick(slice(start, stop)))
    # The evening of the last day before the month is in it, by UTC; the rest of that day is not.
    late = np.unique(rows.instrument[dates_of(rows.at) == before])
    if len(late):
        begin = int(instants_of(np.array([before]))[0])
        rest = np.full(len(late), begin), np.full(len(late), lo - 1)
        rows = Rows.join([rows, read_rows(connection, month.timeframe, late, *rest)])
    return cells(rows.ordered(), month.timeframe)


def _compare(connection: Connection, month: Month, some: Ints, actual: Cells) -> None:
    """Raises Conflict where the bars are not those that were written."""
    said = checksums.read_statements(connection, month.timeframe, some)
    before, last = month.days
    days = day_of(said.cells.key)
    is_here: Flags = (days > before) & (days <= last) | np.isin(said.cells.key, actual.key)
    cells_said = Cells(said.cells.key[is_here], said.cells.sums[is_here])
    found = compare(
        actual,
        Statements(
            cells_said,
            said.place[is_here],
            said.unknown_from,
            said.unknown_to,
            said.unknown_place,
        ),
    )
    wrong = np.flatnonzero(found.wrong | found.unknown)
    if len(wrong):
        key = found.actual.key[wrong[:1]]
        of = {"id": int(instrument_of(key)[0])}
        symbol = (
            connection.execute(QUERIES["symbol"], of).fetchone() or (f"instrument {of['id']}",)
        )[0]
        raise Conflict(
            f"{len(wrong)} days of {month.bars} in {month} differ from their checksums, or have "
            f"none, as {date_of(int(day_of(key)[0]))} of {symbol}.",
            f"Look at them: tickstock verify '{{{symbol}}}' --timeframe {month.timeframe}",
        )


def _keep(
    connection: Connection, month: Month, draft: _FileDraft, name: str, size: int, at_once: int
) -> None:
    """The file counts, and its bars leave the database."""
    which = {"timeframe": month.timeframe, "month": month.first}
    facts = which | {"name": name, "rows": draft.rows, "bytes": size}
    (number,) = connection.execute(QUERIES["add_file"], facts).fetchone() or (None,)
    lo, hi = month.seconds
    for start in range(0, len(draft.ids), at_once):
        ids, spans = draft.ids[start : start + at_once], draft.spans[start : start + at_once]
        params = which | {
            "file": number, "ids": ids,
            "groups": [s.group for s in spans], "firsts": [s.first for s in spans],
            "rows": [s.rows for s in spans], "hashes": [s.hash for s in spans],
        }  # fmt: skip
        connection.execute(QUERIES["add_bars"], params)
        connection.execute(month.query("delete_bars"), {"ids": ids, "lo": lo, "hi": hi})
        reach("seal.deleted")


def free(database: Database, first: date) -> bool:
    """Give the disk back what sealed minutes of a month took; False where somebody still sees them,
    or the user may not: then the database does it in its time."""
    try:
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            _vacuum(connection, f"{TABLES[Timeframe.MINUTE]}_{first:%Y_%m}")
            row = connection.execute(QUERIES["free"], {"month": first}).fetchone()
    except psycopg.Error as e:
        _log_later(e)
        return False
    return row == (True,)


def make_reusable(database: Database, timeframe: Timeframe) -> None:
    """Have the database use what sealed bars took for bars to come, where months are no partitions.
    It goes through the whole index: once for all months that were sealed."""
    try:
        with psycopg.connect(database.conninfo, autocommit=True) as connection:
            _vacuum(connection, TABLES[timeframe])
    except psycopg.Error as e:
        _log_later(e)


def _vacuum(connection: Connection, table: str) -> None:
    name = sql.Identifier("tickstock", table)
    connection.execute(sql.SQL(QUERIES["vacuum"]).format(table=name))


def _log_later(e: psycopg.Error) -> None:
    log.info("the room of sealed bars is not free yet", what=translate(e).what)


# --- back ---------------------------------------------------------------------------------------
def unseal(
    database: Database,
    timeframe: Timeframe,
    first: date,
    *,
    is_lost: bool = False,
    at_once: int = BROUGHT_AT_ONCE,
) -> tuple[int, int]:
    """Bring the bars of a month back into the database; how many bars, and of how many instruments
    bars were given up. With `is_lost`, those whose file cannot be read are given up: they do not
    count as held any more, so that they can be loaded again.

    Some instruments after the other, each time in one transaction. Raises BadFile where a file
    cannot be read and is not said to be lost.
    """
    month = Month(timeframe, first)
    which = {"timeframe": timeframe, "month": first}
    brought = lost = 0
    after = 0
    while True:
        with database.transaction() as connection:
            checksums.take_time(connection)
            params = which | {"after": after, "most": at_once}
            ids = [row[0] for row in connection.execute(QUERIES["sealed_of"], params)]
            if not ids:
                return brought, lost
            # In the order of writers, who know no month before they know the instruments.
            lock_instruments(connection, ids)
            connection.execute(QUERIES["lock_month"], month.lock)
            found = connection.execute(QUERIES["sealed_of"], params).fetchall()
            found = [row for row in found if row[0] in ids]
            for id_, span, rows in _sealed_rows(database.sealed_place, found, is_lost=is_lost):
                if rows is None:
                    _give_up(connection, month, id_, span.rows)
                    lost += 1
                else:
                    bring_back(connection, timeframe, rows)
                    brought += len(rows)
                reach("unseal.brought")
            released = [row[0] for row in found]
            connection.execute(QUERIES["release"], which | {"ids": released})
            reach("unseal.released")
        after = ids[-1]


def _sealed_rows(
    place: SealedPlace, found: Sequence[tuple[Any, ...]], *, is_lost: bool
) -> Iterator[tuple[int, SealedSpan, Rows | None]]:
    """The bars of some instruments, a row group read once for all of them; None where they are
    lost, and may be."""
    files = defaultdict[str, list[tuple[int, SealedSpan]]](list)
    for id_, name, *where in found:
        files[name].append((id_, SealedSpan(*where)))
    for file, of in files.items():
        spans = [span for _, span in of]
        for number, rows in _readable(place, file, spans, is_lost=is_lost):
            id_, span = of[number]
            yield id_, span, rows


def _readable(
    place: SealedPlace, name: str, spans: Sequence[SealedSpan], *, is_lost: bool
) -> Iterator[tuple[int, Rows | None]]:
    left = dict(enumerate(spans))
    try:
        for number, bars in read_spans(place, name, spans):
            del left[number]
            yield number, Rows(**bars)
    except BadFile:
        if not is_lost:
            raise
    for number, span in left.items():  # what is damaged may be another's
        yield number, _rows_of(place, name, span)


def _rows_of(place: SealedPlace, name: str, span: SealedSpan) -> Rows | None:
    try:
        ((_, bars),) = read_spans(place, name, [span])
    except BadFile:
        return None
    return Rows(**bars)


def _give_up(connection: Connection, month: Month, instrument: int, rows: int) -> None:
    first, last = map(date_of, month.days)
    params = {
        "timeframe": month.timeframe, "ids": [instrument], "rows": [rows],
        "first": first, "last": last,
    }  # fmt: skip
    connection.execute(QUERIES["forget_held"], params)


# --- what there is ------------------------------------------------------------------------------
def listed(connection: Connection) -> list[ListedMonth]:
    """What is sealed, by timeframe and month."""
    found = connection.execute(QUERIES["listed"])
    return [ListedMonth(Timeframe(timeframe), *row) for timeframe, *row in found]


def named_files(connection: Connection) -> list[FileCheck]:
    """The files from which bars are read; none where the schema does not know of any."""
    if connection.execute(QUERIES["has_files"]).fetchone() != (True,):
        return []
    found = connection.execute(QUERIES["files"])
    return [FileCheck(Timeframe(timeframe), *row) for timeframe, *row in found]


def lacking(database: Database) -> list[FileCheck]:
    """Files that are named and not there, or of another size. Only looks, and reads none."""
    with database.transaction() as connection:
        named = named_files(connection)
    if not named:
        return []
    place = database.sealed_place
    try:
        sizes = place.sizes()
    except TickStockError as e:
        return [replace(one, what=e.what) for one in named]
    found = []
    for one in named:
        size = sizes.get(f"{one.name}{ENDING}")
        if size != one.bytes:
            what = "is not there" if size is None else "has another size"
            found.append(replace(one, what=damaged(place.shown(one.name), what).what))
    return found


def check(database: Database) -> Iterator[FileCheck]:
    """Read every bar of every file that is named, and see whether it is what was sealed."""
    with database.snapshot() as connection:
        checksums.take_time(connection)
        for one in named_files(connection):
            spans = [
                SealedSpan(*row)
                for row in connection.execute(QUERIES["spans_of"], {"name": one.name})
            ]
            try:
                for _ in read_spans(database.sealed_place, one.name, spans):
                    pass
                yield one
            except TickStockError as e:
                yield replace(one, what=e.what)


def unnamed(database: Database) -> list[str]:
    """Files from which this database reads nothing: another one may."""
    with database.transaction() as connection:
        named = {f"{one.name}{ENDING}" for one in named_files(connection)}
    with suppress(TickStockError):  # which the check of those that are named tells
        others = sorted(database.sealed_place.sizes().keys() - named)
        return [f"{database.sealed_files}/{f}" for f in others if f.endswith((ENDING, FRESH))]
    return []


def _parts(ids: Ints, size: int) -> Iterator[Ints]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
