"""Where the bars of an answer come from, as our own replay server says it in a header.

    X-TickStock-Origin: synthetic; recorded=AAPL,FB

names the origin of all bars of the answer, then the exceptions by ticker. The header is repeated
when the exceptions are too many for one line. The vendor itself never sends it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

HEADER = "X-TickStock-Origin"
VENDOR, RECORDED, SYNTHETIC = "massive", "recorded", "synthetic"

_FORM = re.compile(
    rf"({VENDOR}|{RECORDED}|{SYNTHETIC})(?:; ?({VENDOR}|{RECORDED}|{SYNTHETIC})=([!-:<-~]+))?"
)
_TICKERS_A_LINE = 400


@dataclass(frozen=True, slots=True)
class Origin:
    """`default`, and the origin of those `tickers` that have another one."""

    default: str = VENDOR
    other: str = ""
    tickers: frozenset[str] = frozenset()

    def of(self, ticker: str) -> str:
        return self.other if ticker in self.tickers else self.default

    def header_lines(self, most: int = _TICKERS_A_LINE) -> list[str]:
        """The values of the header that say this."""
        if not self.tickers:
            return [self.default]
        names = sorted(self.tickers)
        groups = (names[i : i + most] for i in range(0, len(names), most))
        return [f"{self.default}; {self.other}={','.join(group)}" for group in groups]


def read_origin(lines: Iterable[str]) -> Origin:
    """What the header lines of an answer say; anything unclear in them says nothing."""
    found = [_FORM.fullmatch(line) for line in lines]
    heads = {(m[1], m[2] or "") if m else ("", "") for m in found}
    if len(heads) != 1 or ("", "") in heads:
        return Origin()
    ((default, other),) = heads
    tickers = frozenset(t for m in found if m and m[3] for t in m[3].split(",") if t)
    return Origin(default, other, tickers)
