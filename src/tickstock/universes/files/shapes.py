"""Tables in JSON: the shapes in which programs, issuers and data frames write lists.

A list of symbols, of records or of rows; `fields` and `data`, `columns` and `data`; records by
number; columns by name; symbols as keys; one of these inside an answer (`results`, `tickers`,
`aaData`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from tickstock.universes.files.headers import FIRST, STRONG, WEAK, is_symbol_word, normal
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import SYMBOL
from tickstock.universes.value import LIST_FIELDS, list_in

_NAMES_OF_ROWS = ("fields", "columns")
_CONTAINERS = (
    *LIST_FIELDS, "results", "tickers", "data", "rows", "records", "items", "members",
    "constituents", "components", "quotes", "securities", "positions", "universe",
)  # fmt: skip
"""Fields of an object that may hold the list."""
_ISHARES = "aaData"
_ISHARES_COLUMNS = ("Ticker", "Name", "Sector", "Asset Class")
_MAX_DEPTH = 4
_OF_BARS = {"T": "ticker"}
"""A key of the vendor's bars of a whole day, where `t` is their time."""


def table_in(value: object, depth: int = 0) -> Iterator[list[str]]:
    """The header and the rows in a value; without a header where the rows have none.

    Raises ValueError, saying what is wrong, where the value holds no list, or several that differ.
    """
    if isinstance(value, str):
        return _symbols(list_in(value)[1])
    if isinstance(value, list):
        return _table_of_list(value)
    if isinstance(value, dict) and depth < _MAX_DEPTH:
        return _table_of_object(value, depth)
    return _symbols(list_in(value)[1])


def _table_of_list(items: list[object]) -> Iterator[list[str]]:
    if items and all(isinstance(item, list) for item in items):
        return iter([[_text(cell) for cell in row] for row in items if isinstance(row, list)])
    records = [item for item in items if isinstance(item, dict)]
    if len(records) == len(items) and _names(records):
        return _table_of_records(records)
    if pages := pages_in(items):
        return _table_of_list([*chain.from_iterable(pages)])
    return _symbols(list_in(items)[1])


def pages_in(value: object) -> list[list[object]]:
    """The lists in a list of answers, a page each; none where it is no such list."""
    pages: list[list[object]] = []
    for page in value if isinstance(value, list) else ():
        inner = page if isinstance(page, dict) else {}
        lists = [inner[name] for name in _CONTAINERS if isinstance(inner.get(name), list)]
        if len(lists) != 1:
            return []
        pages += lists
    return pages


def _names(records: Sequence[Mapping[str, object]]) -> list[str]:
    """The keys of records, if one of them is a heading of symbols."""
    names = list(dict.fromkeys(chain.from_iterable(records)))
    return names if any(map(is_symbol_word, _headings(names))) else []


def _headings(names: Sequence[str]) -> list[str]:
    return [_OF_BARS.get(name, name) for name in names]


def _table_of_records(records: Sequence[Mapping[str, object]]) -> Iterator[list[str]]:
    names = _names(records)
    rows = ([_text(record.get(name)) for name in names] for record in records)
    return chain([_headings(names)], rows)


def _table_of_object(value: Mapping[str, object], depth: int) -> Iterator[list[str]]:
    if isinstance(rows := value.get(_ISHARES), list):
        return chain([list(_ISHARES_COLUMNS)], _table_of_list([row[:4] for row in rows if row]))
    if found := _with_names(value):
        return found
    present = [name for name in _CONTAINERS if isinstance(value.get(name), list | dict)]
    lists = [name for name in present if isinstance(value[name], list)]
    if len(lists) > 1:
        _refuse_different(value, lists)
    if present:
        return table_in(value[(lists or present)[0]], depth + 1)
    return _table_of_keys(value)


def _with_names(value: Mapping[str, object]) -> Iterator[list[str]] | None:
    """`fields` or `columns` beside `data`."""
    rows = value.get("data")
    for name in _NAMES_OF_ROWS:
        names = value.get(name)
        if isinstance(names, list) and isinstance(rows, list):
            return chain([list(map(_text, names))], _table_of_list(rows))
    return None


def _refuse_different(value: Mapping[str, object], names: Sequence[str]) -> None:
    first, *others = (list(table_in(value[name])) for name in names)
    for name, other in zip(names[1:], others, strict=True):
        if sorted(other) != sorted(first):
            raise ValueError(f"its fields {names[0]} and {name} name different symbols")


def _table_of_keys(value: Mapping[str, object]) -> Iterator[list[str]]:
    """Records by number or symbol, columns by name, or symbols that are the keys."""
    inner = [v for v in value.values() if isinstance(v, dict)]
    if inner and len(inner) == len(value):
        words = [name for name in value if normal(name) in STRONG | WEAK]
        if words:
            columns = [list(column.values()) for column in inner]
            rows = zip(*columns, strict=False)
            return chain([list(value)], ([_text(cell) for cell in row] for row in rows))
        if _names(inner):
            return _table_of_records(inner)
    columns = [v for v in value.values() if isinstance(v, list)]
    if columns and len(columns) == len(value) and any(map(is_symbol_word, value)):
        return chain(
            [list(value)], ([_text(c) for c in row] for row in zip(*columns, strict=False))
        )
    if _names([value]):
        return _table_of_records([value])
    if len(value) > 1 and all(map(SYMBOL.fullmatch, value)):
        return _symbols(list(value))
    lists = [name for name, inner in value.items() if _is_list_of_symbols(inner)]
    if len(lists) > 1:
        raise ValueError(f"it has several, {', '.join(map(shown, lists[:5]))}")
    return _symbols(list_in(dict(value))[1]) if not lists else table_in(value[lists[0]], _MAX_DEPTH)


def _is_list_of_symbols(value: object) -> bool:
    """Whether the field of an object, whatever it is called, holds records or texts of symbols."""
    if not isinstance(value, list) or not value:
        return False
    records = [item for item in value if isinstance(item, dict)]
    if len(records) == len(value):
        return bool(_names(records))
    return all(isinstance(item, str) and SYMBOL.fullmatch(item) for item in value)


def _symbols(texts: Sequence[str]) -> Iterator[list[str]]:
    return chain([[FIRST]], ([text] for text in texts))


def _text(cell: object) -> str:
    """A cell as text; of an object what it shows; numbers as they are, so that they are refused."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, dict):
        return _text(cell.get("display", ""))
    if isinstance(cell, list):
        return json.dumps(cell)[:200]
    return "NaN" if cell != cell else str(cell)
