"""Rows of delimited text: commas, semicolons, tabs or pipes, told by the content."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from tickstock.errors import BadFile
from tickstock.universes.files.imported import Gather

Row = tuple[int, list[str]]
"""The line number, counted from 1, and the cells."""
DELIMITERS = "\t;|,"
"""Where two are in equally many lines the first wins: prices have commas, names have few tabs."""
LOOKED_AT = 60
MAX_CELLS = 1_000
BLANKS = " \t\u00a0\u2007\u202f\u200b\ufeff"


def rows_of(text: str, gather: Gather, delimiter: str | None = None) -> Iterator[Row]:
    """The rows with anything in them but blanks; comment lines (`#`) are passed over.

    Raises BadFile for quotes that do not end, cells of 128 KiB, too many rows.
    """
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter or delimiter_of(text), strict=True
    )
    try:
        for row in reader:
            gather.count_row()
            if len(row) > MAX_CELLS:
                _refuse_wide(gather.name, reader.line_num, len(row))
            if is_blank(row) or row[0].lstrip().startswith("#"):
                continue
            yield reader.line_num, row
    except csv.Error as e:
        raise BadFile(
            f"{gather.name}:{reader.line_num}: not CSV: {e}.",
            "Mend the quotes; if the file is cut off there, download it again.",
        ) from None


def _refuse_wide(name: str, line: int, cells: int) -> None:
    raise BadFile(f"{name}:{line}: {cells:,} cells in one row.", "Write one symbol a line.")


def delimiter_of(text: str) -> str:
    """The separator that most of the first lines have; a comma where none has any."""
    lines = list(islice(lines_of(text), LOOKED_AT))
    found = [(sum(d in line for line in lines), d) for d in DELIMITERS]
    best = max(found, key=lambda pair: pair[0])
    return best[1] if best[0] else ","


def lines_of(text: str) -> Iterator[str]:
    """The lines that are neither blank nor a comment."""
    for line in io.StringIO(text, newline=None):
        if line.strip(BLANKS + "\r\n") and not line.lstrip().startswith("#"):
            yield line


def is_blank(row: Iterable[str]) -> bool:
    return not any(map(bare, row))


def bare(cell: str) -> str:
    """A cell without blanks, no-break spaces and the `="..."` that keeps Excel from guessing."""
    text = cell.strip(BLANKS + "\r\n")
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1].strip(BLANKS)
    return text


def heading(row: Sequence[str]) -> list[str]:
    """The cells of a row as column names: in small letters, without footnote marks."""
    return [bare(cell).rstrip("*").strip().lower() for cell in row]
