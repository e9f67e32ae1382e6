"""Who was in a universe when, and what this database said about it at the time.

Two kinds of statements are kept, and none is ever changed: every revision of a universe's row,
which speaks about its New York day and all days after it, and histories recorded by sources, which
speak about a span of days. Of the statements that were known at an instant and speak of a day the
latest holds. Both times are kept with each: the days it speaks about, and when it was learned here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Any

from psycopg.types.range import Range

from tickstock.clock import midnight, new_york_date
from tickstock.errors import BadInput, UnknownUniverse
from tickstock.model import UniverseRef
from tickstock.spans import ONE_DAY, Span, union
from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.jsontext import decoded
from tickstock.store.queries import load
from tickstock.universes.membership import FOREVER, History, Interval, make_history
from tickstock.universes.names import NO_NAMES, Names
from tickstock.universes.plan import Recording
from tickstock.universes.suggest import shown
from tickstock.universes.value import LIST_FIELDS, read_value

QUERIES = load("history.sql")
ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
"""As an instant until which something is known: all that is known."""

FEW = 3
"""Symbols that are blamed one by one; for more, each change is taken apart once for all of them."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The members of a universe on a day, and who says so.

    `known_at` is when this database learned it, None for a row that is older than our records.
    `source` is what the change or the history gave as its own. `through` is set where a source's
    last list is carried on beyond the day it is good for, to that day.
    """

    symbols: tuple[str, ...]
    known_at: datetime | None = None
    source: str = ""
    through: date | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of the log of a universe: a change of its row, or a history recorded of it.

    `action` is `insert`, `update`, `delete` or `history`; `days` is what a history speaks about.
    `joined` and `left` are None where the symbols did not change.
    """

    id: int
    at: datetime
    action: str
    by_role: str
    application: str
    source: str
    reason: str
    old_name: str | None
    new_name: str | None
    old_expression: str | None
    new_expression: str | None
    joined: tuple[str, ...] | None
    left: tuple[str, ...] | None
    days: Span | None


@dataclass(frozen=True, slots=True)
class Blame:
    """Since when a symbol is in a universe, and through which change.

    `since` is a New York day: that of the change, or an earlier one by a history recorded of the
    universe. `revision` is None where only a history says so.
    """

    symbol: str
    since: date | None
    revision: int | None
    at: datetime | None
    by_role: str = ""
    application: str = ""
    source: str = ""
    reason: str = ""


# --- on a day, at an instant --------------------------------------------------------------
def said_on(
    conn: Connection,
    ref: UniverseRef,
    day: date,
    environment: str = "DEFAULT",
    known: datetime | None = None,
) -> Membership:
    """The members on a day (at the end of it, in New York), by what was known at `known`.

    Raises UnknownUniverse where nothing known speaks of that day or before it, and where the
    universe had been deleted; MalformedUniverse for a row that could not be read then.
    """
    known = known or ALWAYS
    params = _named(ref, environment) | {"day": day, "until": _end_of(day), "known": known}
    said = rows.first(conn, _Statement, QUERIES["said_on"], params)
    if said is None or (said.kind == "row" and said.value is None):
        if said and said.known_at:
            raise _deleted(ref, day)
        raise _unknown(conn, ref, day, environment, known)
    if said.kind == "row" and said.value is not None:
        found = read_value(ref, environment, decoded(said.value))
        return Membership(found, said.known_at, said.source)
    last = said.through if said.kind == "carried" else None
    return Membership(tuple(sorted((said.symbols or "").split())), said.known_at, said.source, last)


@dataclass(frozen=True, slots=True)
class _Statement:
    """Which statement holds: of the row, of a source, or of one whose last list is carried on."""

    kind: str
    value: str | None
    source: str
    known_at: datetime | None
    through: date | None
    symbols: str | None


def change_days(
    conn: Connection, ref: UniverseRef, span: Span, environment: str = "DEFAULT"
) -> list[date]:
    """The days in `span` on which the members may differ from those of the day before."""
    params = _named(ref, environment) | {"start": span.start, "end": span.end}
    return rows.scalars(conn, QUERIES["change_days"], params)


def known_spans(
    conn: Connection, ref: UniverseRef, environment: str = "DEFAULT"
) -> list[tuple[Span, str]]:
    """The days that histories speak about, with their sources, in the order they were told."""
    told = rows.every(conn, _HistoryDays, QUERIES["known_days"], _named(ref, environment))
    return [(Span(one.first, one.end), one.source) for one in told]


@dataclass(frozen=True, slots=True)
class _HistoryDays:
    """A history that was told, by its days."""

    first: date
    end: date
    known_at: datetime
    source: str


def expression_at(
    conn: Connection, ref: UniverseRef, known: datetime, environment: str = "DEFAULT"
) -> tuple[bool, str | None] | None:
    """Whether the universe was there at an instant, and its expression then; None: not recorded."""
    params = _named(ref, environment) | {"known": known}
    found: tuple[bool, str | None] | None
    found = conn.execute(QUERIES["expression_at"], params).fetchone()
    return found


def keys_at(
    conn: Connection, known: datetime, environment: str = "DEFAULT"
) -> dict[UniverseRef, str | None]:
    """The universes that there were at an instant, with their expressions then."""
    params = {"environment": environment, "known": known}
    found = conn.execute(QUERIES["keys_at"], params)
    return {UniverseRef(kind, key): expression for kind, key, expression in found}


def today(conn: Connection) -> date:
    """The New York date by the clock of the database, which dates the changes of rows."""
    found: date = rows.scalar(conn, QUERIES["today"])
    return found


def _deleted(ref: UniverseRef, day: date) -> UnknownUniverse:
    return UnknownUniverse(
        f"{ref} was not in this database on {day}: it had been deleted.",
        f"`tickstock universe log {ref}` shows when.",
    )


def _unknown(
    conn: Connection, ref: UniverseRef, day: date, environment: str, known: datetime
) -> UnknownUniverse:
    told = rows.every(conn, _HistoryDays, QUERIES["known_days"], _named(ref, environment))
    begins = [one.first for one in told if one.known_at <= known]
    if begins:
        first = min(begins)
        return UnknownUniverse(
            f"Who was in {ref} on {day} is unknown: the history recorded of it begins on {first}.",
            f"Ask for a later day, or record a longer one: tickstock universe record {ref} FILE",
        )
    return UnknownUniverse(
        f"{ref} was not in this database on {day}.",
        f"`tickstock universe log {ref}` shows since when; who was in it before can be told: "
        f"tickstock universe record {ref} FILE",
    )


def _end_of(day: date) -> datetime:
    if day >= date.max - ONE_DAY:
        return ALWAYS
    return midnight(day + ONE_DAY)


def _named(ref: UniverseRef, environment: str) -> dict[str, object]:
    return {"environment": environment, "type": ref.type, "key": ref.key}


# --- histories recorded by sources ------------------------------------------------------------
def unrecorded(
    conn: Connection,
    histories: Mapping[UniverseRef, History],
    environment: str = "DEFAULT",
    *,
    again: bool = False,
) -> tuple[Recording, ...]:
    """Those of `histories` that their source has not told like this before.

    With `again` also those that somebody has overruled since, about some of their days: who tells
    one means it to hold. Without, as when definitions are organized, what a person told stands.
    """
    if not histories:
        return ()
    params = {"environment": environment, "refs": [ref.joined for ref in histories]}
    known = set(conn.execute(QUERIES["standing_digests" if again else "latest_digests"], params))
    return tuple(
        Recording(ref, history)
        for ref, history in sorted(histories.items())
        if (ref.type, ref.key, history.source, history.digest) not in known
    )


def record(
    conn: Connection,
    recordings: Iterable[Recording],
    environment: str = "DEFAULT",
    reason: str = "",
) -> None:
    """Keep histories, each as a further statement that is known from now on."""
    for recording in recordings:
        history = recording.history
        params = _named(recording.ref, environment) | {
            "start": history.days.start,
            "end": history.days.end,
            "source": history.source,
            "reason": reason,
            "digest": history.digest,
        }
        number = rows.scalar(conn, QUERIES["record"], params)
        conn.execute(QUERIES["record_intervals"], {"id": number} | _columns(history.intervals))


def _columns(intervals: Sequence[Interval]) -> dict[str, object]:
    return {
        "symbols": [s.symbol for s in intervals],
        "starts": [s.span.start for s in intervals],
        "ends": [None if s.span.end == FOREVER else s.span.end for s in intervals],
    }


def all_known(
    conn: Connection, ref: UniverseRef, environment: str = "DEFAULT", source: str = ""
) -> History | None:
    """Everything known about the days before today as one history; None where that is nothing."""
    until = today(conn)
    ever = Span(date.min, until)
    edges = [*change_days(conn, ref, ever, environment), until]
    intervals: list[Interval] = []
    first: date | None = None
    for start, end in pairwise(edges):
        try:
            found = said_on(conn, ref, start, environment)
        except UnknownUniverse:
            continue
        first = first or start
        intervals += [Interval(symbol, Span(start, end)) for symbol in found.symbols]
    return None if first is None else make_history(intervals, Span(first, until), source)


# --- what happened ------------------------------------------------------------------------
def log(
    conn: Connection, ref: UniverseRef, environment: str = "DEFAULT", limit: int = 100
) -> list[LogEntry]:
    """The last `limit` changes of a universe and histories recorded of it, the latest first; also
    of a deleted one. Empty for one that was never there."""
    params = _named(ref, environment) | {"limit": limit}
    return rows.every(conn, _entry, QUERIES["log"], params)


def _entry(
    joined: list[str] | None, left: list[str] | None, days: Range[date] | None, **rest: Any
) -> LogEntry:
    return LogEntry(joined=_tuple(joined), left=_tuple(left), days=_span(days), **rest)


def _tuple(symbols: list[str] | None) -> tuple[str, ...] | None:
    return None if symbols is None else tuple(symbols)


def _span(days: Range[date] | None) -> Span | None:
    return (
        None if days is None or not days.lower or not days.upper else Span(days.lower, days.upper)
    )


def blame(
    conn: Connection,
    ref: UniverseRef,
    symbols: Iterable[str],
    environment: str = "DEFAULT",
    names: Names = NO_NAMES,
) -> list[Blame]:
    """Since when each of `symbols` is in a universe and through which change, in their order; also
    under the tickers that it had before, as `names` tell.

    A history recorded of the universe may date a member earlier than the change of the row: then
    `since` is the first day of its interval, and the rest is the change's.
    """
    listed = {symbol: names.lists(symbol) for symbol in symbols}
    every = [(s, written, days) for s, found in listed.items() for written, days in found]
    params = _named(ref, environment) | {
        "symbols": [symbol for symbol, _, _ in every],
        "written": [written for _, written, _ in every],
        "since": [days.start for _, _, days in every],
        "until": [days.end for _, _, days in every],
    }
    if len(every) == len(listed) <= FEW:
        joined = {symbol: _joined(conn, params, symbol) for symbol in listed}
    else:
        joined = {c.symbol: c for c in rows.every(conn, _Joining, QUERIES["blame"], params)}
    told = rows.every(conn, _RecordedInterval, QUERIES["intervals_through"], params)
    dated = {symbol: _interval_through(told, found) for symbol, found in listed.items()}
    return [_blame(symbol, joined.get(symbol), dated[symbol]) for symbol in listed]


def _interval_through(
    told: Iterable[_RecordedInterval], names: Sequence[tuple[str, Span]]
) -> _Since | None:
    """Since when somebody who had several tickers is a member, as far as the history says that it
    is still one at its end."""
    mine = [(one, days) for one in told for written, days in names if one.symbol == written]
    if not mine:
        return None
    intervals = [
        Span(max(one.starts, d.start), max(one.starts, d.start, min(one.ends, d.end)))
        for one, d in mine
    ]
    last = mine[0][0]
    starts = [interval.start for interval in union(intervals) if interval.end >= last.until]
    return _Since(starts[0], last.source, last.known_at) if starts else None


@dataclass(frozen=True, slots=True)
class _RecordedInterval:
    """An interval of the latest history recorded, which speaks about the days before `until`."""

    symbol: str
    starts: date
    ends: date
    until: date
    source: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class _Since:
    """Since when somebody is a member, who says so, and when that became known."""

    day: date
    source: str
    known_at: datetime


@dataclass(frozen=True, slots=True)
class _Joining:
    """The change by which a symbol came in; `began` where the universe began with it."""

    symbol: str
    began: bool
    id: int
    at: datetime
    by_role: str
    application: str
    source: str
    reason: str


def _joined(conn: Connection, params: Mapping[str, object], symbol: str) -> _Joining | None:
    return rows.first(conn, _Joining, QUERIES["blame_one"], {**params, "symbol": symbol})


def _blame(symbol: str, change: _Joining | None, told: _Since | None) -> Blame:
    if change is None:
        if told is None:
            return Blame(symbol, None, None, None)
        return Blame(symbol, told.day, None, told.known_at, source=told.source)
    since = new_york_date(change.at)
    # What somebody changed after a history was told is not what that history speaks about.
    if told and (change.began or told.known_at >= change.at):
        since = min(since, told.day)
    return Blame(
        symbol, since, change.id, change.at, change.by_role, change.application, change.source,
        change.reason,
    )  # fmt: skip


# --- from symbol to universes -------------------------------------------------------------
def containing(
    conn: Connection, symbol: str, environment: str = "DEFAULT", day: date | None = None
) -> list[UniverseRef]:
    """The universes whose list holds `symbol`, now or on a day, of all types at once.

    Of a stored expression the list is what it gave when it was written last.
    """
    params: dict[str, object] = {"environment": environment, "symbol": symbol}
    named = conn.execute(QUERIES["containing"], params | {"patterns": _patterns(symbol)})
    now = [UniverseRef(kind, key) for kind, key in named]
    if day is None:
        return now
    params |= {"types": [ref.type for ref in now], "keys": [ref.key for ref in now]}
    params |= {"day": day, "until": _end_of(day)}
    found = conn.execute(QUERIES["containing_then"], params).fetchall()
    return list(_really_containing(conn, symbol, environment, day, found))


def containing_once(
    conn: Connection, symbols: Sequence[str], environment: str = "DEFAULT"
) -> list[tuple[UniverseRef, str, date | None]]:
    """The universes that held one of these symbols, which one, and the last day on which they did
    (None: still), as far as changes and the histories that were told say so."""
    params = {"environment": environment, "symbols": list(symbols)}
    rows = conn.execute(QUERIES["containing_once"], params)
    return [(UniverseRef(kind, key), symbol, until) for kind, key, symbol, until in rows]


def _patterns(symbol: str) -> list[str]:
    """Values that contain one of these may name the symbol."""
    items: list[object] = [symbol, {"ticker": symbol}, {"symbol": symbol}]
    lists: list[object] = [[item] for item in items]
    fields = [{field: found} for field in LIST_FIELDS for found in lists]
    return [json.dumps(pattern) for pattern in (*lists, *fields)]


def _really_containing(
    conn: Connection, symbol: str, environment: str, day: date, found: Iterable[Sequence[Any]]
) -> Iterator[UniverseRef]:
    """Of the universes that may have held a symbol those that did: where a history was told, its
    statements and the row's have to be weighed."""
    for kind, key, dated in found:
        ref = UniverseRef(kind, key)
        if not dated or symbol in _symbols_on(conn, ref, day, environment):
            yield ref


def _symbols_on(conn: Connection, ref: UniverseRef, day: date, environment: str) -> tuple[str, ...]:
    try:
        return said_on(conn, ref, day, environment).symbols
    except UnknownUniverse:
        return ()


# --- earlier states of a row --------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class RowState:
    """A row as it was: `symbols` and `name` None where there was none."""

    name: str | None
    symbols: tuple[str, ...] | None
    expression: str | None


@dataclass(frozen=True, slots=True)
class _Stored:
    name: str | None
    value: str | None
    expression: str | None


def state(
    conn: Connection,
    ref: UniverseRef,
    environment: str = "DEFAULT",
    *,
    revision: int | None = None,
    at: datetime | None = None,
) -> RowState:
    """The row as revision `revision` left it, as it was at `at`, or before its last revision.

    Raises BadInput for a revision that is not of this universe, UnknownUniverse where nothing was
    recorded by then.
    """
    params = _named(ref, environment)
    if revision is not None:
        row = rows.first(conn, _Stored, QUERIES["state_after"], params | {"id": revision})
        if row is None:
            raise BadInput(
                f"{ref} has no revision {revision}.",
                f"`tickstock universe log {ref}` shows those it has.",
            )
    elif at is not None:
        row = rows.first(conn, _Stored, QUERIES["state_at"], params | {"at": at})
    else:
        row = rows.first(conn, _Stored, QUERIES["state_before_last"], params)
    if row is None:
        raise UnknownUniverse(
            f"Nothing is recorded of {shown(str(ref), 120)}{f' before {at}' if at else ''}.",
            "`tickstock universe log` shows what is recorded of a universe.",
        )
    if row.value is None:
        return RowState(None, None, None)
    symbols = read_value(ref, environment, decoded(row.value))
    return RowState(row.name, symbols, row.expression)
