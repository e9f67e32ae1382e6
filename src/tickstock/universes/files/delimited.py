"""Rows of delimited text: commas, semicolons, tabs or pipes, told by the content."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice

from tickstock.errors import BadFile
from tickstock.universes.files.imported import Gather

Row = tuple[int, list[str]]
"""The line number, counted from 1, and the cells."""
DELIMITERS = "\t;|,"
"""Where two are in equally many lines the first wins: prices have commas, names have few tabs."""
LOOKED_AT = 60
MAX_CELLS = 1_000
MAX_WORDS = 100_000
"""Cells of a file that has one line alone: a list that was written in a row."""
BLANKS = " \t\u00a0\u2007\u202f\u200b\ufeff"
SECTION = "###"
"""Begins the name of a part of a watchlist at charting sites, and no comment."""
_AROUND = BLANKS + "\r\n"
_SEPARATOR = re.compile(r"\ufeff?sep=(.)\r?\n?")
_ERROR_CELL = re.compile(r"#(?:[^\W\d_]+(?:/\w+)?[!?]|N/A|NV|GETTING_DATA)(?![A-Za-z])")
_MARKS = frozenset("`*")
_MARKED = re.compile(r"(`|\*\*|\*)(\w\S*)\1")
"""A cell of a Markdown table in the type of code, or bold."""
_AFTER_QUOTES = re.compile(r"""("[^"\n]*") +(?=[,;|\t])""")
"""Blanks between a cell in quotes and the separator, as a broker writes them."""
_RULE = re.compile(r":?-{2,}:?")


def rows_of(text: str, gather: Gather, delimiter: str | None = None) -> Iterator[Row]:
    """The rows with anything in them but blanks; comments are passed over and counted.

    Raises BadFile for quotes that do not end, cells of 128 KiB, too many rows.
    """
    named = _SEPARATOR.match(text)
    separator = delimiter or (named[1] if named else delimiter_of(text))
    text = _AFTER_QUOTES.sub(r"\1", text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        for row in reader:
            gather.count_row()
            line = reader.line_num
            if len(row) > MAX_CELLS and (line > 1 or len(row) > MAX_WORDS):
                _refuse_wide(gather.name, line, len(row))
            if is_blank(row) or (named and line == 1):
                continue
            if "#" in row[0] and is_comment(row[0], len(row)):
                gather.leave_out(line, "comment")
            elif not any("--" in cell for cell in row[:2]) or not is_rule(row):
                yield line, row
    except csv.Error as e:
        raise BadFile(
            f"{gather.name}:{reader.line_num}: not CSV: {e}.",
            "Fix the quotes; if the file is cut off there, download it again.",
        ) from None


def _refuse_wide(name: str, line: int, cells: int) -> None:
    raise BadFile(f"{name}:{line}: {cells:,} cells in one row.", "Write one symbol a line.")


def is_comment(first: str, cells: int = 1) -> bool:
    """Whether a row begins with `#` and words: no error cell, no section, no column called `#`."""
    start = first.lstrip(BLANKS)
    if not start.startswith("#") or start.startswith(SECTION) or _ERROR_CELL.match(start):
        return False
    return cells == 1 or bool(bare(start[1:]))


def is_rule(row: Iterable[str]) -> bool:
    """Whether a row draws the line under the headings of a Markdown table: `|---|:--|`."""
    filled = [text for cell in row if (text := bare(cell))]
    return len(filled) > 1 and all(map(_RULE.fullmatch, filled))


def delimiter_of(text: str) -> str:
    """The separator that most of the first lines have; a comma where none has any."""
    lines = list(islice(lines_of(text), LOOKED_AT))
    found = [(sum(d in line for line in lines), d) for d in DELIMITERS]
    best = max(found, key=lambda pair: pair[0])
    return best[1] if best[0] else ","


def lines_of(text: str) -> Iterator[str]:
    """The lines that are neither blank nor a comment."""
    for line in io.StringIO(text, newline=None):
        if not line.isspace() and line.strip(_AROUND) and not ("#" in line and is_comment(line)):
            yield line


def is_blank(row: Iterable[str]) -> bool:
    return not any(map(bare, row))


def bare(cell: str) -> str:
    """A cell without blanks, no-break spaces, the `="..."` that keeps Excel from guessing, and the
    marks of Markdown."""
    text = cell.strip(_AROUND)
    if text.startswith('="') and text.endswith('"'):
        return text[2:-1].strip(BLANKS)
    if text[:1] in _MARKS and (found := _MARKED.fullmatch(text)):
        return found[2]
    return text
