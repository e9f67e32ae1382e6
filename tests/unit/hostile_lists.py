"""Reads files that are made to take time or memory, each in bounds; run by `test_list_limits`.

Prints a line a file: its name, how it ended, seconds of the processor.
"""

import gzip
import io
import resource
import time
import zipfile
from collections.abc import Iterator
from itertools import islice, product

from tickstock.errors import BadFile
from tickstock.universes.files import MAX_BYTES, read_file
from tickstock.universes.files.imported import MAX_ROWS, MAX_SYMBOLS

ROOM = 400 << 20
"""Address space in bytes, the interpreter, its libraries and the files themselves included."""

MOST_SECONDS = 10
"""Seconds of the processor for each, which takes two at most where nothing else runs: one that is
read in squares would take hours."""


def book(sheet: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        z.writestr("xl/workbook.xml", '<w xmlns:r="r"><sheet name="a" r:id="1"/></w>')
        z.writestr("xl/_rels/workbook.xml.rels", '<R><Relationship Id="1" Target="s.xml"/></R>')
        z.writestr("xl/s.xml", f"<s>{sheet}</s>")
    return out.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    most, rows = MAX_BYTES, MAX_ROWS - 10
    yield "repeats", b"AAPL\n" * rows
    yield "too many lines", b"AAPL\n" * (most // 5)
    yield "one line of words", b"AAPL " * (most // 5)
    yield "words with marks", b"$AAPL $MSFT\n" * rows
    yield "sectors", b"symbol,sector\n" + b"A,X\nA,Y\n" * (rows // 2)
    yield "symbols and sectors", b"symbol,sector\n" + b"".join(distinct(MAX_SYMBOLS - 1, rows))
    yield "days", b"symbol,from,to\n" + b"A,2020-01-01,2021-01-01\n" * rows
    yield "faults", b"no symbol at all\n" * rows
    yield "one row of cells", b"A," * (most // 2)
    yield "wide rows", b"symbol" + b",x" * 999 + b"\n" + (b"A" + b",1" * 999 + b"\n") * 4_100
    yield "one cell", b'"' + b"a" * (most - 1)
    yield "endless words", (b"A" * 1_000_000 + b"\n") * 8
    yield "endless blanks", (b"A" + b" " * 1_000_000 + b"\n") * 8
    yield "endless digits", (b"x = " + b"1" * 1_000_000 + b"\n") * 8
    yield (
        "endless holdings",
        b"F,as of 1/1/2025\nName,Ticker,SEDOL,Sector,Weight\n" + b"b,A,,,\n" * rows,
    )
    yield "endless listing", b"Symbol|Test Issue\n" + b"A|Y\n" * rows
    yield "texts in JSON", b"[" + b'"AAPL",' * (rows - 1) + b'"A"]'
    yield "objects in JSON", b"[" + b"{}," * 999_999 + b"{}]"
    yield "escapes in JSON", b"[\n" + b'"\\u0041",\n' * (rows - 1) + b'"A"]'
    yield "depth in JSON", b"[" * 900_000
    yield "long TOML", b"symbols = [" + b'"AAPL",' * (rows - 1) + b"]"
    yield "deep TOML", b"symbols = " + b"[" * 900_000
    yield "gzip of 100 MB", gzip.compress(bytes(100_000_000), 1)
    yield "rows in XLSX", book("<row/>" * 3_000_000)
    yield "cells in XLSX", book("<row>" + "<c/>" * 4_000_000 + "</row>")
    yield "wide rows in XLSX", book('<row><c r="GR1"/></row>' * 300_000)
    yield "far cells in XLSX", book('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    yield "XLSX of 50 MB", book("<row>" + " " * 50_000_000 + "</row>")


def distinct(symbols: int, rows: int) -> Iterator[bytes]:
    """As many symbols as may be, none of them a word, and their repeats with other sectors."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = [
        b"%sQ" % "".join(four).encode() for four in islice(product(letters, repeat=4), symbols)
    ]
    for place in range(rows):
        yield b"%s,%d\n" % (names[place % symbols], place // symbols)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    for name, data in files():
        begun = time.process_time()
        until = int(begun) + 1 + MOST_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        try:
            outcome = f"{len(read_file(name, data).symbols)} symbols"
        except BadFile:
            outcome = "refused"
        print(f"{name}|{outcome}|{time.process_time() - begun:.2f}", flush=True)


if __name__ == "__main__":
    main()
