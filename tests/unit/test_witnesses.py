"""Who knows the members of a shipped index history."""

from __future__ import annotations

from datetime import date

import pytest

from tickstock.model import UniverseRef
from tickstock.universes.catalog import shipped
from tickstock.universes.witnesses import known_by, witnesses


def told(key: str, day: date) -> str:
    ref = UniverseRef("stock_universe", key)
    found = next(d.history for d in shipped().definitions if d.ref == ref)
    assert found is not None
    return witnesses(ref, day, found.members(day))


def test_the_sources_of_a_day_are_named_with_their_numbers_and_disputes() -> None:
    assert told("index_sp500", date(2012, 6, 1)) == (
        "stock_universe:index_sp500 @ 2012-06-01: of 500 known to fja05680 and index-constitution"
        " 494; to index-constitution alone 3 (ACE, TYC, WPI); to fja05680 alone 3 (MWV, PX, TMUS);"
        " they disagree on 1.6% of the member-days of 2012."
    )


@pytest.mark.parametrize("key", ["index_sp500", "index_nasdaq100", "index_dow30"])
def test_every_member_has_a_witness(key: str) -> None:
    history = next(d.history for d in shipped().definitions if d.ref.key == key)
    assert history is not None
    for year in range(history.days.start.year + 1, 2027):
        day = date(year, 3, 2)
        members = history.members(day)
        by = known_by(key, day, members)
        assert sorted(symbol for symbols in by.values() for symbol in symbols) == list(members)


def test_a_universe_without_sources_has_none() -> None:
    assert witnesses(UniverseRef("stock_universe", "mine"), date(2020, 1, 2), ["AAPL"]) == ""
