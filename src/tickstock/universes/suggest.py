"""Words for people about what they typed: how to show it safely, and what they may have meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tickstock.model import UniverseRef


def shown(text: str, limit: int = 40) -> str:
    """`text` in quotes for a message: at most `limit` characters, nothing that moves a cursor."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return f"'{visible(cut)}'"


def visible(text: str) -> str:
    """`text` with every character that does not print written as its escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def close_to(word: str, choices: Iterable[str], limit: int = 3) -> list[str]:
    """Up to `limit` of `choices` that are spelled like `word`, closest first, case aside."""
    by_lower: dict[str, str] = {}
    for choice in choices:
        by_lower.setdefault(choice.lower(), choice)
    near = difflib.get_close_matches(word.lower(), by_lower, n=limit, cutoff=0.6)
    return [by_lower[name] for name in near]


def ref_meant(word: str, refs: Iterable[UniverseRef]) -> str:
    """`Did you mean ...?` for `type:key`, judged by the key alone, which the type would drown."""
    by_key: dict[str, list[UniverseRef]] = {}
    for ref in sorted(refs):
        by_key.setdefault(ref.key, []).append(ref)
    near = close_to(word.rpartition(":")[2], by_key)
    return _question(str(ref) for key in near for ref in by_key[key])


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`Did you mean 'a' or 'b'?`, or nothing when no choice is near."""
    return _question(close_to(word, choices))


def _question(near: Iterable[str]) -> str:
    quoted = [shown(name, 120) for name in near]
    return f"Did you mean {' or '.join(quoted)}?" if quoted else ""
