"""From bytes to text: what is no list of symbols is recognized and refused here."""

from __future__ import annotations

import io
import zlib

from tickstock.errors import BadFile
from tickstock.universes.files.imported import Gather

MAX_LINE = 1 << 20
"""Characters; a row as long as this already takes 50 MB in pieces."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_MOST_ACCENTS = 0.1
"""Of a Western European list; a picture or a program has more."""
GZIP = b"\x1f\x8b"
_NOT_TEXT = (
    (b"%PDF", "a PDF document", "Download the data as CSV or XLSX."),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)", "Save it as .xlsx or CSV."),
    (b"\x89PNG", "a picture", "Choose the list itself."),
    (b"\xff\xd8\xff", "a picture", "Choose the list itself."),
    (b"SQLite format 3", "a database file", "Export the list as CSV."),
)


def check_size(data: bytes, gather: Gather) -> None:
    """Raises BadFile for a file that is empty, or larger than a list of symbols is."""
    if not data.strip():
        raise BadFile(f"{gather.name} is empty.", "Was it downloaded completely?")
    if len(data) > gather.most_bytes:
        raise BadFile(
            f"{gather.name} has more than {gather.most_bytes:,} bytes, which no list of symbols"
            " has.",
            "Is this the right file?",
        )


def unpacked(data: bytes, gather: Gather) -> bytes:
    """The content of a gzip file; anything else as it is.

    Never holds more than the cap, however much the stream would become.
    Raises BadFile for a broken, cut or too large stream.
    """
    if not data.startswith(GZIP):
        return data
    name, most = gather.name, gather.most_bytes
    stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        content = stream.decompress(data, most + 1)
    except zlib.error as e:
        raise BadFile(f"{name} is broken gzip: {e}.", "Download it again.") from None
    if len(content) > most:
        raise BadFile(
            f"{name} is larger than {most:,} bytes when unpacked.", "Is this the right file?"
        )
    if not stream.eof:
        raise BadFile(f"{name} is gzip that ends in the middle.", "Download it again.")
    return content


def text_of(data: bytes, gather: Gather) -> str:
    """The text without its byte-order mark: UTF-8, UTF-16 with a mark, else Windows-1252, which is
    said.

    Raises BadFile for another kind of file (named, where it is a well-known one), a web page,
    another encoding, and text with NUL characters.
    """
    name = gather.name
    for start, what, hint in _NOT_TEXT:
        if data.startswith(start):
            raise BadFile(f"{name} is {what}, not a list of symbols.", hint)
    text = _decoded_utf16(name, data) if data.startswith(_UTF16) else _decoded(data, gather)
    text = text.rstrip("\x1a")  # as DOS ends a file
    if "\x00" in text:
        raise BadFile(f"{name} holds NUL bytes, so it is not text.", "Save it as CSV.")
    _refuse_markup(name, text)
    return text


def _decoded_utf16(name: str, data: bytes) -> str:
    """What Excel calls Unicode text: the mark at its start cannot be mistaken."""
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as e:
        raise BadFile(
            f"{name} is UTF-16 text that is damaged (byte {e.start}).", "Save it as UTF-8."
        ) from None


def _decoded(data: bytes, gather: Gather) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        place = e.start
    line = data.count(b"\n", 0, place) + 1
    text = data.decode("cp1252", "replace")
    strange = sum(not (c.isprintable() or c in "\t\r\n") for c in text) + text.count("\ufffd")
    if strange or sum(c > "\x7f" for c in text) > _MOST_ACCENTS * len(text):
        raise BadFile(
            f"{gather.name} is not UTF-8 text (byte {place}).", "Save it as UTF-8."
        ) from None
    gather.remark(line, "This is not UTF-8; the file is read as Windows-1252 (Western European).")
    return text


def check_lines(text: str, gather: Gather) -> None:
    """Raises BadFile for text with more or longer lines than a list of symbols has."""
    name, most = gather.name, gather.most_rows
    if text.count("\n") > most:
        raise BadFile(f"{name} has more than {most:,} lines.", "Is this a list of symbols?")
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if len(line) > MAX_LINE:
            raise BadFile(
                f"{name}:{number}: the line has {len(line):,} characters.",
                "Write one symbol a line.",
            )


def _refuse_markup(name: str, text: str) -> None:
    start = text[:4096].lstrip().lower()
    if not start.startswith("<"):
        return
    if start.startswith("<?xml") and "<html" not in start:
        raise BadFile(f"{name} is XML, not a list of symbols.", "Download it as CSV or XLSX.")
    raise BadFile(
        f"{name} is a web page, not a list of symbols: the download failed or needs a sign-in.",
        "Download the file itself.",
    )
