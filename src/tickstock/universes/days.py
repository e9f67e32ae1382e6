"""Days as people and programs write them in lists of membership."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache

UP_TO = {
    "opt-in": "opt-out", "starts": "ends", "start": "end", "from": "until", "added": "removed",
    "start_date": "end_date", "start date": "end date", "date_added": "date_removed",
    "date added": "date removed", "joined": "left",
}  # fmt: skip
"""Names of the columns of a membership whose second date is the first day outside."""
UP_TO_AND_WITH = {
    "first": "last", "from": "to", "valid_from": "valid_to", "from_date": "to_date",
    "first_date": "last_date",
}  # fmt: skip
"""Names of the columns of a membership whose second date is its last day."""
HEADERLESS = ("symbol", "first", "last")
"""The columns of a history without a header, as data sets write their lists of instruments."""
OPEN_FROM = 2050
"""Data sets write 2050, 2099 or 9999 for "a member still": an end from this year on is none."""
_DAY = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0)?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})")
"""The day first, as everywhere that dots stand between."""
_LONGEST = 40
_NO_DAY = frozenset(("", "nat", "nan", "none", "null", "<na>", "n/a", "-"))


def day_in(text: str) -> date | None:
    """The day in `2015-01-02`, `2015-01-02 00:00:00`, `20150102`, `2.1.2015`; None for anything
    else."""
    return _day_in(text) if len(text) <= _LONGEST else None


@lru_cache(16_384)  # the same days stand in a list again and again
def _day_in(text: str) -> date | None:
    found = _DAY.fullmatch(text) or _COMPACT.fullmatch(text)
    dotted = None if found else _DOTTED.fullmatch(text)
    try:
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def is_no_day(text: str) -> bool:
    """Whether a cell says that there is no day: it is empty, or what programs write for that."""
    return text.lower() in _NO_DAY


def is_dated(cells: Sequence[str]) -> bool:
    """Whether a row is a symbol and the first and last day of a membership."""
    if len(cells) != len(HEADERLESS) or not cells[0] or day_in(cells[0]):
        return False
    return day_in(cells[1]) is not None and (day_in(cells[2]) is not None or is_no_day(cells[2]))


def is_open(end: date) -> bool:
    """Whether the end of a membership lies where data sets put it who mean that there is none."""
    return end.year >= OPEN_FROM
