"""Words for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal


def plural(count: int, noun: str) -> str:
    """`1 symbol`, `1,200 symbols`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


LONGEST_TITLE = 100
"""Letters of what a job is of: a long list would fill the screen."""


def cut(text: str, most: int = LONGEST_TITLE) -> str:
    """The text, or the beginning of one that is longer."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def sessions_held(held: int, expected: int) -> str:
    """`1,200 of 1,500 sessions held`. Of none nothing is said to be held."""
    return f"{held:,} of {expected:,} sessions held" if expected else "no session expected"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min`, `2.5 h`; a dash where it is not known."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def number(value: float | int | None) -> str:
    """A price or a count for the eye: never an exponent, and ten significant digits, so that any
    two prices that differ on an exchange differ here."""
    if value is None:
        return "-"
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{Decimal(f'{value:.10g}'):,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def scale(prices: Sequence[float]) -> list[str]:
    """The marks of an axis, with the same digits after the point: as many as tell them apart."""
    for digits in range(2, 11):
        marks = [f"{price:,.{digits}f}" for price in prices]
        if len(set(marks)) == len(set(prices)):
            break
    return marks
