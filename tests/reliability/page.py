"""The figures of the pieces of the long form, and the page that is made of them."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Figures = dict[str, Any]
HEAD = """# What TickStock survives

Written by `python -m tests.reliability --long`, not by hand. What each proof does stands in the
file of `tests/reliability/` that is named with it; a short form of each runs with every
`run.py test`.
"""
SUMS = (
    "runs", "kills", "differences", "repeated", "late_writes", "violations", "healing calls",
    "exit 0", "exit 1", "exit 3", "exit 4",
)  # fmt: skip
"""Figures that are added up over the runs of one proof; of others the last one counts."""


@dataclass(frozen=True)
class Piece:
    """One run: of a test file, or of the benchmark. `seeds`: of which seeds, where it has any;
    `said`: the last line of the run."""

    name: str
    seeds: str
    at: str
    seconds: float
    is_good: bool
    said: str
    figures: tuple[Figures, ...]

    @property
    def title(self) -> str:
        return f"{self.name}, seeds {self.seeds}" if self.seeds else self.name


def read(file: Path) -> list[Piece]:
    if not file.exists():
        return []
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return [Piece(**one | {"figures": tuple(one["figures"])}) for one in found]


def write(file: Path, piece: Piece) -> None:
    """Keep a piece, in the place of an earlier run of the same."""
    others = [p for p in read(file) if (p.name, p.seeds) != (piece.name, piece.seeds)]
    pieces = sorted([*others, piece], key=lambda p: (p.name, p.seeds))
    lines = [json.dumps(asdict(p)) for p in pieces]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def page(pieces: Sequence[Piece]) -> str:
    """The page; every figure on it comes from a run."""
    machine = (
        f"On {platform.system()} {platform.machine()} with {os.cpu_count()} cores, "
        f"Python {platform.python_version()}."
    )
    proofs = ["| proof | file | figures |", "|---|---|---|"]
    lists = []
    for one, name in added_up(pieces):
        shown = {k: v for k, v in one.items() if not isinstance(v, list)}
        proofs.append(f"| {shown.pop('what')} | {name} | {_told(shown)} |")
        lists += [_list(one["what"], k, v) for k, v in one.items() if isinstance(v, list)]
    runs = ["| piece | when (UTC) | seconds | result |", "|---|---|---|---|"]
    runs += [
        f"| {p.title} | {p.at} | {p.seconds:.0f} | {'' if p.is_good else '**failed**: '}{p.said} |"
        for p in pieces
    ]
    parts = [HEAD + "\n" + machine, "\n".join(proofs), *lists, "## The runs", "\n".join(runs)]
    return "\n\n".join(parts) + "\n"


def added_up(pieces: Iterable[Piece]) -> list[tuple[Figures, str]]:
    """The figures of one name in one, with the name of the piece that they are of."""
    found: dict[str, tuple[Figures, str]] = {}
    for piece in pieces:
        for one in piece.figures:
            known, _ = found.get(one["what"], ({}, ""))
            sums = {k: known.get(k, 0) + one[k] for k in SUMS if k in one}
            found[one["what"]] = (known | one | sums, piece.name)
    return list(found.values())


def _told(figures: Figures) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_number(v)}" for name, v in figures.items())


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _list(what: str, name: str, values: Sequence[str]) -> str:
    return f"## {what}: {name}\n\n" + " · ".join(f"`{v}`" for v in values)
