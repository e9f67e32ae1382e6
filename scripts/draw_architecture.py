"""Draws the pictures of docs/explanation/architecture.md, as SVG.

    python scripts/draw_architecture.py          write docs/images/layers.svg and flows.svg
    python scripts/draw_architecture.py --check  end with 1 where they are not as they would be

The layers are those that import-linter holds the source to (pyproject.toml): the picture cannot say
anything else.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
GROUPS = {
    "cli": "faces: arguments, pages, messages",
    "worker": "drains jobs: claim, fetch, judge, commit",
    "(cache_operations)": "doors of programs that know the cache table",
    "service": "what a person can ask",
    "(testing)": "the contract of vendors, as tests",
    "(lake)": "stored bars as tables for other engines",
    "store": "PostgreSQL, and nobody else does",
    "config": "settings, read once at the edge",
    "vendors": "sources of bars: a promise, a registry, a folder each",
    "logs": "the log",
    "loading": "pure from here on: requests, gaps, plans, verdicts",
    "frames": "bars as values: frames, hashes, checks, adjustment",
    "universes": "expressions, merges, guard, list files",
    "sessions": "the calendar",
    "model": "the nouns, spans of days, time, errors",
}
"""What the layers from this one down to the next that is named here are about."""
FLOWS = (
    (
        "universes",
        (
            ("definitions", "files, packages, lists"),
            ("plan", "what joins, leaves, changes; conflicts"),
            ("guard", "what loses too much is refused"),
            ("apply", "one transaction; the plan's digest checked again"),
            ("cache_entries", "and who changed what, by triggers"),
        ),
    ),
    (
        "jobs",
        (
            ("request", "symbols, days, timeframes"),
            ("plan", "gaps → the cheapest calls"),
            ("submit", "job, items, calls in the ledger; one transaction"),
            ("claim", "a lease and a fence on each call"),
            ("fetch", "the vendor, through the shared budget"),
            ("judge", "which sessions are held now, why others are not"),
            ("commit", "bars + coverage + ledger, one transaction, fenced"),
            ("verdict", "held against expected"),
        ),
    ),
)
STYLE = (
    "<style>text{font:13px sans-serif;fill:#1f2933}.note{font-size:11px;fill:#52606d}"
    ".title{font-weight:bold}rect{fill:#f5f7fa;stroke:#9aa5b1}.back{fill:#fff;stroke:none}"
    "path{stroke:#52606d;fill:none;marker-end:url(#tip)}</style>"
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#52606d;stroke:none;marker-end:none"/>'
    "</marker>"
)


def layers() -> list[str]:
    """The layers of the contract, the highest first."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
    return [layer for c in tool["contracts"] if c["type"] == "layers" for layer in c["layers"]]


def grouped(names: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """Layers that stand together, and what they are about."""
    starts = [place for place, name in enumerate(names) if name in GROUPS]
    for start, end in pairwise([*starts, len(names)]):
        yield [name.strip("()") for name in names[start:end]], GROUPS[names[start]]


def layers_svg() -> str:
    height, parts = 46, list[str]()
    groups = list(grouped(layers()))
    for row, (names, about) in enumerate(groups):
        top = 10 + row * height
        parts.append(_box(10, top, 660, 34))
        parts.append(_text(22, top + 21, " · ".join(names), "title"))
        parts.append(_text(680, top + 21, about, "note"))
        if row:
            parts.append(f'<path d="M340 {top - 12}V{top - 1}"/>')
    return _svg(1000, 10 + len(groups) * height, parts)


def flows_svg() -> str:
    parts, top, width, step = list[str](), 10, 118, 146
    for name, steps in FLOWS:
        parts.append(_text(10, top + 14, name, "title"))
        for place, (what, note) in enumerate(steps):
            left = 10 + place * step
            parts.append(_box(left, top + 24, width, 32))
            parts.append(_text(left + 8, top + 45, what))
            if place:
                parts.append(f'<path d="M{left - step + width} {top + 40}H{left - 1}"/>')
            for line, words in enumerate(_wrapped(note, 21)):
                parts.append(_text(left + 2, top + 74 + 14 * line, words, "note"))
        top += 140
    return _svg(20 + step * max(len(steps) for _, steps in FLOWS), top, parts)


def _wrapped(text: str, longest: int) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= longest:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _box(left: int, top: int, width: int, height: int) -> str:
    return f'<rect x="{left}" y="{top}" width="{width}" height="{height}" rx="4"/>'


def _text(left: int, base: int, text: str, kind: str = "") -> str:
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{left}" y="{base}"{mark}>{escape(text)}</text>'


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">'
    )
    back = f'<rect class="back" width="{width}" height="{height}"/>'
    return "\n".join((head, STYLE, back, *parts, "</svg>")) + "\n"


def pictures() -> dict[Path, str]:
    return {IMAGES / "layers.svg": layers_svg(), IMAGES / "flows.svg": flows_svg()}


def main() -> int:
    drawn = pictures()
    if "--check" in sys.argv:
        return int(any(not p.exists() or p.read_text("utf-8") != t for p, t in drawn.items()))
    for file, text in drawn.items():
        file.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
