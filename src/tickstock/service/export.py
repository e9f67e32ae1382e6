"""Bars as a folder of Parquet files with a manifest, for DuckDB, Spark, polars and the like.

Files are partitioned the way these readers understand (`timeframe=day/year=2012/bars.parquet`), by
time and not by symbol: a universe of thousands stays a few files, and rows inside are ordered by
symbol, so that a query for one reads one part of each. The manifest is written last: a folder
without one is not complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np

import tickstock
from tickstock.actions import Adjust
from tickstock.content import ContentHash
from tickstock.errors import BadDates, BadFile, BadInput, MissingExtra
from tickstock.extras import need
from tickstock.frames import from_arrow, to_arrow
from tickstock.model import BarTable, Timeframe
from tickstock.service.holdings import Holdings
from tickstock.spans import ONE_DAY, Span
from tickstock.store.database import Database
from tickstock.store.moment import database_now, universe_revision

MANIFEST = "manifest.json"
SCHEMA = "tickstock/export/1"
AT_ONCE = {Timeframe.DAY: 500, Timeframe.HOUR: 60, Timeframe.MINUTE: 30}
"""Symbols read at once: about a quarter of a million bars a period."""
BLOCK = 1 << 20
WRITTEN = Span(date(1700, 1, 1), date(2800, 1, 1))
"""No bar is of another day; those around it can be reckoned with."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is exported. `known_at` is when the database knew it: the same again gives the same."""

    environment: str
    revision: int | None
    universe: str
    symbols: tuple[str, ...]
    timeframe: Timeframe
    span: Span
    adjust: Adjust
    known_at: datetime
    intervals: tuple[tuple[Span, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """One file: its path inside the folder, bars, bytes, and hashes of the file and its bars."""

    path: str
    bars: int
    bytes: int
    sha256: str
    content: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an exported folder holds. `first` and `last` are New York dates, both included;
    `revision` is the newest change of any universe of the environment at the time. Splits of
    `unadjusted` symbols were never asked for: their bars are as printed. `intervals`, of a universe
    over a past span, are the days of each symbol, first and last included."""

    schema: str
    made_by: str
    environment: str
    revision: int | None
    universe: str
    symbols: tuple[str, ...]
    timeframe: str
    first: date
    last: date
    adjust: str
    unadjusted: tuple[str, ...]
    as_of: datetime
    bars: int
    files: tuple[Piece, ...]
    intervals: tuple[tuple[tuple[date, date], ...], ...] = ()

    @property
    def asked(self) -> ExportRequest:
        span = Span.inclusive(self.first, self.last)
        return ExportRequest(
            self.environment, self.revision, self.universe, self.symbols,
            Timeframe(self.timeframe), span, Adjust(self.adjust), self.as_of,
            tuple(tuple(Span.inclusive(*edges) for edges in of) for of in self.intervals),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class FolderDifference:
    """What an exported folder is not as it should be: which file, and how it differs."""

    path: str
    what: str


class Exports:
    """Writes folders of bars, and checks them."""

    def __init__(self, database: Database, environment: str, holdings: Holdings) -> None:
        self._database = database
        self._environment = environment
        self._holdings = holdings

    def write(
        self,
        folder: Path,
        universe: str,
        symbols: Sequence[str],
        timeframe: Timeframe = Timeframe.DAY,
        span: Span | None = None,
        *,
        intervals: Sequence[tuple[Span, ...]] = (),
        adjust: Adjust = Adjust.SPLITS,
        known_at: datetime | None = None,
    ) -> Manifest:
        """Write the bars of `symbols` into the new or empty `folder`, and the manifest in the end.

        `universe` is what the symbols were named by. Without a span, all that is held; with
        `intervals`, one entry a symbol, only the bars of those days.

        Raises:
            BadInput: there is something in the folder.
            MissingExtra: pyarrow is not installed.
            BadDates: no span is given, and nothing is held.
            BadFile: the folder cannot be written.
        """
        need("pyarrow.parquet")
        symbols = tuple(symbols if intervals else dict.fromkeys(symbols))
        span = span or self._holdings.span(symbols, timeframe)
        if span is None:
            raise BadDates("No bars are held for that.", "`tickstock coverage` says why.")
        with self._database.transaction() as connection:
            known, revision = (
                known_at or database_now(connection),
                universe_revision(connection, self._environment),
            )
        asked = ExportRequest(
            self._environment,
            revision,
            universe,
            symbols,
            timeframe,
            span,
            adjust,
            known,
            tuple(intervals),
        )
        return _export(self._holdings, asked, folder)

    def differences(self, folder: Path) -> list[FolderDifference]:
        """Files whose bars differ from those that this database holds now, read in the same way.

        Raises:
            BadFile: the folder has no manifest that can be read.
        """
        return list(_against_stored(self._holdings, read_manifest(folder)))


def _export(holdings: Holdings, asked: ExportRequest, folder: Path) -> Manifest:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise BadInput(f"There is something in {folder} already.", "Name a new folder.")
        made = _manifest(
            asked,
            tuple(_pieces(holdings, asked, folder)),
            holdings.never_asked(asked.symbols, asked.timeframe),
        )
        text = msgspec.json.format(msgspec.json.encode(asdict(made)), indent=2)
        (folder / MANIFEST).write_bytes(text + b"\n")
    except OSError as error:
        raise BadFile(f"{folder} cannot be written: {error.strerror}.", "Try another.") from error
    return made


def _manifest(
    asked: ExportRequest, files: tuple[Piece, ...], unadjusted: tuple[str, ...]
) -> Manifest:
    return Manifest(
        SCHEMA,
        f"tickstock {tickstock.__version__}",
        asked.environment,
        asked.revision,
        asked.universe,
        asked.symbols,
        asked.timeframe,
        asked.span.start,
        asked.span.last,
        asked.adjust,
        () if asked.adjust is Adjust.RAW else unadjusted,
        asked.known_at,
        sum(f.bars for f in files),
        files,
        tuple(tuple((s.start, s.last) for s in of) for of in asked.intervals),
    )


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an exported folder. Raises BadFile where there is none that can be read."""
    try:
        body = (folder / MANIFEST).read_bytes()
        found = msgspec.json.decode(body, type=Manifest)
    except FileNotFoundError:
        hint = "Give the folder that `tickstock export` wrote; without one it is not complete."
        raise BadFile(f"There is no {MANIFEST} in {folder}.", hint) from None
    except (OSError, ValueError) as error:
        hint = "Export it again."
        raise BadFile(f"{folder / MANIFEST} cannot be read: {error}.", hint) from error
    if found.schema != SCHEMA:
        raise BadFile(f"{folder} is of the form {found.schema!r}, not {SCHEMA!r}.", "Upgrade.")
    return found


# --- checking ------------------------------------------------------------------------------
def check_files(folder: Path, manifest: Manifest) -> list[FolderDifference]:
    """Files that are missing, changed, or not in the manifest. Needs no other library than ours:
    the hash of a file that is as it was says all."""
    named = {piece.path for piece in manifest.files}
    found = [
        FolderDifference(p, what) for p in sorted(named) if (what := _wrong(folder, manifest, p))
    ]
    there = {str(f.relative_to(folder).as_posix()) for f in folder.rglob("*.parquet")}
    return found + [FolderDifference(p, "is not in the manifest") for p in sorted(there - named)]


def _wrong(folder: Path, manifest: Manifest, path: str) -> str:
    piece = next(p for p in manifest.files if p.path == path)
    file = (folder / path).resolve()
    if not file.is_relative_to(folder.resolve()):
        return "leads out of the folder"
    try:
        if _file_hash(file) == piece.sha256:
            return ""
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return _what_changed(file, piece)


def _what_changed(file: Path, piece: Piece) -> str:
    """Whether a file of another hash holds the same bars, written anew."""
    try:
        parquet, pa = need("pyarrow.parquet"), need("pyarrow")
    except MissingExtra as lacking:
        return f"was changed. How, is seen with pyarrow. {lacking.hint}"
    try:
        bars = from_arrow(parquet.ParquetFile(file).read())
    except (BadInput, pa.ArrowException, OSError):
        return "is damaged: it cannot be read as bars"
    content = ContentHash()
    content.add(bars)
    if content.hexdigest() == piece.content:
        return "was written anew; its bars are the same"
    return f"holds other bars: {len(bars)} now, {piece.bars} in the manifest"


def _against_stored(holdings: Holdings, manifest: Manifest) -> Iterator[FolderDifference]:
    asked = manifest.asked
    named = {piece.path: piece for piece in manifest.files}
    for period in _periods(asked.timeframe, asked.span):
        path, content, count = _path(asked.timeframe, period), ContentHash(), 0
        for bars in _of_period(holdings, asked, period, None):
            content.add(bars)
            count += len(bars)
        piece = named.get(path)
        if piece is None and count:
            yield FolderDifference(path, f"is missing; this database holds {count} bars")
        elif piece and content.hexdigest() != piece.content:
            yield FolderDifference(
                path, f"holds {piece.bars} bars, this database {count}, and they differ"
            )


# --- writing -------------------------------------------------------------------------------
def _pieces(holdings: Holdings, asked: ExportRequest, folder: Path) -> Iterator[Piece]:
    for period in _periods(asked.timeframe, asked.span):
        path = _path(asked.timeframe, period)
        tables = _of_period(holdings, asked, period, asked.known_at)
        if piece := _write(tables, asked.timeframe, folder, path):
            yield piece


def _write(
    tables: Iterator[BarTable], timeframe: Timeframe, folder: Path, path: str
) -> Piece | None:
    """One file, a row group for each table; None where there is not one bar."""
    pa, parquet = need("pyarrow"), need("pyarrow.parquet")
    content, count, writer = ContentHash(), 0, None
    file = folder / path
    for bars in tables:
        if not len(bars):
            continue
        table = to_arrow(bars, timeframe)
        table = table.set_column(0, "symbol", table["symbol"].cast(pa.string()))
        if writer is None:
            file.parent.mkdir(parents=True, exist_ok=True)
            writer = parquet.ParquetWriter(file, table.schema, compression="zstd")
        writer.write_table(table)
        content.add(bars)
        count += len(bars)
    if writer is None:
        return None
    writer.close()
    return Piece(path, count, file.stat().st_size, _file_hash(file), content.hexdigest())


def _of_period(
    holdings: Holdings, asked: ExportRequest, period: Span, known_at: datetime | None
) -> Iterator[BarTable]:
    """The bars of a period, symbols in order of their names, some at a time."""
    timeframe = asked.timeframe
    # A week or month belongs to the period of its first day, and may end after it.
    longest = 31 if timeframe is not timeframe.stored else 0
    wide = Span(period.start - longest * ONE_DAY, period.end + longest * ONE_DAY)
    days = dict(zip(asked.symbols, asked.intervals, strict=False))
    for some in _groups(sorted(asked.symbols), AT_ONCE[timeframe.stored]):
        bars = holdings.bars(
            some,
            timeframe,
            wide & asked.span,
            intervals=[days[symbol] for symbol in some] if days else (),
            adjust=asked.adjust,
            known_at=known_at,
        )
        yield bars if timeframe is timeframe.stored else _starting_in(bars, period)


def _starting_in(bars: BarTable, period: Span) -> BarTable:
    """The derived bars that belong to a period: the first one may begin before the whole span."""
    days = bars.at.astype("datetime64[D]")
    inside = (days >= np.datetime64(period.start)) & (days < np.datetime64(period.end))
    return bars.rows(inside)


def _groups(symbols: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (symbols[i : i + size] for i in range(0, len(symbols), size))


def _periods(timeframe: Timeframe, span: Span) -> list[Span]:
    """The years, or for minutes the months, that the span touches."""
    if not (span := span & WRITTEN):
        return []
    first, last = span.start, span.last
    if timeframe is not timeframe.stored:
        first -= 31 * ONE_DAY  # the first week or month is named by a day before the span
    months = range(1, 13) if timeframe is Timeframe.MINUTE else (1,)
    starts = [date(y, m, 1) for y in range(first.year, last.year + 2) for m in months]
    return [p for p in (Span(a, b) for a, b in pairwise(starts)) if p & Span.inclusive(first, last)]


def _path(timeframe: Timeframe, period: Span) -> str:
    month = f"/month={period.start.month:02}" if timeframe is Timeframe.MINUTE else ""
    return f"timeframe={timeframe}/year={period.start.year}{month}/bars.parquet"


def _file_hash(file: Path, block: int = BLOCK) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(block):
            digest.update(piece)
    return digest.hexdigest()
