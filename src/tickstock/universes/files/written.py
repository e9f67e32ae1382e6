"""Lists of symbols, written so that reading them gives the same list.

What a spreadsheet would take for a formula is written as text, whoever stored it.
"""

from __future__ import annotations

import csv
import enum
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from tickstock.model import UniverseRef
from tickstock.universes.files.headers import FIRST, is_symbol_word
from tickstock.universes.files.parquet import arrow

SCHEMA = "tickstock.universe/1"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "'")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class OutForm(enum.StrEnum):
    """What a list can be written as."""

    CSV = "csv"
    JSON = "json"
    TOML = "toml"
    TXT = "txt"
    PARQUET = "parquet"


@dataclass(frozen=True, slots=True)
class Listing:
    """Symbols to write, and what is known of them; `ref` None where they are no one universe's."""

    symbols: tuple[str, ...]
    name: str
    ref: UniverseRef | None = None
    description: str = ""
    source: str = ""
    as_of: date | None = None


def write_file(listing: Listing, form: OutForm) -> bytes:
    """The content of a file. Raises BadInput for Parquet where its library is not installed."""
    if form is OutForm.PARQUET:
        return _parquet(listing)
    text = {
        OutForm.CSV: _csv,
        OutForm.JSON: _json,
        OutForm.TOML: _toml,
        OutForm.TXT: _txt,
    }[form](listing)
    return text.encode()


def safe_cell(text: str) -> str:
    """`text` as a spreadsheet shows it, and never computes it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _csv(listing: Listing) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([FIRST])
    writer.writerows([safe_cell(symbol)] for symbol in listing.symbols)
    return out.getvalue()


def _txt(listing: Listing) -> str:
    lines = [safe_cell(symbol) for symbol in listing.symbols]
    if lines and is_symbol_word(lines[0]):  # else it would be read as a header
        lines.insert(0, FIRST)
    return "".join(f"{line}\n" for line in lines)


def _json(listing: Listing) -> str:
    body: dict[str, object] = {"schema": SCHEMA}
    body |= {"universe": str(listing.ref)} if listing.ref else {}
    body |= {"name": listing.name}
    body |= {"source": listing.source} if listing.source else {}
    body |= {"as_of": listing.as_of.isoformat()} if listing.as_of else {}
    body |= {"count": len(listing.symbols), "symbols": listing.symbols}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


def _toml(listing: Listing) -> str:
    return "\n".join(_toml_lines(listing)) + "\n"


def _toml_lines(listing: Listing) -> Iterator[str]:
    """A definition as the folder of definitions takes it, or, without a ref, its fields."""
    if listing.ref:
        key = listing.ref.key
        yield f"[{listing.ref.type}.{key if _BARE_KEY.fullmatch(key) else _quoted(key)}]"
    for field, text in (
        ("name", listing.name),
        ("description", listing.description),
        ("source", listing.source),
    ):
        if text:
            yield f"{field} = {_quoted(text)}"
    if listing.as_of:
        yield f"as_of = {listing.as_of.isoformat()}"
    yield "symbols = ["
    yield from (f"  {_quoted(symbol)}," for symbol in listing.symbols)
    yield "]"


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's, but that one more control character needs an escape."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _parquet(listing: Listing) -> bytes:
    pyarrow = arrow()
    column = pyarrow.array(listing.symbols, pyarrow.string())
    out = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table({FIRST: column}), out)
    content: bytes = out.getvalue().to_pybytes()
    return content
