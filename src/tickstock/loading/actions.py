"""Which splits and dividends to ask for, with the fewest calls, and what an answer changes. Pure.

Records come in pages of 5,000, of chosen tickers or of the whole market since a date. Vendors add
records weeks and months late, so a reload asks for all of them wherever that takes no more pages
than the last weeks do, and of many instruments for some in turn. An instrument is asked for under
every ticker that it had.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tickstock.actions import Action, ActionCall, ActionKind
from tickstock.errors import VendorUnreadable
from tickstock.spans import Span

OVERLAP = {ActionKind.SPLITS: timedelta(days=30), ActionKind.DIVIDENDS: timedelta(days=14)}
"""How far back a reload of many instruments looks again: longer, the dividends of the whole market
would not fit on one page."""
FIRST_RECORDS = date(2003, 1, 1)
"""About where the vendor's records become dense: for estimates of pages alone."""
GROUP = 250
"""Tickers in one call: the vendor's documented limit for a list of tickers elsewhere; none is
documented for splits and dividends."""
PAGE = 5_000
A_YEAR = {ActionKind.SPLITS: (0.1, 2_000.0), ActionKind.DIVIDENDS: (4.0, 60_000.0)}
"""Records a year, of one ticker and of the whole market: rough, for choosing the cheaper way."""
FEWEST_TO_DOUBT = 3
WHOLE_DAYS = 30
"""After so many days all records of an instrument are to be asked for again."""
WHOLE_PAGES = 5
"""Pages that a reload spends on that: with it 10,000 names take a good month of daily reloads."""

Held = Mapping[tuple[int, str], Action]
"""Records in force by instrument and vendor's id."""


@dataclass(frozen=True, slots=True)
class KnownActions:
    """What is known of the records of one kind of an instrument: all that the vendor had said of
    it under `tickers` by `whole`, and what came until `through` (New York dates)."""

    through: date
    whole: date | None = None
    tickers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Subject:
    """An instrument whose records are to be known. `tickers`: all that it had; `jumped`: its bars
    show a jump that looks like a split and has none, since all of it was asked for last."""

    tickers: tuple[str, ...]
    known: KnownActions | None = None
    jumped: bool = False


def plan_actions(
    kind: ActionKind, subjects: Iterable[Subject], today: date, *, group: int = GROUP
) -> tuple[ActionCall, ...]:
    """The calls that bring the records of these instruments to `today` (a New York date).

    One that was asked for today is not asked for again, unless its bars jumped since.
    """
    fresh: list[Subject] = []
    rest: list[tuple[KnownActions, Subject]] = []
    for subject in sorted(subjects, key=lambda s: s.tickers):
        known = subject.known
        if known is None or subject.jumped or not known.tickers.issuperset(subject.tickers):
            fresh.append(subject)
        elif known.through < today:
            rest.append((known, subject))
    calls = _of_tickers(kind, fresh, None, group)
    if rest:
        calls = _with_rest(kind, fresh, rest, today, group)
    whole = (ActionCall(kind),)
    return whole if fresh and _pages(whole, today) < _pages(calls, today) else tuple(calls)


def _with_rest(
    kind: ActionKind,
    fresh: Sequence[Subject],
    rest: Sequence[tuple[KnownActions, Subject]],
    today: date,
    group: int,
) -> list[ActionCall]:
    """All records of everybody where that takes no more pages, or else of the fresh ones and of
    those whose turn it is, and what is new of the others."""
    everything = _of_tickers(kind, [*fresh, *(s for _, s in rest)], None, group)
    due = _due_today(kind, rest, today, group)
    calls = _of_tickers(kind, [*fresh, *due], None, group)
    in_turn = {s.tickers for s in due}
    if left := [(k, s) for k, s in rest if s.tickers not in in_turn]:
        since = min(k.through for k, _ in left) - OVERLAP[kind]
        calls += _cheaper(kind, [s for _, s in left], since, today, group)
    return everything if _pages(everything, today) <= _pages(calls, today) else calls


def _due_today(
    kind: ActionKind, rest: Sequence[tuple[KnownActions, Subject]], today: date, group: int
) -> list[Subject]:
    """Those that were asked for as a whole longest ago, as many as the pages for it hold."""
    by_age = sorted(rest, key=lambda one: (one[0].whole or date.min, one[1].tickers))
    due = [s for k, s in by_age if (today - (k.whole or date.min)).days >= WHOLE_DAYS]
    chosen: list[Subject] = []
    pages = 0
    for some in _grouped(due, group):
        pages += _pages(_of_tickers(kind, some, None, group), today)
        if pages > WHOLE_PAGES:
            break
        chosen += some
    return chosen


def _cheaper(
    kind: ActionKind, subjects: Sequence[Subject], since: date, today: date, group: int
) -> list[ActionCall]:
    """Of tickers, or of the whole market where that takes fewer pages."""
    chosen = _of_tickers(kind, subjects, since, group)
    whole = [ActionCall(kind, (), since)]
    return whole if _pages(whole, today) < _pages(chosen, today) else chosen


def _of_tickers(
    kind: ActionKind, subjects: Sequence[Subject], since: date | None, group: int
) -> list[ActionCall]:
    return [
        ActionCall(kind, tuple(sorted({t for s in some for t in s.tickers})), since)
        for some in _grouped(subjects, group)
    ]


def _grouped(subjects: Sequence[Subject], size: int) -> list[list[Subject]]:
    """Parts of up to `size` tickers, all of an instrument's in one, so that an answer speaks of it
    as a whole."""
    parts: list[list[Subject]] = []
    count = size
    for subject in subjects:
        count += len(subject.tickers)
        if count > size:
            parts.append([])
            count = len(subject.tickers)
        parts[-1].append(subject)
    return parts


def _pages(calls: Sequence[ActionCall], today: date) -> int:
    return sum(max(1, math.ceil(_records(call, today) / PAGE)) for call in calls)


def _records(call: ActionCall, today: date) -> float:
    of_ticker, of_market = A_YEAR[call.kind]
    years = (today - (call.since or FIRST_RECORDS)).days / 365
    return years * (of_ticker * len(call.tickers) if call.tickers else of_market)


def attributed(
    records: Iterable[Action],
    owners: Mapping[str, Sequence[tuple[int, Span]]],
    wanted: Collection[int],
) -> dict[tuple[int, str], Action]:
    """Records by the instrument that they are of, if it is a wanted one, and the vendor's id.

    That is whose the ticker was on their day; where nobody had it then, who had it last: vendors
    file records also under a ticker that came later. `owners`: who had each ticker, and when.
    """
    found: dict[tuple[int, str], Action] = {}
    for record in records:
        had = owners.get(record.ticker, ())
        own = [id_ for id_, span in had if record.day in span]
        latest = [id_ for id_, span in sorted(had, key=lambda one: (one[1].end, one[1].start))]
        for owner in own[:1] or latest[-1:]:
            # Said under two tickers, it is kept under the one that it was had by.
            if owner in wanted and (own or (owner, record.id) not in found):
                found[owner, record.id] = record
    return found


@dataclass(frozen=True, slots=True)
class ActionsDifference:
    """What an answer changes: records to add (new ones and new forms) and held ones to end."""

    added: tuple[tuple[int, Action], ...]
    corrected: tuple[tuple[int, Action], ...]
    withdrawn: tuple[tuple[int, str], ...]

    @property
    def ended(self) -> tuple[tuple[int, str], ...]:
        return tuple((owner, action.id) for owner, action in self.corrected) + self.withdrawn


def compare(
    held: Held, answered: Held, since: date | None, tickers: Collection[str]
) -> ActionsDifference:
    """An answer that holds all records of `tickers` from `since` on, against those in force.

    A record that the vendor no longer has was withdrawn. An answer that lacks most of what is
    held is not believed.

    Raises:
        VendorUnreadable: more than half of the held records, and more than three, are missing.
    """
    scope = [
        key
        for key, action in held.items()
        if action.ticker in tickers and (since is None or action.day >= since)
    ]
    withdrawn = tuple(sorted(key for key in scope if key not in answered))
    if len(withdrawn) > max(FEWEST_TO_DOUBT, len(scope) // 2):
        raise VendorUnreadable(
            f"The vendor's answer lacks {len(withdrawn)} of {len(scope)} records that it gave "
            "before.",
            "Nothing is changed; the next job asks again.",
        )
    added = [(owner, a) for (owner, id_), a in answered.items() if (owner, id_) not in held]
    corrected = [(o, a) for (o, id_), a in answered.items() if held.get((o, id_), a) != a]
    return ActionsDifference(tuple(added), tuple(corrected), withdrawn)
