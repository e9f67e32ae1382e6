"""Reads our own Markdown: fenced blocks, links, and code in running text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Block:
    """A fenced block: `info` is what stands behind the opening fence."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.split(" ")[0]


def pages() -> list[Path]:
    """Every page for readers."""
    single = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
    return [p for p in single if p.exists()] + sorted((ROOT / "docs").rglob("*.md"))


def blocks(text: str) -> Iterator[Block]:
    """Every fenced block. A fence that is not closed is an error of the page."""
    fence, start, lines = None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```") and fence is None:
            fence, start, lines = line[3:].strip(), number, []
        elif line.startswith("```"):
            yield Block(str(fence), "\n".join(lines) + "\n", start)
            fence = None
        elif fence is not None:
            lines.append(line)
    assert fence is None, f"the block that begins in line {start} has no end"


def prose(text: str) -> str:
    """The text without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def slugs(text: str) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    heads = re.findall(r"^#+ (.+)$", prose(text), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
