"""The tables that are published: their columns, of which types, and how they are divided."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import YearTransform
from pyiceberg.types import (
    DateType,
    DoubleType,
    IcebergType,
    IntegerType,
    LongType,
    NestedField,
    StringType,
)

BARS, INSTRUMENTS, TICKERS, SPLITS = "bars_day", "instruments", "tickers", "splits"
YEARS = 1000
"""The first number of fields that tables are divided by; those of columns are below."""


def _schema(*columns: tuple[str, IcebergType, bool, str]) -> Schema:
    return Schema(
        *(
            NestedField(number, name, kind, required=required, doc=doc)
            for number, (name, kind, required, doc) in enumerate(columns, 1)
        )
    )


_PRICE = "as printed, adjusted for nothing"
SCHEMAS: Mapping[str, Schema] = MappingProxyType(
    {
        BARS: _schema(
            ("symbol", StringType(), False, "the instrument's ticker on that day"),
            ("instrument", IntegerType(), True, "the instrument, through all its tickers"),
            ("date", DateType(), True, "the session, by its New York date"),
            ("open", DoubleType(), True, _PRICE),
            ("high", DoubleType(), True, _PRICE),
            ("low", DoubleType(), True, _PRICE),
            ("close", DoubleType(), True, _PRICE),
            ("volume", DoubleType(), True, "shares, adjusted for nothing"),
            ("vwap", DoubleType(), False, "null where the vendor sent none"),
            ("trades", LongType(), False, "null where the vendor sent none"),
        ),
        INSTRUMENTS: _schema(
            ("instrument", IntegerType(), True, ""),
            ("symbol", StringType(), True, "its ticker now, or the last one"),
            ("kind", StringType(), False, "the vendor's word for what it is"),
            ("figi", StringType(), False, ""),
            ("cik", StringType(), False, ""),
            ("listed", DateType(), False, "the first day, where known"),
            ("delisted", DateType(), False, "the last day, where known"),
            ("delisted_before", DateType(), False, "found to be listed no longer on that day"),
        ),
        TICKERS: _schema(
            ("instrument", IntegerType(), True, ""),
            ("symbol", StringType(), True, ""),
            ("since", DateType(), False, "the first day; null for no bound"),
            (
                "until",
                DateType(),
                False,
                "the first day on which it is so no longer; null for none",
            ),
        ),
        SPLITS: _schema(
            ("instrument", IntegerType(), True, ""),
            ("symbol", StringType(), True, "the ticker under which the vendor told of it"),
            ("date", DateType(), True, "from that day on prices are in new shares"),
            ("split_from", DoubleType(), True, "so many old shares"),
            ("split_to", DoubleType(), True, "became so many new ones"),
            ("kind", StringType(), True, "the vendor's word for it"),
        ),
    }
)
"""Columns are only ever added to, at the end: readers know them by their numbers."""


def division(table: str) -> PartitionSpec:
    """How a table is divided into files: bars by the year of the session."""
    if table != BARS:
        return PartitionSpec()
    source = SCHEMAS[BARS].find_field("date").field_id
    return PartitionSpec(PartitionField(source, YEARS, YearTransform(), "date_year"))
