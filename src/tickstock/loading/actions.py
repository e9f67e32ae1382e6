"""Which splits and dividends to ask for, with the fewest calls, and what an answer changes. Pure.

Records come in pages of 5,000, of chosen tickers or of the whole market since a date. Once all
of an instrument's records are known, a reload only asks for the last weeks and the future.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tickstock.actions import Action, ActionCall, ActionKind
from tickstock.errors import VendorUnreadable

OVERLAP = {ActionKind.SPLITS: timedelta(days=30), ActionKind.DIVIDENDS: timedelta(days=14)}
"""How far back a reload looks again: records are corrected mostly in the first weeks. Longer, the
dividends of the whole market would not fit on one page."""
FIRST_RECORDS = date(2003, 1, 1)
"""About where the vendor's records become dense: for estimates of pages alone."""
GROUP = 250
"""Tickers in one call: the vendor's documented limit for a list of tickers elsewhere; none is
documented for splits and dividends."""
PAGE = 5_000
A_YEAR = {ActionKind.SPLITS: (0.1, 2_000.0), ActionKind.DIVIDENDS: (4.0, 60_000.0)}
"""Records a year, of one ticker and of the whole market: rough, for choosing the cheaper way."""
FEWEST_TO_DOUBT = 3

Held = Mapping[tuple[int, str], Action]
"""Records in force by instrument and vendor's id."""


def plan_actions(
    kind: ActionKind, known: Mapping[str, date | None], today: date, *, group: int = GROUP
) -> tuple[ActionCall, ...]:
    """The calls that bring the records of these tickers to `today` (a New York date).

    `known` says until when each ticker's records are known, None for never asked. A ticker that
    was asked today is not asked again.
    """
    due = {t: through for t, through in sorted(known.items()) if through is None or through < today}
    if not due:
        return ()
    fresh = [t for t, through in due.items() if through is None]
    ends = [through for through in due.values() if through is not None]
    rest = [t for t, through in due.items() if through is not None]
    calls = [*_of_tickers(kind, fresh, None, group)] if fresh else []
    if ends:
        calls += _cheaper(kind, rest, min(ends) - OVERLAP[kind], today, group)
    whole = (ActionCall(kind),)
    return whole if fresh and _pages(whole, today) < _pages(calls, today) else tuple(calls)


def _cheaper(
    kind: ActionKind, tickers: Sequence[str], since: date, today: date, group: int
) -> tuple[ActionCall, ...]:
    """Of tickers, or of the whole market where that takes fewer pages."""
    chosen = tuple(_of_tickers(kind, tickers, since, group))
    whole = (ActionCall(kind, (), since),)
    return whole if _pages(whole, today) < _pages(chosen, today) else chosen


def _of_tickers(
    kind: ActionKind, tickers: Sequence[str], since: date | None, size: int
) -> list[ActionCall]:
    groups = (tuple(tickers[i : i + size]) for i in range(0, len(tickers), size))
    return [ActionCall(kind, group, since) for group in groups]


def _pages(calls: Sequence[ActionCall], today: date) -> int:
    return sum(max(1, math.ceil(_records(call, today) / PAGE)) for call in calls)


def _records(call: ActionCall, today: date) -> float:
    of_ticker, of_market = A_YEAR[call.kind]
    years = (today - (call.since or FIRST_RECORDS)).days / 365
    return years * (of_ticker * len(call.tickers) if call.tickers else of_market)


@dataclass(frozen=True, slots=True)
class Difference:
    """What an answer changes: records to add (new ones and new forms) and held ones to end."""

    added: tuple[tuple[int, Action], ...]
    corrected: tuple[tuple[int, Action], ...]
    withdrawn: tuple[tuple[int, str], ...]

    @property
    def ended(self) -> tuple[tuple[int, str], ...]:
        return tuple((owner, action.id) for owner, action in self.corrected) + self.withdrawn


def compare(held: Held, answered: Held, since: date | None, tickers: Collection[str]) -> Difference:
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
            "Nothing is changed; the next load asks again.",
        )
    added = [(owner, a) for (owner, id_), a in answered.items() if (owner, id_) not in held]
    corrected = [(o, a) for (o, id_), a in answered.items() if held.get((o, id_), a) != a]
    return Difference(tuple(added), tuple(corrected), withdrawn)
