"""Lists of symbols in files: read in every form that people and issuers use, and written.

Pure: bytes in, `Imported` out. What a file is, is told by its content and never by its name:
bytes become text (`decode`), text rows (`delimited`, `shapes`, `xlsx`, `parquet`), the rows tell
whose they are (`sources`), and each cell is a symbol or is told why it is none. Everything in a
file is untrusted; whatever cannot be read is refused by a BadFile that names the file, the lines,
and what to do. Nothing is kept of a file with problems, and nothing is dropped without being
counted.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import chain, islice

from tickstock.universes.files.dated import may_name_days
from tickstock.universes.files.decode import check_lines, check_size, text_of, unpacked
from tickstock.universes.files.delimited import Row, rows_of
from tickstock.universes.files.holdings import PREAMBLE, is_report, read_holdings
from tickstock.universes.files.imported import (
    MAX_BYTES,
    MAX_HISTORY_BYTES,
    Gather,
    Imported,
    RecordedHistory,
    Resolver,
    left_out_words,
    nothing_else,
)
from tickstock.universes.files.parquet import START as PARQUET_START
from tickstock.universes.files.parquet import rows_of_parquet
from tickstock.universes.files.sources import source_of
from tickstock.universes.files.sources.nasdaq_trader import read_listing
from tickstock.universes.files.spreadsheetml import is_spreadsheetml, rows_of_spreadsheetml
from tickstock.universes.files.structured import is_json, is_toml, read_toml, rows_of_json
from tickstock.universes.files.table import names_days, read_table
from tickstock.universes.files.words import is_pasted, is_words, read_words
from tickstock.universes.files.xlsx import START as XLSX_START
from tickstock.universes.files.xlsx import rows_of_xlsx
from tickstock.universes.known import Traded, nobody_else

__all__ = [
    "MAX_BYTES",
    "MAX_HISTORY_BYTES",
    "Form",
    "Gather",
    "Imported",
    "RecordedHistory",
    "Resolver",
    "left_out_words",
    "nothing_else",
    "read_file",
    "read_history",
]


class Form(enum.StrEnum):
    """What a file can be taken for; AUTO looks at the content."""

    AUTO = "auto"
    CSV = "csv"  # a table, also between semicolons or tabs, and in a workbook
    TXT = "txt"
    JSON = "json"
    TOML = "toml"
    HOLDINGS = "holdings"  # as the issuers of funds publish them
    NASDAQ = "nasdaq"  # the symbol directories of Nasdaq Trader


def read_file(
    name: str,
    data: bytes,
    form: Form = Form.AUTO,
    *,
    resolve: Resolver = nothing_else,
    traded: Traded = nobody_else,
    identify: Resolver = nothing_else,
    etfs: bool | None = None,
    today: date = date.max,
    column: str = "",
    most_bytes: int = MAX_HISTORY_BYTES,
) -> Imported:
    """The symbols of a file.

    Args:
        name: what to call it in messages.
        data: its bytes; gzip is unpacked, workbooks and Parquet are opened.
        form: what to take it for, where its content could mislead.
        resolve: tells of symbols what they stand for, to fix spellings without dots.
        traded: tells of symbols that the shipped list lacks which of them are known.
        identify: tells of identifiers (ISIN, CUSIP, SEDOL, FIGI) which symbols they have.
        etfs: True or False to take only ETFs, or no ETFs, where the file tells them apart.
        today: of a file that says who was a member when, those of this day are taken.
        column: the heading or the number of the column of symbols, where several could be it.
        most_bytes: what is larger, as it comes or unpacked, is refused unread.

    Raises:
        BadFile: not a list of symbols, damaged, too large, or with problems, all named at once.
        BadInput: a form that needs a library which is not installed.
    """
    gather = Gather(
        name,
        resolve,
        traded=traded,
        identify=identify,
        etfs=etfs,
        today=today,
        column=column,
        most_bytes=most_bytes,
    )
    return gather.done(_read(data, form, gather), data)


def read_history(
    name: str,
    data: bytes,
    *,
    through: date | None = None,
    source: str = "",
    back_from: Sequence[str] | None = None,
    identify: Resolver = nothing_else,
    column: str = "",
    today: date = date.max,
) -> RecordedHistory:
    """Who was a member when, as a file tells it in one of the forms of `files.dated`.

    Args:
        name: what to call it in messages.
        data: its bytes, as for `read_file`.
        through: the last day that the source speaks about; without it, its last date.
        back_from: for changes, the members after the last one, from whom they are read back.
            Without them the changes begin with nobody.
        identify: tells of identifiers which symbols they have.
        column: the heading or the number of the column of symbols, where several could be it.
        today: who is a member up to a later day is one still; later days are left out.

    Raises:
        BadFile: no history, damaged, too large, or with problems, all named at once.
    """
    gather = Gather(
        name,
        identify=identify,
        today=today,
        column=column,
        is_history=True,
        back_from=back_from,
    )
    _read(data, Form.AUTO, gather)
    return gather.history(through, source)


def _read(data: bytes, form: Form, gather: Gather) -> str:
    """Gather what a file holds, and say what it was taken for."""
    check_size(data, gather)
    content = unpacked(data, gather)
    gather.size = len(content)
    if content.startswith(XLSX_START):
        gather.expect_list()  # a workbook that is packed tells too late what is in it
        words = f"XLSX, {_read_rows(rows_of_xlsx(content, gather), form, gather)}"
    elif content.startswith(PARQUET_START):
        words = f"Parquet, {_read_rows(rows_of_parquet(content, gather), Form.CSV, gather)}"
    elif is_spreadsheetml(content):
        words = f"Excel XML, {_read_rows(rows_of_spreadsheetml(content, gather), form, gather)}"
    else:
        words = _read_text(text_of(content, gather), form, gather)
    return words


def _read_text(text: str, form: Form, gather: Gather) -> str:
    if form is Form.AUTO:
        form = _form_of(text)
    if form is Form.JSON:
        words = _read_rows(rows_of_json(text, gather), Form.AUTO, gather)
        return "JSON" if words == "table" else f"JSON, {words}"
    if form is Form.TOML and not gather.is_history:
        gather.expect_list()
        read_toml(text, gather)
        return "TOML"
    if not may_name_days(text):
        gather.expect_list()
    check_lines(text, gather)
    gather.is_cut = not text.endswith(("\n", "\r"))
    if form is Form.AUTO and not gather.is_history and is_words(text):
        form = Form.TXT
    if form is Form.TXT and not gather.is_history:
        read_words(text, gather)
        return "text"
    return _read_rows(rows_of(text, gather), form, gather)


def _form_of(text: str) -> Form:
    """What text is, as far as its first characters tell; AUTO for lines of any kind."""
    if is_pasted(text):
        return Form.TXT
    if is_json(text):
        return Form.JSON
    return Form.TOML if is_toml(text) else Form.AUTO


def _read_rows(rows: Iterator[Row], form: Form, gather: Gather) -> str:
    """Gather a table, and say what it was taken for."""
    first = list(islice(rows, PREAMBLE))
    if not names_days(first):
        gather.expect_list()
    every = chain(first, rows)
    if gather.is_history:
        read_table(every, gather)
        return "history"
    if form is Form.NASDAQ:
        read_listing(every, gather)
        return "symbol directory of Nasdaq Trader"
    source = source_of(first)
    if form is Form.HOLDINGS or (form is Form.AUTO and source is None and is_report(first)):
        read_holdings(every, gather)
        return source.name if source else "fund holdings"
    if form is Form.AUTO and source is not None:
        source.read(every, gather)
        return source.name
    read_table(every, gather)
    return "table"
