"""Counts what says how a source tree is built, of one checkout or of several side by side.

python scripts/structure.py [FOLDER ...]
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

LONG = 35
"""Lines of a function from which on it is long."""
LINT_MARK = re.compile(r"\bno" + r"qa\b")
LARGE = 500
"""Lines of a file from which on it is large."""


class Source:
    """The package of a checkout, parsed."""

    def __init__(self, checkout: Path) -> None:
        package = checkout / "src" / "tickstock"
        self.texts = {
            str(p.relative_to(package)): p.read_text("utf-8") for p in package.rglob("*.py")
        }
        self.trees = {name: ast.parse(text) for name, text in self.texts.items()}
        self.tests = [p.read_text("utf-8") for p in (checkout / "tests").rglob("*.py")]

    def nodes(self, *kinds: type[ast.AST], under: str = "") -> Iterator[ast.AST]:
        for name, tree in self.trees.items():
            if name.startswith(under):
                yield from (node for node in ast.walk(tree) if isinstance(node, kinds))

    def functions(self) -> list[int]:
        """Their lines."""
        found = self.nodes(ast.FunctionDef, ast.AsyncFunctionDef)
        return [node.end_lineno - node.lineno + 1 for node in found]  # type: ignore[attr-defined]

    def class_names(self) -> Counter[str]:
        return Counter(node.name for node in self.nodes(ast.ClassDef))  # type: ignore[attr-defined]

    def names(self, name: str, under: str = "") -> int:
        return sum(node.id == name for node in self.nodes(ast.Name, under=under))  # type: ignore[attr-defined]


def positional(source: Source) -> int:
    """Places that depend on the order of columns: `row[2]`, `Value(*row)`, three or more names for
    the columns of a row."""
    rows = {"row", "r", "rows", "found", "life"}
    by_place = sum(
        isinstance(node.value, ast.Name)
        and node.value.id in rows
        and isinstance(node.slice, ast.Constant | ast.Slice)
        and not (isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str))
        for node in source.nodes(ast.Subscript, under="store/")
        if isinstance(node, ast.Subscript)
    )
    spread = sum(
        isinstance(node.value, ast.Name) and node.value.id in rows
        for node in source.nodes(ast.Starred, under="store/")
        if isinstance(node, ast.Starred)
    )
    unpacked = sum(
        isinstance(node.target, ast.Tuple)
        and len(node.target.elts) > 2
        and any(word in ast.unparse(node.iter) for word in ("rows", "execute", "QUERIES", "fetch"))
        for node in source.nodes(ast.For, ast.comprehension, under="store/")
        if isinstance(node, ast.For | ast.comprehension)
    )
    return by_place + spread + unpacked


ROWS: tuple[tuple[str, Callable[[Source], object]], ...] = (
    ("files of the package", lambda s: len(s.texts)),
    ("lines", lambda s: sum(text.count("\n") for text in s.texts.values())),
    (
        f"files of {LARGE} lines or more",
        lambda s: sum(t.count("\n") >= LARGE for t in s.texts.values()),
    ),
    ("functions", lambda s: len(s.functions())),
    (f"functions of more than {LONG} lines", lambda s: sum(n > LONG for n in s.functions())),
    ("class names used twice", lambda s: sum(n > 1 for n in s.class_names().values())),
    ("lint told to look away, in the package", lambda s: sum(map(looked_away, s.texts.values()))),
    ("and in tests", lambda s: sum(map(looked_away, s.tests))),
    ("`Any`", lambda s: s.names("Any")),
    ("`Any` in cli/", lambda s: s.names("Any", "cli/")),
    ("rows by place", positional),
    (
        "files that import psycopg outside store/",
        lambda s: sum(map(knows_psycopg, s.texts.items())),
    ),
)


def looked_away(text: str) -> int:
    return len(LINT_MARK.findall(text))


def knows_psycopg(item: tuple[str, str]) -> bool:
    name, text = item
    found = re.search(r"^ *(import|from) psycopg\b", text, re.MULTILINE)
    return found is not None and not name.startswith("store/")


def main() -> None:
    folders = [Path(word) for word in sys.argv[1:]] or [Path(__file__).parents[1]]
    sources = [Source(folder) for folder in folders]
    for name, count in ROWS:
        print(f"| {name:<42} | " + " | ".join(f"{count(s):>7}" for s in sources) + " |")


if __name__ == "__main__":
    main()
