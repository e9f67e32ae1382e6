"""Lists reach PostgreSQL as psycopg writes them, and as they are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.types.array import ListDumper

from tickstock.store.database import Database
from tickstock.store.plain_lists import PlainListDumper

SYMBOLS = st.text('ABZabz019.:-/+_, "\\{}nulNUL\u00e9\u2003\t', max_size=5)
LISTS = st.one_of(
    st.lists(SYMBOLS, max_size=6),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=6),
    st.lists(st.one_of(st.none(), SYMBOLS), max_size=4),
    st.lists(st.lists(st.integers(0, 9), min_size=2, max_size=2), max_size=3),
    st.lists(st.booleans(), max_size=4),
)
PLAIN = ["AAPL", "BRK.B", "stock_universe:x", "NUL", "XNULL", "NULLS", "a/b", "1e5", "+1", "null_"]


def as_text(dumper: type[ListDumper], given_list: list[Any]) -> bytes | None:
    found = dumper(list).dump(given_list)
    return None if found is None else bytes(found)


@given(LISTS)
def test_to_the_byte_what_psycopg_writes(given_list: list[Any]) -> None:
    assert as_text(PlainListDumper, given_list) == as_text(ListDumper, given_list)


@pytest.mark.parametrize(
    "odd", ["NULL", "null", "nUlL", "A,B", "", " ", "A B", '"', "{", "\\", "\n"]
)
def test_what_needs_quotes_has_them(database: Database, odd: str) -> None:
    for words in ([odd], [*PLAIN, odd], [odd, *PLAIN], ["A", odd, "B"]):
        assert as_text(PlainListDumper, words) == as_text(ListDumper, words)
        with database.transaction() as conn:
            (back,) = conn.execute("SELECT %s::text[]", (words,)).fetchone() or (None,)
        assert back == words


def test_plain_lists_come_back(database: Database) -> None:
    many = [f"S{n}" for n in range(20_000)]
    numbers = [-1, 0, 2**31, 2**62, *range(20_000)]
    with database.transaction() as conn:
        row = conn.execute("SELECT %s::text[], %s", (many, numbers)).fetchone()
        (used,) = conn.execute("SELECT 7 = ANY (%s)", ([5, 7],)).fetchone() or (None,)
    assert row == (many, numbers)
    assert used
