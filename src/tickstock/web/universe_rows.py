"""Universes as lines of a list: grouped by type, searched, with their health."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from tickstock.model import UNIVERSE_TYPES
from tickstock.service.universes import Universes
from tickstock.store.universes import Listed

TYPE_NAMES = {
    "etf_universe": "ETF universes",
    "stock_universe": "Stock universes",
    "stock_etf_combo": "Stocks and ETFs (old type, read only)",
}


@dataclass(frozen=True, slots=True)
class UniverseLine:
    """One universe. `health` is `ok`, `empty`, `unreadable` or `old type`."""

    ref: str
    type: str
    key: str
    name: str
    symbols: int | None
    expression: str | None
    updated_at: datetime | None
    health: str


@dataclass(frozen=True, slots=True)
class Group:
    """The universes of one type."""

    type: str
    title: str
    lines: tuple[UniverseLine, ...]


@dataclass(frozen=True, slots=True)
class FoundRows:
    """What a search shows: `total` match, those in `groups` are shown; `picked` comes on top when
    it is not among them."""

    groups: tuple[Group, ...]
    total: int
    shown: int
    picked: UniverseLine | None


class Shelf:
    """The list of universes as it is now, kept between two looks at the same one: who types asks
    for it with every key. For any thread."""

    def __init__(self, universes: Universes) -> None:
        self._universes = universes
        self._kept: tuple[tuple[int | None, ...], UniverseRows] | None = None

    def rows(self) -> UniverseRows:
        kept = self._kept
        fingerprint, found = self._universes.list_if_changed(kept[0] if kept else None)
        if kept is None or found is not None:
            self._kept = kept = fingerprint, UniverseRows.of(found or ())
        return kept[1]


@dataclass(frozen=True, slots=True)
class UniverseRows:
    """Universes, and the text of each in which a search looks."""

    listed: tuple[Listed, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, listed: Iterable[Listed]) -> UniverseRows:
        kept = tuple(listed)
        return cls(kept, tuple(f"{r.name} {r.ref.key} {r.ref.type}".lower() for r in kept))


def search(rows: UniverseRows, text: str, most: int, picked: str = "") -> FoundRows:
    """The universes whose name, key or type holds every word of `text`, the first `most`."""
    words = text.lower().split()
    pairs = zip(rows.listed, rows.texts, strict=True)
    hits = [row for row, said in pairs if all(word in said for word in words)]
    shown = [line_of(r) for r in hits[:most]]
    chosen: UniverseLine | None = None
    if picked and all(line.ref != picked for line in shown):
        chosen = next((line_of(r) for r in rows.listed if str(r.ref) == picked), None)
    return FoundRows(_groups(shown), len(hits), len(shown), chosen)


def line_of(row: Listed) -> UniverseLine:
    ref = row.ref
    return UniverseLine(
        str(ref), ref.type, ref.key, row.name or ref.key, row.symbols, row.expression,
        row.updated_at, _health(row),
    )  # fmt: skip


def _health(row: Listed) -> str:
    if row.symbols is None:
        return "unreadable"
    if not row.symbols:
        return "empty"
    return "ok" if row.ref.type in UNIVERSE_TYPES else "old type"


def _groups(lines: Sequence[UniverseLine]) -> tuple[Group, ...]:
    by_type: dict[str, list[UniverseLine]] = {}
    for line in lines:
        by_type.setdefault(line.type, []).append(line)
    return tuple(Group(t, TYPE_NAMES.get(t, t), tuple(found)) for t, found in by_type.items())
