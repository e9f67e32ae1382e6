"""The table of mutations fits the package: each line stands in its file, each test exists."""

from __future__ import annotations

import ast

import pytest

from tests.mutations import MUTATIONS, PACKAGE, ROOT, Mutation


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.name for m in MUTATIONS])
def test_a_mutation_can_be_made(mutation: Mutation) -> None:
    text = (PACKAGE / mutation.file).read_text("utf-8")
    assert text.count(mutation.line) == 1
    if mutation.file.endswith(".py"):
        ast.parse(text.replace(mutation.line, mutation.mutant))
    for name in mutation.tests.split():
        assert (ROOT / "tests" / name).is_file(), name


def test_no_two_have_a_name() -> None:
    names = [m.name for m in MUTATIONS]
    assert len(set(names)) == len(names) >= 60
