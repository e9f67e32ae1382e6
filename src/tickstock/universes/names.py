"""Whose ticker a symbol is on a day: the instruments behind lists and set operators.

Only tickers that changed hands, and those of instruments that had several, need a look; any other
symbol stands for itself. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import TypeAlias

from tickstock.model import Ticker
from tickstock.spans import Span

Member: TypeAlias = int | str
"""Who is in a universe: the id of an instrument, or a symbol that stands for itself."""


class Names:
    """The dated tickers of the instruments that had more than one, or one that others had too."""

    def __init__(self, tickers: Mapping[int, tuple[Ticker, ...]]) -> None:
        self._tickers = tickers
        owners: dict[str, list[tuple[Span, int]]] = defaultdict(list)
        for instrument, had in tickers.items():
            for ticker in had:
                owners[ticker.symbol].append((ticker.span, instrument))
        self._owners = {symbol: sorted(of) for symbol, of in owners.items()}

    @property
    def symbols(self) -> AbstractSet[str]:
        """The symbols that need a look."""
        return self._owners.keys()

    def who(self, symbol: str, day: date | None = None) -> Member:
        """Whom a symbol names: on a day its owner, else whoever comes to be it, but nobody who has
        given it up. Without a day today's owner or the last one."""
        owners = self._owners.get(symbol)
        if not owners:
            return symbol
        if day is None:
            return max(owners, key=lambda one: one[0].end)[1]
        return next((instrument for span, instrument in owners if day < span.end), symbol)

    def whole(self, symbols: Iterable[str], day: date | None = None) -> frozenset[Member]:
        """Whom the symbols of a list name."""
        found = frozenset(symbols)
        changed = found & self._owners.keys()
        if not changed:
            return found
        return (found - changed) | {self.who(symbol, day) for symbol in changed}

    def meant(self, symbol: str, held: Collection[Member], day: date | None = None) -> Member:
        """Whom a person means by a symbol beside the members `held`: the one it names, or, where
        that is none of them, the one among them that had the ticker last."""
        named = self.who(symbol, day)
        if named in held:
            return named
        if symbol in held:
            return symbol
        return next((one for one in self.owners(symbol, day) if one in held), named)

    def owners(self, symbol: str, day: date | None = None) -> tuple[Member, ...]:
        """Whom a symbol may be meant for: the one it names, then those that had the ticker before,
        the latest first."""
        named = self.who(symbol, day)
        before = [
            one
            for span, one in reversed(self._owners.get(symbol, ()))
            if one != named and (day is None or span.start <= day)
        ]
        return (named, *before)

    def lists(self, symbol: str) -> tuple[tuple[str, Span], ...]:
        """How lists of the past name whom `symbol` names now, and on which days such a list means
        it: until another comes to have the ticker, for lists are late."""
        member = self.who(symbol)
        found = [(symbol, EVER)] if isinstance(member, str) else []
        for ticker in () if isinstance(member, str) else self._tickers[member]:
            owners = self._owners[ticker.symbol]
            later = [span.start for span, one in owners if span.start >= ticker.span.end]
            start = EVER.start if owners[0][1] == member else ticker.span.start
            found.append((ticker.symbol, Span(start, min(later, default=EVER.end))))
        return tuple(found)

    def called(self, member: Member, day: date | None = None) -> str:
        """The ticker of a member on a day, or its last."""
        if isinstance(member, str):
            return member
        had = self._tickers[member]
        if day is None:
            return had[-1].symbol
        return next((t.symbol for t in had[:-1] if day < t.span.end), had[-1].symbol)

    def now(self, symbol: str, day: date) -> str:
        """The ticker by which whoever had `symbol` on a day is known now; the same where that has
        become another's."""
        member = self.who(symbol, day)
        last = self.called(member)
        return last if self.who(last) == member else symbol

    def days_called(self, member: Member, days: Span) -> Iterator[tuple[str, Span]]:
        """The tickers of a member on the days of a span, which they cover."""
        if isinstance(member, str):
            yield member, days
            return
        had = self._tickers[member]
        start = days.start
        for ticker in had:
            end = days.end if ticker is had[-1] else min(ticker.span.end, days.end)
            if start < end:
                yield ticker.symbol, Span(start, end)
                start = end

    def edges(self, symbols: Iterable[str], days: Span) -> set[date]:
        """The days in a span on which one of the symbols comes to name somebody else, or nobody."""
        return {
            day
            for symbol in symbols
            for span, _ in self._owners.get(symbol, ())
            for day in (span.start, span.end)
            if day in days
        }

    def tickers(self, member: Member) -> tuple[str, ...]:
        """All tickers that a member has had, by time."""
        if isinstance(member, str):
            return (member,)
        return tuple(dict.fromkeys(ticker.symbol for ticker in self._tickers[member]))

    def until(self, member: Member, symbol: str) -> date | None:
        """The last day on which a member had a ticker; None where it has it still."""
        had = self._tickers[member] if isinstance(member, int) else ()
        last = max((t.span.last for t in had if t.symbol == symbol), default=date.max)
        return None if last >= NO_END else last


EVER = Span(date.min, date.max)
NO_END = EVER.last
"""The last day of a ticker without an end."""
NO_NAMES = Names({})
