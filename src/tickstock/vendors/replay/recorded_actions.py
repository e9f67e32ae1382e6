"""Splits and dividends from CSV files, kept in memory: what the replay vendor serves beside bars.

In the folder of the bars, `actions/splits.csv` (`ticker,execution_date,split_from,split_to`) and
`actions/dividends.csv` (`ticker,ex_dividend_date,cash_amount`), either of which may be missing;
further columns are named as on the wire (`id`, `adjustment_type`, `currency`, `pay_date`, ...).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from tickstock.actions import ActionKind, Dividend, Split
from tickstock.errors import BadFile
from tickstock.vendors.massive.actions import DividendRecord, SplitRecord

FOLDER = "actions"
Record = SplitRecord | DividendRecord


@dataclass(frozen=True, slots=True)
class RecordedActions:
    """Records in order of their days."""

    splits: tuple[SplitRecord, ...] = ()
    dividends: tuple[DividendRecord, ...] = ()

    def of(self, kind: ActionKind) -> tuple[Record, ...]:
        return self.splits if kind is ActionKind.SPLITS else self.dividends

    def with_more(self, splits: Iterable[Split], dividends: Iterable[Dividend]) -> RecordedActions:
        """These and further ones; a record with an id that is there takes its place."""
        by_id = {r.id: r for r in (*self.splits, *map(split_record, splits))}
        cash = {r.id: r for r in (*self.dividends, *map(dividend_record, dividends))}
        return in_order(by_id.values(), cash.values())


def in_order(splits: Iterable[SplitRecord], dividends: Iterable[DividendRecord]) -> RecordedActions:
    return RecordedActions(
        tuple(sorted(splits, key=lambda r: (r.execution_date, r.ticker))),
        tuple(sorted(dividends, key=lambda r: (r.ex_dividend_date, r.ticker))),
    )


def split_record(split: Split) -> SplitRecord:
    """A split as it is written on the wire."""
    return SplitRecord(
        split.ticker, split.day, split.split_from, split.split_to, split.id, split.kind or None
    )


def dividend_record(dividend: Dividend) -> DividendRecord:
    """A dividend as it is written on the wire."""
    return DividendRecord(
        dividend.ticker,
        dividend.day,
        dividend.cash,
        dividend.currency or None,
        dividend.id,
        dividend.kind or None,
        dividend.declared,
        dividend.recorded,
        dividend.paid,
    )


def read_actions(folder: Path) -> RecordedActions:
    """What the files in `folder`/actions hold; nothing where there are none.

    Raises:
        BadFile: a file that cannot be read, or a line that is no record.
    """
    return in_order(
        _records(folder / FOLDER / "splits.csv", SplitRecord),
        _records(folder / FOLDER / "dividends.csv", DividendRecord),
    )


def _records(file: Path, form: Any) -> list[Any]:
    if not file.exists():
        return []
    line = 1
    found = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            for row in csv.DictReader(text, strict=True):
                line += 1
                given = {name: value for name, value in row.items() if name and value}
                found.append(msgspec.convert(given, form, strict=False))
    except (OSError, ValueError, csv.Error) as error:
        raise BadFile(f"{file}:{line}: this is not a record: {error}.") from error
    return found
