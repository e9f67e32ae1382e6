"""Requests, resolved: a universe, an expression, a list or a file becomes symbols and days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from tickstock.errors import BadDates
from tickstock.loading.request import Duration, LoadRequest, padded, parse_timeframes
from tickstock.model import MARKET, Timeframe
from tickstock.service.dates import Dates
from tickstock.service.universes import Resolved, Universes
from tickstock.spans import Span

FROM_CSV = "csv:"
"""How a request names a file in place of a universe."""
NAMED = "symbols"
"""What a job is called whose symbols were named one by one."""


@dataclass(frozen=True, slots=True)
class LookRequest:
    """Symbols whose bars are to be looked at. `span` is None for all days; `intervals`, one entry a
    symbol, are the days that are meant of each where the universe is one over a past span."""

    symbols: tuple[str, ...]
    span: Span | None = None
    intervals: tuple[tuple[Span, ...], ...] = ()

    @property
    def is_market(self) -> bool:
        """Whether it is the whole market, which has no list of its own."""
        return self.symbols == (MARKET,)


class Requests:
    """Makes requests of what people and programs write."""

    def __init__(self, universes: Universes, dates: Dates) -> None:
        self._universes = universes
        self._dates = dates

    def resolve(
        self,
        universe: str = "",
        *,
        symbols: Sequence[str] = (),
        csv: str | None = None,
        duration: str | Duration | None = None,
        first: date | None = None,
        last: date | None = None,
        timeframes: str = "day",
        refresh: bool = False,
        pad: int = 0,
    ) -> LoadRequest:
        """What is asked for, resolved to symbols: by name, by expression, by list or by file.

        An expression over a past span (`index_sp500 @ 2015-01-01..2020-12-31`) asks for each symbol
        on the days on which it was in, with `pad` days before and after, and takes no other dates.
        Nothing else has a `pad`.
        """
        frames = parse_timeframes(timeframes)
        if csv is None and not symbols:
            found = self._universes.resolve(universe)
            if found.intervals:
                given = duration or first or last
                return self._as_it_was(universe, found, frames, given, refresh=refresh, pad=pad)
            _refuse_pad(pad)
            span, chosen = self._dates.span(duration, first, last), found.symbols
            return LoadRequest(universe, chosen, frames, span, refresh, revision=found.revision)
        _refuse_pad(pad)
        if csv is not None:
            source, chosen = f"{FROM_CSV}{csv}", self._universes.csv_symbols(csv)
        else:
            source, chosen = universe or NAMED, self._universes.read_symbols(symbols)
        return LoadRequest(source, chosen, frames, self._dates.span(duration, first, last), refresh)

    def look(
        self,
        universe: str,
        *,
        duration: str | Duration | None = None,
        first: date | None = None,
        last: date | None = None,
        usual: str | None = None,
        by_name: bool = False,
    ) -> LookRequest:
        """What is to be looked at: the symbols and days that `resolve` makes of the same words.
        Without any days those of the duration `usual`, or all. With `by_name`, of a whole market
        whoever traded in it, each by name."""
        found, given = self._universes.resolve(universe), duration or first or last
        if by_name and found.symbols == (MARKET,):
            symbols = self._universes.members(universe)
            found = replace(found, symbols=symbols, intervals=found.intervals * len(symbols))
        if found.intervals:
            span, intervals = self._intervals(universe, found, given, 0)
            return LookRequest(found.symbols, span, intervals)
        if not given and not usual:
            return LookRequest(found.symbols)
        return LookRequest(
            found.symbols, self._dates.span(duration if given else usual, first, last)
        )

    def _as_it_was(
        self,
        universe: str,
        found: Resolved,
        timeframes: tuple[Timeframe, ...],
        given: object,
        *,
        refresh: bool,
        pad: int,
    ) -> LoadRequest:
        hull, intervals = self._intervals(universe, found, given, pad)
        return LoadRequest(
            universe, found.symbols, timeframes, hull, refresh, intervals, found.revision, pad
        )

    def _intervals(
        self, universe: str, found: Resolved, given: object, pad: int
    ) -> tuple[Span, tuple[tuple[Span, ...], ...]]:
        """The days of a universe over a past span: all that there are, and those of each symbol."""
        if given:
            raise BadDates(
                f"{universe!r} says itself which days are meant, and others were asked for.",
                "Leave the span out of the expression, or leave out --for, --from and --to; a"
                " refresh and a schedule have days of their own.",
            )
        intervals = padded(found.intervals, pad, self._dates.calendar().known)
        return Span(
            min(s[0].start for s in intervals), max(s[-1].end for s in intervals)
        ), intervals

    def resolve_again(self, request: LoadRequest) -> LoadRequest:
        """The same request with the symbols that its universe or file names now."""
        if request.universe.startswith(FROM_CSV):
            name = request.universe.removeprefix(FROM_CSV)
            return replace(request, symbols=self._universes.csv_symbols(name))
        if not request.revision:
            return request
        if request.intervals:
            frames = ",".join(request.timeframes)
            return self.resolve(
                request.universe, timeframes=frames, refresh=request.refresh, pad=request.pad
            )
        found = self._universes.resolve(request.universe)
        return replace(request, symbols=found.symbols, revision=found.revision)

    def of_client(
        self,
        source: str,
        *,
        symbols: Sequence[str] = (),
        universe: str = "",
        csv: str = "",
        duration: Duration | str,
        timeframes: Sequence[str],
        refresh: bool = False,
    ) -> LoadRequest:
        """What a client asks for in its own words, however it came.

        One of `symbols`, a `universe` in the clients' spelling (`type:key`, a key alone, a union
        `SPY:nasdaq100`) and a `csv` file; or `source`, which is what the list is called, names it.
        Raises what `resolve` raises.
        """
        return self.resolve(
            source,
            symbols=self._universes.client_members(universe) if universe else symbols,
            csv=csv or None,
            duration=duration,
            timeframes=",".join(timeframes),
            refresh=refresh,
        )


def _refuse_pad(pad: int) -> None:
    if pad:
        raise BadDates(
            f"--pad {pad} was given, and the universe is not one over a past span.",
            "Leave it out, or write a span: 'index_sp500 @ 2015-01-01..2020-12-31'.",
        )
