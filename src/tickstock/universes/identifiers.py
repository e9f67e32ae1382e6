"""Identifiers of securities that are no ticker: known by their shape and their check digit.

ISIN (ISO 6166), CUSIP, SEDOL and FIGI each end with a digit that is computed from what is before
it; an option's code (OSI and its relatives) holds the day on which it expires.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_ISIN = re.compile(r"[A-Z]{2}[A-Z0-9]{9}\d")
_CUSIP = re.compile(r"[A-Z0-9*@#]{8}\d")
_SEDOL = re.compile(r"[B-DF-HJ-NP-TV-Z0-9]{6}\d")
_FIGI = re.compile(r"[B-DF-HJ-NP-TV-Z]{2}G[B-DF-HJ-NP-TV-Z0-9]{8}\d")
_OPTION = re.compile(
    r"[-. ]{0,3}(?:O:)?[A-Z.]{1,6}\d? *\d{6}[CP]\d+(?:\.\d+)?"  # OSI, Fidelity, thinkorswim
    r"|[A-Z.]{1,6} \d{1,2}/\d{1,2}/(?:\d\d)?\d\d \$?[\d.,]+ ?[CP](?:ALL|UT)?"  # Schwab
    r"|[A-Z.]{1,6} \d{0,2} ?[A-Z]{3} ?'?\d{2,4} \$?[\d.]+ ?[CP](?:ALL|UT)?"  # Interactive Brokers
)
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
