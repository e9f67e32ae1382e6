"""Which sources know the members of a shipped index history on a day, and how far they agree."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources

from tickstock.model import UniverseRef

FOLDER = "data", "catalog", "history"
MOST_NAMED = 10
"""Members that only some sources know are named, up to so many."""


def witnesses(ref: UniverseRef, day: date, members: Sequence[str]) -> str:
    """For people; empty for a universe whose history does not say who knows of its members.

    Args:
        members: who was in it on `day`, under the tickers of that day.
    """
    by = known_by(ref.key, day, members)
    if not by:
        return ""
    ranked = sorted(by.items(), key=lambda item: -len(item[1]))
    parts = "; ".join(_part(sources, symbols) for sources, symbols in ranked)
    return f"{ref} @ {day}: of {len(members)} known {parts}{_disputed(ref.key, day)}."


def known_by(key: str, day: date, members: Iterable[str]) -> dict[str, list[str]]:
    """The members of a shipped history on a day, by the sources that know them."""
    by: dict[str, list[str]] = defaultdict(list)
    for symbol, start, end, sources in _intervals(key):
        if start <= day < end:
            by[sources].append(symbol)
    wanted = set(members)
    return {s: found for s, names in by.items() if (found := [n for n in names if n in wanted])}


def _part(sources: str, symbols: Sequence[str]) -> str:
    names = sources.split("; ")
    by = " and ".join(names) if len(names) > 1 else f"{names[0]} alone"
    named = f" ({', '.join(symbols)})" if len(names) == 1 and len(symbols) <= MOST_NAMED else ""
    return f"to {by} {len(symbols)}{named}"


def _disputed(key: str, day: date) -> str:
    share = _disputes(key).get(day.year)
    return (
        "" if share is None else f"; they disagree on {share:.1%} of the member-days of {day.year}"
    )


@cache
def _intervals(key: str) -> tuple[tuple[str, date, date, str], ...]:
    def read() -> Iterator[tuple[str, date, date, str]]:
        for row in _rows(f"{key}.csv"):
            end = date.fromisoformat(row["opt-out"]) if row["opt-out"] else date.max
            yield row["symbol"], date.fromisoformat(row["opt-in"]), end, row["known"]

    return tuple(read())


@cache
def _disputes(key: str) -> Mapping[int, float]:
    """By year, the share of member-days on which the sources disagree."""
    return {
        int(row["year"]): int(row["disputed"])
        / max(1, sum(int(row[c]) for c in row if c != "year"))
        for row in _rows(f"{key}.votes.csv")
    }


def _rows(name: str) -> Iterable[Mapping[str, str]]:
    file = resources.files("tickstock").joinpath(*FOLDER, name)
    return csv.DictReader(file.read_text("utf-8").splitlines()) if file.is_file() else ()
