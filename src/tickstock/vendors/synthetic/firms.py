"""The firms of a synthetic market: who is listed when, under which ticker, and what becomes of it.

None of them is real: no ticker is one that the shipped lists know, and every name says so. How
many there are of each kind, how long they stay, how often they are renamed, and how unevenly they
trade follows the real market: see `docs/decisions/0027-whole-market.md` for where the figures are
from.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tickstock.model import Flags, Floats, Ints
from tickstock.universes.known import is_known
from tickstock.vendors.synthetic.noise import Words, noise, seed_of, uniform, words

SESSIONS_A_YEAR = 252
FREE_AFTER = 252
"""Sessions after which a ticker that was given up may be taken by another firm."""
NEVER = 1 << 40
_LETTERS = 26
_WORDS = _LETTERS**4
_STRIDE = 175_489  # without a common divisor with the number of words: each comes once


@dataclass(frozen=True, slots=True)
class FirmKind:
    """What a kind of firm is like. Rates are by year, of those listed."""

    code: str  # the vendor's word
    share: float
    lost: float
    new: float
    dollars: float  # the median of what is traded in a session
    spread: float  # of the logarithm of that
    pays: float  # the share that pays dividends
    suffix: str = ""
    renamed: float = 0.0
    price: float = 25.0


KINDS = (
    FirmKind("CS", 0.44, 0.09, 0.08, 2.5e6, 2.4, 0.35, renamed=0.025, price=22.0),
    FirmKind("ADRC", 0.03, 0.08, 0.07, 0.8e6, 2.2, 0.3, renamed=0.015),
    FirmKind("ETF", 0.34, 0.05, 0.09, 0.7e6, 2.3, 0.75, renamed=0.02, price=35.0),
    FirmKind("FUND", 0.04, 0.04, 0.02, 0.9e6, 1.2, 0.95, price=14.0),
    FirmKind("PFD", 0.06, 0.08, 0.08, 0.12e6, 1.3, 0.97, suffix="pA", price=24.0),
    FirmKind("WARRANT", 0.05, 0.25, 0.24, 0.02e6, 1.6, 0.0, suffix=".WS", price=1.2),
    FirmKind("UNIT", 0.03, 0.5, 0.48, 0.05e6, 1.5, 0.0, suffix=".U", price=10.1),
    FirmKind("RIGHT", 0.01, 0.6, 0.58, 0.01e6, 1.4, 0.0, suffix="r", price=0.6),
)
REUSE = 0.15
"""The share of new firms that take a ticker which another had, where one is free."""
FAILS = 0.45
"""The share of lost stocks that fail; the others are bought."""


@dataclass(frozen=True, eq=False)
class Firms:
    """A row a firm. Days are numbers of sessions of the market, below 0 before it begins.

    `listed` is the first and `lost` the session after the last one, NEVER where it stays. `dollars`
    is what is usually traded in a session, `trades` how likely it is that it trades at all.
    """

    kind: Ints
    seed: Words
    listed: Ints
    lost: Ints
    fails: Flags
    dollars: Floats
    trades: Floats
    price: Floats
    swing: Floats

    def __len__(self) -> int:
        return len(self.kind)


@dataclass(frozen=True, eq=False)
class TickerRows:
    """Whose ticker is whose, from a session up to another; a row a stretch, by time."""

    ticker: tuple[str, ...]
    firm: Ints
    start: Ints
    end: Ints


def draw_firms(seed: int, count: int, sessions: int, pace: float = 1.0) -> Firms:
    """The firms of a market of `count` tickers over `sessions`. `pace` makes firms come and go as
    much faster: years of change in a few weeks."""
    parts = [_of_kind(seed, number, count, sessions, pace) for number in range(len(KINDS))]
    columns = [np.concatenate([part[i] for part in parts]) for i in range(len(parts[0]))]
    order = np.lexsort((columns[1], columns[2]))  # by listing, then by seed
    return Firms(*(column[order] for column in columns))


def _of_kind(seed: int, number: int, count: int, sessions: int, pace: float) -> tuple[object, ...]:
    kind, years = KINDS[number], sessions / SESSIONS_A_YEAR * pace
    first = max(1, round(kind.share * count))
    later = round(first * kind.new * years)
    seeds = words(np.full(1, seed_of(f"market {seed} {kind.code}"), np.uint64), "firm",
                  np.arange(first + later))  # fmt: skip
    when = np.floor(uniform(seeds, "listed") * sessions).astype(np.int64)
    age = -np.log(uniform(seeds, "age")) / kind.lost * SESSIONS_A_YEAR
    listed = np.where(np.arange(first + later) < first, -1 - age.astype(np.int64), when)
    stay = -np.log(uniform(seeds, "stay")) / (kind.lost * pace) * SESSIONS_A_YEAR
    lost = np.maximum(listed, 0) + 1 + stay.astype(np.int64)
    lost = np.where(lost < sessions, lost, NEVER)
    dollars = kind.dollars * np.exp(kind.spread * noise(seeds, "dollars"))
    price = kind.price * np.exp(0.9 * noise(seeds, "price"))
    # What is traded much swings less; a rare trade is a session without a bar.
    calm = np.clip((np.log(dollars) - np.log(1e4)) / np.log(1e5), 0, 1)
    swing = (0.05 - 0.035 * calm) * np.exp(0.25 * noise(seeds, "swing"))
    trades = 1 - np.exp(-np.sqrt(dollars / 6_000))
    fails = (uniform(seeds, "fails") < FAILS) & (kind.code in ("CS", "ADRC")) & (lost < NEVER)
    kinds = np.full(len(seeds), number, np.int64)
    return kinds, seeds, listed, lost, fails, dollars, trades, price, swing


def name_firms(firms: Firms, sessions: int, pace: float = 1.0) -> TickerRows:
    """The tickers of firms: one from the listing on, perhaps another later, and now and then one
    that another firm had given up."""
    fresh = _fresh_words(int(firms.seed[0]) if len(firms) else 0)
    free: deque[tuple[int, str]] = deque()  # tickers by the session from which they may be taken
    given_up: list[tuple[int, str]] = []
    rows: list[tuple[str, int, int, int]] = []
    wants = uniform(firms.seed, "reuse") < REUSE
    renamed = _renames(firms, pace)
    for start, firm, is_new in _beginnings(firms, renamed):
        if start >= sessions:
            break
        while given_up and given_up[0][0] <= start:
            free.append(heapq.heappop(given_up))
        suffix = KINDS[int(firms.kind[firm])].suffix
        if is_new and start > 0 and not suffix and wants[firm] and free:
            ticker = free.popleft()[1]
        else:
            ticker = next(fresh) + suffix
        lost = int(firms.lost[firm])
        end = min(int(renamed[firm]), lost) if is_new else lost
        rows.append((ticker, firm, start, end))
        if not suffix and end < sessions:
            heapq.heappush(given_up, (end + FREE_AFTER, ticker))
    tickers, firm_, start_, end_ = zip(*rows, strict=True) if rows else ((), (), (), ())
    return TickerRows(tickers, *(np.array(c, np.int64) for c in (firm_, start_, end_)))


def _beginnings(firms: Firms, renamed: Ints) -> Iterator[tuple[int, int, bool]]:
    """When each firm begins with a ticker, in order; whether that is its first."""
    found = [(day, firm, True) for firm, day in enumerate(np.maximum(firms.listed, 0).tolist())]
    found += [(day, firm, False) for firm, day in enumerate(renamed.tolist()) if day < NEVER]
    yield from sorted(found)


def _renames(firms: Firms, pace: float) -> Ints:
    """The session from which each firm has another ticker; NEVER for most."""
    rate = np.array([kind.renamed for kind in KINDS])[firms.kind] * pace
    after = -np.log(uniform(firms.seed, "renamed")) / np.maximum(rate, 1e-9) * SESSIONS_A_YEAR
    day = np.maximum(firms.listed, 0) + 5 + np.minimum(after, NEVER).astype(np.int64)
    found: Ints = np.where((rate > 0) & (day < firms.lost - 5), day, NEVER)
    return found


def _fresh_words(seed: int) -> Iterator[str]:
    """Words of four letters that nobody knows as a ticker, each once."""
    suffixes = {kind.suffix for kind in KINDS}
    for number in range(_WORDS):
        rest = (seed + number * _STRIDE) % _WORDS
        letters = ""
        for _ in range(4):
            rest, letter = divmod(rest, _LETTERS)
            letters += chr(ord("A") + letter)
        if not letters.startswith("ZZ") and not any(is_known(letters + s) for s in suffixes):
            yield letters
