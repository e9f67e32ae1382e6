"""Reads files that are made to take time or memory, each in bounds; run by `test_list_limits`.

Prints a line a file: its name, how it ended.
"""

import gzip
import io
import resource
import zipfile
from collections.abc import Iterator

from tickstock.errors import BadFile
from tickstock.universes.files import MAX_BYTES, read_file

ROOM = 400 << 20
"""Address space in bytes, the interpreter, its libraries and the files themselves included."""

PATIENCE = 100
"""Seconds of the processor for all, who take ten: one that is read in squares would take hours."""


def book(sheet: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as z:
        z.writestr("xl/workbook.xml", '<w xmlns:r="r"><sheet name="a" r:id="1"/></w>')
        z.writestr("xl/_rels/workbook.xml.rels", '<R><Relationship Id="1" Target="s.xml"/></R>')
        z.writestr("xl/s.xml", f"<s>{sheet}</s>")
    return out.getvalue()


def files() -> Iterator[tuple[str, bytes]]:
    most = MAX_BYTES
    yield "a million repeats", b"AAPL\n" * 999_999
    yield "a million words", b"AAPL " * (most // 5)
    yield "a million sectors", b"symbol,sector\n" + b"A,X\nA,Y\n" * 490_000
    yield "a million faults", b"no symbol at all\n" * (most // 17)
    yield "one row of cells", b"A," * (most // 2)
    yield "one cell", b'"' + b"a" * (most - 1)
    yield (
        "endless holdings",
        b"F,as of 1/1/2025\nName,Ticker,SEDOL,Sector,Weight\n" + b"b,A,,,\n" * 900_000,
    )
    yield "endless listing", b"Symbol|Test Issue\n" + b"A|Y\n" * 900_000
    yield "a million texts in JSON", b"[" + b'"AAPL",' * 999_999 + b'"A"]'
    yield "a million objects in JSON", b"[" + b"{}," * 999_999 + b"{}]"
    yield "escapes in JSON", b"[" + b'"\\u0041",' * 700_000 + b'"A"]'
    yield "depth in JSON", b"[" * 900_000
    yield "long TOML", b"symbols = [" + b'"AAPL",' * 250_000 + b"]"
    yield "deep TOML", b"symbols = " + b"[" * 900_000
    yield "gzip of 100 MB", gzip.compress(bytes(100_000_000), 1)
    yield "rows in XLSX", book("<row/>" * 3_000_000)
    yield "cells in XLSX", book("<row>" + "<c/>" * 4_000_000 + "</row>")
    yield "wide rows in XLSX", book('<row><c r="GR1"/></row>' * 300_000)
    yield "far cells in XLSX", book('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
    yield "XLSX of 50 MB", book("<row>" + " " * 50_000_000 + "</row>")


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ROOM, ROOM))
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    for name, data in files():
        try:
            outcome = f"{len(read_file(name, data).symbols)} symbols"
        except BadFile:
            outcome = "refused"
        print(f"{name}|{outcome}", flush=True)


if __name__ == "__main__":
    main()
