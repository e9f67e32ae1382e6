"""Symbols out of a CSV file, as people and programs write them. Pure: bytes in, symbols out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from tickstock.errors import BadFile, BadSymbol
from tickstock.universes.symbol import SymbolList, read_symbol

MAX_BYTES = 8 * 1024 * 1024
HEADERS = ("symbol", "ticker")
"""Column names, in any case, that hold symbols; a file without one has a symbol first in a row."""
SHOWN = 10


def symbols_of_csv(name: str, data: bytes) -> SymbolList:
    """The symbols of a CSV file: a `symbol` or `ticker` column, or no header and one a row.

    A byte-order mark, CRLF, quotes, blank lines, lines that start with `#` and rows that are too
    short are all read; repeats are dropped and named. Order is kept.

    Raises:
        BadFile: not text, an HTML page, too large, no symbol, or symbols that cannot be read
            (all of them, with their lines).
    """
    kept: dict[str, None] = {}
    notes: list[str] = []
    repeats: list[str] = []
    faults: list[str] = []
    for line, cell in _cells(name, _text(name, data)):
        try:
            symbol, note = read_symbol(cell)
        except BadSymbol as error:
            faults.append(f"{name}:{line}: {error.what}")
            continue
        if note:
            notes.append(f"{name}:{line}: {note}")
        if symbol in kept:
            repeats.append(symbol)
        kept[symbol] = None
    if faults:
        more = f"\n  and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
        raise BadFile("\n  ".join(faults[:SHOWN]) + more + "\n", "Correct or remove these lines.")
    if not kept:
        raise BadFile(f"{name} holds no symbol.", "It needs a symbol column, or one symbol a line.")
    return SymbolList(tuple(kept), tuple(notes), tuple(dict.fromkeys(repeats)))


def _text(name: str, data: bytes) -> str:
    if len(data) > MAX_BYTES:
        raise BadFile(
            f"{name} has {len(data)} bytes; a list of symbols has at most {MAX_BYTES}.",
            "Is this the right file?",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise BadFile(f"{name} is not UTF-8 text (byte {e.start}).", "Save it as UTF-8.") from e
    if "\x00" in text:
        raise BadFile(f"{name} holds NUL bytes, so it is not text.", "Save it as CSV.")
    if text.lstrip()[:15].lower().startswith(("<!doctype", "<html", "<?xml")):
        raise BadFile(f"{name} is a web page, not a CSV file.", "Download the file itself.")
    return text


def _cells(name: str, text: str) -> Iterator[tuple[int, str]]:
    """Line number and content of each cell that should be a symbol."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    column: int | None = None
    try:
        for row in reader:
            if not any(cell.strip() for cell in row) or row[0].lstrip().startswith("#"):
                continue
            if column is None:
                column = _header(row)
                if column is not None:
                    continue
                column = 0
            if len(row) > column and row[column].strip():
                yield reader.line_num, row[column]
    except csv.Error as e:
        raise BadFile(f"{name}:{reader.line_num}: not CSV: {e}.", "Mend the quotes.") from e


def _header(row: list[str]) -> int | None:
    """The place of the symbol column when `row` is a header."""
    names = [cell.strip().lower() for cell in row]
    return next((names.index(h) for h in HEADERS if h in names), None)
