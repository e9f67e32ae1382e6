"""What is there against what is kept about it: bars, coverage, the ledger. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np

from tickstock.bars import impossible
from tickstock.checksums import Cells, Comparison, day_of, instrument_of
from tickstock.model import BarTable, Flags, Instrument, Ints, Timeframe
from tickstock.spans import day_of as date_of
from tickstock.store import checksums, coverage, job_checksums
from tickstock.store.bars import TABLES, Rows, cells
from tickstock.store.calendar import read_calendar
from tickstock.store.connection import Connection
from tickstock.store.coverage import Summary
from tickstock.vendors.newyork import dates_of

DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True)
class Damage:
    """Something stored is not what was written, or does not fit what is kept about it: a fault of
    the store, not of the vendor. `symbol` says whose it is, `day` of which day if it is of one."""

    symbol: str
    what: str
    do: str
    day: date | None = None


# --- bars against their checksums --------------------------------------------------------------
def cells_there(bars: BarTable, some: Sequence[Instrument], timeframe: Timeframe) -> Cells:
    """The checksums of bars as they are; of an instrument that is there twice, once."""
    ids = np.array([i.id for i in some], np.int64)
    once = np.unique(ids, return_index=True)[1]
    mine = np.isin(bars.owner, once)
    prices = (bars.open, bars.high, bars.low, bars.close, bars.volume, bars.vwap)
    rows = Rows(ids[bars.owner], bars.at, *prices, bars.trades)
    return cells(rows if mine.all() else rows.pick(mine), timeframe)


def altered(found: Comparison, names: dict[int, str]) -> Iterator[Damage]:
    """Days whose bars are not those that were written."""
    for row in np.flatnonzero(found.wrong).tolist():
        symbol = names[int(instrument_of(found.actual.key[row]))]
        day = date_of(int(day_of(found.actual.key[row])))
        if not found.is_there[row]:
            what = "its bars are gone"
        elif found.was_written[row]:
            what = "its bars are not those that were written"
        else:
            what = "it has bars that no job has written"
        yield Damage(symbol, f"{day}: {what}", _again(symbol, exact=True), day)


def unknown_days(found: Comparison, names: dict[int, str]) -> Iterator[tuple[str, int]]:
    """How many days with bars each instrument has of which nothing says what they should be."""
    keys = found.actual.key[found.unknown & found.is_there]
    numbers, counts = np.unique(instrument_of(keys), return_counts=True)
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        yield names[number], count


def odd(connection: Connection, timeframe: Timeframe, names: dict[int, str]) -> Iterator[Damage]:
    """Bars in a form that no job writes, and bars of no instrument."""
    for number, day in checksums.odd_bars(connection, timeframe, TABLES[timeframe], [*names]):
        what = f"{day}: it has bars in a form that no job writes"
        yield Damage(names[number], what, _again(names[number], exact=True), day)


def of_nobody(connection: Connection, timeframe: Timeframe) -> Iterator[Damage]:
    """Bars of no instrument."""
    for number in checksums.bars_of_nobody(connection, TABLES[timeframe]):
        yield Damage(
            f"instrument {number}",
            "it has bars and does not exist",
            f"No job has written them: remove them from tickstock.{TABLES[timeframe]}.",
        )


def _again(symbol: str, *, exact: bool = False) -> str:
    hint = f"Load it again: tickstock load '{{{symbol}}}' --for all --refresh"
    if not exact:
        return hint
    return f"{hint}; or, if it is right: tickstock verify '{{{symbol}}}' --accept"


# --- what is kept about bars against them ------------------------------------------------------
def against_kept(
    connection: Connection, some: Sequence[Instrument], bars: BarTable, stored: Timeframe
) -> Iterator[Damage]:
    """Counts, first and last bars and held sessions against the bars."""
    ids = [i.id for i in some]
    kept = coverage.summaries(connection, stored, ids)
    held = coverage.held_spans(connection, stored, ids)
    bad, _ = impossible(bars)
    sessions = read_calendar(connection).days
    days = bars.at if stored is Timeframe.DAY else dates_of(bars.at)
    edges = np.searchsorted(bars.owner, np.arange(len(some) + 1)).tolist()
    for place, instrument in enumerate(some):
        rows = slice(edges[place], edges[place + 1])
        mine = np.flatnonzero(held.instrument == instrument.id)
        mine = mine[np.argsort(held.start[mine])]
        for what in (
            *_against_counts(kept.get(instrument.id), bars.at[rows], stored),
            *_against_held(held.start[mine], held.end[mine], days[rows], sessions),
            *_impossible(int(bad[rows].sum())),
        ):
            yield Damage(instrument.symbol, what, _again(instrument.symbol))


def coverage_altered(
    connection: Connection, stored: Timeframe, names: dict[int, str]
) -> Iterator[Damage]:
    """Origin and time of what is kept about bars, where they are not what a job wrote."""
    for number, is_right in checksums.coverage_checks(connection, stored, [*names]).items():
        if is_right is False:
            symbol = names[number]
            what = "the origin or the time of what is kept about its bars is not what a job wrote"
            do = f"If it is right: tickstock verify '{{{symbol}}}' --accept"
            yield Damage(symbol, what, do)


def counts(
    bars: BarTable, some: Sequence[Instrument], stored: Timeframe
) -> list[tuple[int, int, int | None, int | None]]:
    """Of each instrument the number of its bars, and the first and last one in seconds."""
    unit = DAY_SECONDS if stored is Timeframe.DAY else 1
    edges = np.searchsorted(bars.owner, np.arange(len(some) + 1)).tolist()
    found = {}
    for place, instrument in enumerate(some):
        at = bars.at[edges[place] : edges[place + 1]]
        ends = (int(at[0]) * unit, int(at[-1]) * unit) if len(at) else (None, None)
        found[instrument.id] = (instrument.id, len(at), *ends)
    return [*found.values()]


def _against_counts(kept: Summary | None, at: Ints, stored: Timeframe) -> Iterator[str]:
    count = kept.bars if kept else 0
    if count != len(at):
        yield f"{count} bars are counted, and {len(at)} are stored"
    if kept is None or not len(at):
        return
    unit = DAY_SECONDS if stored is Timeframe.DAY else 1
    for name, counted, row in (("first", kept.first_at, at[0]), ("last", kept.last_at, at[-1])):
        there = datetime.fromtimestamp(int(row) * unit, UTC)
        if counted != there:
            yield f"the {name} bar is noted as of {counted}, and is of {there}"


def _against_held(starts: Ints, ends: Ints, days: Ints, sessions: Ints) -> Iterator[str]:
    """Days with bars that are not held, and held sessions without a bar. `starts` and `ends` are
    the first days of the held spans, in order, and the days after their last ones."""
    there = np.unique(days)
    if outside := there[~_in_spans(starts, ends, there)].tolist():
        first = date_of(outside[0])
        yield f"{len(outside)} days have bars and do not count as held, the first {first}"
    held = sessions[_in_spans(starts, ends, sessions)]
    if empty := np.setdiff1d(held, there).tolist():
        first = date_of(empty[0])
        yield f"{len(empty)} sessions count as held and have no bar, the first {first}"


def _in_spans(starts: Ints, ends: Ints, days: Ints) -> Flags:
    if not len(starts):
        return np.zeros(len(days), bool)
    place = np.searchsorted(starts, days, side="right") - 1
    inside: Flags = (place >= 0) & (days < ends[place])
    return inside


def _impossible(count: int) -> Iterator[str]:
    if count:
        yield f"{count} bars cannot be true (see the checks on bars)"


# --- the ledger --------------------------------------------------------------------------------
def in_ledger(connection: Connection) -> tuple[list[Damage], int]:
    """Jobs and calls that contradict themselves, or are not what they were when the job ended; and
    of how many jobs nothing says what that was."""
    found = []
    for job, call, what in job_checksums.contradictions(connection):
        of = "" if call is None else f"call {call}: "
        found.append(_of_job(str(job), of + what))
    ended = job_checksums.ended(connection)
    for one in ended:
        found += [_of_job(str(one.id), what) for what in one.changes or ()]
    return found, sum(one.changes is None for one in ended)


def _of_job(job: str, what: str) -> Damage:
    do = f"Look at it: tickstock jobs show {job[:8]}; if it is right: tickstock verify ... --accept"
    return Damage(f"job {job[:8]}", what, do)
