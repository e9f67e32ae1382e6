"""What a file of symbols holds, and how it is gathered row by row.

Every reader of this package feeds one `Gather`: it reads symbols, drops repeats, keeps what is to
say with its place, and at the end answers `Imported` or names all problems at once.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from tickstock.errors import BadFile, BadSymbol
from tickstock.spans import Span
from tickstock.universes.identifiers import (
    IDENTIFIERS,
    bare_identifier,
    identified_note,
    unidentified,
)
from tickstock.universes.known import (
    NO_VERDICT,
    SymbolVerdict,
    Traded,
    is_known,
    judge,
    nobody_else,
)
from tickstock.universes.membership import History, Interval, make_history
from tickstock.universes.remark import Remark
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import NO_US_SYMBOL, read_symbol
from tickstock.words import plural

MAX_BYTES = 8 * 1024 * 1024
"""A list of symbols that is larger, as it comes or unpacked, is something else; a table that says
who was a member when may be as large as a history."""
MAX_ROWS = 250_000
"""So many take most of a second to be read and told about."""
MAX_HISTORY_BYTES = 64 * 1024 * 1024
MAX_HISTORY_ROWS = 5_000_000
"""A history may have a list for each day."""
MOST_WORDS = 100_000
"""Words of a text without columns, each of which is looked up by itself."""
MAX_SYMBOLS = 100_000
"""All that was ever listed in the US is a third of this; no fund holds as much, either."""
MAX_REMARKS = 1_000
MAX_PROBLEMS = 1_000
"""A file with more is not read to its end."""
SHOWN = 50
_SHOWN_OF_NONE = 3
"""Remarks that are shown of a source without a symbol."""
TOTALS = frozenset(
    {"total", "totals", "total:", "subtotal", "sub-total", "grand total", "portfolio total"}
    | {"account total", "sum", "sum total", "cash total"}
    | {"summe", "gesamt", "gesamtsumme", "somme", "totale", "suma", "totaal", "totalt"}
)
"""What stands in the place of a symbol in the row of a sum."""
SYMBOL = "symbol"
"""The kind of a row that names a symbol; the kinds of rows that are left out say why."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The symbols of a file or another source, in its order and each once.

    `form` says in words what it was taken for. `rows` counts the rows by kind: `symbol`, and those
    left out as `repeated`, `cash`, `test issue` and so on. `as_of` is the day that the source
    itself names. `sha256` is of the bytes as they came, empty where there were none. `verdict`
    tells how many of the symbols somebody knows. `history` is there where the source says who was
    a member when; the symbols are then those of today.
    """

    name: str
    form: str
    symbols: tuple[str, ...]
    rows: Mapping[str, int]
    remarks: tuple[Remark, ...] = ()
    as_of: date | None = None
    sha256: str = ""
    verdict: SymbolVerdict = NO_VERDICT
    history: History | None = None

    @property
    def left_out(self) -> dict[str, int]:
        """How many rows were left out, by kind."""
        return {kind: n for kind, n in self.rows.items() if kind != SYMBOL}

    def as_dict(self) -> dict[str, object]:
        """For programs."""
        return {
            "name": self.name,
            "form": self.form,
            "symbols": list(self.symbols),
            "rows": dict(self.rows),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "history": None if self.history is None else _history_dict(self.history),
            "sha256": self.sha256,
            "known": self.verdict.size - len(self.verdict.unknown),
            "unknown": list(self.verdict.unknown),
            "remarks": [{"line": r.line, "what": r.what} for r in self.remarks],
        }


def _history_dict(history: History) -> dict[str, object]:
    days = history.days
    edges = {"from": days.start.isoformat(), "to": days.last.isoformat()}
    return edges | {"intervals": len(history.intervals)}


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """The history that a file tells; what is to say about it, and its rows by kind."""

    history: History
    remarks: tuple[Remark, ...]
    rows: Mapping[str, int]


_NOUNS = frozenset(("former member", "earlier list", "total", "heading", "comment", "test issue"))


def left_out_words(rows: Mapping[str, int]) -> str:
    """For people: how many rows of which kinds were left out; empty where none was."""
    parts = [plural(n, kind) if kind in _NOUNS else f"{n:,} {kind}" for kind, n in rows.items()]
    return ", ".join(parts)


Resolver = Callable[[Sequence[str]], Mapping[str, str]]


def nothing_else(_: Sequence[str]) -> Mapping[str, str]:
    """The resolver that takes every symbol as it is written."""
    return {}


def _is_identifier(text: str) -> bool:
    try:
        read_symbol(text)
    except BadSymbol as fault:
        return fault.kind in IDENTIFIERS
    return False


class Gather:
    """Takes the rows of one source and ends as `Imported`.

    Args:
        name: what to call the source in messages.
        resolve: given symbols, answers what those among them stand for that are written another
            way: issuers write `BRK.B` without its dot.
        traded: tells which symbols are known that the shipped list does not have.
        identify: given identifiers (ISIN, CUSIP, SEDOL, FIGI), answers the symbols of the known.
        etfs: True to leave out what the source says is no ETF, False what it says is one.
        today: memberships that the source ends up to this day are over.
        column: the heading, or the number from 1, of the column of symbols where several could be.
        is_history: whether who was a member when is all that is wanted, and must be there.
        back_from: the members of today, where changes are to be read back from them.
        most_bytes: a source that is larger, as it comes or unpacked, is refused.
    """

    def __init__(
        self,
        name: str,
        resolve: Resolver = nothing_else,
        *,
        traded: Traded = nobody_else,
        identify: Resolver = nothing_else,
        etfs: bool | None = None,
        today: date = date.max,
        column: str = "",
        is_history: bool = False,
        back_from: Sequence[str] | None = None,
        most_bytes: int = MAX_HISTORY_BYTES,
    ) -> None:
        self.name = name
        self.etfs = etfs
        self.today = today
        self.column = column
        self.is_history = is_history
        self.back_from = back_from
        self.most_bytes, self.most_rows = most_bytes, MAX_HISTORY_ROWS
        self.size = 0
        """Bytes of the source, unpacked."""
        self.as_of: date | None = None
        self.intervals: list[Interval] = []
        """Who was a member when, where the source says it."""
        self.days: list[date] = []
        """The days that are named there."""
        self.is_cut = False
        """Whether the source ends without the end of its last line."""
        self._resolve = resolve
        self._traded = traded
        self._identify = identify
        self._symbols: dict[str, int] = {}
        self._sectors: dict[str, str] = {}
        self._rows: Counter[str] = Counter()
        self._remarks: list[Remark] = []
        self._unsaid = 0
        self._problems: list[Remark] = []
        self._seen = 0
        self._read: dict[str, str] = {}
        self._faults: dict[str, BadSymbol] = {}
        self._identified: dict[str, list[int]] = {}
        self._is_dated = False

    @property
    def has_rows(self) -> bool:
        """Whether anything was taken, left out or refused."""
        return bool(self._rows or self._problems or self._identified)

    def expect_list(self, most: int = MAX_ROWS) -> None:
        """Nothing tells who was a member when, so there is one row for each member, and few beside.

        Of a history nothing follows. Raises BadFile where the source is larger than any list.
        """
        if self.is_history:
            return
        self.most_rows = most
        if self.size > MAX_BYTES:
            raise BadFile(
                f"{self.name} has {self.size:,} bytes; a list of symbols without dates has at most"
                f" {MAX_BYTES:,}.",
                "Is this the right file?",
            )

    def expect_listing(self) -> None:
        """No listing and no fund has as many rows as a table may have."""
        self.expect_list(MAX_SYMBOLS)

    def expect_words(self) -> None:
        """No text that people write has as many words as a table may have rows."""
        self.expect_list(MOST_WORDS)

    def count_row(self) -> None:
        """One more row was read, whatever is in it.

        Raises BadFile when there are more than such a file has.
        """
        self._seen += 1
        if self._seen > self.most_rows:
            raise BadFile(
                f"{self.name} has more than {self.most_rows:,} rows.", "Is this a list of symbols?"
            )

    def add(self, line: int, text: str, sector: str = "") -> None:
        """A row that names a symbol, and the sector that it gives, if it gives one."""
        symbol = self.read(line, text)
        if not symbol:
            return
        if sector:
            self._note_sector(line, symbol, sector)
        first = self._symbols.get(symbol)
        if first is None:
            self._take(line, symbol)
        elif len(self._remarks) < MAX_REMARKS:
            self.leave_out(line, "repeated", f"{symbol} stands in line {first} too")
        else:
            self._rows["repeated"] += 1
            self._unsaid += 1

    def read(self, line: int, text: str) -> str:
        """The symbol that `text` means, and nothing more; empty where it is none."""
        return self._read.get(text) or self._understood(line, text)

    def learn(self, texts: Mapping[str, int]) -> None:
        """Ask whose the identifiers among these are, each with its line, before they are read: a
        member of some days is not to be added without them."""
        self._is_dated = True
        if self._identify is nothing_else:
            return
        asked = {bare_identifier(text): text for text in texts if _is_identifier(text)}
        for given, symbol in self._identify(tuple(asked)).items() if asked else ():
            self._read[asked[given]] = symbol
            self.remark(texts[asked[given]], identified_note(given, symbol))

    def leave_out(self, line: int, kind: str, what: str = "", count: int = 1) -> None:
        """Rows that name no symbol, and why; without `what` they are only counted."""
        self._rows[kind] += count
        if what:
            self.remark(line, f"{what}; left out.")

    def remark(self, line: int | None, what: str) -> None:
        """Something that a person should know and that stops nothing."""
        if len(self._remarks) < MAX_REMARKS:
            self._remarks.append(Remark(self.name, line, what))
        else:
            self._unsaid += 1

    def problem(self, line: int | None, what: str) -> None:
        """Something that makes the file unusable. Raises BadFile when there are too many."""
        self._problems.append(Remark(self.name, line, what))
        if len(self._problems) >= MAX_PROBLEMS:
            raise self._refusal(f" in its first {self._seen:,} rows, where reading stopped")

    def history(self, through: date | None, source: str) -> RecordedHistory:
        """The history that was gathered, good up to `through`, or its last date.

        Raises BadFile naming all problems, or that nobody is in it.
        """
        if self._problems:
            raise self._refusal("", "Nothing was told.")
        self._fix_spellings()
        if not self.intervals:
            raise BadFile(f"{self.name} names no member on any day.", "Is it the right file?")
        first, last = min(self.days), max(self.days) if through is None else through
        if last < first:
            raise BadFile(
                f"{self.name} begins on {first}, after the last day {last} that it is good for.",
                "Give a later day.",
            )
        history = make_history(self.intervals, Span.inclusive(first, last), source)
        return RecordedHistory(history, self._sorted_remarks(), dict(self._rows))

    def done(self, form: str, data: bytes = b"") -> Imported:
        """What was gathered. Raises BadFile naming all problems, or that there is no symbol."""
        self._look_up_identifiers()
        if self._problems:
            raise self._refusal("")
        self._fix_spellings()
        if not self._symbols and self.intervals:
            raise BadFile(
                f"{self.name} is a history, and by it nobody is a member today.",
                "`tickstock universe record REF FILE` keeps it beside the list of today.",
            )
        if not self._symbols:
            raise BadFile(self._nothing(), "It needs a symbol column, or one symbol a line.")
        digest = hashlib.sha256(data).hexdigest() if data else ""
        rows, remarks, symbols = dict(self._rows), self._sorted_remarks(), tuple(self._symbols)
        verdict = judge(symbols, self._traded)
        history = self._history()
        return Imported(
            self.name, form, symbols, rows, remarks, self.as_of, digest, verdict, history
        )

    def _history(self) -> History | None:
        if not self.intervals:
            return None
        return make_history(self.intervals, Span.inclusive(min(self.days), max(self.days)))

    def _sorted_remarks(self) -> tuple[Remark, ...]:
        self._remarks.sort(key=lambda remark: remark.line or 0)
        if self._unsaid:
            self._remarks.append(Remark(self.name, None, f"{self._unsaid} more remarks."))
        return tuple(self._remarks)

    def _understood(self, line: int, text: str) -> str:
        """The symbol that `text` means, remembered; empty where it is none."""
        fault = self._faults.get(text)
        if text.lower() in TOTALS and not is_known(text):
            self.leave_out(line, "total", f"{shown(text)} is a total")
            return ""
        if fault is None:
            try:
                symbol, note = read_symbol(text)
            except BadSymbol as e:
                fault = e
                if len(self._faults) < MAX_SYMBOLS:
                    self._faults[text] = e
            else:
                if note:
                    self.remark(line, note)
                if len(self._read) < MAX_SYMBOLS:
                    self._read[text] = symbol
                return symbol
        self._refuse(line, text, fault)
        return ""

    def _refuse(self, line: int, text: str, fault: BadSymbol) -> None:
        """A security that is not kept here is left out; anything else is a problem."""
        if fault.kind in NO_US_SYMBOL:
            self.leave_out(line, fault.kind, fault.what.rstrip("."))
        elif fault.kind in IDENTIFIERS and self._is_dated:
            self.problem(line, unidentified(text))
        elif fault.kind in IDENTIFIERS and self._identify is not nothing_else:
            self._identified.setdefault(bare_identifier(text), []).append(line)
        else:
            self.problem(line, fault.what)

    def _look_up_identifiers(self) -> None:
        """Ask for the symbols of the identifiers that stand in the place of one, all at once."""
        if not self._identified:
            return
        found = self._identify(tuple(self._identified))
        for text, lines in self._identified.items():
            if text not in found:
                self.problem(lines[0], unidentified(text))
                continue
            self.remark(lines[0], identified_note(text, found[text]))
            for line in lines:
                self.add(line, found[text])

    def _take(self, line: int, symbol: str) -> None:
        if len(self._symbols) >= MAX_SYMBOLS:
            raise BadFile(f"{self.name} names more than {MAX_SYMBOLS:,} symbols.", "Is it a list?")
        self._symbols[symbol] = line
        self._rows[SYMBOL] += 1

    def _fix_spellings(self) -> None:
        told = dict.fromkeys(interval.symbol for interval in self.intervals)
        meant = self._resolve(tuple(self._symbols | told))
        if not meant:
            return
        self.intervals = [replace(s, symbol=meant.get(s.symbol, s.symbol)) for s in self.intervals]
        written, self._symbols = self._symbols, {}
        for symbol, line in written.items():
            right = meant.get(symbol, symbol)
            if right != symbol:
                self.remark(line, f"{symbol} is read as {right} (written without its dot).")
            if right not in self._symbols and (right == symbol or right not in written):
                self._symbols[right] = line
            else:
                self._rows[SYMBOL] -= 1
                self.leave_out(line, "repeated", f"{right} stands in the file too")

    def _note_sector(self, line: int, symbol: str, sector: str) -> None:
        first = self._sectors.setdefault(symbol, sector)
        if len(self._remarks) >= MAX_REMARKS:
            self._unsaid += first != sector
        elif first != sector:
            self.remark(
                line,
                f"{symbol} has two sectors: {shown(sector)} here, {shown(first)} in line "
                f"{self._symbols.get(symbol, line)}.",
            )
        elif "|" in sector:
            self.remark(line, f"{symbol} has more than one sector: {shown(sector, 80)}.")

    def _nothing(self) -> str:
        kinds = ", ".join(f"{n} {kind}" for kind, n in self._rows.items())
        said = "".join(f"\n  {remark}" for remark in self._remarks[:_SHOWN_OF_NONE])
        return f"{self.name} holds no symbol" + (f" ({kinds}).{said}" if kinds else ".")

    def _refusal(self, where: str, so: str = "Nothing was imported.") -> BadFile:
        listed = "\n  ".join(map(str, self._problems[:SHOWN]))
        more = len(self._problems) - SHOWN
        tail = f"\n  and {more} more" if more > 0 else ""
        count = "1 problem" if len(self._problems) == 1 else f"{len(self._problems)} problems"
        return BadFile(
            f"{count} in {self.name}{where}:\n  {listed}{tail}\n",
            f"{so} Correct or remove these lines.",
        )
