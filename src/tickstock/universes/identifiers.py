"""Identifiers of securities that are no ticker: known by their shape and their check digit.

ISIN (ISO 6166), CUSIP, SEDOL and FIGI each end with a digit that is computed from what is before
it; an option's code (OSI and its relatives) holds the day on which it expires.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tickstock.universes.suggest import shown

IDENTIFIERS = ("ISIN", "CUSIP", "SEDOL", "FIGI")
"""The kinds that stand for a symbol which somebody may know."""
Identify = Callable[[Sequence[str]], Mapping[str, str]]
"""Given identifiers, answers the symbols of those that are known."""
_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CUSIP = re.compile(r"[A-Z0-9*@#]{8}\d")
_SEDOL = re.compile(r"[B-DF-HJ-NP-TV-Z0-9]{6}\d")
_FIGI = re.compile(r"[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}\d")
_OPTION = re.compile(
    r"[-. ]{0,3}(?:O:)?[A-Z.]{1,6}\d? *\d{6}[CP]\d+(?:\.\d+)?"  # OSI, Fidelity, thinkorswim
    r"|[A-Z.]{1,6} \d{1,2}/\d{1,2}/(?:\d\d)?\d\d \$?[\d.,]+ ?[CP](?:ALL|UT)?"  # Schwab
    r"|[A-Z.]{1,6} \d{0,2} ?[A-Z]{3} ?'?\d{2,4} \$?[\d.]+ ?[CP](?:ALL|UT)?"  # Interactive Brokers
)
_DIGITS_OF_A_CODE = 3
_CUSIP_EXTRA = {"*": 36, "@": 37, "#": 38}
_SEDOL_WEIGHTS = (1, 3, 1, 7, 3, 9)


@dataclass(frozen=True, slots=True)
class Identifier:
    """`kind` is ISIN, CUSIP, SEDOL, FIGI or option."""

    kind: str
    text: str


def identifier_in(text: str) -> Identifier | None:
    """What the text is if it is an identifier with a right check digit, or the code of an option.

    A CUSIP or SEDOL of letters alone would be a word and is not taken for one.
    """
    if not any(map(str.isdigit, text)):
        return None
    if _OPTION.fullmatch(text):
        return Identifier("option", text)
    for kind, is_one in _CHECKS.get(len(text), ()):
        if is_one(text):
            return Identifier(kind, text)
    return None


def mistyped(text: str) -> str:
    """The kind of identifier that a text has the shape of, with a wrong check digit; empty where
    it has none. No US ticker has three digits."""
    if sum(map(str.isdigit, text)) < _DIGITS_OF_A_CODE or identifier_in(text):
        return ""
    shapes = (("FIGI", _FIGI), ("ISIN", _ISIN), ("CUSIP", _CUSIP))
    return next((kind for kind, shape in shapes if shape.fullmatch(text)), "")


def is_identifier(text: str) -> bool:
    """Whether a text is an identifier that stands for a symbol."""
    found = identifier_in(text)
    return found is not None and found.kind in IDENTIFIERS


def nobody_knows(_: Sequence[str]) -> Mapping[str, str]:
    """For where there is no database to ask."""
    return {}


def bare_identifier(text: str) -> str:
    """An identifier as others are compared with it: without blanks and the quotes of Excel."""
    return text.strip().strip('="')


def identified_note(text: str, symbol: str) -> str:
    """For people: whose an identifier is."""
    return f"{text} is read as {symbol} (by its identifier)."


def unidentified(text: str) -> str:
    """What is wrong with an identifier that nobody here knows, and what to do; on one line."""
    return "{} ({}).".format(*_unidentified(text))


def unidentified_error(text: str) -> tuple[str, str]:
    """The same as the message and the hint of an error."""
    what, how = _unidentified(text)
    return f"{what}.", f"{how[0].upper()}{how[1:]}."


def _unidentified(text: str) -> tuple[str, str]:
    found = identifier_in(text)
    kind = found.kind if found else "identifier"
    if kind == "FIGI":
        how = "`tickstock instruments refresh` reads those of the vendor"
    elif cusip_of(text):
        how = "--ask-vendor of `universe import`, `set` and `add` asks the vendor"
    else:
        how = "the vendor does not know them; give the list a column with tickers"
    an = "an" if kind in ("ISIN", "identifier") else "a"
    return f"{shown(text)} is not a symbol: it is {an} {kind} that nobody here knows", how


def cusip_of(text: str) -> str | None:
    """The CUSIP that an identifier is, or that an ISIN of the US holds."""
    if is_isin(text):
        return text[2:11] if text.startswith("US") and is_cusip(text[2:11]) else None
    return text if is_cusip(text) else None


def is_isin(text: str) -> bool:
    return bool(_ISIN.fullmatch(text)) and _luhn(_digits(text))


def is_figi(text: str) -> bool:
    if not _FIGI.fullmatch(text):
        return False
    total = sum(
        sum(divmod(_value(c) * (2 if place % 2 else 1), 10)) for place, c in enumerate(text[:-1])
    )
    return (10 - total % 10) % 10 == int(text[-1])


def is_cusip(text: str) -> bool:
    if not _CUSIP.fullmatch(text) or text[:8].isalpha():
        return False
    total = sum(
        sum(divmod(_value(c) * (2 if place % 2 else 1), 10)) for place, c in enumerate(text[:8])
    )
    return (10 - total % 10) % 10 == int(text[8])


def is_sedol(text: str) -> bool:
    if not _SEDOL.fullmatch(text) or text[:6].isalpha():
        return False
    total = sum(_value(c) * w for c, w in zip(text[:6], _SEDOL_WEIGHTS, strict=True))
    return (10 - total % 10) % 10 == int(text[6])


_CHECKS = {
    7: (("SEDOL", is_sedol),),
    9: (("CUSIP", is_cusip),),
    12: (("FIGI", is_figi), ("ISIN", is_isin)),
}


def _value(character: str) -> int:
    """0 to 9 and A = 10 to Z = 35."""
    return _CUSIP_EXTRA.get(character) or int(character, 36)


def _digits(text: str) -> str:
    return "".join(str(int(character, 36)) for character in text)


def _luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0
