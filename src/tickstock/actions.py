"""Corporate actions as nouns: splits and cash dividends, and what is asked for them. Frozen."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date

from tickstock.model import Aside


class ActionKind(enum.StrEnum):
    SPLITS = "splits"
    DIVIDENDS = "dividends"


class Adjust(enum.StrEnum):
    """How prices are shown: as printed, for splits, or for splits and distributions."""

    RAW = "raw"
    SPLITS = "splits"
    TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Split:
    """`split_from` shares became `split_to` at the open of `day`: 1 and 2 for a 2-for-1 split.

    As the vendor gave it, true or not. `kind` is the vendor's word (`forward_split`,
    `reverse_split`, `stock_dividend`), empty where it said none.
    """

    id: str
    ticker: str
    day: date
    split_from: float
    split_to: float
    kind: str = ""

    @property
    def ratio(self) -> str:
        """`2-for-1`, as the market says it."""
        return f"{self.split_to:g}-for-{self.split_from:g}"


@dataclass(frozen=True, slots=True)
class Dividend:
    """`cash` in `currency` per share as it was on the ex-dividend date `day`."""

    id: str
    ticker: str
    day: date
    cash: float
    currency: str = ""
    kind: str = ""
    declared: date | None = None
    recorded: date | None = None
    paid: date | None = None


Action = Split | Dividend


@dataclass(frozen=True, slots=True)
class ActionCall:
    """One question for splits or dividends: of `tickers`, or of the whole market where there are
    none; executed (or ex) on `since` or later, future ones included, or ever where it is None."""

    kind: ActionKind
    tickers: tuple[str, ...] = ()
    since: date | None = None

    def __str__(self) -> str:
        names = ", ".join(self.tickers[:3]) + (", …" if len(self.tickers) > 3 else "")
        return f"{self.kind} of {names or 'the whole market'} since {self.since or 'ever'}"


@dataclass(frozen=True, slots=True)
class ActionAnswer:
    """All records that a vendor gave to one call, each id once. `origin` and `aside` as in
    `model.Answer`."""

    call: ActionCall
    records: tuple[Action, ...]
    origin: str
    pages: int = 1
    aside: tuple[Aside, ...] = ()


AnyCall = object
"""Whatever a vendor is asked: what is common to all sees it only as the text of its messages."""
