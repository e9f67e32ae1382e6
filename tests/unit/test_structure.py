"""The source as a whole: what every file keeps to, where a reader looks for it."""

from __future__ import annotations

import ast
from pathlib import Path

import tickstock

PACKAGE = Path(tickstock.__file__).parent


def sources() -> list[tuple[str, ast.Module]]:
    return [
        (str(file.relative_to(PACKAGE)), ast.parse(file.read_text("utf-8")))
        for file in sorted(PACKAGE.rglob("*.py"))
    ]


def test_every_task_has_a_name() -> None:
    """A task without one is `Task-12` in a warning or a stack of tasks."""
    nameless = [
        f"{file}:{node.lineno}"
        for file, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "create_task"
        and not any(word.arg == "name" for word in node.keywords)
    ]
    assert not nameless
