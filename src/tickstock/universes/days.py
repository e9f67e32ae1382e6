"""Days as people and programs write them in lists of membership."""

from __future__ import annotations

import re
from datetime import date

OPEN_FROM = 2050
"""Data sets write 2050, 2099 or 9999 for "a member still": an end from this year on is none."""
_DAY = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\.0)?")
_NO_DAY = frozenset(("", "nat", "nan", "none", "null", "<na>", "n/a", "-"))


def day_in(text: str) -> date | None:
    """The day in `2015-01-02`, `2015-01-02 00:00:00`, `20150102`; None for anything else."""
    found = _DAY.fullmatch(text) or _COMPACT.fullmatch(text)
    try:
        return date(*map(int, found.groups())) if found else None
    except ValueError:
        return None


def is_no_day(text: str) -> bool:
    """Whether a cell says that there is no day: it is empty, or what programs write for that."""
    return text.lower() in _NO_DAY


def is_open(end: date) -> bool:
    """Whether the end of a membership lies where data sets put it who mean that there is none."""
    return end.year >= OPEN_FROM
