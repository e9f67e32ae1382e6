"""Tables that say who was a member when: today's members are the list, and all of it a history.

Taken for a plain list, an index history would make members of all who have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tickstock.errors import BadFile
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.days import UP_TO, UP_TO_AND_WITH, day_in, is_no_day, is_open
from tickstock.universes.files.delimited import bare
from tickstock.universes.files.headers import heading
from tickstock.universes.files.imported import Gather
from tickstock.universes.membership import (
    ACTIONS,
    FOREVER,
    Move,
    Spell,
    from_changes,
    from_lists,
)
from tickstock.universes.suggest import shown
from tickstock.words import plural


@dataclass(frozen=True, slots=True)
class _DatedRow:
    """A row of a day: of the list of that day, or a change on it."""

    line: int
    text: str
    sector: str
    day: str
    action: str


@dataclass(slots=True)
class DateColumns:
    """The date columns of a table of members, and what stands in them.

    `since` and `until` bound a membership, the last day inside where `inside`; `on` is the column
    of a table that has one list for each day, or, with `action`, of one of changes. -1 where there
    is no such column.
    """

    gather: Gather
    since: int = -1
    until: int = -1
    inside: bool = False
    on: int = -1
    action: int = -1
    former: int = 0
    undated: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[_DatedRow] = field(default_factory=list)

    @classmethod
    def of(cls, row: Sequence[str], gather: Gather) -> DateColumns:
        """The date columns that a header names."""
        names = heading(row)
        for pairs, inside in ((UP_TO, False), (UP_TO_AND_WITH, True)):
            for first, second in pairs.items():
                if first in names and second in names:
                    return cls(gather, names.index(first), names.index(second), inside)
        if "date" not in names:
            return cls(gather)
        action = names.index("action") if "action" in names else -1
        return cls(gather, on=names.index("date"), action=action)

    @property
    def columns(self) -> tuple[int, ...]:
        """Where dates and what belongs to them stand."""
        return tuple(c for c in (self.since, self.until, self.on, self.action) if c >= 0)

    def take(self, line: int, row: Sequence[str], text: str, sector: str) -> None:
        """A row that names a symbol."""
        if self.on >= 0:
            day, action = _cell(row, self.on), _cell(row, self.action)
            self.waiting.append(_DatedRow(line, text, sector, day, action))
        elif self.since >= 0:
            self._take_spell(line, row, text, sector)
        else:
            self.gather.add(line, text, sector)

    def _take_spell(self, line: int, row: Sequence[str], text: str, sector: str) -> None:
        first, last = _cell(row, self.since), _cell(row, self.until)
        start, end = day_in(first), FOREVER if is_no_day(last) else day_in(last)
        if start is None or end is None:
            self.undated.append((line, first if start is None else last))
            self.gather.add(line, text, sector)
            return
        if end != FOREVER:
            end = FOREVER if is_open(end) else end + ONE_DAY if self.inside else end
        symbol = self.gather.read(line, text)
        if end < start:
            self.gather.problem(line, f"{shown(text)} leaves before it joins.")
        elif symbol:
            self.gather.spells.append(Spell(symbol, Span(start, end)))
            self._add(_DatedRow(line, text, sector, first, ""), is_in=self._is_in(Span(start, end)))

    def _is_in(self, span: Span) -> bool:
        today = self.gather.today
        return span.start <= today and (span.end == FOREVER or today < span.end)

    def _add(self, row: _DatedRow, *, is_in: bool, kind: str = "former member") -> None:
        if is_in:
            self.gather.add(row.line, row.text, row.sector)
        else:
            self.former += 1
            self.gather.leave_out(row.line, kind)

    def finish(self, line: int) -> None:
        """All rows were taken: what waited is, and what the dates mean is told."""
        if self.action >= 0:
            self._take_changes()
        elif self.on >= 0:
            self._take_lists(line)
        elif self.gather.spells:
            for at, text in self.undated:
                self.gather.problem(at, _no_date(text))
        if self.former:
            rows = plural(self.former, "row")
            self.gather.remark(
                line,
                f"This says who was a member when: {rows} about other days than today are part of"
                " its history alone.",
            )

    def _take_lists(self, line: int) -> None:
        """The list of each day stands until the next one; a table in which no symbol has several
        days is one list."""
        days = {row.day: day for row in self.waiting if (day := day_in(row.day))}
        dated = {(row.text, row.day) for row in self.waiting if row.day in days}
        if len({text for text, _ in dated}) == len(dated):
            for row in self.waiting:
                self.gather.add(row.line, row.text, row.sector)
            if len(days) > 1:
                self.gather.remark(
                    line,
                    f"The rows have {len(days)} dates, and all of them were taken, for no symbol"
                    " has several. If each date has a list of its own: `tickstock universe tell"
                    " REF FILE`.",
                )
            return
        last = max((d for d in days.values() if d <= self.gather.today), default=date.min)
        lists: dict[date, dict[str, None]] = {day: {} for day in days.values()}
        for row in self.waiting:
            if (day := days.get(row.day)) is None:
                self.gather.problem(row.line, _no_date(row.day))
            elif symbol := self.gather.read(row.line, row.text):
                lists[day][symbol] = None
                self._add(row, is_in=day == last, kind="earlier list")
        self.gather.spells += from_lists(lists)

    def _take_changes(self) -> None:
        moves: list[Move] = []
        rows: dict[int, _DatedRow] = {}
        for row in self.waiting:
            day, joins = day_in(row.day), ACTIONS.get(row.action.lower())
            if day is None:
                self.gather.problem(row.line, _no_date(row.day))
            elif joins is None:
                said = f"{shown(row.action)} is neither add nor remove."
                self.gather.problem(row.line, said)
            elif symbol := self.gather.read(row.line, row.text):
                moves.append((day, joins, symbol, row.line))
                rows[row.line] = row
        spells, odd = from_changes(sorted(moves, key=lambda move: move[0]))
        if odd:
            _, joins, symbol, line = odd[0]
            raise BadFile(
                f"{self.gather.name}:{line}: {symbol} {'joins' if joins else 'leaves'}, and by the"
                f" other lines it was {'in it' if joins else 'not in it'}: the changes do not begin"
                " with nobody.",
                "`tickstock universe tell REF FILE --backwards` reads them back from the members"
                " of today.",
            )
        inside = {spell.symbol for spell in spells if self._is_in(spell.span)}
        last = {symbol: line for _, joins, symbol, line in moves if joins}
        for _, joins, symbol, line in moves:
            is_in = joins and symbol in inside and last[symbol] == line
            self._add(rows[line], is_in=is_in, kind="former member" if joins else "leaving")
        self.gather.spells += spells


def _no_date(text: str) -> str:
    return f"{shown(text)} is not a date (YYYY-MM-DD)."


def _cell(row: Sequence[str], column: int) -> str:
    return bare(row[column]) if 0 <= column < len(row) else ""
