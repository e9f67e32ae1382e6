"""Lists in JSON and TOML, in every form in which universes are written."""

from __future__ import annotations

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from tickstock.errors import BadFile
from tickstock.model import UNIVERSE_TYPES
from tickstock.universes.files.delimited import Row
from tickstock.universes.files.imported import Gather
from tickstock.universes.files.shapes import pages_in, table_in
from tickstock.universes.suggest import shown

MAX_TOML = 2 * 1024 * 1024
"""The standard library reads TOML slowly: this much takes most of two seconds."""
_TOML = re.compile(
    rf"^[ \t]*(\[[ \t]*[\"']?({'|'.join(UNIVERSE_TYPES)})[\"']?[ \t]*\.|symbols[ \t]*=[ \t]*\[)",
    re.MULTILINE,
)
_MISSES = 20
"""Texts that are written with escapes are not found; each costs a look through the rest."""
_BLANKS = re.compile(r"\s*")
_SAID = ("error", "message", "status", "detail")


def is_json(text: str) -> bool:
    start = text[:4096].lstrip()
    return start.startswith(("{", '"[', '"{', '"\\"')) or (
        start.startswith("[") and not _TOML.match(start)
    )


def is_toml(text: str) -> bool:
    return _TOML.search(text) is not None


def rows_of_json(text: str, gather: Gather) -> Iterator[Row]:
    """A header and the rows of a JSON document: a list, records, columns, or records in lines.

    Raises BadFile for what is not JSON, holds no list (an error answer says what it says), holds
    two that differ, names a key twice, or has more values than a list of symbols.
    """
    gather.expect_list()
    if max(text.count(","), text.count("[") + text.count("{")) > gather.most_rows:
        raise BadFile(f"{gather.name} has more than {gather.most_rows:,} values.", "Is it a list?")
    value = _decoded(text, gather)
    _refuse_error(gather.name, value)
    if isinstance(value, dict):
        gather.as_of = _day(value.get("as_of", value.get("last_updated")))
    last = value[-1] if isinstance(value, list) and pages_in(value) else value
    if isinstance(last, dict) and last.get("next_url"):
        gather.remark(None, "This is not all of an answer; what follows it is not in the file.")
    try:
        table = table_in(value)
    except ValueError as fault:
        raise BadFile(
            f"{gather.name} holds no list of symbols: {fault}.",
            'It needs a JSON array of symbols, such as ["SPY", "QQQ"].',
        ) from None
    for place, (line, row) in enumerate(_with_lines(table, text)):
        if place:  # the first is the header
            gather.count_row()
        if any(row):
            yield line, row


class _Twice(ValueError):
    """A key that stands twice in one object."""


def _decoded(text: str, gather: Gather) -> object:
    """The value; records in lines become a list of them."""
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as e:
        if e.msg == "Extra data" and (records := _several(text.strip())) is not None:
            return records
        raise _incomplete(gather.name, f":{e.lineno}", e) from None
    except _Twice as e:
        raise BadFile(
            f"{gather.name}: the key {shown(str(e))} stands twice, and one list would be lost.",
            "Give the lists names of their own, or join them.",
        ) from None
    except (ValueError, RecursionError) as e:
        raise _incomplete(gather.name, "", e) from None


def _incomplete(name: str, place: str, why: Exception) -> BadFile:
    return BadFile(
        f"{name}{place}: is not complete JSON: {why}.", "If it is cut off, download it again."
    )


def _several(text: str) -> list[object] | None:
    """Documents one after the other: records in lines, answers that were written to one file."""
    found: list[object] = []
    at = 0
    try:
        while at < len(text):
            value, at = _DECODER.raw_decode(text, at)
            found.append(value)
            at = _BLANKS.match(text, at).end()  # type: ignore[union-attr]  # matches nothing too
    except (ValueError, RecursionError):
        return None
    return found


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        raise _Twice(counts.most_common(1)[0][0])
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_each_once)


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
        raise BadFile(f"{gather.name}{place}: is not TOML: {e}.", "Fix it.") from None
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
    for line, row in _with_lines(([text] for text in texts), document):
        gather.count_row()
        gather.add(line, row[0])


def _with_lines(rows: Iterable[list[str]], document: str) -> Iterator[Row]:
    """Each row with its line in the document, found by looking for its first text after the one
    before."""
    at, line, missed = 0, 1, 0
    is_one_line = "\n" not in document
    for row in rows:
        text = next(filter(None, row), "")
        found = -1
        if not is_one_line and missed < _MISSES:
            found = document.find(json.dumps(text, ensure_ascii=False), at)
            if found < 0:
                found = document.find(json.dumps(text), at)
        if found >= 0:
            line += document.count("\n", at, found)
            at = found + 1
        else:
            missed += 1
        yield line, row


def _day(value: object) -> date | None:
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
