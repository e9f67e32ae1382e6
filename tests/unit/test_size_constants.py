"""Every whole number with a name is known: as a size, with the test that crosses it, or as none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.size_constants import NO_SIZES, SAID_BY_ITS_NAME, SIZES, UNCROSSED

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "src" / "tickstock"
FOLDED = (ast.Constant, ast.BinOp, ast.UnaryOp)


def constants(source: str) -> Iterator[str]:
    """Names of whole numbers: of the module, and of fields of dataclasses (`Class.field`)."""
    for node in ast.parse(source).body:
        yield from _named(node)
        if isinstance(node, ast.ClassDef) and any(
            "dataclass" in ast.unparse(d) for d in node.decorator_list
        ):
            for field in node.body:
                yield from (f"{node.name}.{name}" for name in _named(field))


def _named(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets, value = [node.target], node.value
    elif isinstance(node, ast.Assign):
        targets, value = node.targets, node.value
    else:
        return
    for target in targets:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = zip(target.elts, value.elts, strict=True)
        else:
            pairs = zip([target], [value], strict=True)
        for name, number in pairs:
            if isinstance(name, ast.Name) and _is_whole(number):
                yield name.id


def _is_whole(node: ast.expr) -> bool:
    """Whether it is a whole number, or reckoned of such (`1 << 20`, `2 * 1024`)."""
    parts = [n for n in ast.walk(node) if isinstance(n, ast.expr)]
    if not all(isinstance(n, FOLDED) for n in parts):
        return False
    numbers = [n.value for n in parts if isinstance(n, ast.Constant)]
    return bool(numbers) and all(type(n) is int for n in numbers)


def found() -> set[str]:
    names = set()
    for file in sorted(PACKAGE.rglob("*.py")):
        module = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        names |= {f"{module}.{name}" for name in constants(file.read_text("utf-8"))}
    return names


def _says_what_it_is(name: str) -> bool:
    *_, owner, last = name.split(".")
    forms = SAID_BY_ITS_NAME.values()
    return any(re.fullmatch(f, text) for f in forms for text in (last, f"{owner}.{last}"))


def test_every_whole_number_with_a_name_is_on_the_list() -> None:
    listed = SIZES.keys() | NO_SIZES.keys() | UNCROSSED.keys()
    new = sorted(name for name in found() - listed if not _says_what_it_is(name))
    assert not new, (
        "name the test that crosses it (with the size set to 2 or 3, and beyond the real one) in"
        f" tests/size_constants.py, or say there what it is: {new}"
    )
    assert not sorted(listed - found()), "on the list, and gone"
    assert len(listed) == len(SIZES) + len(NO_SIZES) + len(UNCROSSED), "on two lists"


@pytest.mark.parametrize(("name", "tests"), SIZES.items(), ids=[*SIZES])
def test_the_test_that_crosses_a_size_is_there(name: str, tests: str) -> None:
    for place in tests.split():
        file, _, function = place.partition("::")
        tree = ast.parse((ROOT / "tests" / file).read_text("utf-8"))
        known = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
        assert function in known, f"{name}: there is no test {place}"


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("BLOCK = 255", ["BLOCK"]),
        ("MOST: int = 1 << 20", ["MOST"]),
        ("A, B = 2 * 1024, 0.5", ["A"]),
        ("NAME = 'x'\nON = True\nSHARE = 0.5\nSPAN = f(3)", []),
        ("@dataclass(frozen=True)\nclass P:\n    n: int = 50\n    x: float = 3.0", ["P.n"]),
        ("class P:\n    batch: int = 50", []),
    ],
)  # fmt: skip
def test_what_is_taken_for_one(source: str, names: list[str]) -> None:
    assert [*constants(source)] == names
