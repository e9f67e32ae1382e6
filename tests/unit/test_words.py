"""One word for one idea: words that were replaced by the field's own do not come back."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import tickstock

PACKAGE = Path(tickstock.__file__).parent
ROOT = Path(__file__).parents[2]
SAID = {
    "mend": "fix",
    "mends": "fixes",
    "mended": "fixed",
    "mending": "fixing",
    "invented": "synthetic",
    "complaint": "warning",
    "complaints": "warnings",
    "stray": "suspect",
    "strays": "suspects",
}
"""Words of no text: of the source, its messages and templates, and the pages of docs/."""
NAMED = SAID | {
    "hole": "gap",
    "holes": "gaps",
    "spell": "interval",
    "spells": "intervals",
    "crew": "scheduler",
    "turns": "scheduler",
    "patience": "outage_retry, outage_seconds",
    "patiently": "through_outages",
    "visit": "context",
    "desk": "services",
    "deed": "edit kind",
    "door": "the thing itself",
    "room": "memory budget",
    "gone_by": "delisted_before",
    "news": "notifications",
    "complain": "warn",
    "tell": "record, report, print",
    "tells": "records, reports, prints",
    "telling": "recording",
}
"""And words that name nothing: no module, class, function, argument or variable of the package."""
APART = {
    "room": {"loading/flow.py", "cli/draw.py"},  # in a node, on a line
    "news": {"logs.py"},
    "tell": {"sealed_bucket.py"},  # as Python has it of a stream
}
"""Where such a word means what it says."""


def texts() -> Iterator[Path]:
    for folder, endings in ((PACKAGE, (".py", ".html", ".js")), (ROOT / "docs", (".md",))):
        for file in sorted(folder.rglob("*")):
            inside = file.relative_to(folder).parts
            if file.suffix in endings and not {"data", "decisions"} & {*inside}:
                yield file
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md")


def names(file: Path) -> set[str]:
    """The parts of all names that a module gives, and of its own."""
    given = {file.stem}
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            given.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            given.add(node.attr)
    return {whole.lower() for whole in given} | {part for one in given for part in parts(one)}


def parts(name: str) -> list[str]:
    return [p.lower() for p in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def test_no_text_has_a_word_that_was_replaced() -> None:
    banned = re.compile(rf"\b({'|'.join(SAID)})\b", re.IGNORECASE)
    found = [
        f"{file.name}:{number}: {hit[0]}, which is called {SAID[hit[0].lower()]} here"
        for file in texts()
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for hit in banned.finditer(line)
    ]
    assert not found


def test_nothing_is_called_by_a_word_that_was_replaced() -> None:
    found = [
        f"{inside}: {word}, which is called {NAMED[word]} here"
        for file in sorted(PACKAGE.rglob("*.py"))
        for inside in [str(file.relative_to(PACKAGE))]
        for word in sorted(names(file) & NAMED.keys())
        if inside not in APART.get(word, ())
    ]
    assert not found
