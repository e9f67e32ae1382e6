"""Tables that say who was a member when, where a list of today's members is wanted.

An index history lists everybody who ever was in it. Taken for a plain list, it would make members
of all who have left; so only those of today are taken, and the reader is told where the rest goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tickstock.errors import BadFile
from tickstock.universes.days import UP_TO, UP_TO_AND_WITH, day_in, is_open
from tickstock.universes.files.delimited import bare
from tickstock.universes.files.headers import heading
from tickstock.universes.files.imported import Gather

_TELL = "`tickstock universe tell REF FILE` keeps who was in it when."


@dataclass(slots=True)
class DateColumns:
    """The date columns of a table of members.

    `since` and `until` bound a membership, the last day inside where `inside`; `on` is the column
    of a table that has one list for each day. -1 where there is no such column.
    """

    today: date
    since: int = -1
    until: int = -1
    inside: bool = False
    on: int = -1
    former: int = 0
    days: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, name: str, row: Sequence[str], today: date) -> DateColumns:
        """The date columns that a header names. Raises BadFile for a stream of changes."""
        names = heading(row)
        if {"date", "action"} <= set(names):
            raise BadFile(
                f"{name} lists who joined and who left, and not the members.",
                "`tickstock universe tell REF FILE` reads such changes.",
            )
        for pairs, inside in ((UP_TO, False), (UP_TO_AND_WITH, True)):
            for first, second in pairs.items():
                if first in names and second in names:
                    return cls(today, names.index(first), names.index(second), inside)
        return cls(today, on=names.index("date") if "date" in names else -1)

    @property
    def any(self) -> bool:
        """Whether there is a column of days."""
        return max(self.since, self.until, self.on) >= 0

    def is_member(self, row: Sequence[str]) -> bool:
        """Whether a row is about a member of today; every row is whose dates are none."""
        if (day := _day(row, self.on)) is not None:
            self.days.add(str(day))
        start, end = _day(row, self.since), _day(row, self.until)
        if start is None or (start <= self.today and (end is None or not self._is_over(end))):
            return True
        self.former += 1
        return False

    def _is_over(self, end: date) -> bool:
        return not is_open(end) and (end < self.today if self.inside else end <= self.today)

    def say(self, line: int, gather: Gather) -> None:
        """Tell what was taken, if the dates mattered."""
        if self.former:
            gather.remark(
                line,
                f"This says who was a member when: {self.former} memberships that are over, or are"
                f" to begin, were left out. {_TELL}",
            )
        if len(self.days) > 1:
            gather.remark(
                line,
                f"The rows have {len(self.days)} dates, and all of them were taken. If each date"
                f" has a list of its own: {_TELL}",
            )


def _day(row: Sequence[str], column: int) -> date | None:
    return day_in(bare(row[column])) if 0 <= column < len(row) else None
