"""Symbols as people, files and other vendors write them, read into the vendor's spelling.

The vendor (like the CQS tape) writes a share class `BRK.B`, preferred series L `KIMpL`, a
preferred share without series `TYp`, a warrant `ACHR.WS`, a unit `AACT.U`, a right `JACSr`,
when-issued shares with a final `w`. Case carries meaning: `KIMpL` and `KIMPL` are not the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from tickstock.errors import BadSymbol
from tickstock.universes.suggest import shown

SYMBOL = re.compile(r"[A-Z][A-Z0-9]*(?:p[A-Z]?|r)?w?(?:\.[A-Z]{1,2}(?:\.[A-Z])?)?w?")
"""The vendor's spelling: a root in capitals; `p` and a series, or `r`; `w`; a dotted suffix.

Digits are let through after the first letter: no US listing has one, test and foreign ones do.
"""
MAX_LENGTH = 16
LONGEST_TYPED_ROOT = 6
"""US tickers have at most five letters (six on test issues): longer lower-case words are prose."""

_EDGES = (
    " \t\r\n\f\v\u0085\u00a0\u1680\u2007\u2009\u200b"
    "\u200e\u200f\u2028\u2029\u202f\u2060\u3000\ufeff"
)
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_FORMULA_STARTS = "=+-@"
_OTHER_MARKETS = {"I": "an index", "X": "a crypto pair", "C": "a currency pair", "O": "an option"}
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
        r"(?:[-/]PR?|[ .]PR|[$^])(?P<tail>[A-Z])", "{root}p{tail}", "preferred series {tail}"
    ),
    _spelling(r"\$", "{root}p", "preferred without a series"),
    _spelling(r"(?:[-/ ]W[ST]|\+)", "{root}.WS", "warrant"),
    _spelling(r"(?:[-/ ]W[ST][-. ]?|\+)(?P<tail>[A-Z])", "{root}.WS.{tail}", "warrant {tail}"),
    _spelling(r"(?:[-/ ]UN|=)", "{root}.U", "unit"),
    _spelling(r"-RI", "{root}r", "right"),
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
    means something. Reading the answer again changes nothing.

    Raises BadSymbol for anything that cannot be a US symbol: blank, longer than 16 characters,
    prose, control characters, digits alone, the start of a spreadsheet formula.
    """
    bare = text.strip(_EDGES)
    if SYMBOL.fullmatch(bare) and len(bare) <= MAX_LENGTH:
        return bare, None
    written = _SPACES.sub(" ", bare)
    fault = _fault(written)
    if fault:
        raise BadSymbol(f"{shown(text)} is not a symbol: {fault[0]}.", fault[1])
    symbol, means = _respelled(written)
    return symbol, f"{written} is read as {symbol} ({means})."


def read_symbols(texts: Iterable[str]) -> SymbolList:
    """Many symbols by the rules of `read_symbol`; order is kept, repeats are dropped and named.

    Two spellings of one symbol are repeats (`BRK-B`, `BRK.B`). Raises one BadSymbol that names
    every text that cannot be read, with its position counted from 1.
    """
    kept: dict[str, None] = {}
    notes: list[str] = []
    repeats: list[str] = []
    faults: list[str] = []
    for place, text in enumerate(texts, 1):
        try:
            symbol, note = read_symbol(text)
        except BadSymbol as error:
            faults.append(f"{place}: {error.what}")
            continue
        if note:
            notes.append(note)
        if symbol in kept:
            repeats.append(symbol)
        kept[symbol] = None
    if faults:
        raise _all_faults(faults)
    return SymbolList(tuple(kept), tuple(dict.fromkeys(notes)), tuple(dict.fromkeys(repeats)))


def _respelled(written: str) -> tuple[str, str]:
    """The vendor's spelling and what it means; `_fault` has let `written` through."""
    capitals = written.upper() if written.islower() else written
    symbol, means = _by_table(capitals) or (capitals, "symbols are written in capitals")
    return symbol, means


def _by_table(capitals: str) -> tuple[str, str] | None:
    for spelling in _SPELLINGS:
        match = spelling.written.fullmatch(capitals)
        if match:
            parts = match.groupdict()
            return spelling.symbol.format(**parts), spelling.means.format(**parts)
    return None


def _fault(written: str) -> tuple[str, str] | None:
    """Why `written` cannot be read, and what to do; None where it can."""
    if not written:
        return "it is blank", "Leave it out or write a symbol such as AAPL."
    if not written.isprintable():
        return "it holds a control character", "Remove it; is the file really text?"
    if len(written) > MAX_LENGTH:
        return (
            f"it has {len(written)} characters, a symbol has at most {MAX_LENGTH}",
            "Is this the symbol column?",
        )
    if written[0] in _FORMULA_STARTS:
        return (
            f"it starts with {written[0]!r} like a spreadsheet formula or a placeholder",
            "Leave it out.",
        )
    if written.isdecimal():
        return "it is a number", "Is this the symbol column?"
    return _fault_of_form(written)


def _fault_of_form(written: str) -> tuple[str, str] | None:
    typed = written.islower()
    if typed and len(re.split(r"[^a-z0-9]", written)[0]) > LONGEST_TYPED_ROOT:
        return "it reads like a word", "Write symbols in capitals."
    capitals = written.upper() if typed else written
    respelled = _by_table(capitals)
    if respelled and len(respelled[0]) > MAX_LENGTH:
        return f"{respelled[0]} is longer than {MAX_LENGTH} characters", "Check the spelling."
    if respelled or SYMBOL.fullmatch(capitals):
        return None
    if ":" in written:
        return _fault_of_colon(written)
    if " " in written:
        return "it holds a space", "Write one symbol; separate several with commas."
    if SYMBOL.fullmatch(written.upper()):
        return (
            "its mix of capitals and small letters is none the vendor uses",
            f"Write {written.upper()}, or a preferred share like KIMpL.",
        )
    return "it is in no spelling we know", "Write it like AAPL, BRK.B, KIMpL or ACHR.WS."


def _fault_of_colon(written: str) -> tuple[str, str]:
    prefix, rest = written.split(":", 1)
    if prefix in _OTHER_MARKETS:
        return f"it names {_OTHER_MARKETS[prefix]}", "Only US stocks and ETFs are kept."
    return "it holds a colon", f"Write the symbol alone, {shown(rest)}."


def _all_faults(faults: list[str]) -> BadSymbol:
    more = len(faults) - _SHOWN_FAULTS
    listed = "\n  ".join(faults[:_SHOWN_FAULTS]) + (f"\n  and {more} more" if more > 0 else "")
    count = "1 text is" if len(faults) == 1 else f"{len(faults)} texts are"
    return BadSymbol(f"{count} not a symbol:\n  {listed}\n", "Correct or remove them.")
