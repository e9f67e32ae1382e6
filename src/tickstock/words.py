"""Words for people."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 symbol`, `1,200 symbols`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
