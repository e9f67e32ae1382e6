"""Rows of the first visible sheet with a table of an XLSX workbook, or of the one named `holdings`.

An own reader, and a small one, because of what it is given: a file of 1.5 kB with two far cells
ends the process that reads it with python-calamine, and openpyxl needs 3 s for 200,000 rows
(decision 0018). Here memory and time are bounded by what is unpacked, and a document type, without
which there are no entities, is refused.
"""

from __future__ import annotations

import io
import posixpath
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from xml.parsers import expat

from tickstock.errors import BadFile
from tickstock.universes.files.delimited import Row, is_blank
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.sheets import has_table
from tickstock.universes.suggest import shown

START = b"PK\x03\x04"
MAX_UNPACKED = 24 * 1024 * 1024
"""Of all parts read together, like MAX_ELEMENTS: some 200,000 cells, which take a second."""
MAX_ELEMENTS = 600_000
MAX_CELLS = 1_000_000
"""Of the rows as they are handed on: filled up to one width."""
MAX_COLUMNS = 200
_LOOKED_AT = 60
"""Rows of a sheet that tell whether it holds a table."""
_STEP = 1 << 16
_REFERENCE = re.compile(r"([A-Z]{1,3})[1-9]\d*")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    KeyError,
    OverflowError,
)
"""What the standard library raises on damaged archives; RuntimeError for encrypted ones."""

Element = Callable[[str, Mapping[str, str]], None]


def rows_of_xlsx(data: bytes, gather: Gather) -> Iterator[Row]:
    """The rows with anything in them, each with its number in the sheet.

    Raises BadFile for a cut or damaged file, another kind of archive, one that is locked by a
    password, and one that unpacks to more than a list of symbols has.
    """
    try:
        book = _Workbook(zipfile.ZipFile(io.BytesIO(data)), gather)
        yield from book.rows()
    except expat.ExpatError as e:
        raise _damaged(gather, f"its XML is broken ({e})") from None
    except _BROKEN as e:
        raise _damaged(gather, str(e) or type(e).__name__) from None


def _damaged(gather: Gather, why: str) -> BadFile:
    return BadFile(
        f"{gather.name} is no complete XLSX workbook: {why[:120]}.",
        "If it was cut off, download it again; if it has a password, save it without.",
    )


def _too_large(gather: Gather, most: str) -> BadFile:
    return BadFile(f"{gather.name} has more than {most}.", "Is this a list of symbols?")


class _Workbook:
    """A workbook, read part by part within one budget of unpacked bytes."""

    def __init__(self, archive: zipfile.ZipFile, gather: Gather) -> None:
        self._archive = archive
        self._gather = gather
        self._left = MAX_UNPACKED
        self._elements = 0
        if "xl/workbook.xml" not in archive.namelist():
            raise BadFile(
                f"{gather.name} is a ZIP archive, not an XLSX workbook.", "Unpack it first."
            )

    def rows(self) -> Iterator[Row]:
        """The rows of the first visible sheet with a table, else of the first with any row."""
        strings = _Strings()
        if "xl/sharedStrings.xml" in self._archive.namelist():
            for _ in self._parse("xl/sharedStrings.xml", strings):
                pass
        sheets = self._sheets()
        seen: list[tuple[str, list[Row], Iterator[Row]]] = []
        for name, part in sheets:
            rows = self._rows_of(part, strings.found)
            first = list(islice(rows, _LOOKED_AT))
            seen.append((name, first, rows))
            if has_table(first):
                break
        else:
            seen.sort(key=lambda sheet: not sheet[1])
            seen = seen[:1]
        name, first, rows = seen[-1]
        if len(sheets) > 1:
            self._gather.remark(None, f"The sheet {shown(name)} is read, of {len(sheets)}.")
        yield from first
        yield from rows

    def _rows_of(self, part: str, strings: list[str]) -> Iterator[Row]:
        sheet, cells = _Sheet(strings), 0
        for _ in self._parse(part, sheet):
            for line, row in sheet.taken():
                self._gather.count_row()
                cells += len(row)
                if cells > MAX_CELLS:
                    raise _too_large(self._gather, f"{MAX_CELLS:,} cells")
                if not is_blank(row):
                    yield line, row

    def _sheets(self) -> list[tuple[str, str]]:
        """Names and parts of the visible sheets, or of the one named `holdings` alone."""
        book, links = _Elements("sheet"), _Elements("Relationship")
        for part, reader in (("xl/workbook.xml", book), ("xl/_rels/workbook.xml.rels", links)):
            for _ in self._parse(part, reader):
                pass
        if not book.found:
            raise BadFile(f"{self._gather.name} is a workbook without a sheet.", "Choose another.")
        named = [s for s in book.found if s.get("name", "").strip().lower() == "holdings"]
        visible = [s for s in book.found if s.get("state", "visible") == "visible"]
        targets = {link.get("Id", ""): link.get("Target", "") for link in links.found}
        return [
            (
                sheet.get("name", ""),
                posixpath.normpath(posixpath.join("/xl", targets[sheet.get("id", "")])).lstrip("/"),
            )
            for sheet in named or visible or book.found
        ]

    def _parse(self, part: str, reader: _SheetReader) -> Iterator[None]:
        """Feed a part to `reader`, with a stop after each piece to take what was read."""

        def start(name: str, attributes: Mapping[str, str]) -> None:
            self._elements += 1
            if self._elements > MAX_ELEMENTS:
                raise _too_large(self._gather, f"{MAX_ELEMENTS:,} elements")
            reader.start(_local(name), attributes)

        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = start
        parser.EndElementHandler = reader.end
        parser.CharacterDataHandler = reader.text
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        with self._archive.open(part) as stream:
            while piece := stream.read(_STEP):
                self._left -= len(piece)
                if self._left < 0:
                    raise _too_large(self._gather, f"{MAX_UNPACKED:,} bytes when unpacked")
                parser.Parse(piece, False)
                yield
            parser.Parse(b"", True)
            yield

    def _refuse_doctype(self, *_: object) -> None:
        raise BadFile(
            f"{self._gather.name} holds a document type, which no workbook has.",
            "Do not open it; get the file from its issuer.",
        )


class _SheetReader:
    """Takes the events of one part. `start` gets names without their namespaces."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        raise NotImplementedError

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Text inside an element."""


class _Elements(_SheetReader):
    """The attributes of every element of one name, also without their namespaces."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self.found: list[dict[str, str]] = []

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == self._wanted:
            self.found.append({_local(key): value for key, value in attributes.items()})


class _Strings(_SheetReader):
    """The shared strings, in order; phonetic hints in them are no part of the text."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._parts: list[str] = []
        self._reads = self._hint = False

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._hint = self._hint or name == "rPh"
        self._reads = name == "t" and not self._hint
        if name == "si":
            self._parts.clear()

    def end(self, name: str) -> None:
        local = _local(name)
        self._reads = False
        if local == "rPh":
            self._hint = False
        elif local == "si":
            self.found.append("".join(self._parts))

    def text(self, text: str) -> None:
        if self._reads:
            self._parts.append(text)


class _Sheet(_SheetReader):
    """The rows of a sheet, as text; a cell beyond the last column that is read is passed over."""

    def __init__(self, strings: list[str]) -> None:
        self._strings = strings
        self._done: list[Row] = []
        self._line = 0
        self._row: list[str] = []
        self._width = 0
        self._column = -1
        self._type = ""
        self._parts: list[str] = []
        self._reads = False

    def taken(self) -> list[Row]:
        """The rows that are complete since the last time."""
        done, self._done = self._done, []
        return done

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        if name == "c":
            self._column = _column(attributes.get("r", ""), self._column + 1)
            self._type = attributes.get("t", "")
            self._parts.clear()
        elif name == "row":
            number = attributes.get("r", "")
            self._line = int(number) if number.isdecimal() else self._line + 1
            self._row, self._column = [], -1
        self._reads = name in ("v", "t")

    def end(self, name: str) -> None:
        self._reads = False
        local = _local(name)
        if local == "c" and self._column < MAX_COLUMNS:
            self._row.extend([""] * (self._column + 1 - len(self._row)))
            self._row[self._column] = self._content("".join(self._parts))
        elif local == "row":
            # A sheet leaves out empty cells: a row is filled up to the widest one before it.
            self._width = max(self._width, len(self._row))
            self._row.extend([""] * (self._width - len(self._row)))
            self._done.append((self._line, self._row))

    def text(self, text: str) -> None:
        if self._reads:
            self._parts.append(text)

    def _content(self, text: str) -> str:
        if self._type == "s":
            place = int(text)
            if not 0 <= place < len(self._strings):
                raise ValueError(f"row {self._line} names a string that is not there")
            return self._strings[place]
        if self._type == "b":
            return "TRUE" if text == "1" else "FALSE"
        return text


def _local(name: str) -> str:
    return name.rpartition(" ")[2]


def _column(reference: str, otherwise: int) -> int:
    """The place of a cell from its reference: `B7` is 1."""
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        return otherwise
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number - 1
