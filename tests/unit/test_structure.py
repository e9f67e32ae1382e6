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


def test_lint_is_set_in_one_place() -> None:
    """What a rule does not fit is said in pyproject.toml, with the reason."""
    mark = "no" + "qa"
    folders = [
        PACKAGE,
        *(Path(__file__).parents[2] / f for f in ("tests", "scripts", "benchmarks")),
    ]
    marked = [
        file.name
        for folder in folders
        for file in folder.rglob("*.py")
        if mark in file.read_text("utf-8")
    ]
    assert not marked


def test_a_class_name_stands_once() -> None:
    """A name that stands for two things is looked up twice."""
    homes: dict[str, list[str]] = {}
    for file, tree in sources():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(file)
    assert not {name: files for name, files in homes.items() if len(files) > 1}
