"""What a source is, and the two kinds that most are: holdings of a fund, positions at a broker."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tickstock.errors import BadSymbol
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import heading, normal
from tickstock.universes.files.holdings import PREAMBLE, read_holdings
from tickstock.universes.files.imported import Gather
from tickstock.universes.known import is_known
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import read_symbol


@dataclass(frozen=True, slots=True)
class ListSource:
    """`name` is what the answer calls it; `columns` how many headings it asks for."""

    name: str
    is_one: Callable[[Sequence[Row]], bool]
    read: Callable[[Iterable[Row], Gather], None]
    columns: int = 0


def header_with(*columns: str) -> Callable[[Sequence[Row]], bool]:
    """Recognises rows that have a header with all of these headings among the first ones."""
    wanted = frozenset(columns)

    def is_one(rows: Sequence[Row]) -> bool:
        return any(wanted <= set(map(normal, row)) for _, row in rows[:PREAMBLE])

    return is_one


def holdings(name: str, *columns: str) -> ListSource:
    """Holdings of a fund under a header that has all of `columns`."""
    return ListSource(f"{name} holdings", header_with(*columns), read_holdings, len(columns))


# --- positions at a broker -------------------------------------------------------------------
_MUTUAL_FUND = re.compile(r"[A-Z]{4}X")
_CASH_WORDS = re.compile(
    r"cash( & cash investments)?|pending activity|usd|core|uninvested cash|cash balance"
    r"|cash and sweep.*|total cash.*",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"((grand|account|portfolio|positions?) )?totals?:?", re.IGNORECASE)
_KINDS = (
    (re.compile(r"mutual fund"), "mutual fund"),
    (re.compile(r"option"), "option"),
    (re.compile(r"money market|cash|sweep"), "money market"),
    (re.compile(r"fixed income|bond|treasur|\bcds?\b|certificate"), "bond"),
    (re.compile(r"future|forex|crypto"), "derivative"),
)


@dataclass(slots=True)
class Positions:
    """Reads positions: under `symbol` what is held, under `kind` what kind of thing it is.

    A header without `symbol` and with one of `ends` begins another table, which holds no positions.
    """

    gather: Gather
    symbol: str = "symbol"
    kind: str = ""
    ends: frozenset[str] = frozenset()
    names: list[str] = field(default_factory=list)
    is_over: bool = False

    def read(self, rows: Iterable[Row]) -> None:
        for line, row in rows:
            self._take(line, row)

    def _take(self, line: int, row: Sequence[str]) -> None:
        names = list(map(normal, row))
        filled = [text for cell in row if (text := bare(cell))]
        if self.ends and self.ends <= set(names):
            self.is_over = True
            self.gather.leave_out(line, "heading")
        elif self.symbol in names and len(filled) > 1 and not self.is_over:
            self.names = names
            self.gather.leave_out(line, "heading")
        elif self.is_over:
            self.gather.leave_out(line, "no position")
        elif not self.names:
            self.gather.leave_out(line, "heading")
        elif len(filled) == 1 and len(row) < len(self.names):
            self.gather.leave_out(line, "text", f"{shown(filled[0])} is a line of text")
        elif len(row) < len(self.names) / 2:
            self.gather.problem(
                line,
                f"{len(row)} cells where the header has {len(self.names)}: the row ends early.",
            )
        else:
            self._position(line, dict(zip(self.names, map(bare, row), strict=False)))

    def _position(self, line: int, cells: Mapping[str, str]) -> None:
        text = cells.get(self.symbol, "")
        kind = kind_of_position(text, cells.get(self.kind, "") if self.kind else "")
        if kind is None:
            self.gather.add(line, text)
        else:
            self.gather.leave_out(line, kind, f"{shown(text)} is {_A.get(kind, f'a {kind}')}")


_A = {
    "without symbol": "no symbol",
    "option": "an option",
    "index": "an index",
    "money market": "cash or a money market fund",
    "pending activity": "no position",
}


def kind_of_position(text: str, kind: str = "") -> str | None:
    """Why a position is no listed share, by its symbol and the broker's word for its kind."""
    if not text or text in ("--", "-"):
        return "without symbol"
    if text.lower() == "pending activity":
        return "pending activity"
    if _TOTAL.fullmatch(text):
        return "total"
    if text.startswith("$"):  # of positions, where nobody writes cashtags
        return "index"
    if text.endswith("**") or _CASH_WORDS.fullmatch(text):
        return None if text in ("USD", "CASH", "CORE") and _is_share(kind) else "money market"
    if found := next((word for words, word in _KINDS if words.search(kind.lower())), None):
        return found
    if _MUTUAL_FUND.fullmatch(text) and not is_known(text):
        return "mutual fund"
    try:
        read_symbol(text)
    except BadSymbol as fault:
        return {"option": "option", "CUSIP": "bond"}.get(fault.kind)
    return None


def _is_share(kind: str) -> bool:
    return bool(re.search(r"equit|stock|etf|common", kind.lower()))


def positions(name: str, *columns: str, kind: str = "", ends: Sequence[str] = ()) -> ListSource:
    """Positions at a broker under a header that has all of `columns`."""

    def read(rows: Iterable[Row], gather: Gather) -> None:
        Positions(gather, kind=kind, ends=frozenset(ends)).read(rows)
        if not gather.has_rows:
            gather.problem(None, "no header with a column of symbols was found.")

    return ListSource(name, header_with(*columns), read, len(columns))


def table_row(names: Sequence[str], row: Sequence[str]) -> dict[str, str]:
    """A row by its normalised column names."""
    return dict(zip(names, map(bare, row), strict=False))


__all__ = [
    "ListSource",
    "Positions",
    "header_with",
    "heading",
    "holdings",
    "kind_of_position",
    "positions",
    "table_row",
]
