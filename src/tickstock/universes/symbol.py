"""Symbols as people, files and other vendors write them, read into the vendor's spelling.

The vendor (like the CQS tape) writes a share class `BRK.B`, preferred series L `KIMpL`, a
preferred share without series `TYp`, a warrant `ACHR.WS`, a unit `AACT.U`, a right `JACSr`,
when-issued shares with a final `w`. Case carries meaning: `KIMpL` and `KIMPL` are not the same.
Marks of a US market (`PEP.US`, `NASDAQ:PEP`, `PEP US`, `$PEP`) are read and reported.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tickstock.errors import BadSymbol
from tickstock.universes.identifiers import (
    IDENTIFIERS,
    Identify,
    bare_identifier,
    identified_note,
    identifier_in,
    mistyped,
    nobody_knows,
    unidentified,
)
from tickstock.universes.known import is_known, with_dot
from tickstock.universes.markets import is_currency_mark, is_index_mark, unmarked
from tickstock.universes.suggest import shown

SYMBOL = re.compile(r"[A-Z][A-Z0-9]*(?:p[A-Z]?|r)?w?(?:\.(?:[A-EUV]|WS(?:\.[A-Z])?))?w?")
"""The vendor's spelling: a root in capitals; `p` and a series, or `r`; `w`; a dotted suffix.

Digits are let through after the first letter: no US listing has one, test and foreign ones do. The
dotted suffixes are those that US listings have: a class, `U` for a unit, `WS` for a warrant.
"""
_PLAIN = re.compile(r"[A-Z]{1,6}")
MAX_LENGTH = 16
LONGEST_TYPED_ROOT = 6
"""US tickers have at most five letters (six on test issues): longer lower-case words are prose."""

_EDGES = (
    " \t\r\n\f\v\u0085\u00a0\u1680\u2007\u2009\u200b"
    "\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"), "-")
"""Hyphens of word processors, in the place of the one on the keyboard."""
_FORMULA_STARTS = "=+-@"
_OTHER_MARKETS = {"I": "an index", "X": "a crypto pair", "C": "a currency pair", "O": "an option"}
_MISSING_LISTED = """
nan NaN Nan none None NONE null Null NULL nil NaT nat <NA> n/a N/A na -- -
"""
_MISSING = frozenset(_MISSING_LISTED.split())
"""What programs write for "no value". NAN and NA in capitals are tickers."""
_HEADINGS_LISTED = """
SYMBOL SYMBOLS TICKER TICKERS ISIN CUSIP SEDOL FIGI TOTAL TOTALS SUBTOTAL
"""
_HEADINGS = frozenset(_HEADINGS_LISTED.split())
"""What stands over or below a column. Where one of these is listed, it is a ticker."""
_ERROR = re.compile(r"#N/A\b.*|#NV|#[^\W\d_]+(/\w+)?[!?]|#GETTING_DATA|Err:\d{3}|Loading\.\.\.")
"""The errors of spreadsheets in any language: #N/A, #N/A N/A, #REF!, #BEZUG!, #NAME?, Err:502."""
_DATE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}([T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}"
    r"|\d{1,2}[- /][A-Za-z]{3}[- /]\d{2,4}|[A-Za-z]{3,9}\.? \d{1,2},? \d{4}"
)
_NUMBER = re.compile(r"[-+($\u20ac\u00a3]*\d[\d.,']*(e[-+]?\d+)?[)%]*", re.IGNORECASE)
NO_US_SYMBOL = frozenset(("foreign", "option", "index", "currency", "crypto"))
"""Kinds of `BadSymbol` that are securities all the same, and none that is kept here."""
_SHOWN_FAULTS = 10


@dataclass(frozen=True, slots=True)
class _Spelling:
    """A way others write a suffix, and the vendor's way of writing the same."""

    written: re.Pattern[str]
    symbol: str
    means: str


def _spelling(suffix: str, symbol: str, means: str) -> _Spelling:
    return _Spelling(re.compile(r"(?P<root>[A-Z][A-Z0-9]*)" + suffix), symbol, means)


# In this order: `-PD` before the rule of one letter. Left out because two sources disagree:
# a final `^` (right on the Nasdaq tape, preferred in the Nasdaq screener) and a final `-`.
# One letter after `-` is a class for Yahoo and the SEC, a preferred series on the Nasdaq tape;
# the class wins, and the note names the other reading.
_SPELLINGS = (
    _spelling(
        r"(?:[-/]PR?|[ .]PR[ .]?|[$^])(?P<tail>[A-Z])",
        "{root}p{tail}",
        "preferred series {tail}",
    ),
    _spelling(r"(?:\$|[-/ .]PR|-P)", "{root}p", "preferred without a series"),
    _spelling(r"(?:[-/ ]W[ST]|\.WT|\+)", "{root}.WS", "warrant"),
    _spelling(
        r"(?:[-/ ]W[ST][-. ]?|\.WT[-. ]?|\+)(?P<tail>[A-Z])", "{root}.WS.{tail}", "warrant {tail}"
    ),
    _spelling(r"(?:[-/.]UN|=)", "{root}.U", "unit"),
    _spelling(r"(?:[-/ .]R[IT])", "{root}r", "right"),
    _spelling(r"[-/ .]W[ID]", "{root}w", "when issued"),
    _spelling(
        r"-(?P<tail>[A-Z])",
        "{root}.{tail}",
        "share class {tail}; a preferred series {tail} is {root}p{tail}",
    ),
    _spelling(r"[/ ](?P<tail>[A-Z])", "{root}.{tail}", "share class {tail}"),
)


@dataclass(frozen=True, slots=True)
class SymbolList:
    """Symbols in the order given, each once; what was respelled; what was there again."""

    symbols: tuple[str, ...]
    notes: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()


def read_symbol(text: str) -> tuple[str, str | None]:
    """One symbol from outside in the vendor's spelling, and a note when that changed it.

    Blanks, no-break spaces and byte-order marks around it are dropped without a note. A word
    typed all in lower case is taken for capitals; any other mix of cases is kept, since it
    means something. A share class that everybody knows is given its dot. Reading the answer again
    changes nothing.

    Raises BadSymbol, whose `kind` says what it is instead, for anything that cannot be a US symbol:
    blank, longer than 16 characters, prose, control characters, a number, a date, a missing value,
    an error of a spreadsheet, an identifier, a foreign listing, the start of a formula.
    """
    bare = text.strip(_EDGES)
    if _PLAIN.fullmatch(bare) and bare not in _MISSING and bare not in _HEADINGS:
        dotted = with_dot(bare)
        return (dotted, _dotted(bare, dotted)) if dotted else (bare, None)
    written = _SPACES.sub(" ", bare)
    core = written.translate(_DASHES)
    if fault := _fault(core):
        raise BadSymbol(f"{shown(text)} is not a symbol: {fault.what}.", fault.hint, fault.kind)
    symbol, means = _respelled(core)
    if symbol == bare:
        return symbol, None
    return symbol, f"{written} is read as {symbol} ({means})."


def _dotted(bare: str, dotted: str) -> str:
    return f"{bare} is read as {dotted} (written without its dot)."


def read_symbols(texts: Iterable[str], identify: Identify | None = None) -> SymbolList:
    """Many symbols by the rules of `read_symbol`; order is kept, repeats are dropped and named.

    Two spellings of one symbol are repeats (`BRK-B`, `BRK.B`). `identify` tells of identifiers
    which symbols they have. Raises one BadSymbol that names every text that cannot be read, with
    its position counted from 1.
    """
    read = [_read_or_fault(text) for text in texts]
    asked = [one.text for one in read if one.kind in IDENTIFIERS]
    found = (identify or nobody_knows)(tuple(dict.fromkeys(asked))) if asked else {}
    kept: dict[str, None] = {}
    notes: list[str] = []
    repeats: list[str] = []
    faults: list[str] = []
    for place, one in enumerate(read, 1):
        symbol = one.symbol or found.get(one.text, "")
        if not symbol:
            faults.append(f"{place}: {one.what(is_asked=identify is not None)}")
            continue
        if note := one.note or ("" if one.symbol else identified_note(one.text, symbol)):
            notes.append(note)
        if symbol in kept:
            repeats.append(symbol)
        kept[symbol] = None
    if faults:
        raise _all_faults(faults)
    return SymbolList(tuple(kept), tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(repeats)))


@dataclass(frozen=True, slots=True)
class _ReadText:
    """A text that was read: its symbol, or what it is instead."""

    text: str
    symbol: str = ""
    note: str = ""
    kind: str = ""
    fault: str = ""

    def what(self, *, is_asked: bool) -> str:
        if is_asked and self.kind in IDENTIFIERS:
            return unidentified(self.text)
        return self.fault


def _read_or_fault(text: str) -> _ReadText:
    try:
        symbol, note = read_symbol(text)
    except BadSymbol as error:
        return _ReadText(bare_identifier(text), kind=error.kind, fault=error.what)
    return _ReadText(text, symbol, note or "")


def _respelled(written: str) -> tuple[str, str]:
    """The vendor's spelling and what it means; `_fault` has let `written` through."""
    capitals = written.upper() if written.islower() else written
    if SYMBOL.fullmatch(capitals):
        dotted = with_dot(capitals)
        return dotted or capitals, "symbols are written in capitals"
    if found := _by_table(capitals):
        return found
    mark = unmarked(capitals)
    if mark is None:
        return capitals, "symbols are written in capitals"
    symbol, means = _respelled(mark.symbol)
    return symbol, mark.means if symbol == mark.symbol else f"{mark.means}; {means}"


def _by_table(capitals: str) -> tuple[str, str] | None:
    for spelling in _SPELLINGS:
        match = spelling.written.fullmatch(capitals)
        if match:
            parts = match.groupdict()
            symbol = spelling.symbol.format(**parts)
            if not SYMBOL.fullmatch(symbol):
                return _preferred(**parts)
            return symbol, spelling.means.format(**parts)
    return None


def _preferred(root: str, tail: str = "") -> tuple[str, str] | None:
    """What `BAC-L` is, for no listing has a share class L: a preferred series, if there is one."""
    symbol = f"{root}p{tail}"
    return (symbol, f"preferred series {tail}") if is_known(symbol) else None


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why a text cannot be read, what to do, and in one word what it is instead."""

    what: str
    hint: str
    kind: str = ""


def _fault(written: str) -> _Fault | None:
    """Why `written` cannot be read; None where it can."""
    if not written:
        return _Fault("it is blank", "Leave it out or write a symbol such as AAPL.", "blank")
    if not written.isprintable():
        return _Fault("it holds a control character", "Remove it; is the file really text?")
    return _fault_of_kind(written) or _fault_of_length(written) or _fault_of_form(written)


def _fault_of_kind(written: str) -> _Fault | None:
    """What is something else than a symbol, and known by its shape."""
    if _ERROR.fullmatch(written):
        return _Fault(
            "it is an error of a spreadsheet", "Fix the cell and save the list again.", "error"
        )
    if written in _MISSING and written != "-":
        return _Fault(
            "it looks like a missing value", "Remove the row, or write its symbol.", "missing"
        )
    if written.upper() in _HEADINGS and not is_known(written):
        return _Fault("it is the heading of a column or of a sum", "Remove it.", "heading")
    if written.isdecimal() and len(written) < _SHORTEST_NUMERIC:
        return _Fault("it is a number", "Is this the symbol column?", "number")
    if found := identifier_in(written):
        if found.kind == "option":
            return _Fault("it is an option", "Only US stocks and ETFs are kept.", "option")
        return _Fault(
            f"it is {_AN[found.kind]}", "Give the list a column with tickers.", found.kind
        )
    if kind := mistyped(written):
        return _Fault(
            f"it looks like {_AN[kind]}, and its check digit is wrong",
            "Compare it with its source.",
        )
    if _CHINESE.fullmatch(written):
        return _Fault("it is listed in China, abroad", _KEPT, "foreign")
    if written.isdecimal() or (_NUMBER.fullmatch(written) and not written.isalpha()):
        return _Fault("it is a number", "Is this the symbol column?", "number")
    if _DATE.fullmatch(written):
        return _Fault("it is a date", "Is this the symbol column?", "date")
    if is_index_mark(written) and not is_known(written[1:]):
        return _Fault("it names an index", _KEPT, "index")
    if is_currency_mark(written):
        return _Fault("it is a currency, a future or a coin", _KEPT, "currency")
    return None


_CHINESE = re.compile(r"(SH|SZ|BJ)\d{6}")
"""As data sets of that market write its listings."""
_KEPT = "Only US stocks and ETFs are kept."
_AN = {"ISIN": "an ISIN", "CUSIP": "a CUSIP", "SEDOL": "a SEDOL", "FIGI": "a FIGI"}
_SHORTEST_NUMERIC = 7
"""A number of fewer digits is no identifier."""


def _fault_of_length(written: str) -> _Fault | None:
    if len(written) > MAX_LENGTH and not unmarked(written):
        return _Fault(
            f"it has {len(written)} characters, a symbol has at most {MAX_LENGTH}",
            "Is this the symbol column?",
            "word",
        )
    if written[0] in _FORMULA_STARTS:
        return _Fault(
            f"it starts with {written[0]!r} like a spreadsheet formula or a placeholder",
            "Leave it out.",
        )
    return None


def _fault_of_form(written: str) -> _Fault | None:
    typed = written.islower()
    if typed and len(re.split(r"[^a-z0-9]", written)[0]) > LONGEST_TYPED_ROOT:
        return _Fault("it reads like a word", "Write symbols in capitals.", "word")
    capitals = written.upper() if typed else written
    respelled = _by_table(capitals)
    if respelled and len(respelled[0]) > MAX_LENGTH:
        return _Fault(
            f"{respelled[0]} is longer than {MAX_LENGTH} characters", "Check the spelling."
        )
    if respelled or SYMBOL.fullmatch(capitals):
        return None
    if mark := unmarked(capitals):
        if mark.abroad:
            return _Fault(f"it is {mark.means}, abroad", _KEPT, "foreign")
        return _fault(mark.symbol)
    return _fault_of_words(written)


def _fault_of_words(written: str) -> _Fault:
    if ":" in written:
        return _fault_of_colon(written)
    if " " in written:
        return _Fault("it holds a space", "Write one symbol; separate several with commas.", "word")
    root, dot, ending = written.rpartition(".")
    if dot and root and ending.isalpha() and ending.isupper() and SYMBOL.fullmatch(root):
        return _Fault(
            f"no US listing ends with .{ending}", "Look the symbol up; is it still listed?"
        )
    if SYMBOL.fullmatch(written.upper()):
        return _Fault(
            "its mix of capitals and small letters is none the vendor uses",
            f"Write {written.upper()}, or a preferred share like KIMpL.",
            "word",
        )
    return _Fault("it is in no spelling we know", "Write it like AAPL, BRK.B, KIMpL or ACHR.WS.")


def _fault_of_colon(written: str) -> _Fault:
    prefix, rest = written.split(":", 1)
    if prefix in _OTHER_MARKETS:
        kinds = {"I": "index", "X": "crypto", "C": "currency", "O": "option"}
        return _Fault(f"it names {_OTHER_MARKETS[prefix]}", _KEPT, kinds[prefix])
    return _Fault("it holds a colon", f"Write the symbol alone, {shown(rest)}.")


def _all_faults(faults: list[str]) -> BadSymbol:
    more = len(faults) - _SHOWN_FAULTS
    listed = "\n  ".join(faults[:_SHOWN_FAULTS]) + (f"\n  and {more} more" if more > 0 else "")
    count = "1 text is" if len(faults) == 1 else f"{len(faults)} texts are"
    return BadSymbol(f"{count} not a symbol:\n  {listed}\n", "Correct or remove them.")
