"""Made-up lists of known truth: real symbols in the shapes, dialects and encodings of real files,
with the rows that real files have besides.

`make(seed)` gives the bytes of a file and what is true of it. Nothing is left to the eye: each row
that is written is noted as what it is.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tickstock.universes.known import us_symbols, with_dot

PLAIN = sorted(s for s in us_symbols() if s.isalpha() and s.isupper() and 2 <= len(s) <= 5)
CLASSES = sorted(s for s in us_symbols() if s[-2:-1] == "." and s[-1] in "AB" and "WS" not in s)
PREFERRED = sorted(s for s in us_symbols() if s[-2:-1] == "p" and s[-1].isupper())
FOREIGN = (
    "VOD.L",
    "RY.TO",
    "7203.T",
    "0700.HK",
    "2899 HK",
    "TECK/B CN",
    "IRE AU",
    "LSE:VOD",
    "SAP.DE",
)
OPTIONS = ("PEP270115C160", "AAPL  270115C00160000", "O:SPY270115C00650000")
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!")
MISSING = ("nan", "NaN", "None", "null")
IDENTIFIERS = ("US7134481081", "US1912161007", "IE00BTN1Y115", "BBG000B9XRY4", "37833100")
NUMBERS = ("1,500.25", "2026-11-20", "11/20/2026", "45.2%", "12345")
NAMES = (
    "PepsiCo, Inc.", "COCA COLA CO", "Caterpillar", "3M CO", "Nestl\u00e9 Holdings", "AT&T Inc.",
    "Moody's Corp", "Berkshire Hathaway Inc Class B", 'The "Big" Company', "Deere & Co",
)  # fmt: skip
FOOTERS = (
    "The information in this file is provided to you solely for your use, not for distribution.",
    "Date downloaded Nov-20-2026 10:12 a.m ET",
    "*Figures are rounded and may not add up; the example is not an offer.",
)
TOTALS = ("TOTAL", "Total", "Grand Total", "Summe", "Totale", "Gesamt")
HEADS = (
    "symbol",
    "Symbol",
    "SYMBOL",
    "Ticker",
    "TICKER",
    "Ticker symbol",
    "Stock Symbol",
    "Symbols",
)


@dataclass
class Truth:
    """What is right of a file: its symbols in order, rows by kind, and the lines to be refused."""

    name: str
    symbols: list[str] = field(default_factory=list)
    rows: Counter[str] = field(default_factory=Counter)
    refused: list[int] = field(default_factory=list)
    may_refuse: bool = False
    """Whether the shape leaves so much open that a refusal is right too."""


Row = tuple[str, str]
"""A cell in the place of the symbol, and what it is: `symbol` and so on, or `refused`."""


def make(seed: int) -> tuple[bytes, Truth]:
    """A file, and what is true of it."""
    dice = random.Random(seed)
    shape = dice.choice(SHAPES)
    truth = Truth(f"storm{seed}")
    text = shape(dice, truth)
    return _encoded(dice, text), truth


# --- cells ----------------------------------------------------------------------------------
def _cells(dice: random.Random, truth: Truth, *, trouble: bool = True) -> list[Row]:
    """Symbols in the dialects of others, and in one of three files rows that are none."""
    dialect = dice.choice(DIALECTS)
    chosen = dice.sample(PLAIN, dice.randint(3, 20))
    chosen += dice.sample(CLASSES, dice.randint(0, 2)) + dice.sample(PREFERRED, dice.randint(0, 2))
    dice.shuffle(chosen)
    rows: list[Row] = [(dialect(dice, symbol), "symbol") for symbol in chosen]
    truth.symbols = chosen
    if dice.random() < 0.2:
        again = dice.choice(chosen)
        rows.append((dialect(dice, again), "repeated"))
    if trouble and dice.random() < 0.35:
        rows += _foreigners(dice)
    if trouble and dice.random() < 0.25:
        kind = dice.choice((ERRORS, MISSING, IDENTIFIERS[:4], NUMBERS))
        rows.insert(dice.randint(1, len(rows)), (dice.choice(kind), "refused"))
    truth.rows = Counter(kind for _, kind in rows if kind != "refused")
    return rows


def _foreigners(dice: random.Random) -> list[Row]:
    found: list[Row] = [(text, "foreign") for text in dice.sample(FOREIGN, dice.randint(1, 3))]
    return found + ([(dice.choice(OPTIONS), "option")] if dice.random() < 0.3 else [])


def _vendor(_: random.Random, symbol: str) -> str:
    return symbol


def _dashes(dice: random.Random, symbol: str) -> str:
    dash = dice.choice("--\u2010\u2011\u2013\u2212")
    if symbol[-2:-1] == ".":
        return symbol.replace(".", dash)
    return f"{symbol[:-2]}{dash}P{symbol[-1]}" if symbol[-2:-1] == "p" else symbol


def _slashes(_: random.Random, symbol: str) -> str:
    if symbol[-2:-1] == ".":
        return symbol.replace(".", "/")
    return f"{symbol[:-2]}^{symbol[-1]}" if symbol[-2:-1] == "p" else symbol


def _dotless(_: random.Random, symbol: str) -> str:
    bare = symbol.replace(".", "")
    return bare if with_dot(bare) == symbol else symbol


def _us_ending(_: random.Random, symbol: str) -> str:
    return f"{symbol}.US" if symbol.isalpha() and symbol.isupper() else symbol


def _bloomberg(_: random.Random, symbol: str) -> str:
    return f"{symbol.replace('.', '/')} US" if "p" not in symbol else symbol


def _prefixed(dice: random.Random, symbol: str) -> str:
    return f"{dice.choice(('NASDAQ', 'NYSE', 'AMEX'))}:{symbol}"


def _cashtag(_: random.Random, symbol: str) -> str:
    return f"${symbol}"


DIALECTS: tuple[Callable[[random.Random, str], str], ...] = (
    _vendor, _vendor, _dashes, _slashes, _dotless, _us_ending, _bloomberg, _prefixed, _cashtag,
)  # fmt: skip


# --- shapes ---------------------------------------------------------------------------------
def _lines(dice: random.Random, truth: Truth) -> str:
    """One symbol a line."""
    rows = _cells(dice, truth)
    lines = [dice.choice(HEADS)] if dice.random() < 0.4 else []
    for cell, kind in rows:
        if dice.random() < 0.05:
            lines.append("# a comment, with words")
            truth.rows["comment"] += 1
        if kind == "refused" and "," in cell:
            cell = "12345"
        lines.append(cell)
        if kind == "refused":
            truth.refused.append(len(lines))
    return _joined(dice, lines)


def _in_a_row(dice: random.Random, truth: Truth) -> str:
    """All in one line, between commas."""
    cells = [cell for cell, _ in _cells(dice, truth, trouble=False)]
    truth.may_refuse = any(" " in cell for cell in cells)
    return dice.choice((", ", ",", ";", "\t")).join(cells)


def _program(dice: random.Random, truth: Truth) -> str:
    """A list that was pasted out of a program."""
    cells = [cell for cell, _ in _cells(dice, truth, trouble=False)]
    start = dice.choice(("", "tickers = ", "UNIVERSE="))
    return f"{start}[{', '.join(repr(cell) for cell in cells)}]"


def _markdown(dice: random.Random, truth: Truth) -> str:
    rows = _cells(dice, truth)
    lines = [f"| {dice.choice(HEADS)} | Name |", "|---|:---|"]
    for cell, kind in rows:
        lines.append(f"| {cell} | {dice.choice(NAMES)} |")
        if kind == "refused":
            truth.refused.append(len(lines))
    return _joined(dice, lines)


def _table(dice: random.Random, truth: Truth) -> str:
    """A table with a header, and what stands around tables."""
    rows = _cells(dice, truth)
    separator = dice.choice(",,,;\t|")
    columns = ["Name", "Weight (%)", "Price", "Added"][: dice.randint(1, 4)]
    abroad = _abroad(dice, truth, columns)
    place = dice.randint(0, len(columns))
    lines: list[list[str]] = []
    if separator != "\t" and dice.random() < 0.1:
        lines.append([f"sep={separator}"])
    if dice.random() < 0.15:
        lines.append(["" if dice.random() < 0.5 else "Group"] * (len(columns) + 1))
        truth.rows["heading"] += any(lines[-1])
    header = [*columns[:place], dice.choice(HEADS), *columns[place:]]
    lines.append(header)
    for cell, kind in rows + [(symbol, "foreign") for symbol in abroad]:
        lines.append(_row(dice, columns, place, cell, cell in abroad))
        if kind == "refused":
            truth.refused.append(len(lines))
        _interrupt(dice, truth, lines, header, columns, place)
    if dice.random() < 0.2:
        lines.append(_row(dice, columns, place, dice.choice(TOTALS)))
        truth.rows["total"] += 1
    if dice.random() < 0.2:
        lines.append([dice.choice(FOOTERS)])
        truth.rows["text"] += 1
    return _written(dice, lines, separator)


def _abroad(dice: random.Random, truth: Truth, columns: list[str]) -> list[str]:
    """Symbols that are listed in the US too, in rows that tell another currency or exchange."""
    if dice.random() < 0.8:
        return []
    columns.append(dice.choice(("Currency", "Exchange", "Local Currency")))
    found = [s for s in dice.sample(PLAIN, dice.randint(1, 3)) if s not in truth.symbols]
    truth.rows["foreign"] += len(found)
    return found


def _row(
    dice: random.Random, columns: list[str], place: int, cell: str, is_abroad: bool = False
) -> list[str]:
    currency = dice.choice(("GBP", "EUR", "CAD")) if is_abroad else dice.choice(("USD", ""))
    values = {
        "Name": dice.choice(NAMES), "Weight (%)": dice.choice((f"{dice.random():.4f}", "0,1234")),
        "Price": f"${dice.randint(1, 9999):,}.10", "Added": "11/20/2026",
        "Currency": currency, "Local Currency": currency,
        "Exchange": dice.choice(("LSE", "XETRA", "Toronto Stock Exchange")) if is_abroad
        else dice.choice(("NASDAQ", "NYSE", "New York Stock Exchange", "")),
    }  # fmt: skip
    cells = [values[column] for column in columns]
    return [*cells[:place], cell, *cells[place:]]


def _interrupt(
    dice: random.Random,
    truth: Truth,
    lines: list[list[str]],
    header: list[str],
    columns: list[str],
    place: int,
) -> None:
    """Between rows: nothing, the header again, a comment, a row without a symbol."""
    chance = dice.random()
    if chance < 0.03:
        lines.append([])
    elif chance < 0.05:
        lines.append(header)
        truth.rows["heading"] += 1
    elif chance < 0.07:
        lines.append(["# not these"])
        truth.rows["comment"] += 1
    elif chance < 0.10:
        lines.append(_row(dice, columns, place, ""))
        truth.rows["without symbol"] += 1


def _headless(dice: random.Random, truth: Truth) -> str:
    """A table without a header: the shape may leave open which column it is."""
    rows = _cells(dice, truth)
    truth.may_refuse = True
    lines = [[cell, dice.choice(NAMES), f"{dice.random():.3f}"] for cell, _ in rows]
    truth.refused = [n for n, (_, kind) in enumerate(rows, 1) if kind == "refused"]
    return _written(dice, lines, dice.choice(",;\t"))


def _holdings(dice: random.Random, truth: Truth) -> str:
    rows = _cells(dice, truth)
    rows = [row for row in rows if row[1] in ("symbol", "repeated", "foreign")]
    truth.rows = Counter(kind for _, kind in rows)
    lines = [["Example Core ETF"], ["Fund Holdings as of", "Nov 20, 2026"], []]
    truth.rows["heading"] += 2
    lines.append(["Ticker", "Name", "Sector", "Asset Class", "Weight (%)"])
    lines += [[cell, dice.choice(NAMES), "Energy", "Equity", "1.0"] for cell, _ in rows]
    lines.append(["USD", "USD CASH", "Cash and/or Derivatives", "Cash", "0.1"])
    lines.append(["ESZ6", "S&P500 EMINI DEC 26", "Cash and/or Derivatives", "Futures", "0.0"])
    truth.rows.update(("cash", "derivative"))
    lines += [[], [dice.choice(FOOTERS)]]
    truth.rows["text"] += 1
    return _written(dice, lines, ",")


def _watchlist(dice: random.Random, truth: Truth) -> str:
    """A charting site's."""
    chosen = dice.sample(PLAIN, dice.randint(3, 20)) + dice.sample(CLASSES, 1)
    truth.symbols = chosen
    truth.rows = Counter({"symbol": len(chosen), "section": 2, "foreign": 1})
    cells = [f"{dice.choice(('NASDAQ', 'NYSE', 'AMEX'))}:{symbol}" for symbol in chosen]
    cells = ["###FIRST", *cells[:2], "###SECOND", *cells[2:], "LSE:VOD"]
    return dice.choice((",", "\n")).join(cells)


def _contracts(dice: random.Random, truth: Truth) -> str:
    """A broker's watchlist."""
    chosen = dice.sample(PLAIN, dice.randint(3, 20)) + dice.sample(CLASSES, 1)
    truth.symbols = chosen
    truth.rows = Counter({"symbol": len(chosen), "option": 1})
    lines = [f"DES,{symbol.replace('.', ' ')},STK,SMART/NYSE,,,," for symbol in chosen]
    lines.insert(1, "DES,PEP,OPT,SMART,20270115,160,C,100")
    return _joined(dice, lines)


def _json(dice: random.Random, truth: Truth) -> str:
    rows = _cells(dice, truth)
    head = dice.choice(HEADS)
    records = [{"Name": dice.choice(NAMES), head: cell} for cell, _ in rows]
    if any(kind == "refused" for _, kind in rows):
        truth.refused = [1]
    table = [[record["Name"], record[head]] for record in records]
    value = dice.choice(
        (
            [cell for cell, _ in rows],
            records,
            {"fields": ["Name", head], "data": table},
            {"results": records, "status": "OK"},
            {str(n): record for n, record in enumerate(records)},
            {
                column: {str(n): r[column] for n, r in enumerate(records)}
                for column in ("Name", head)
            },
        )
    )
    if dice.random() < 0.2:
        truth.refused = [n for n, (_, kind) in enumerate(rows, 1) if kind == "refused"]
        return "\n".join(json.dumps(record) for record in records)
    return json.dumps(value)


SHAPES: tuple[Callable[[random.Random, Truth], str], ...] = (
    _lines, _lines, _in_a_row, _program, _markdown, _table, _table, _table, _headless, _holdings,
    _watchlist, _contracts, _json,
)  # fmt: skip


# --- writing --------------------------------------------------------------------------------
def _written(dice: random.Random, lines: list[list[str]], separator: str) -> str:
    out = io.StringIO()
    quoting = dice.choice((csv.QUOTE_MINIMAL, csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    for line in lines:
        if line and line[0].startswith("sep="):
            out.write(f"{line[0]}\n")
        else:
            csv.writer(out, delimiter=separator, quoting=quoting, lineterminator="\n").writerow(
                line
            )
    return _joined(dice, out.getvalue().splitlines())


def _joined(dice: random.Random, lines: list[str]) -> str:
    end = dice.choice(("\n", "\n", "\r\n", "\r"))
    return end.join(lines) + end


def _encoded(dice: random.Random, text: str) -> bytes:
    kind = dice.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "cp1252"))
    try:
        data = text.encode(kind)
    except UnicodeEncodeError:
        data = text.encode()
    return gzip.compress(data, 1) if dice.random() < 0.1 else data
