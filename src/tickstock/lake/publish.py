"""Publishes the stored day bars: of each table one commit, from one snapshot of the database.

A publish that ends anywhere before the commit leaves the table as it was, and files that belong to
nothing. The commit says what each year was made of; after it the database notes how far the table
is, so that the next one looks at those years alone that were written since. Where the two do not
fit, say because the process died between them, all years are read again, and those written that are
not as they were.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _OverwriteFiles

from tickstock.bar_file import block_of, sum_of_hashes
from tickstock.errors import BadFile, BadInput
from tickstock.failpoints import reach
from tickstock.lake.catalog import translated
from tickstock.lake.naming import Naming
from tickstock.lake.sweep import expire
from tickstock.lake.tables import BARS, INSTRUMENTS, SCHEMAS, SPLITS, TICKERS, division
from tickstock.lake.writing import arrow_schema, bars_to_arrow, write_data_file
from tickstock.model import Timeframe
from tickstock.store import lake
from tickstock.store.bar_files import BarFiles
from tickstock.store.bars import Rows, read_rows
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.folding import AT_ONCE, Everything, everything

DATABASE, WATERMARK, AS_OF = "tickstock.database", "tickstock.watermark", "tickstock.as-of"
MADE_OF = "tickstock.made-of"
PROPERTIES = {
    TableProperties.FORMAT_VERSION: "2",
    # What two wrote at once must not be put together: the later one is refused.
    TableProperties.COMMIT_NUM_RETRIES: "0",
    # The least that a reader has to look at for one symbol.
    TableProperties.PARQUET_ROW_GROUP_LIMIT: "65536",
    TableProperties.METADATA_DELETE_AFTER_COMMIT_ENABLED: "true",
    TableProperties.METADATA_PREVIOUS_VERSIONS_MAX: "20",
}


@dataclass(frozen=True, slots=True)
class YearMade:
    """What a year of a table was made of: the file, its bars, what their hashes add up to, and a
    hash of their tickers."""

    file: str
    bars: int
    sum: str
    tickers: str

    def is_as(self, other: YearMade) -> bool:
        """Whether it holds the same, in whatever file."""
        return replace(self, file=other.file) == other


@dataclass(frozen=True, slots=True)
class PublishedTable:
    """What became of a table: `written` are the years, or for others the one file, that are new;
    `rows` and `bytes` are in those."""

    name: str
    snapshot: int
    written: tuple[int, ...]
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Published:
    """The tables, as of one moment of the database."""

    as_of: Any
    tables: tuple[PublishedTable, ...]


class Lakeside:
    """The tables of a database in a catalog."""

    def __init__(
        self,
        catalog: Catalog,
        namespace: str,
        warehouse: str,
        *,
        is_own: bool,
        kept: int,
        files: BarFiles | None = None,
        at_once: int = AT_ONCE,
    ) -> None:
        """`is_own`: nobody else has tables of this namespace. `kept` snapshots stay. `files` are
        bar files that bars are read from faster."""
        self._catalog = catalog
        self._namespace = namespace
        self._warehouse = warehouse
        self._is_own = is_own
        self._kept = kept
        self._files = files
        self._at_once = at_once

    def table(self, name: str) -> Table | None:
        """A table as it is published now; None where it was not yet."""
        with translated(self._warehouse):
            try:
                return self._catalog.load_table((self._namespace, name))
            except NoSuchTableError:
                return None

    def publish(self, database: Database, *, anew: bool = False) -> Published:
        """Bring the tables to the state of the database.

        Raises:
            Transient: somebody else publishes now.
            Conflict: somebody else changed the table meanwhile.
            BadInput: the tables are of another database.
        """
        with lake.turn(database), translated(self._warehouse):
            with database.transaction() as connection:
                identity = lake.read_moment(connection).database
            tables = {name: self._ready(database, name, identity, anew) for name in SCHEMAS}
            lake.enrol(database, tables[BARS].metadata.table_uuid)
            with database.snapshot() as connection:
                return self._publish(database, connection, tables, anew)

    def _publish(
        self, database: Database, connection: Connection, tables: Mapping[str, Table], anew: bool
    ) -> Published:
        moment = lake.read_moment(connection)
        instruments, tickers = lake.read_instruments(connection), lake.read_tickers(connection)
        own = {one.instrument: one.symbol for one in instruments}
        naming = Naming(own, tickers)
        small = {
            INSTRUMENTS: _small(tables[INSTRUMENTS], instruments),
            TICKERS: _small(tables[TICKERS], tickers),
            SPLITS: _small(tables[SPLITS], lake.read_splits(connection)),
        }
        named_by = _digest(small[INSTRUMENTS], small[TICKERS])
        said = {
            DATABASE: moment.database, WATERMARK: moment.watermark, AS_OF: moment.at.isoformat(),
        }  # fmt: skip
        bars = _Bars(tables[BARS], connection, self._files, naming, self._at_once)
        former = partial(_former_naming, tables[INSTRUMENTS], tables[TICKERS])
        done = [bars.publish(None if anew else bars.stale(named_by, former), said, anew=anew)]
        mark = lake.Mark(bars.files(), named_by, moment.watermark)
        lake.write_mark(database, tables[BARS].metadata.table_uuid, mark)
        reach("lake.marked")
        done += [_publish_small(tables[name], rows, said) for name, rows in small.items()]
        for table in tables.values():
            expire(table, self._kept)
        return Published(moment.at, tuple(done))

    # --- tables that are there ------------------------------------------------------------------
    def _ready(self, database: Database, name: str, identity: str, anew: bool) -> Table:
        """The table of this database, made where there is none."""
        identifier = (self._namespace, name)
        try:
            table = self.table(name)
        except BadFile:
            if not anew:
                raise
            self._catalog.drop_table(identifier)
            table = None
        if table is not None and (owner := table.properties.get(DATABASE)) != identity:
            if not self._is_own:
                raise BadInput(
                    f"The table {self._namespace}.{name} is of another database ({owner}).",
                    "Set TICKSTOCK_LAKE_NAMESPACE to a name of your own, or drop it there.",
                )
            # This database was restored from that one, which goes on with its files.
            self._leave(database, table, identifier)
            table = None
        if table is not None and self._is_own and table.location() != self._place(name, identity):
            if not anew:
                raise BadInput(
                    f"The table is in {table.location()}, the lake is set to {self._warehouse}.",
                    "Set TICKSTOCK_LAKE_WAREHOUSE to where it is, or have it made anew here: "
                    "`tickstock lake publish --anew`.",
                )
            self._leave(database, table, identifier)
            table = None
        return table or self._create(name, identity)

    def _leave(self, database: Database, table: Table, identifier: tuple[str, str]) -> None:
        """Forget a table; its files stay."""
        lake.strike(database, table.metadata.table_uuid)
        self._catalog.drop_table(identifier)

    def _place(self, name: str, identity: str) -> str:
        return f"{self._warehouse}/{identity}/{name}"

    def _create(self, name: str, identity: str) -> Table:
        self._catalog.create_namespace_if_not_exists(self._namespace)
        return self._catalog.create_table(
            (self._namespace, name),
            SCHEMAS[name],
            location=self._place(name, identity) if self._is_own else None,
            partition_spec=division(name),
            properties=PROPERTIES | {DATABASE: identity},
        )


class _Bars:
    """The day bars of a snapshot of the database, and the table that they are published in."""

    def __init__(
        self,
        table: Table,
        connection: Connection,
        files: BarFiles | None,
        naming: Naming,
        at_once: int,
    ) -> None:
        self._table = table
        self._connection = connection
        self._read = files.read if files else read_rows
        self._naming = naming
        self._at_once = at_once
        self._symbols = pa.array(naming.symbols, pa.string())
        self._schema = arrow_schema(table)
        self._every: Everything = everything(connection)
        self._there = {task.file.file_path: task for task in table.scan().plan_files()}
        self._made = {
            year: made for year, made in _made_of(table).items()
            if made.file in self._there and not self._there[made.file].delete_files
            and _is_whole(table, self._there[made.file].file)
        }  # fmt: skip

    def stale(
        self, named_by: str, former: Callable[[], tuple[str, Naming]]
    ) -> Collection[int] | None:
        """The years that may differ from what is published; None for all. `former` are the tickers
        as they were published last, with their digest."""
        mark = lake.read_mark(self._connection, self._table.metadata.table_uuid)
        if mark is None or set(mark.files.values()) != self._there.keys():
            return None
        years = set(self._every.years)
        todo = {y for first, last in mark.changes for y in years if first <= y <= last}
        todo |= mark.files.keys() - self._made.keys()  # whose files are not what they were
        if mark.named_by != named_by:
            digest, naming = former()
            if digest != mark.named_by:
                return None
            todo |= self._naming.changed_years(naming, years)
        return todo

    def publish(
        self, todo: Collection[int] | None, said: Mapping[str, str], *, anew: bool
    ) -> PublishedTable:
        """One commit with the years of `todo` (None: all) that are not as they were."""
        now: dict[int, YearMade] = {}
        fresh: list[DataFile] = []
        written: list[int] = []
        for year in self._every.years:
            before = self._made.get(year)
            if todo is not None and year not in todo:
                now |= {year: before} if before else {}
                continue
            if (one := self._write(year)) is None:
                continue
            file, made = one
            if before and not anew and made.is_as(before):
                self._table.io.delete(file.file_path)
                now[year] = before
                continue
            now[year] = made
            fresh.append(file)
            written.append(year)
            reach("lake.year")
        stay = {made.file for made in now.values()}
        gone = [task.file for path, task in self._there.items() if path not in stay]
        self._made = now
        texts = {str(year): asdict(made) for year, made in now.items()}
        said = dict(said) | {MADE_OF: json.dumps(texts)}
        return _commit(self._table, fresh, gone, said, tuple(written))

    def files(self) -> dict[int, str]:
        """The file of each year, after `publish`."""
        return {year: made.file for year, made in self._made.items()}

    def _write(self, year: int) -> tuple[DataFile, YearMade] | None:
        """A new file of a year; None where there is no bar in it."""
        counted = _Counted()
        file = write_data_file(self._table, f"date_year={year}", self._batches(year, counted))
        if file is None:
            return None
        return file, YearMade(
            file.file_path, counted.bars, f"{counted.sum:016x}", counted.tickers.hexdigest()
        )

    def _batches(self, year: int, counted: _Counted) -> Iterator[pa.Table]:
        last = int(np.datetime64(f"{year:04}-12-31", "D").astype(np.int64))
        ordered = Everything(self._naming.ordered(self._every.instruments, last), self._every.years)
        for wanted in ordered.of(year, self._at_once):
            asked = wanted.instruments, wanted.lo, wanted.hi
            rows = _in_turn(self._read(self._connection, Timeframe.DAY, *asked), wanted.instruments)
            codes = self._naming.codes(rows.instrument, rows.at)
            counted.add(rows, codes, self._naming.symbols)
            yield bars_to_arrow(self._schema, rows, self._symbols, codes)


class _Counted:
    """What went into a year."""

    def __init__(self) -> None:
        self.bars = 0
        self.sum = 0
        self.tickers = hashlib.sha256()

    def add(self, rows: Rows, codes: Any, symbols: Sequence[str]) -> None:
        if not len(rows):
            return
        self.bars += len(rows)
        self.sum = (self.sum + int(sum_of_hashes(block_of(rows.columns)))) % (1 << 64)
        starts = np.flatnonzero(
            (np.diff(rows.instrument, prepend=-1) != 0) | (np.diff(codes, prepend=-2) != 0)
        )
        for id_, code, at in zip(
            rows.instrument[starts].tolist(), codes[starts].tolist(), rows.at[starts].tolist(),
            strict=True,
        ):  # fmt: skip
            self.tickers.update(f"{id_} {symbols[code] if code >= 0 else ''} {at}\n".encode())


def _in_turn(rows: Rows, instruments: Any) -> Rows:
    """By instrument in that order, then by day."""
    by_number = np.argsort(instruments, kind="stable")
    place = by_number[np.searchsorted(instruments[by_number], rows.instrument)]
    return rows.pick(np.lexsort((rows.at, place)))


# --- commits ------------------------------------------------------------------------------------
def _commit(
    table: Table,
    fresh: Sequence[DataFile],
    gone: Sequence[DataFile],
    said: Mapping[str, str],
    written: tuple[int, ...] = (),
) -> PublishedTable:
    """One snapshot with these files and without those; none where nothing is to be changed."""
    if fresh or gone or table.current_snapshot() is None:
        reach("lake.commit")
        with table.transaction() as transaction:
            change = _Change(transaction, dict(said))
            for file in gone:
                change.delete_data_file(file)
            for file in fresh:
                change.append_data_file(file)
            change.commit()
        reach("lake.committed")
    snapshot = table.current_snapshot()
    return PublishedTable(
        table.name()[-1],
        snapshot.snapshot_id if snapshot else 0,
        written,
        sum(file.record_count for file in fresh),
        sum(file.file_size_in_bytes for file in fresh),
    )


class _Change(_OverwriteFiles):
    """Files that come and files that go. Lists of files that went before are not taken along:
    nobody needs them, and there would be one more with each publish."""

    def __init__(self, transaction: Transaction, said: dict[str, str]) -> None:
        is_first = transaction.table_metadata.current_snapshot() is None
        super().__init__(
            operation=Operation.APPEND if is_first else Operation.OVERWRITE,
            transaction=transaction,
            io=transaction._table.io,
            snapshot_properties=said,
        )

    def _existing_manifests(self) -> list[ManifestFile]:
        return [
            one for one in super()._existing_manifests()
            if one.has_added_files() or one.has_existing_files()
        ]  # fmt: skip


def _small(table: Table, rows: Iterable[Any]) -> pa.Table:
    """Rows of a table that is written as a whole."""
    schema = arrow_schema(table)
    texts = [asdict(row) for row in rows]
    columns = [pa.array([row[f.name] for row in texts], f.type) for f in schema]
    return _sorted(pa.table(columns, schema=schema))


def _sorted(table: pa.Table) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in table.column_names])


def _publish_small(table: Table, rows: pa.Table, said: Mapping[str, str]) -> PublishedTable:
    there = list(table.scan().plan_files())
    digest = _digest(rows)
    snapshot = table.current_snapshot()
    is_whole = all(not t.delete_files and _is_whole(table, t.file) for t in there)
    is_same = snapshot is not None and _said(table).get(MADE_OF) == digest
    if is_same and is_whole and len(there) == bool(len(rows)):
        return _commit(table, [], [], said)
    file = write_data_file(table, "", [rows])
    gone = [task.file for task in there]
    return _commit(table, [file] if file else [], gone, dict(said) | {MADE_OF: digest})


def _former_naming(instruments: Table, tickers: Table) -> tuple[str, Naming]:
    rows, dated = (_sorted(table.scan().to_arrow()) for table in (instruments, tickers))
    own = {one["instrument"]: one["symbol"] for one in rows.to_pylist()}
    naming = Naming(own, (lake.DatedTicker(**one) for one in dated.to_pylist()))
    return _digest(rows, dated), naming


def _digest(*tables: pa.Table) -> str:
    """What tables hold, in a word."""
    digest = hashlib.sha256()
    for table in tables:
        digest.update(json.dumps(table.to_pylist(), default=str).encode())
    return digest.hexdigest()


def _said(table: Table) -> dict[str, str]:
    """What the last commit said of itself."""
    snapshot = table.current_snapshot()
    return dict(snapshot.summary.additional_properties) if snapshot and snapshot.summary else {}


def _made_of(table: Table) -> dict[int, YearMade]:
    """What each year was made of, as far as the last commit was ours."""
    try:
        found = json.loads(_said(table).get(MADE_OF, "{}"))
        return {int(year): YearMade(**made) for year, made in found.items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def _is_whole(table: Table, file: DataFile) -> bool:
    """Whether a file is there, as long as it was."""
    try:
        return bool(len(table.io.new_input(file.file_path)) == file.file_size_in_bytes)
    except OSError:
        return False
