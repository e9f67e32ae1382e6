"""Holdings of funds and positions at brokers: tables inside a report.

Lines about the fund come first, legal text last, and cash, futures and leftovers of mergers stand
between the shares. What is no listed share is left out and counted. Whose report it is, is told by
the files of `sources`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from tickstock.errors import BadSymbol
from tickstock.universes.files.delimited import Row, bare
from tickstock.universes.files.headers import heading
from tickstock.universes.files.imported import Gather
from tickstock.universes.suggest import shown
from tickstock.universes.symbol import MAX_LENGTH, read_symbol

TICKERS = ("holding ticker", "ticker", "symbol", "holdings ticker", "stock ticker")
PREAMBLE = 60
"""A header is looked for in this many rows."""
_COMPANIONS = frozenset(
    {"name", "holdings", "holding name", "asset class", "sector", "shares", "shares held", "weight"}
    | {"weight (%)", "% of fund", "% of funds", "market value", "sedol", "cusip", "identifier"}
    | {"security identifier"}
)
"""A ticker column and one of these make the header of a report."""
_CLASSES = ("asset class", "class of shares", "security type", "type")
_SECTORS = ("sector", "sub-industry")
_NAMES = ("name", "holdings", "holding name", "security name", "constituent_name", "company")
_CURRENCIES = ("market currency", "local currency")

_NO_SHARE = (
    (re.compile(r"\b(cash|money market|currency|collateral|margins?|repo\w*)\b"), "cash"),
    (re.compile(r"\b(future|forward|swap|option|derivative|warrant)s?\b"), "derivative"),
    (re.compile(r"\b(bond|bonds|fixed income|treasury|notes?)\b"), "bond"),
)
_NO_TICKER = re.compile(r"[-–—.]*|n/a|none|null", re.IGNORECASE)
_CASH_TICKER = re.compile(r"[-_ ]?CASH[-_ ].*|.*[-_]CASH[-_]?|-.+-")
_MONEY = re.compile(
    r"(US|U\.S\.) DOLLAR|\bUSD\b|\bCASH\b|\bCURRENCY\b|\b(PAYABLE|RECEIVABLE)S?\b", re.IGNORECASE
)
_DATE = (
    r"(\d{4}-\d{2}-\d{2}|\d{1,2}/\d{1,2}/\d{4}|\d{1,2}[-/ ][A-Za-z]{3}[-/ ]\d{4}"
    r"|[A-Za-z]{3,9}\.? \d{1,2}, \d{4})"
)
_AS_OF = re.compile(r"\bas of:?\s+" + _DATE, re.IGNORECASE)
_DATE_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%d-%b-%Y", "%d/%b/%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y")
_ABOVE = 2
"""Cells of a line about the fund: what it tells, and its value."""
_SHORT = 5
"""A line of a report has fewer cells than a holding."""
_PROSE = 60
"""No name of a security is longer and has small letters."""
_SHARES = ("equity", "equities", "stock", "stocks", "common stock")


def is_report(rows: Sequence[Row]) -> bool:
    """Whether these are holdings of an unknown issuer: a header under lines about the fund. A table
    whose first row is the header, or stands under headings of groups, is a plain list."""
    above: list[int] = []
    for _, row in rows[:PREAMBLE]:
        if _is_header(heading(row)):
            return bool(above) and max(above) <= _ABOVE and 2 * max(above) < len(row)
        above.append(sum(map(bool, map(bare, row))))
    return False


def read_holdings(rows: Iterable[Row], gather: Gather) -> None:
    """Gather the shares among the holdings, and the day that the report names."""
    gather.expect_listing()
    report = _Report(gather)
    for line, row in rows:
        report.take(line, row)
    if not report.names:
        gather.problem(None, "no header with a ticker column was found: are these holdings?")


class _Report:
    """Where in a report the reading is: before the header, in a table, or in another section."""

    def __init__(self, gather: Gather) -> None:
        self.gather = gather
        self.names: list[str] = []
        self.section = ""

    def take(self, line: int, row: Sequence[str]) -> None:
        filled = [text for cell in row if (text := bare(cell))]
        if any(text.lower() in TICKERS for text in filled) and _is_header(heading(row)):
            if heading(row) == self.names:
                self.gather.leave_out(line, "heading")
            self.names, self.section = heading(row), ""
        elif len(filled) < _SHORT and (day := _AS_OF.search(" ".join(filled))):
            self._new_section(line, filled[0], day[1])
        elif not self.names:
            self.gather.leave_out(line, "heading")
        elif self.section:
            self.gather.leave_out(line, self.section)
        elif len(filled) == 1 or _is_prose(filled[0]) or _is_prose(self._ticker(row), MAX_LENGTH):
            self.gather.leave_out(line, "text")
        else:
            self._holding(line, row)

    def _ticker(self, row: Sequence[str]) -> str:
        column = next(self.names.index(t) for t in TICKERS if t in self.names)
        return row[column] if column < len(row) else ""

    def _new_section(self, line: int, title: str, day: str) -> None:
        """Vanguard heads each kind of holding with a line such as `Equity,as of 09/30/2025`."""
        self.gather.leave_out(line, "heading")
        self.gather.as_of = self.gather.as_of or read_day(day)
        if self.names and title.lower() not in _SHARES and not _AS_OF.search(title):
            self.section = title.lower()[:40]

    def _holding(self, line: int, row: Sequence[str]) -> None:
        if len(row) < len(self.names) - 1:  # the last cell may be left out, and its comma
            self.gather.problem(
                line,
                f"{len(row)} cells where the header has {len(self.names)}: the file is cut off or "
                f"damaged here (the row is {shown(' '.join(row))}).",
            )
            return
        cells = dict(zip(self.names, map(bare, row), strict=False))
        if self.gather.as_of is None and "date" in cells:
            self.gather.as_of = read_day(cells["date"])
        add_holding(self.gather, line, cells)


def add_holding(gather: Gather, line: int, cells: Mapping[str, str]) -> None:
    """Gather one holding, by its column names in small letters, if it is a listed share."""
    ticker = next((cells[c] for c in TICKERS if c in cells), "")
    name = _first(cells, _NAMES)
    kind = _kind(ticker, name, cells)
    if kind is None:
        gather.add(line, ticker, _first(cells, _SECTORS))
    else:
        about = f"{shown(ticker)} ({shown(name)})" if name else shown(ticker)
        gather.leave_out(line, kind, f"{about} is {_WORDS.get(kind, kind)}")


_WORDS = {
    "cash": "cash",
    "derivative": "a derivative",
    "bond": "a bond",
    "without ticker": "without a ticker",
    "foreign": "listed abroad",
    "not listed": "no listed symbol",
    "total": "a total",
}


def _kind(ticker: str, name: str, cells: Mapping[str, str]) -> str | None:
    """Why a holding is no listed share; None where it is one."""
    if kind := _kind_said(_first(cells, _CLASSES) or _first(cells, _SECTORS)):
        return kind
    if _CASH_TICKER.fullmatch(ticker) or (_is_currency(ticker) and _MONEY.search(name)):
        return "cash"
    if _NO_TICKER.fullmatch(ticker):
        return "cash" if _MONEY.search(name) else "without ticker"
    if ticker.lower().split(" ")[-1] in ("total", "totals") or ticker.lower() == "grand total":
        return "total"
    currency = _first(cells, _CURRENCIES)
    if currency not in ("", "USD", "-"):
        return "foreign"
    # No US listing has a digit: futures (ESM5) and what is left of a merger (P5N994) do.
    if any(c.isdigit() for c in ticker) and len(ticker) <= MAX_LENGTH:
        return _kind_of_code(ticker)
    return None


def _kind_of_code(ticker: str) -> str | None:
    """What a ticker with a digit is: one of a foreign market, an option, or not listed; None for
    the error of a spreadsheet, which is none of these."""
    try:
        read_symbol(ticker)
    except BadSymbol as fault:
        if fault.kind == "error":
            return None
        return fault.kind if fault.kind in ("foreign", "option") else "not listed"
    return "not listed"


def _kind_said(words: str) -> str | None:
    """What the class of an asset, or the sector where no class is given, says it is."""
    return next((kind for found, kind in _NO_SHARE if found.search(words.lower())), None)


def _is_currency(ticker: str) -> bool:
    return ticker in ("USD", "EUR", "GBP", "CAD", "JPY", "CHF", "AUD", "HKD")


def _first(cells: Mapping[str, str], columns: Iterable[str]) -> str:
    return next((cells[c] for c in columns if cells.get(c)), "")


def _is_header(names: Sequence[str]) -> bool:
    return any(t in names for t in TICKERS) and not _COMPANIONS.isdisjoint(names)


def _is_prose(text: str, longest: int = _PROSE) -> bool:
    return len(text) > longest and text.count(" ") > 3 and not text.isupper()


def read_day(text: str) -> date | None:
    """A day as issuers write it; None for anything else."""
    for form in _DATE_FORMS:
        try:
            return datetime.strptime(text.replace(".", ""), form).date()  # a date
        except ValueError:
            continue
    return None
