"""Tables that say who was a member when: today's members are the list, and all of it a history.

Taken for a plain list, an index history would make members of all who have left. Told apart by
their header:

- memberships: `symbol,opt-in,opt-out` (or `starts,ends`, `from,until`): a member from the first
  date up to, and without, the second, which is empty for a member still. With `first,last` or
  `from,to` both dates are inside, as everywhere that people write dates.
- lists: `date,symbol`, a line a member, or all of them in one cell with commas between: each day's
  list stands until the next one.
- changes: `date,action,symbol` with `add` or `remove` (also `+`, `-`, `added`, `removed`), or
  `date,add,remove`, whose cells may name several symbols.

A file without a header whose rows are a symbol and two dates is one of memberships, both dates
inside. Dates may have a time; `NaT`, an empty cell, and an end from 2050 on, say "a member still".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from tickstock.errors import BadFile
from tickstock.spans import ONE_DAY, Span
from tickstock.universes.days import UP_TO, UP_TO_AND_WITH, day_in, is_no_day, is_open
from tickstock.universes.files.delimited import bare
from tickstock.universes.files.headers import heading, moves_in, normal
from tickstock.universes.files.imported import Gather
from tickstock.universes.membership import (
    ACTIONS,
    FOREVER,
    Interval,
    Move,
    from_changes,
    from_changes_back,
    from_lists,
)
from tickstock.universes.suggest import shown
from tickstock.words import plural

_BETWEEN = re.compile(r"[,;|\n]")
_BEGINNING = 16_384
"""Characters in which a header stands, or the first rows."""
_ANY_DAY = re.compile(r"\d{4}-?\d\d-?\d\d")
_DAYS = frozenset(
    {"date", "as of date", "as of", "asofdate", "as of day", "effective date", "holdings date"}
    | {"holding date", "position date", "report date", "snapshot date", "portfolio date", "day"}
    | {"datum", "fecha"}
)
_MAY_BE_ACTIONS = ("+/-", "change", "changes", "event", "operation", "type", "move", "op", "status")
"""Headings under which `add` and `remove` stand in some lists, and something else in most."""
_DAY_NAMES = ("date", "as of", "as_of", "asof", "day", "datum", "fecha", *UP_TO, *UP_TO_AND_WITH)


@dataclass(frozen=True, slots=True)
class _DatedRow:
    """Symbols and what stands beside them: two days, or one and, of changes, what is done."""

    line: int
    texts: tuple[str, ...]
    sector: str
    day: str
    beside: str


@dataclass(slots=True)
class DateColumns:
    """The date columns of a table of members, and what stands in them.

    `since` and `until` bound a membership, the last day inside where `inside`; `on` is the column
    of a table that has one list for each day, or, with `action`, or `adds` and `removes`, of one of
    changes; `maybe` is the column of what is done where every cell of it says so. -1 where there is
    no such column.
    """

    gather: Gather
    since: int = -1
    until: int = -1
    inside: bool = False
    on: int = -1
    action: int = -1
    adds: int = -1
    removes: int = -1
    maybe: int = -1
    may_be_prices: bool = False
    former: int = 0
    rows: list[_DatedRow] = field(default_factory=list)

    @classmethod
    def of(cls, row: Sequence[str], gather: Gather) -> DateColumns:
        """The date columns that a header names. Raises BadFile where a history is wanted and it
        names none."""
        names = heading(row)
        if moves := moves_in(row):
            on, adds, removes = moves
            return cls(gather, on=on, adds=adds, removes=removes)
        for pairs, inside in ((UP_TO, False), (UP_TO_AND_WITH, True)):
            for first, second in pairs.items():
                if first in names and second in names:
                    places = names.index(first), names.index(second)
                    return cls(gather, *places, inside, may_be_prices=first == "first")
        if (day := _day_column(row)) is not None:
            action = names.index("action") if "action" in names else -1
            maybe = next((names.index(name) for name in _MAY_BE_ACTIONS if name in names), -1)
            return cls(gather, on=day, action=action, maybe=maybe)
        if gather.is_history:
            raise _no_history(gather.name, row)
        return cls(gather)

    @property
    def columns(self) -> tuple[int, ...]:
        """Where dates and what belongs to them stand."""
        places = (self.since, self.until, self.on, self.action, self.adds, self.removes)
        return tuple(c for c in places if c >= 0)

    @property
    def are_moves(self) -> bool:
        """Whether the symbols stand under who joins and who leaves, and in no column of theirs."""
        return self.adds >= 0

    def take(self, line: int, row: Sequence[str], text: str, sector: str) -> None:
        """A row that names a symbol, or where it has one day, perhaps several."""
        if self.on >= 0:
            beside = self.action if self.action >= 0 else self.maybe
            day, action = _cell(row, self.on), _cell(row, beside)
            self.rows.append(_DatedRow(line, _several(text), sector, day, action))
        elif self.since >= 0:
            first, last = _cell(row, self.since), _cell(row, self.until)
            self.rows.append(_DatedRow(line, (text,), sector, first, last))
        else:
            self.gather.add(line, text, sector)

    def take_moves(self, line: int, row: Sequence[str]) -> None:
        """A row of those who join and those who leave on a day."""
        day = _cell(row, self.on)
        for action, column in (("remove", self.removes), ("add", self.adds)):
            if texts := _several(_cell(row, column)):
                self.rows.append(_DatedRow(line, texts, "", day, action))
        if not self.rows or self.rows[-1].line != line:
            self.gather.leave_out(line, "without symbol", f"The row of {shown(day)} has no symbol")

    def finish(self, line: int) -> None:
        """All rows were taken: what they say is, and what the dates mean is told."""
        if not self.columns:
            return
        self.gather.learn({text: row.line for row in self.rows for text in row.texts})
        are_changes = self.action >= 0 or self.are_moves or self._all_say_what_is_done()
        if self.gather.back_from is not None and not are_changes:
            raise BadFile(
                f"{self.gather.name} holds no changes: only those are read back from the members of"
                " today.",
                "Leave out --backwards.",
            )
        if are_changes:
            self._take_changes()
        elif self.on >= 0:
            self._take_lists(line)
        else:
            self._take_intervals()
        if self.former:
            rows = plural(self.former, "row")
            self.gather.remark(
                line,
                f"This says who was a member when: {rows} about other days than today are part of"
                " its history alone.",
            )

    def _all_say_what_is_done(self) -> bool:
        """Whether a column that may hold price changes or kinds holds `+` and `-`, or words of
        these: taken for lists, whoever has left would be a member of that day."""
        return self.maybe >= 0 and all(row.beside.lower() in ACTIONS for row in self.rows)

    def _leave_out_days_to_come(self) -> None:
        """Who joins or leaves on a day that has not come, and the list of such a day."""
        came: list[_DatedRow] = []
        for row in self.rows:
            if (day := day_in(row.day)) and day > self.gather.today:
                what = f"The day {day} of {shown(', '.join(row.texts))} has not come"
                self.gather.leave_out(row.line, "day to come", what)
            else:
                came.append(row)
        self.rows = came

    # -- memberships ---------------------------------------------------------------------------
    def _take_intervals(self) -> None:
        if not self.gather.is_history and not self._has_days():
            for row in self.rows:
                self._add_all(row)
            return
        self._leave_out_days_to_come()
        for row in self.rows:
            span = self._span(row)
            symbol = self.gather.read(row.line, row.texts[0])
            if span is None or not symbol:
                continue
            self.gather.days += [span.start] if span.end == FOREVER else [span.start, span.end]
            if span.days:
                self.gather.intervals.append(Interval(symbol, span))
            self._add(row, row.texts[0], is_in=self._is_in(span))

    def _has_days(self) -> bool:
        """Whether the columns hold days, readable or not: no cell does where all are empty, nor
        where they are the first and the last price."""
        filled = [c for row in self.rows for c in (row.day, row.beside) if not is_no_day(c)]
        if self.may_be_prices and not any(map(day_in, filled)):
            return bool(filled) and not _are_prices(filled)
        return bool(filled)

    def _span(self, row: _DatedRow) -> Span | None:
        start = day_in(row.day)
        end = FOREVER if is_no_day(row.beside) else day_in(row.beside)
        for day, text in ((start, row.day), (end, row.beside)):
            if day is None:
                self.gather.problem(row.line, _no_date(text))
        if start is None or end is None:
            return None
        if end != FOREVER:
            is_still_in = is_open(end) or end > self.gather.today
            end = FOREVER if is_still_in else end + ONE_DAY if self.inside else end
        if end < start:
            self.gather.problem(row.line, f"{shown(row.texts[0])} leaves before it joins.")
            return None
        return Span(start, end)

    def _is_in(self, span: Span) -> bool:
        today = self.gather.today
        return span.start <= today and (span.end == FOREVER or today < span.end)

    # -- lists ---------------------------------------------------------------------------------
    def _take_lists(self, line: int) -> None:
        """The list of each day stands until the next one; a table in which no symbol has several
        days is one list."""
        if not self.gather.is_history and (one := self._one_list()) is not None:
            for row in self.rows:
                self._add_all(row)
            if one > 1:
                self.gather.remark(
                    line,
                    f"The rows have {one} dates, and all of them were taken, for no symbol"
                    " has several. If each date has a list of its own: `tickstock universe record"
                    " REF FILE`.",
                )
            return
        self._leave_out_days_to_come()
        lists: dict[date, dict[str, None]] = {}
        days = [day for row in self.rows if (day := day_in(row.day))]
        last = max((d for d in days if d <= self.gather.today), default=date.min)
        for row in self.rows:
            if (day := day_in(row.day)) is None:
                self.gather.problem(row.line, _no_date(row.day))
                continue
            symbols = [s for text in row.texts if (s := self.gather.read(row.line, text))]
            lists.setdefault(day, {}).update(dict.fromkeys(symbols))
            if day == last:
                self._add_all(row)
            elif symbols:
                self._leave(row.line, "earlier list")
        self.gather.days += lists
        self.gather.intervals += from_lists(lists)

    def _one_list(self) -> int | None:
        """How many dates the rows have where they are one list all the same, else None. A date
        that cannot be read is one like any other."""
        if any(len(row.texts) > 1 for row in self.rows):
            return None
        days = {row.day: day_in(row.day) or row.day for row in self.rows if not is_no_day(row.day)}
        dated = {(row.texts, days[row.day]) for row in self.rows if row.day in days}
        return len(set(days.values())) if len({t for t, _ in dated}) == len(dated) else None

    # -- changes -------------------------------------------------------------------------------
    def _take_changes(self) -> None:
        self._leave_out_days_to_come()
        moves = sorted(self._moves(), key=lambda move: move[0])
        if self.gather.back_from is None:
            intervals, odd = from_changes(moves)
        else:
            intervals, odd = from_changes_back(moves, self.gather.back_from)
        if odd and not self.gather.is_history:
            raise _not_from_nobody(self.gather.name, odd[0])
        for _, joins, symbol, line in odd:
            self.gather.problem(line, f"{_contradiction(joins, symbol)} already.")
        self.gather.days += [day for day, *_ in moves]
        self.gather.intervals += intervals
        self._list_changes(
            moves, {interval.symbol for interval in intervals if self._is_in(interval.span)}
        )

    def _moves(self) -> list[Move]:
        moves: list[Move] = []
        for row in self.rows:
            day, joins = day_in(row.day), ACTIONS.get(row.beside.lower())
            if day is None:
                self.gather.problem(row.line, _no_date(row.day))
            elif joins is None:
                said = f"{shown(row.beside)} is neither add nor remove."
                self.gather.problem(row.line, said)
            else:
                symbols = [self.gather.read(row.line, text) for text in row.texts]
                moves += [(day, joins, symbol, row.line) for symbol in symbols if symbol]
        return moves

    def _list_changes(self, moves: Sequence[Move], inside: set[str]) -> None:
        """The members of today, in the order in which they joined."""
        if self.gather.is_history:
            return
        sectors = {row.line: row.sector for row in self.rows}
        last = {symbol: line for _, joins, symbol, line in moves if joins}
        for _, joins, symbol, line in sorted(moves, key=lambda move: move[3]):
            if joins and symbol in inside and last[symbol] == line:
                self.gather.add(line, symbol, sectors[line])
            else:
                self._leave(line, "former member" if joins else "leaving")

    # -- the list of today ---------------------------------------------------------------------
    def _add_all(self, row: _DatedRow) -> None:
        for text in row.texts:
            self._add(row, text, is_in=True)

    def _add(self, row: _DatedRow, text: str, *, is_in: bool) -> None:
        if self.gather.is_history:
            return
        if is_in:
            self.gather.add(row.line, text, row.sector)
        else:
            self._leave(row.line, "former member")

    def _leave(self, line: int, kind: str) -> None:
        if not self.gather.is_history:
            self.former += 1
            self.gather.leave_out(line, kind)


def may_name_days(text: str) -> bool:
    """Whether a text could be a table with days, by how it begins: what could not is no history."""
    start = text[:_BEGINNING].lower()
    return bool(_ANY_DAY.search(start)) or any(name in start for name in _DAY_NAMES)


def has_day_columns(row: Sequence[str]) -> bool:
    """Whether a row names columns of days, as the header of a history does."""
    if _day_column(row) is not None:
        return True
    names = heading(row)
    pairs = (*UP_TO.items(), *UP_TO_AND_WITH.items())
    return any(first in names and last in names for first, last in pairs)


def _day_column(row: Sequence[str]) -> int | None:
    """The place of the column with the day of which a row is."""
    return next((place for place, cell in enumerate(row) if normal(cell) in _DAYS), None)


def _several(text: str) -> tuple[str, ...]:
    """The symbols in a cell."""
    return tuple(one for part in _BETWEEN.split(text) if (one := bare(part)))


def _are_prices(texts: Sequence[str]) -> bool:
    """Whether all are numbers, and not whole ones alone, as the days of a spreadsheet are."""
    try:
        return any(number % 1 for number in map(float, texts))
    except ValueError:
        return False


def _no_date(text: str) -> str:
    return f"{shown(text)} is not a date (YYYY-MM-DD)."


def _no_history(name: str, row: Sequence[str]) -> BadFile:
    return BadFile(
        f"{name} has the columns {shown(', '.join(heading(row)), 120)}.",
        "A history has symbol,starts,ends or date,symbol or date,action,symbol or date,add,remove.",
    )


def _contradiction(joins: bool, symbol: str) -> str:
    does, held = ("joins", "in it") if joins else ("leaves", "not in it")
    return f"{symbol} {does}, and by the other lines it was {held}"


def _not_from_nobody(name: str, move: Move) -> BadFile:
    _, joins, symbol, line = move
    return BadFile(
        f"{name}:{line}: {_contradiction(joins, symbol)}: the changes do not begin with nobody.",
        "`tickstock universe record REF FILE --backwards` reads them back from today's members.",
    )


def _cell(row: Sequence[str], column: int) -> str:
    return bare(row[column]) if 0 <= column < len(row) else ""
