"""The nouns that every part shares: frozen, without I/O.

Symbols are case-sensitive text in the vendor's spelling (`BRK.B`, `KIMpL`).
A session is named by its New York date. Instants are timezone-aware and in UTC.
"""

from __future__ import annotations

import enum
import json
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from tickstock.spans import Span

if TYPE_CHECKING:  # what reads no bars starts without numpy, which takes longer than all else here
    import numpy as np
    import numpy.typing as npt

Ints: TypeAlias = "npt.NDArray[np.int64]"
Floats: TypeAlias = "npt.NDArray[np.float64]"
Flags: TypeAlias = "npt.NDArray[np.bool_]"

MARKET = "market_us"
"""The whole market as a universe, and as what is held of it: the instrument of this symbol holds
the sessions whose answer for all tickers is held. No ticker can be spelled so."""

UNIVERSE_TYPES = ("stock_universe", "etf_universe")
"""The types that are written. `stock_etf_combo` is read too, and nothing else ever is."""
READ_TYPES = (*UNIVERSE_TYPES, "stock_etf_combo")


class Timeframe(enum.StrEnum):
    """What one bar spans. WEEK and MONTH are derived from DAY and never fetched."""

    MINUTE = "1min"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def stored(self) -> Timeframe:
        """The timeframe whose bars must be held to answer this one."""
        return Timeframe.DAY if self in (Timeframe.WEEK, Timeframe.MONTH) else self


PLAIN_KEY = re.compile(r"[A-Za-z0-9_]+")
"""Keys that stand for themselves wherever a universe is named; others are quoted."""


@dataclass(frozen=True, slots=True, order=True)
class UniverseRef:
    """Names one universe: `etf_universe:core_etfs`.

    As text, a key that is no plain word is quoted, `stock_universe:"my list"`: that text can be
    parsed, printed, put into an expression and into an address.
    """

    type: str
    key: str

    def __str__(self) -> str:
        return f"{self.type}:{quoted(self.key)}"

    @property
    def joined(self) -> str:
        """Type and key as they are, as the database and older clients join them."""
        return f"{self.type}:{self.key}"


def quoted(key: str) -> str:
    """A key as it is written where universes are named: itself, or a JSON string.

    What does not print, and the slash, which parts addresses, is written as its escape.
    """
    if PLAIN_KEY.fullmatch(key):
        return key
    text = json.dumps(key, ensure_ascii=False)
    return "".join(c if c.isprintable() and c != "/" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return "\\u002f" if character == "/" else json.dumps(character)[1:-1]


@dataclass(frozen=True, slots=True)
class Universe:
    """A universe as it is stored. `symbols` in stored order, without duplicates.

    `expression` is the text of a stored expression; `symbols` is then what it gives now.
    """

    ref: UniverseRef
    name: str
    symbols: tuple[str, ...]
    environment: str = "DEFAULT"
    description: str = ""
    source: str = ""
    expression: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True, order=True)
class Ticker:
    """A symbol and the days on which it was in use; without bounds, `date.min` and `date.max`."""

    symbol: str
    span: Span


@dataclass(frozen=True, slots=True)
class Instrument:
    """What stays the same when a ticker is renamed. `symbol` is today's (or its last) ticker.

    `tickers` are its dated tickers by time; none where it had one only, as far as is known.
    `delisted` is the last day on which it was listed; `delisted_before` is a day on which it was
    found to be no longer listed, where the last day is not known.
    """

    id: int
    symbol: str
    listed: date | None = None
    delisted: date | None = None
    delisted_before: date | None = None
    tickers: tuple[Ticker, ...] = ()

    @property
    def is_gone(self) -> bool:
        return self.delisted is not None or self.delisted_before is not None

    def called(self, span: Span) -> tuple[Ticker, ...]:
        """The tickers under which a vendor knows it on the days of `span`, which they cover.

        Days for which no ticker is known go to the one after them, or else to the one before.
        """
        if len(self.tickers) < 2 or not span:
            return (Ticker(self.symbol, span),)
        edges = [t.span.end for t in self.tickers[:-1]]
        starts, ends = [span.start, *edges], [*edges, span.end]
        parts = zip(self.tickers, starts, ends, strict=True)
        return tuple(
            Ticker(ticker.symbol, part)
            for ticker, start, end in parts
            if (part := Span(start, max(start, end)) & span)
        )


class CallKind(enum.StrEnum):
    """How a vendor can be asked for bars."""

    TICKER = "ticker"  # one ticker, a span of sessions
    MARKET_DAY = "market_day"  # all tickers, one session, day bars only
    FLAT_DAY = "flat_day"  # the file of one session, all tickers, day or minute bars


@dataclass(frozen=True, slots=True, order=True)
class Call:
    """One question to a vendor. `symbol` is empty for the two kinds of one session for all tickers,
    whose span is one day."""

    kind: CallKind
    timeframe: Timeframe
    span: Span
    symbol: str = ""

    def __str__(self) -> str:
        return f"{self.symbol or 'whole market'} {self.timeframe} {self.span}"


HISTORY_STARTS = date(2003, 9, 10)
"""The first day for which stock bars are sold: before it nothing is asked."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the planner has to know of a source: no call is planned that it cannot take.

    `calls_per_minute` is 0 where no limit binds. `publication_lag` is the time after a session's
    close from which its bars are final.

    Of ticker calls: `ticker` tells whether they are taken, `timeframes` for which bars. One may
    read `base_bars` (minutes for intraday, days for day bars), bring `bars_per_answer` and span
    `longest_days` calendar days; the latter two are 0 where nothing but `base_bars` binds.

    `market_day` tells whether one session of day bars can be asked for all tickers; `flat_days` are
    the days whose files can be had, None where there are none. `history` are the days of which
    there is anything at all, None where that is not known beforehand.

    The call limit and `price_per_call` (money, in the currency of the account) hold for all calls
    but files, which are not counted.
    """

    calls_per_minute: float = 0.0
    base_bars: int = 50_000
    publication_lag: timedelta = timedelta(hours=8)
    market_day: bool = True
    ticker: bool = True
    flat_days: Span | None = None
    price_per_call: float = 0.0
    timeframes: tuple[Timeframe, ...] = (Timeframe.DAY, Timeframe.HOUR, Timeframe.MINUTE)
    bars_per_answer: int = 0
    longest_days: int = 0
    history: Span | None = None

    def lack(self, call: Call) -> str:
        """Why `call` cannot be asked here, after "this vendor"; empty where it can."""
        if self.history is not None and (self.history & call.span) != call.span:
            return f"has bars of {self.history} alone"
        if call.kind is CallKind.MARKET_DAY:
            return "" if self.market_day else "takes no call for all tickers at once"
        if call.kind is CallKind.FLAT_DAY:
            return "" if self.flat_days and call.span & self.flat_days else "has no such file"
        if not self.ticker:
            return "takes no call for a single ticker"
        if call.timeframe not in self.timeframes:
            return f"has no {call.timeframe} bars"
        if self.longest_days and call.span.days > self.longest_days:
            return f"takes {self.longest_days} days in one call at most"
        return ""


@dataclass(frozen=True, slots=True)
class BarTable:
    """Bars in columns, one row a bar, for any number of tickers of one timeframe.

    `owner[i]` indexes `tickers`. `at` is, for day bars, the session as days since 1970-01-01
    (New York date); for minute and hour bars the start of the bar in seconds since the epoch, UTC.
    Prices and volume are as the vendor gave them, unadjusted; `vwap` is NaN and `trades` -1
    where the vendor sent none.
    """

    tickers: tuple[str, ...]
    owner: Ints
    at: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    vwap: Floats
    trades: Ints

    def __len__(self) -> int:
        return len(self.at)

    def rows(self, pick: Ints | Flags) -> BarTable:
        """The picked rows, by index or by flag, over the same tickers."""
        return BarTable(self.tickers, *(getattr(self, c)[pick] for c in COLUMNS))

    @classmethod
    def empty(cls) -> BarTable:
        import numpy as np

        i, f = np.empty(0, np.int64), np.empty(0, np.float64)
        return cls((), i, i, f, f, f, f, f, f, i)


def epoch_day(day: date) -> int:
    """Days since 1970-01-01."""
    return day.toordinal() - 719_163


COLUMNS = ("owner", "at", "open", "high", "low", "close", "volume", "vwap", "trades")
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True, slots=True)
class Aside:
    """A row of an answer that could not be read, or cannot be true in form, and was put aside.

    `place` says where it stood (`row 4`, `line 17 of us_stocks_sip/...`). `ticker` is empty where
    none could be read, and `at` None where no time could; else as in `BarTable`.
    """

    place: str
    ticker: str
    why: str
    at: int | None = None

    def __str__(self) -> str:
        return f"{self.place} ({self.ticker or 'no ticker'}): {self.why}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor answered to one call, read and checked for form.

    `origin` names where the bars come from (`massive`, `recorded`, `synthetic`); `origins` gives
    the exceptions by ticker, for a whole-market answer that mixes them.
    `dropped` counts rows left out, by reason (`duplicate`, `out_of_range`, `not_finite`).
    `delayed`: the vendor says that recent bars may be missing. `note` says why nobody answered:
    there is no such file. `etag` names the version of the file, `key` the file, for a flat file.

    `tickers` counts those that it spoke of, wanted or not; -1: those of its bars. `aside` are rows
    that were put aside. `is_sure` is False of an empty answer that nothing else confirms.
    """

    call: Call
    bars: BarTable
    origin: str
    origins: tuple[tuple[str, str], ...] = ()
    pages: int = 1
    bytes: int = 0
    delayed: bool = False
    dropped: tuple[tuple[str, int], ...] = ()
    note: str = ""
    etag: str = ""
    key: str = ""
    tickers: int = -1
    aside: tuple[Aside, ...] = ()
    is_sure: bool = True

    @property
    def spoke_of(self) -> int:
        """How many tickers it has bars of, wanted or not."""
        return self.tickers if self.tickers >= 0 else len(set(self.bars.owner.tolist()))


class GapCause(enum.StrEnum):
    """Why an expected session is not held."""

    NEVER_ASKED = "never_asked"
    NOT_PUBLISHED = "not_published_yet"
    NOT_LISTED = "not_listed"
    VENDOR_EMPTY = "vendor_empty"
    FAILED = "failed"
    POISON = "poison"
    QUARANTINED = "quarantined"
    NOT_ENTITLED = "not_entitled"


@dataclass(frozen=True, slots=True)
class Gap:
    """Why one instrument does not hold a span. `expires_at` None: until asked on purpose."""

    instrument_id: int
    span: Span
    cause: GapCause
    detail: str = ""
    seen_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Gain:
    """What one answer adds for one instrument. `first` and `last` in seconds since 1970, UTC."""

    instrument_id: int
    origin: str
    held: tuple[Span, ...]
    bars: int
    first: int
    last: int


class JobState(enum.StrEnum):
    SUBMITTED = "submitted"
    RUNNING = "running"
    COMPLETED = "completed"
    WITH_ERRORS = "completed_with_errors"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def finished(self) -> bool:
        return self not in (JobState.SUBMITTED, JobState.RUNNING)


class CallState(enum.StrEnum):
    WAITING = "waiting"
    LEASED = "leased"
    DONE = "done"
    REPLACED = "replaced"  # refused as a whole; calls for its parts have taken its place
    FAILED = "failed"
    CANCELLED = "cancelled"
