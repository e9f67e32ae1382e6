"""Who had a ticker, and the numbers by which firms are told apart. Without numpy, as commands that
read no bars start without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol


class Numbered(Protocol):
    """What is known under a firm's number (CIK) and a listing's (FIGI), or under none."""

    @property
    def figi(self) -> str: ...

    @property
    def cik(self) -> str: ...


def is_another_firm(one: Numbered, other: Numbered) -> bool:
    """Whether their numbers are of two firms. That of the firm goes before that of its listing,
    which changes with its form; where one has neither, nothing says so."""
    if one.cik and other.cik:
        return one.cik != other.cik
    return bool(one.figi and other.figi and one.figi != other.figi)


@dataclass(slots=True)
class TickerOwner:
    """Who had a ticker when, and from `first` to before `end` its day bars are held; `figi` and
    `cik` are the numbers that it is known under. `id` is 0 for one that is still to be made."""

    id: int
    symbol: str
    since: date = date.min
    until: date = date.max
    is_recorded: bool = False
    first: date | None = None
    end: date | None = None
    figi: str = ""
    cik: str = ""

    @property
    def is_new(self) -> bool:
        return not self.id
