"""Instruments by the vendor's lists of who is listed and who no longer is. Pure.

A list tells of each ticker who has it now, and who had it before and was delisted when. So a ticker
is had by one after the other, each up to its last day; since when the first one had it, no list
tells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tickstock.loading.ticker_owner import TickerOwner, is_another_firm
from tickstock.spans import ONE_DAY


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """One line of the vendor's list; what is not known is empty. `delisted` is its last day."""

    symbol: str
    is_active: bool
    kind: str = ""
    exchange: str = ""
    name: str = ""
    figi: str = ""
    share_class_figi: str = ""
    cik: str = ""
    delisted: date | None = None


@dataclass(frozen=True, slots=True)
class Lifetime:
    """On which days a ticker is whose, by a list: from `since` to before `until`."""

    record: ListingRecord
    since: date
    until: date


@dataclass(frozen=True, slots=True)
class Matched:
    """What a list tells of instruments: `known` are those that there are, `fresh` those to be
    made, `closed` those whose ticker has gone to another firm, `apart` what bars and list do not
    agree on."""

    known: tuple[tuple[Lifetime, TickerOwner], ...]
    fresh: tuple[Lifetime, ...]
    apart: tuple[str, ...]
    closed: tuple[TickerOwner, ...] = ()


def lifetimes(records: Iterable[ListingRecord]) -> Iterator[Lifetime]:
    """Each ticker's owners by time. Of two that say the same of its days, the last one counts; one
    that is delisted on an unknown day tells nothing of days."""
    by_symbol: dict[str, dict[date, ListingRecord]] = defaultdict(dict)
    for record in records:
        if record.is_active or record.delisted is not None:
            end = date.max if record.is_active else _after(record.delisted or date.max)
            by_symbol[record.symbol][end] = record
    for of in by_symbol.values():
        since = date.min
        for until, record in sorted(of.items()):
            yield Lifetime(record, since, until)
            since = until


def _after(day: date) -> date:
    return day if day == date.max else day + ONE_DAY


def match(
    told: Iterable[Lifetime], owners: Iterable[TickerOwner], same: Collection[str] = ()
) -> Matched:
    """Who of the instruments that there are each lifetime is of: one whose bars lie in it, or that
    has none and may have the ticker then. One whose bars lie in two may be two firms.

    One with bars that is known under other numbers is another firm: its ticker ends with its bars,
    but for the tickers of which a person has said that it is the `same`.
    """
    by_symbol: dict[str, list[TickerOwner]] = defaultdict(list)
    for owner in owners:
        by_symbol[owner.symbol].append(owner)
    known: list[tuple[Lifetime, TickerOwner]] = []
    fresh: list[Lifetime] = []
    apart: list[str] = []
    closed: list[TickerOwner] = []
    taken: set[int] = set()
    for one in sorted(told, key=lambda x: (x.record.symbol, x.until), reverse=True):
        free = [o for o in by_symbol[one.record.symbol] if id(o) not in taken]
        free.sort(key=_last, reverse=True)  # one that left no trace in the lists had it earlier
        found = next((o for o in free if _fits(one, o)), None)
        if found is not None and _is_another(one.record, found, same):
            taken.add(id(found))
            since = found.end or found.since
            closed.append(replace(found, until=since))
            fresh.append(replace(one, since=since))
            apart.append(_another(one.record, found))
        elif found is not None:
            taken.add(id(found))
            known.append((one, found))
        elif split := next((o for o in free if _overlaps(one, o)), None):
            apart.append(_split(one, split))
        else:
            fresh.append(one)
    return Matched(tuple(known), tuple(fresh), tuple(apart), tuple(closed))


def _is_another(record: ListingRecord, owner: TickerOwner, same: Collection[str]) -> bool:
    """Whether bars are held of a firm that is known under other numbers."""
    has_bars = owner.end is not None
    return has_bars and record.symbol not in same and is_another_firm(record, owner)


def _another(record: ListingRecord, owner: TickerOwner) -> str:
    by_cik = bool(record.cik and owner.cik)
    was, now = (owner.cik, record.cik) if by_cik else (owner.figi, record.figi)
    return (
        f"{record.symbol} was {'CIK' if by_cik else 'FIGI'} {was}, of which bars are held up to"
        f" {owner.end}, and is {now} now: they are taken for two firms."
        f" Where they are one, give --same {record.symbol}."
    )


def _last(owner: TickerOwner) -> date:
    return owner.end or date.min


def _fits(one: Lifetime, owner: TickerOwner) -> bool:
    if owner.is_recorded and not (owner.since < one.until and one.since < owner.until):
        return False
    if owner.first is None or owner.end is None:
        return owner.since < one.until and one.since < owner.until
    return one.since <= owner.first and owner.end <= one.until


def _overlaps(one: Lifetime, owner: TickerOwner) -> bool:
    if owner.first is None or owner.end is None:
        return False
    return owner.first < one.until and one.since < owner.end


def _split(one: Lifetime, owner: TickerOwner) -> str:
    record, bars = one.record, owner.first
    what = f"delisted {record.delisted}" if record.delisted else "listed now"
    return (
        f"{record.symbol} ({what}) has bars from {bars} to {owner.end}, which are perhaps of two."
    )


def as_columns(records: Sequence[ListingRecord]) -> dict[str, list[object]]:
    """A list a field."""
    names = ListingRecord.__dataclass_fields__
    return {name: [getattr(one, name) for one in records] for name in names}
