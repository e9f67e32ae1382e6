"""Stored values of universe rows: every shape that other programs have written, read strictly.

What TickStock writes is always the first shape, a plain array of symbols.
"""

from __future__ import annotations

import json
import reprlib
from dataclasses import dataclass
from typing import cast

from tickstock.errors import MalformedUniverse
from tickstock.model import UniverseRef
from tickstock.universes.suggest import visible

LIST_FIELDS = ("symbols", "value", "stocks", "etfs", "holdings")
"""The fields of an object that may hold the list, each the name of its shape."""
ARRAY, DOUBLE_ENCODED = "array", "double-encoded"
COUNT_FIELDS = ("count", "total_holdings")
MAX_TEXT = 64
"""No symbol of any vendor is longer; a longer text is a page or a sentence."""

_SHOWN_FAULTS = 5


@dataclass(frozen=True, slots=True)
class ValueReport:
    """What a stored value holds: symbols in stored order, each once, and remarks on the form.

    `count_notes` tell where a number beside the list is not its length.
    """

    symbols: tuple[str, ...]
    shape: str
    duplicates: tuple[str, ...] = ()
    count_notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """All remarks, for people."""
        notes = list(self.count_notes)
        if self.shape == DOUBLE_ENCODED:
            notes.append("The array is stored as text inside JSON (encoded twice).")
        if self.duplicates:
            notes.append(f"Repeated and counted once: {', '.join(self.duplicates[:10])}.")
        return tuple(notes)


class _Malformed(ValueError):
    """What is wrong with a value, before it is known whose value it is."""


def read_value(ref: UniverseRef, environment: str, value: object) -> tuple[str, ...]:
    """The symbols of a stored value, as they are spelled there, in order and without repeats.

    `value` is JSON as Python holds it. An empty list gives an empty tuple.
    Raises MalformedUniverse, naming the row and what is wrong where, for anything that is not
    one of the known shapes or has an element that is not text.
    """
    return read_value_report(ref, environment, value).symbols


def read_value_report(ref: UniverseRef, environment: str, value: object) -> ValueReport:
    """`read_value` with the shape, the repeats that were dropped and remarks for people."""
    try:
        shape, items = _find_list(value)
        texts = _texts(items)
    except _Malformed as fault:
        raise MalformedUniverse(
            f"The row {visible(str(ref))} in environment {visible(environment)} holds no list of"
            f" symbols: {fault}.",
            'Store a JSON array of symbols, such as ["SPY", "QQQ"].',
        ) from None
    symbols = tuple(dict.fromkeys(texts))
    repeats = _repeats(texts) if len(symbols) < len(texts) else ()
    return ValueReport(symbols, shape, repeats, _count_notes(value, len(texts)))


def list_in(value: object) -> tuple[str, list[str]]:
    """The name of the value's shape and every text in its list, repeats included.

    Raises ValueError, saying what is wrong where, for anything that `read_value` refuses.
    """
    shape, items = _find_list(value)
    return shape, _texts(items)


def _find_list(value: object) -> tuple[str, list[object]]:
    """The shape's name and the list in it, its elements still unchecked."""
    if isinstance(value, list):
        return ARRAY, value
    if isinstance(value, dict):
        return _list_in_object(value)
    if isinstance(value, str):
        return DOUBLE_ENCODED, _list_in_text(value)
    raise _Malformed(f"it is {_kind(value)}")


def _list_in_object(value: dict[object, object]) -> tuple[str, list[object]]:
    present = [field for field in LIST_FIELDS if field in value]
    if not present:
        fields = ", ".join(visible(str(name))[:40] for name in list(value)[:5]) or "is empty"
        raise _Malformed(f"the object has none of the fields {', '.join(LIST_FIELDS)}: {fields}")
    first, items = present[0], value[present[0]]
    if not isinstance(items, list):
        raise _Malformed(f"its field {first} is {_kind(items)}, not a list")
    for other in present[1:]:
        if isinstance(value[other], list) and not _same(items, value[other]):
            raise _Malformed(f"its fields {first} and {other} name different symbols")
    return first, items


def _same(items: list[object], others: object) -> bool:
    return isinstance(others, list) and set(_texts(items)) == set(_texts(others))


def _list_in_text(text: str) -> list[object]:
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        raise _Malformed(f"it is {_kind(text)} that is not JSON") from None
    if not isinstance(inner, list):
        raise _Malformed(f"it is text that holds {_kind(inner)} instead of a list")
    return inner


def _texts(items: list[object]) -> list[str]:
    """The symbol in each element; all faulty elements are named together."""
    if (plain := _all_plain(items)) is not None:
        return plain
    texts: list[str] = []
    faults: list[str] = []
    for place, item in enumerate(items):
        text = item if isinstance(item, str) else _symbol_in(item)
        if isinstance(text, str) and _could_be_symbol(text):
            texts.append(text)
        else:
            faults.append(f"element {place} is {_element_fault(item)}")
    if faults:
        more = len(faults) - _SHOWN_FAULTS
        tail = f" and {more} more" if more > 0 else ""
        raise _Malformed("; ".join(faults[:_SHOWN_FAULTS]) + tail)
    return texts


def _all_plain(items: list[object]) -> list[str] | None:
    """The elements, where all are plain symbols; None where they have to be looked at one by one.

    Of 10,000 universes of 500 symbols, looking at each takes longer than all other checks.
    """
    try:
        joined = "".join(items)  # type: ignore[arg-type]
    except TypeError:
        return None
    texts = cast("list[str]", items)
    lengths = [*map(len, texts)]
    if not lengths or min(lengths) == 0 or max(lengths) > MAX_TEXT:
        return None
    return texts if joined.isprintable() and " " not in joined else None


def _could_be_symbol(text: str) -> bool:
    return 0 < len(text) <= MAX_TEXT and text.isprintable() and not text.isspace()


def _symbol_in(item: object) -> object:
    if not isinstance(item, dict):
        return None
    return item["ticker"] if "ticker" in item else item.get("symbol")


def _element_fault(item: object) -> str:
    if isinstance(item, dict):
        if "ticker" not in item and "symbol" not in item:
            return f"{_kind(item)} without ticker or symbol"
        inner = _symbol_in(item)
        return f"an object whose symbol is {_element_fault(inner)}"
    if not isinstance(item, str):
        return _kind(item)
    if not item.strip():
        return "blank"
    if len(item) > MAX_TEXT:
        return f"{_kind(item)}, {len(item)} characters long"
    return f"{_kind(item)} with a character that does not print"


def _kind(item: object) -> str:
    """What an element is, in JSON's words, and how it begins."""
    if item is None:
        return "null"
    if isinstance(item, bool):
        return "true" if item else "false"
    words = {str: "text", list: "a list", dict: "an object", int: "a number", float: "a number"}
    try:
        start = visible(reprlib.repr(item))
    except ValueError:  # Python refuses to print integers of thousands of digits
        start = "of thousands of digits"
    return f"{words.get(type(item), type(item).__name__)} {start}"


def _repeats(texts: list[str]) -> tuple[str, ...]:
    seen: set[str] = set()
    repeats: dict[str, None] = {}
    for text in texts:
        if text in seen:
            repeats[text] = None
        seen.add(text)
    return tuple(repeats)


def _count_notes(value: object, size: int) -> tuple[str, ...]:
    if not isinstance(value, dict):
        return ()
    return tuple(
        f"The field {name} says {value[name]}, the list has {size}."
        for name in COUNT_FIELDS
        if type(value.get(name)) is int and value[name] != size
    )
