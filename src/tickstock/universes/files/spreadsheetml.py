"""Rows of the sheets that Excel wrote as one XML document in 2003, which issuers still publish as
`.xls`.

iShares' complete download is one. It is not always well-formed: an ampersand in a name stands
bare. So no XML parser reads it: rows and cells are found by their tags, in text that is no larger
than a list.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from tickstock.errors import BadFile
from tickstock.universes.files.delimited import Row, is_blank
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sheets import has_table
from tickstock.universes.suggest import shown

_MARK = b"urn:schemas-microsoft-com:office:spreadsheet"
_SHEET = re.compile(r"<(?:ss:)?Worksheet\b([^>]*)>(.*?)</(?:ss:)?Worksheet>", re.DOTALL)
_NAME = re.compile(r'\b(?:ss:)?Name="([^"]*)"')
_ROW = re.compile(r"<(?:ss:)?Row\b[^>]*?(?:/>|>(.*?)</(?:ss:)?Row>)", re.DOTALL)
_CELL = re.compile(r"<(?:ss:)?Cell\b([^>]*?)(?:/>|>(.*?)</(?:ss:)?Cell>)", re.DOTALL)
_DATA = re.compile(r"<(?:ss:)?Data\b[^>]*>(.*?)</(?:ss:)?Data>", re.DOTALL)
_INDEX = re.compile(r'\b(?:ss:)?Index="(\d{1,4})"')
_TAG = re.compile(r"<[^>]*>")
_MAX_COLUMNS = 200


def is_spreadsheetml(data: bytes) -> bool:
    start = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n")
    return start.startswith(b"<?xml") and _MARK in start


def rows_of_spreadsheetml(data: bytes, gather: Gather) -> Iterator[Row]:
    """The rows of the sheet named `Holdings`, else of the first that holds a table.

    Raises BadFile where the document is cut off, or has no sheet.
    """
    text = data.decode("utf-8-sig", "replace")
    if not re.search(r"</(?:ss:)?Workbook>\s*$", text):
        raise BadFile(f"{gather.name} is an Excel document that is cut off.", "Download it again.")
    sheets = [(_NAME.search(found[1]), found[2]) for found in _SHEET.finditer(text)]
    named = [(name[1] if name else "", body) for name, body in sheets]
    wanted = [sheet for sheet in named if sheet[0].strip().lower() == "holdings"] or named
    for name, body in wanted:
        rows = list(_rows(body, gather))
        if has_table(rows[:60]):
            if len(named) > 1:
                gather.remark(None, f"The sheet {shown(name)} is read, of {len(named)}.")
            yield from rows
            return
    raise BadFile(f"{gather.name} has no sheet with symbols.", "Choose another file.")


def _rows(body: str, gather: Gather) -> Iterator[Row]:
    for line, found in enumerate(_ROW.finditer(body), 1):
        gather.count_row()
        row: list[str] = []
        for cell in _CELL.finditer(found[1] or ""):
            if index := _INDEX.search(cell[1]):
                row.extend([""] * (min(int(index[1]), _MAX_COLUMNS) - 1 - len(row)))
            data = _DATA.search(cell[2] or "")
            row.append(html.unescape(_TAG.sub("", data[1])).strip() if data else "")
        if not is_blank(row):
            yield line, row
