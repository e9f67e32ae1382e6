"""Causes of gaps: one table that knows all of them, and no list of some of them beside it."""

from __future__ import annotations

import ast
from importlib import resources
from pathlib import Path

import pytest

import tickstock
from tests.unit.test_draw import strip
from tickstock.cli.draw import INKS, strip_lines
from tickstock.loading.causes import CAUSES, OUTSIDE, REMEMBERED, SETTLED, Colour, Standing
from tickstock.loading.report import ItemResult
from tickstock.loading.strip import Cell
from tickstock.model import GapCause, Timeframe
from tickstock.web.squares import square

PACKAGE = Path(tickstock.__file__).parent
TABLE = PACKAGE / "loading" / "causes.py"
PINNED = {
    # cause: whether it fails a job, how pictures show it, whether its sessions are asked for
    GapCause.FAILED: (True, "bad", True),
    GapCause.POISON: (True, "bad", True),
    GapCause.NOT_ENTITLED: (True, "bad", False),
    GapCause.QUARANTINED: (True, "bad", False),
    GapCause.VENDOR_EMPTY: (False, "gap", False),
    GapCause.NEVER_ASKED: (True, "gap", True),
    GapCause.NOT_PUBLISHED: (False, "none", False),
    GapCause.NOT_LISTED: (False, "none", False),
}


def test_the_table_is_complete() -> None:
    assert set(CAUSES) == set(GapCause)
    assert {f.standing for f in CAUSES.values()} == set(Standing)
    assert set(INKS) == set(Colour)
    texts = [f.text for f in CAUSES.values()]
    assert len(set(texts)) == len(texts)
    for facts in CAUSES.values():
        assert facts.text
        assert not facts.text.endswith(".")
        assert facts.advice.endswith(".")


@pytest.mark.parametrize("cause", GapCause)
def test_what_is_a_fault_is_one_everywhere(cause: GapCause) -> None:
    fails, colour, asked = PINNED[cause]
    assert ItemResult("A", Timeframe.DAY, 9, 8, ((cause, 1),)).failed is fails
    assert (cause not in (*SETTLED, *OUTSIDE)) is asked
    cell = Cell(20, 10, cause)
    assert square(cell, "").shade.split()[0] == colour
    assert CAUSES[cause].text in square(cell, "").text
    drawn = str(strip_lines(strip((cell,)), 80)[1].spans[0].style)
    assert drawn == {"bad": "red", "gap": "yellow", "none": "dim"}[colour]


def test_what_is_remembered_and_asked_again() -> None:
    again = set(REMEMBERED) - set(SETTLED)
    # The last one where it was asked for.
    assert again == {GapCause.FAILED, GapCause.POISON, GapCause.NOT_PUBLISHED}


def test_every_cause_is_explained() -> None:
    page = Path(__file__).parents[2] / "docs" / "explanation" / "coverage-and-gaps.md"
    told = page.read_text("utf-8")
    assert [cause for cause in GapCause if f"| `{cause.value}` | " not in told] == []


def test_nobody_keeps_a_list_of_causes_beside_the_table() -> None:
    for file in PACKAGE.rglob("*.py"):
        if file != TABLE:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Tuple | ast.List | ast.Set):
                    named = [e for e in node.elts if _is_cause(e)]
                    assert len(named) < 2, f"{file}:{node.lineno}"
    folder = resources.files("tickstock.web")
    for part in ("static", "templates"):
        for page in folder.joinpath(part).iterdir():
            if page.is_file():
                text = page.read_text("utf-8")
                for cause in GapCause:
                    if "_" in cause.value:
                        assert cause.value not in text, f"{page.name} names {cause.value}"


def _is_cause(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "GapCause"
    )
