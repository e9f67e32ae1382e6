"""Lists in JSON and TOML, in every form in which universes are written."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

import msgspec

from tickstock.errors import BadFile
from tickstock.model import UNIVERSE_TYPES
from tickstock.universes.files.imported import MAX_ROWS, Gather
from tickstock.universes.suggest import shown
from tickstock.universes.value import list_in

MAX_TOML = 2 * 1024 * 1024
"""The standard library reads TOML slowly: this much takes most of two seconds."""
_TOML = re.compile(
    rf"^[ \t]*(\[[ \t]*[\"']?({'|'.join(UNIVERSE_TYPES)})[\"']?[ \t]*\.|symbols[ \t]*=[ \t]*\[)",
    re.MULTILINE,
)
_MISSES = 20
"""Texts that are written with escapes are not found; each costs a look through the rest."""
_SAID = ("error", "message", "status", "detail")


def is_json(text: str) -> bool:
    start = text[:4096].lstrip()
    return start.startswith(("{", '"[', '"{', '"\\"')) or (
        start.startswith("[") and not _TOML.match(start)
    )


def is_toml(text: str) -> bool:
    return _TOML.search(text) is not None


def read_json(text: str, gather: Gather) -> None:
    """Gather the symbols of a JSON document in one of the shapes that universes have.

    Raises BadFile for what is not JSON, not such a shape (an error answer says what it says), or
    has more values than a list of symbols.
    """
    if max(text.count(","), text.count("[") + text.count("{")) > MAX_ROWS:
        raise BadFile(f"{gather.name} has more than {MAX_ROWS:,} values.", "Is it a list?")
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as e:
        raise BadFile(
            f"{gather.name} is not complete JSON: {e}.", "If it is cut off, download it again."
        ) from None
    _refuse_error(gather.name, value)
    try:
        texts = list_in(value)[1]
    except ValueError as fault:
        raise BadFile(
            f"{gather.name} holds no list of symbols: {fault}.",
            'It needs a JSON array of symbols, such as ["SPY", "QQQ"].',
        ) from None
    if isinstance(value, dict):
        gather.as_of = _day(value.get("as_of", value.get("last_updated")))
    _add_all(texts, text, gather)


def read_toml(text: str, gather: Gather) -> None:
    """Gather the symbols of a TOML document: `symbols` at its top, or of its one universe.

    Raises BadFile for what is not TOML, holds several universes, or defines one in another way.
    """
    if len(text) > MAX_TOML:
        raise BadFile(f"{gather.name} has more than {MAX_TOML:,} characters.", "Is it a list?")
    try:
        table = _the_universe(tomllib.loads(text), gather.name)
    except (ValueError, RecursionError) as e:
        at = re.search(r"at line (\d+)", str(e))
        place = f":{at[1]}" if at else ""
        raise BadFile(f"{gather.name}{place}: is not TOML: {e}.", "Mend it.") from None
    symbols = table.get("symbols")
    if not isinstance(symbols, list) or not all(isinstance(s, str) for s in symbols):
        raise BadFile(
            f"{gather.name} has no list of texts named symbols.",
            "Definitions with members or an expression belong in the folder of definitions: "
            "`tickstock universe organize` reads it.",
        )
    gather.as_of = _day(table.get("as_of"))
    _add_all(symbols, text, gather)


def _the_universe(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    if "symbols" in document:
        return document
    found = {
        f"{kind}:{key}": entry
        for kind in UNIVERSE_TYPES
        if isinstance(entries := document.get(kind), dict)
        for key, entry in entries.items()
        if isinstance(entry, dict)
    }
    if len(found) != 1:
        listed = ", ".join(shown(ref, 80) for ref in list(found)[:5]) or "none"
        raise BadFile(
            f"{name} holds {len(found)} universes ({listed}); one is imported at a time.",
            "Put it into the folder of definitions and use `tickstock universe organize`.",
        )
    return next(iter(found.values()))


def _refuse_error(name: str, value: object) -> None:
    """An error answer that was saved under the name of the list."""
    if not isinstance(value, dict):
        return
    said = [str(value[k])[:200] for k in _SAID if isinstance(value.get(k), str)]
    if said and ("error" in value or "message" in value):
        raise BadFile(
            f"{name} is an answer that says {shown('; '.join(said), 200)}, not a list of symbols.",
            "Download it again.",
        )


def _add_all(texts: Iterable[str], document: str, gather: Gather) -> None:
    for line, symbol in _with_lines(texts, document):
        gather.count_row()
        gather.add(line, symbol)


def _with_lines(texts: Iterable[str], document: str) -> Iterator[tuple[int, str]]:
    """Each text with its line in the document, found by looking for it after the one before."""
    at, line, missed = 0, 1, 0
    for text in texts:
        found = document.find(f'"{text}"', at) if missed < _MISSES else -1
        if found >= 0:
            line += document.count("\n", at, found)
            at = found + 1
        else:
            missed += 1
        yield line, text


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
