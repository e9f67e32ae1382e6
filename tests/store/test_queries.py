"""The loader of named SQL."""

from __future__ import annotations

from importlib import resources

import pytest

from tickstock.errors import BadFile
from tickstock.store.queries import load, parse

GOOD = """
-- name: first_one
-- What it is for: 5 % of all,
-- in two lines.
SELECT %(a)s -- kept

-- name: second
-- Another.
SELECT
    2
"""


def test_queries_come_by_name_without_their_descriptions() -> None:
    assert dict(parse(GOOD, "x.sql")) == {
        "first_one": "SELECT %(a)s -- kept",
        "second": "SELECT\n    2",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- name: a\n-- d\nSELECT 1\n-- name: a\n-- d\nSELECT 2", "x.sql:4: .*'a' is there twice"),
        ("-- name: a b\n-- d\nSELECT 1", "x.sql:1: .*'a b' is not snake_case"),
        ("-- name:\n-- d\nSELECT 1", "x.sql:1: .*'' is not snake_case"),
        ("\nSELECT 1", "x.sql:2: text before the first query name"),
        ("-- name: a\nSELECT 1", "x.sql:1: .*has no description"),
        ("-- name: a\n-- d\n", "x.sql:1: .*has no SQL"),
        ("-- name: a", "x.sql:1: .*has no description"),
    ],
)
def test_a_malformed_file_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        parse(text, "x.sql")


def test_every_file_of_ours_can_be_read() -> None:
    whole = {"schema.sql"}
    files = [f.name for f in resources.files("tickstock.store").iterdir()]
    named = [name for name in files if name.endswith(".sql") and name not in whole]
    assert "migrate.sql" in named
    for name in named:
        assert load(name)
