"""One symbol as a picture shows it: its bars, what is missing between them and why, splits, doubts.

chart = tick.charts.of("AAPL", Timeframe.DAY, tick.dates.span("1y"))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from tickstock.actions import Adjust, Split
from tickstock.loading.missing import Stretch
from tickstock.model import Ints, Timeframe
from tickstock.service.actions import Actions
from tickstock.service.dates import Dates
from tickstock.service.holdings import Holdings
from tickstock.service.missing import Missing
from tickstock.service.reading import Reading
from tickstock.spans import Span
from tickstock.store.doubts import Doubted

MOST_BARS = 5_000
"""What a picture can show and a browser draw at once: twenty years of days."""
WINDOWS = {Timeframe.HOUR: timedelta(days=180), Timeframe.MINUTE: timedelta(days=8)}
"""How far back a chart goes where no span is given; all that is held for the other timeframes."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars of one symbol in `span`, the newest `MOST_BARS`; `earlier` of them are left out.

    `sessions` are those of the span, as days since 1970-01-01. `origin` is whose bars they are,
    empty where none are held: those of `synthetic` are no market's.

    `doubtful` bars are among them, `quarantined` ones are not. Bars of weeks and months are made of
    day bars: `stretches` and doubts are those of the days.
    """

    symbol: str
    origin: str
    span: Span
    sessions: Ints
    reading: Reading
    earlier: int
    stretches: tuple[Stretch, ...]
    splits: tuple[Split, ...]
    doubtful: tuple[Doubted, ...]
    quarantined: tuple[Doubted, ...]


class Charts:
    """Puts together what other parts of the service know about one symbol."""

    def __init__(
        self, holdings: Holdings, missing: Missing, actions: Actions, dates: Dates
    ) -> None:
        self._holdings = holdings
        self._missing = missing
        self._actions = actions
        self._dates = dates

    def of(
        self,
        symbol: str,
        timeframe: Timeframe = Timeframe.DAY,
        span: Span | None = None,
        *,
        adjust: Adjust = Adjust.SPLITS,
        known_at: datetime | None = None,
    ) -> Chart:
        """The chart of a symbol. Without a span: what is held, for hours and minutes the newest
        days of it; a year where nothing is held.

        Raises UnknownUniverse for a symbol that the database has never heard of.
        """
        names, stored = (symbol,), timeframe.stored
        if span is None:
            span = self._newest(names, timeframe) or self._dates.span("1y")
        reading = self._holdings.read(names, timeframe, span, adjust=adjust, known_at=known_at)
        stretches, suspects = self._missing.stretches(names, stored, span)
        calendar = self._dates.calendar()
        return Chart(
            symbol,
            next(iter(self._holdings.origins(names, stored, span).values()), ""),
            span,
            calendar.days[slice(*calendar.between(span))],
            _newest_bars(reading),
            max(0, len(reading.bars) - MOST_BARS),
            stretches,
            tuple(s for s in self._actions.splits(names, known_at) if s.day in span),
            suspects.doubtful,
            suspects.quarantined,
        )

    def _newest(self, names: Sequence[str], timeframe: Timeframe) -> Span | None:
        held, window = self._holdings.span(names, timeframe), WINDOWS.get(timeframe)
        if held is None or window is None:
            return held
        return Span(max(held.start, held.end - window), held.end)


def _newest_bars(reading: Reading) -> Reading:
    bars = reading.bars
    return replace(reading, bars=bars.rows(np.arange(max(0, len(bars) - MOST_BARS), len(bars))))
