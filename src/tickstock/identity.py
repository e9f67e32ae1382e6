"""What stays the same under changing tickers: from dated events to instruments.

A file of events is CSV with the columns `date,event,symbol,new_symbol,name`:

- `ticker_change`: from this day on the instrument trades as `new_symbol`.
- `listing`: on this day an instrument begins to trade as `symbol`, another one than any before.
- `reused`: on this day another instrument than the last one was found to trade as `symbol`; since
  when is not known, and so it is from the day on which the last one gave the ticker up.
- `delisting`: the last day of the instrument that trades as `symbol`.
- `gone`: on this day the instrument that traded as `symbol` last was no longer listed; since when
  is not known.

Pure: events in, identities out.
"""

from __future__ import annotations

import csv
import enum
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from importlib import resources

from tickstock.errors import BadFile, BadSymbol
from tickstock.model import Ticker
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import read_symbol

FILES = ("us_events.csv", "renames.csv", "by_hand.csv")
MAX_SHOWN = 10


class EventKind(enum.StrEnum):
    TICKER_CHANGE = "ticker_change"
    LISTING = "listing"
    REUSED = "reused"
    DELISTING = "delisting"
    GONE = "gone"


ORDER = tuple(EventKind)
"""Of one day: a ticker is given up before somebody else begins with it."""


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """What happened to an instrument on a day. `new_symbol` is set for a change of ticker."""

    day: date
    kind: EventKind
    symbol: str
    new_symbol: str = ""


@dataclass(frozen=True, slots=True)
class Identity:
    """One instrument as events tell it: its tickers by time, its life as in `Instrument`."""

    tickers: tuple[Ticker, ...]
    listed: date | None = None
    delisted: date | None = None
    delisted_before: date | None = None


def shipped_events() -> tuple[Event, ...]:
    """The events that come with TickStock; see data/instruments/ORIGIN.md."""
    folder = resources.files("tickstock") / "data" / "instruments"
    return tuple(
        event
        for name in FILES
        for event in read_events(name, (folder / name).read_text(encoding="utf-8"))
    )


def read_events(name: str, text: str) -> tuple[Event, ...]:
    """The events in a CSV file. Raises BadFile with every line that cannot be read."""
    events: list[Event] = []
    faults: list[str] = []
    rows = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True)
    try:
        for row in rows:
            try:
                events.append(_event(row))
            except (ValueError, BadSymbol) as e:
                faults.append(f"{name}:{rows.line_num}: {e}")
    except csv.Error as e:
        raise BadFile(f"{name}:{rows.line_num}: not CSV: {e}.", "Fix the quotes.") from e
    if faults:
        listed = "\n  ".join(faults[:MAX_SHOWN])
        raise BadFile(f"{len(faults)} events cannot be read:\n  {listed}\n", "Correct them.")
    return tuple(events)


def _event(row: dict[str, str | None]) -> Event:
    kind = row.get("event") or ""
    if kind not in EventKind.__members__.values():
        raise ValueError(f"{shown(kind)} is no event; there are {', '.join(EventKind)}.")
    day = date.fromisoformat(row.get("date") or "")
    symbol = read_symbol(row.get("symbol") or "")[0]
    is_change = kind == EventKind.TICKER_CHANGE
    new = read_symbol(row.get("new_symbol") or "")[0] if is_change else ""
    if new == symbol:
        raise ValueError(f"{symbol} cannot change into itself.")
    return Event(day, EventKind(kind), symbol, new)


# --- identities ---------------------------------------------------------------------------
@dataclass(slots=True)
class _Draft:
    """An instrument while its events are read; `since` is the first day of its present ticker."""

    symbol: str
    since: date
    past: list[Ticker] = field(default_factory=list)
    listed: date | None = None
    delisted: date | None = None
    delisted_before: date | None = None

    def renamed(self, symbol: str, day: date) -> None:
        self._pass(day)
        self.symbol, self.since = symbol, day

    def finished(self, end: date = date.max) -> Identity:
        self._pass(end)
        return Identity((*self.past,), self.listed, self.delisted, self.delisted_before)

    def _pass(self, day: date) -> None:
        """The present ticker ends, if it was in use for a day at all."""
        if self.since < day:
            self.past.append(Ticker(self.symbol, Span(self.since, day)))


def identities(events: Iterable[Event]) -> tuple[Identity, ...]:
    """The instruments that the events tell of, by their last ticker and time.

    A ticker that somebody else takes over ends its earlier owner's days under it.
    """
    book = _TickerBook()
    for event in _in_order(events):
        book.note(event)
    found = [*book.done, *(draft.finished() for draft in book.at_hand.values())]
    told = (one for one in found if one.tickers)
    return tuple(sorted(told, key=lambda one: (one.tickers[-1].symbol, one.tickers[-1].span)))


def _in_order(events: Iterable[Event]) -> Iterator[Event]:
    """By day. Of one day a ticker is given up before somebody else gets it: IR becomes TT, and
    then GDI becomes IR."""
    by_day: dict[date, list[Event]] = defaultdict(list)
    for event in sorted(set(events), key=lambda e: (e.day, ORDER.index(e.kind), e)):
        by_day[event.day].append(event)
    for found in by_day.values():
        rest = list(found)
        while rest:
            taken = {event.symbol for event in rest if event.kind is EventKind.TICKER_CHANGE}
            free = (event for event in rest if event.new_symbol not in taken)
            event = next(free, rest[0])  # tickers that were swapped: no order is right
            rest.remove(event)
            yield event


@dataclass(slots=True)
class _TickerBook:
    """Who trades under which ticker while time passes; `free` is since when it is nobody's."""

    at_hand: dict[str, _Draft] = field(default_factory=dict)
    free: dict[str, date] = field(default_factory=dict)
    done: list[Identity] = field(default_factory=list)

    def note(self, event: Event) -> None:
        if event.kind in (EventKind.LISTING, EventKind.REUSED):
            self._begin(event)
            return
        since = self.free.get(event.symbol, date.min)
        draft = self.at_hand.setdefault(event.symbol, _Draft(event.symbol, since))
        match event.kind:
            case EventKind.TICKER_CHANGE:
                self._end(event.new_symbol, event.day)
                del self.at_hand[event.symbol]
                self.free[event.symbol] = event.day
                draft.renamed(event.new_symbol, event.day)
                self.at_hand[event.new_symbol] = draft
            case EventKind.DELISTING:
                draft.delisted = event.day
                self._end(event.symbol, event.day + ONE_DAY)
            case EventKind.GONE:
                draft.delisted_before = event.day

    def _begin(self, event: Event) -> None:
        if event.symbol in self.at_hand or event.kind is EventKind.LISTING:
            self._end(event.symbol, event.day)
        since = self.free.setdefault(event.symbol, event.day)
        self.at_hand[event.symbol] = _Draft(event.symbol, since, listed=since)

    def _end(self, symbol: str, day: date) -> None:
        self.free[symbol] = max(day, self.free.get(symbol, day))
        if draft := self.at_hand.pop(symbol, None):
            self.done.append(draft.finished(day))
