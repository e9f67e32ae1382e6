"""PostgreSQL's binary forms of whole columns, straight from and into numpy.

Formats: https://www.postgresql.org/docs/current/sql-copy.html ("Binary Format") and the
send/receive functions of arrays: a header (dimensions, has-null flag, element type), then per
element its length and its big-endian value. Elements here are eight bytes wide and never null,
so one strided view reads a column; psycopg's own loaders make one Python object per element.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg.abc import Buffer, DumperKey
from psycopg.adapt import Dumper, Loader, PyFormat
from psycopg.pq import Format

from tickstock.model import Flags, Floats, Ints
from tickstock.store.connection import Connection

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_END = b"\xff\xff"
EPOCH_DAYS = 10_957
"""Days from 1970-01-01 to 2000-01-01, where PostgreSQL counts from."""
_ARRAY_HEADER = 20
FLOAT8_ARRAY, INT8_ARRAY, INT4_ARRAY = 1022, 1016, 1007
"""By number: registered by name, a loader would be taken for one of the elements."""


def _column(data: Buffer, kind: str) -> npt.NDArray[Any]:
    packed = np.frombuffer(data, dtype=[("size", ">i4"), ("value", kind)], offset=_ARRAY_HEADER)
    return packed["value"].astype(kind[1:])


class FloatColumn(Loader):
    """float8[] without nulls → float64 column."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Floats:
        return _column(data, ">f8")


class IntColumn(Loader):
    """int8[] without nulls → int64 column."""

    format = Format.BINARY

    def load(self, data: Buffer) -> Ints:
        return _column(data, ">i8")


class ColumnDumper(Dumper):
    """int64, int32 or float64 column → int8[], int4[] or float8[] without nulls."""

    format = Format.BINARY
    element, kind = 0, ""

    def get_key(self, obj: npt.NDArray[Any], _: PyFormat) -> DumperKey:
        return (_CLASSES[obj.dtype.str],)

    def upgrade(self, obj: npt.NDArray[Any], _: PyFormat) -> Dumper:
        return _CLASSES[obj.dtype.str](self.cls)

    def dump(self, obj: npt.NDArray[Any]) -> bytes:
        if not len(obj):
            return _DIMENSIONS.pack(0, 0, self.element)
        packed = np.empty(len(obj), dtype=[("size", ">i4"), ("value", self.kind)])
        packed["size"], packed["value"] = int(self.kind[-1]), obj
        head = _DIMENSIONS.pack(1, 0, self.element) + _DIMENSION.pack(len(obj), 1)
        return head + packed.tobytes()


class _Longs(ColumnDumper):
    element, oid, kind = 20, INT8_ARRAY, ">i8"


class _Ints(ColumnDumper):
    element, oid, kind = 23, INT4_ARRAY, ">i4"


class _Floats(ColumnDumper):
    element, oid, kind = 701, FLOAT8_ARRAY, ">f8"


_CLASSES: dict[str, type[ColumnDumper]] = {"<i8": _Longs, "<i4": _Ints, "<f8": _Floats}
_DIMENSIONS, _DIMENSION = struct.Struct(">iiI"), struct.Struct(">ii")


def columns_cursor(connection: Connection) -> psycopg.Cursor[Any]:
    """A cursor that takes numpy columns for arrays, and whose float8[] and int8[] results arrive as
    such."""
    cursor = connection.cursor(binary=True)
    cursor.adapters.register_dumper(np.ndarray, ColumnDumper)
    cursor.adapters.register_loader(FLOAT8_ARRAY, FloatColumn)
    cursor.adapters.register_loader(INT8_ARRAY, IntColumn)
    return cursor


def copy_rows(
    instrument: Ints, at: Ints, at_kind: str, prices: list[Floats], vwap: Floats, trades: Ints
) -> bytes:
    """The binary COPY body (without header and end) of bars.

    `at` in PostgreSQL's own unit for `at_kind`: `>i4` days or `>i8` microseconds since 2000.
    A NaN `vwap` and a `trades` of -1 become NULL. A NULL is a length of -1 and no value, so rows
    of one pattern of nulls have one width and are packed together.
    """
    order = np.arange(len(at))
    no_vwap, no_trades = np.isnan(vwap), trades < 0
    parts = []
    for hide_vwap in (False, True):
        for hide_trades in (False, True):
            rows = order[(no_vwap == hide_vwap) & (no_trades == hide_trades)]
            if len(rows):
                pack = _packed(rows, instrument, at, at_kind, prices)
                _optional(pack, rows, "vwap", None if hide_vwap else vwap, ">f8")
                _optional(pack, rows, "trades", None if hide_trades else trades, ">i4")
                parts.append(_rows(pack, len(rows)))
    return b"".join(parts)


Fields = list[tuple[str, str, npt.NDArray[Any]]]


def _packed(rows: Ints, instrument: Ints, at: Ints, at_kind: str, prices: list[Floats]) -> Fields:
    n = len(rows)
    fields: Fields = [("fields", ">i2", np.full(n, 9)), ("id_len", ">i4", np.full(n, 4))]
    fields.append(("id", ">i4", instrument[rows]))
    fields.append(("at_len", ">i4", np.full(n, int(at_kind[-1]))))
    fields.append(("at", at_kind, at[rows]))
    for i, column in enumerate(prices):
        fields.append((f"p{i}_len", ">i4", np.full(n, 8)))
        fields.append((f"p{i}", ">f8", column[rows]))
    return fields


def _optional(
    fields: Fields, rows: Ints, name: str, column: npt.NDArray[Any] | None, kind: str
) -> None:
    width = -1 if column is None else int(kind[-1])
    fields.append((f"{name}_len", ">i4", np.full(len(rows), width)))
    if column is not None:
        fields.append((name, kind, column[rows]))


def _rows(fields: Fields, n: int) -> bytes:
    packed = np.empty(n, dtype=[(name, kind) for name, kind, _ in fields])
    for name, _, values in fields:
        packed[name] = values
    return packed.tobytes()


def differing(flags: Flags, mine: Floats, theirs: Floats) -> Flags:
    """`flags`, and those where the two columns differ; NaN equals NaN."""
    both_nan = np.isnan(mine) & np.isnan(theirs)
    out: Flags = flags | ((mine != theirs) & ~both_nan)
    return out
