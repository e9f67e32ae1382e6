"""The tickers of one firm one after the other, as the vendor's ticker events tell them. Pure.

An answer is evidence: its days are wrong at times, and the firm may not be the one whose bars are
held. So each day is held against the bars, and what they do not bear out is said and left alone:
two firms are never made one unasked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from itertools import pairwise

from tickstock.identity import Identity
from tickstock.loading.ticker_owner import is_another_firm
from tickstock.model import Ticker
from tickstock.spans import ONE_DAY, Span

NEAR = timedelta(days=7)
"""So far a day of the vendor's may be off: of META it says the Saturday after."""
EVENTS = "events:"
"""What the source of a ticker begins with that ticker events told."""


@dataclass(frozen=True, slots=True)
class TickerHistory:
    """What was answered about `asked`, a ticker or a FIGI: since when the firm traded under which
    ticker, the oldest first."""

    asked: str
    changes: tuple[tuple[date, str], ...]
    name: str = ""
    figi: str = ""
    cik: str = ""

    @property
    def tickers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(ticker for _, ticker in self.changes))


@dataclass(frozen=True, slots=True)
class TickerOwnership:
    """Who has a ticker on which days, who said so, and from `first` to before `end` its day bars
    are held."""

    id: int
    symbol: str
    days: Span
    source: str = ""
    figi: str = ""
    cik: str = ""
    delisted: date | None = None
    first: date | None = None
    end: date | None = None

    @property
    def is_vouched(self) -> bool:
        """Whether somebody else than the vendor told whose the ticker is."""
        return bool(self.source) and not self.source.startswith((EVENTS, "list:"))


@dataclass(frozen=True, slots=True)
class RenameVerdict:
    """What becomes of an answer: the `identity` to be recorded, if any; others whose days under a
    ticker end or begin by it; and, for people, why something is not done."""

    identity: Identity | None = None
    others: tuple[TickerOwnership, ...] = ()
    doubts: tuple[str, ...] = ()


def judge_history(
    history: TickerHistory,
    owners: Sequence[TickerOwnership],
    first_session: Callable[[date], date],
    *,
    is_accepted: bool = False,
) -> RenameVerdict:
    """What an answer tells of the instruments that there are; `owners` are all of its tickers.
    `first_session` is the first one on a day or after it. With `is_accepted`, a person has said
    that the firm is the one whose bars are held, whatever its numbers."""
    links = _links(history)
    if len(links) < 2:
        return RenameVerdict()
    if len(history.tickers) < len(links):
        return _doubtful(history, "a ticker comes twice in it")
    if history.asked not in (history.figi, links[-1][1]):
        return _doubtful(history, f"it ends with {links[-1][1]}")
    days = _days(links, owners, first_session)
    if any(later <= earlier for earlier, later in pairwise(days)):
        return _doubtful(history, "its days are out of order")
    return _JudgedHistory(history, _spans(links, days, owners), owners).verdict(is_accepted)


def _links(history: TickerHistory) -> list[tuple[date, str]]:
    """The changes; one to the ticker that it has already is none."""
    found: list[tuple[date, str]] = []
    for day, ticker in history.changes:
        if not found or found[-1][1] != ticker:
            found.append((day, ticker))
    return found


def _days(
    links: Sequence[tuple[date, str]],
    owners: Sequence[TickerOwnership],
    first_session: Callable[[date], date],
) -> list[date]:
    """The first day of each ticker but the first one: bars under the next ticker before the day
    that was told, or under the last one on it, show how far it is off."""
    found = []
    for (_, before), (day, after) in pairwise(links):
        begins = [o.first for o in owners if o.symbol == after and o.first]
        ends = [o.end for o in owners if o.symbol == before and o.end]
        early = [d for d in begins if day - NEAR <= d < day]
        late = [d for d in ends if day < d <= day + NEAR]
        found.append(min(early) if early else first_session(max(late, default=day)))
    return found


def _spans(
    links: Sequence[tuple[date, str]], days: Sequence[date], owners: Sequence[TickerOwnership]
) -> tuple[Ticker, ...]:
    """Each ticker's days: the first one from ever, unless another had it before."""
    since, first = links[0]
    had_before = any(
        o.symbol == first and ((o.end and o.end <= since) or o.days.end <= since) for o in owners
    )
    edges = [since if had_before else date.min, *days, date.max]
    spans = (Span(start, end) for start, end in pairwise(edges))
    return tuple(Ticker(t, span) for (_, t), span in zip(links, spans, strict=True))


def _doubtful(history: TickerHistory, why: str) -> RenameVerdict:
    return RenameVerdict(doubts=(f"{_told(history)}: {why}. Nothing was changed.",))


def _told(history: TickerHistory) -> str:
    chain = ", ".join(f"{ticker} from {day}" for day, ticker in history.changes)
    return f"The vendor's history of {history.asked} ({chain})"


@dataclass(frozen=True, slots=True)
class _JudgedHistory:
    """A history whose tickers have days, against the instruments that there are."""

    history: TickerHistory
    tickers: tuple[Ticker, ...]
    owners: Sequence[TickerOwnership]

    def verdict(self, is_accepted: bool) -> RenameVerdict:
        mine: list[TickerOwnership] = []
        others: list[TickerOwnership] = []
        for ticker in self.tickers:
            for owner in (o for o in self.owners if o.symbol == ticker.symbol):
                if _lies_outside(owner, ticker.span):
                    others.append(_beside(owner, ticker.span))
                elif _lies_inside(owner, ticker.span):
                    mine.append(owner)
                else:
                    return self._says(
                        f"bars under {owner.symbol} are held from {owner.first} to"
                        f" {_last(owner)}, which are perhaps of two firms"
                    )
        if vouched := next((o for o in mine if o.is_vouched), None):
            return self._against(vouched)
        if strangers := [o for o in mine if is_another_firm(o, self.history)]:
            one = strangers[0]
            if not is_accepted:
                return self._says(
                    f"{one.symbol} is known as {_numbers(one.cik, one.figi)}, and this is of"
                    f" {_numbers(self.history.cik, self.history.figi)}: perhaps another firm."
                    f" Where it is the same one, give --accept {self.history.asked}"
                )
        fitting = tuple(o for o in others if o.days and o not in self.owners)
        if len({o.id for o in mine if o.first}) > 1:
            return self._apart(mine, fitting)
        delisted = next((o.delisted for o in reversed(mine) if o.delisted), None)
        return RenameVerdict(Identity(self._ended(delisted), delisted=delisted), fitting)

    def _ended(self, delisted: date | None) -> tuple[Ticker, ...]:
        *before, last = self.tickers
        if delisted is None or delisted < last.span.start:
            return self.tickers
        return (*before, replace(last, span=Span(last.span.start, delisted + ONE_DAY)))

    def _against(self, vouched: TickerOwnership) -> RenameVerdict:
        """Somebody has told of this firm before, with better evidence: it stays."""
        known = {o.symbol: o.days for o in self.owners if o.id == vouched.id}
        differing = [
            f"{ticker.symbol} from {ticker.span.start}"
            for ticker in self.tickers[1:]
            if ticker.symbol not in known
            or abs(known[ticker.symbol].start - ticker.span.start) > NEAR
        ]
        if not differing:
            return RenameVerdict()
        return self._says(
            f"{vouched.source} tells it otherwise, and goes before it ({', '.join(differing)})"
        )

    def _apart(
        self, mine: Sequence[TickerOwnership], others: tuple[TickerOwnership, ...]
    ) -> RenameVerdict:
        """Bars are held under several: they stay several, each with the ticker on its days."""
        span = {t.symbol: t.span for t in self.tickers}
        dated = tuple(replace(o, days=span[o.symbol]) for o in mine if not o.is_vouched)
        names = " and ".join(dict.fromkeys(o.symbol for o in mine if o.first))
        told = f"{names} are one firm, and bars are held under both: they stay two instruments."
        return RenameVerdict(None, (*dated, *others), (told,))

    def _says(self, why: str) -> RenameVerdict:
        return _doubtful(self.history, why)


def _lies_outside(owner: TickerOwnership, span: Span) -> bool:
    """Whether an instrument is another one than that which had its ticker on these days."""
    if owner.first is None or owner.end is None:
        return not owner.days & span
    return owner.end <= span.start or owner.first >= span.end


def _lies_inside(owner: TickerOwnership, span: Span) -> bool:
    if owner.first is None or owner.end is None:
        return True
    return span.start <= owner.first and owner.end <= span.end


def _beside(owner: TickerOwnership, span: Span) -> TickerOwnership:
    """The same with its ticker on days before or after those of the span."""
    if owner.end is not None and owner.end <= span.start:
        return replace(owner, days=Span(owner.days.start, min(owner.days.end, span.start)))
    if owner.first is not None and owner.first >= span.end:
        return replace(owner, days=Span(max(owner.days.start, span.end), owner.days.end))
    return owner


def _last(owner: TickerOwnership) -> date | None:
    return owner.end - ONE_DAY if owner.end else None


def _numbers(cik: str, figi: str) -> str:
    return f"CIK {cik}" if cik else f"FIGI {figi}"


# --- whom to ask about --------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class EventSubject:
    """An instrument to be asked about, or a symbol of none."""

    symbol: str
    figi: str = ""
    is_listed: bool = True

    @property
    def asked(self) -> str:
        """By its FIGI, which nobody else gets; a ticker is asked of who has it now. Empty: of one
        that is not listed any more and has no FIGI, nothing can be asked."""
        return self.figi or (self.symbol if self.is_listed else "")


def whom_to_ask(
    subjects: Iterable[EventSubject], answered: frozenset[str]
) -> tuple[list[str], int, int]:
    """What is to be asked, in order; how many were answered, and how many cannot be asked."""
    wanted = dict.fromkeys(one.asked for one in subjects)
    unknowable = sum(1 for one in subjects if not one.asked)
    asked = [id_ for id_ in wanted if id_ and id_ not in answered]
    return asked, sum(1 for id_ in wanted if id_ in answered), unknowable
