"""Which ticker an instrument had on a day: held against the plain reading of what is said."""

from __future__ import annotations

from datetime import date

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tickstock.lake.naming import Naming
from tickstock.model import epoch_day
from tickstock.store.lake import DatedTicker

DAYS = [date(year, month, 15) for year in (1960, 2023, 2024, 2025) for month in (1, 6, 12)]
YEARS = (1960, 2023, 2024, 2025)
IDS = (1, 2, 7)

edges = st.none() | st.sampled_from(DAYS)
tickers = st.builds(DatedTicker, st.sampled_from((*IDS, 9)), st.sampled_from("ABC"), edges, edges)
own = st.dictionaries(st.sampled_from(IDS), st.sampled_from("AXY"))


def is_sound(one: DatedTicker) -> bool:
    return one.since is None or one.until is None or one.since < one.until


def plain(symbols: dict[int, str], had: list[DatedTicker], id_: int, day: date) -> str | None:
    if id_ not in symbols:
        return None
    there = [
        ((one.since or date.min, one.symbol), one.symbol) for one in had
        if one.instrument == id_ and (one.since is None or one.since <= day)
        and (one.until is None or day < one.until)
    ]  # fmt: skip
    return max(there)[1] if there else symbols[id_]


def told(naming: Naming, id_: int, day: date) -> str | None:
    (code,) = naming.codes(np.array([id_], np.int64), np.array([epoch_day(day)], np.int64))
    return naming.symbols[code] if code >= 0 else None


@given(own, st.lists(tickers.filter(is_sound), max_size=6))
def test_on_each_day_it_is_what_was_said(symbols: dict[int, str], had: list[DatedTicker]) -> None:
    naming = Naming(symbols, had)
    for id_ in (*IDS, 9, 0):
        for day in DAYS:
            assert told(naming, id_, day) == plain(symbols, had, id_, day), (id_, day)


@given(own, st.lists(tickers.filter(is_sound), max_size=4),
       own, st.lists(tickers.filter(is_sound), max_size=4))  # fmt: skip
def test_years_with_another_ticker_are_found(
    symbols: dict[int, str], had: list[DatedTicker],
    formerly: dict[int, str], had_formerly: list[DatedTicker],
) -> None:  # fmt: skip
    changed = Naming(symbols, had).changed_years(Naming(formerly, had_formerly), YEARS)
    for id_ in symbols.keys() & formerly.keys():
        for day in DAYS:
            now = plain(symbols, had, id_, day)
            if now != plain(formerly, had_formerly, id_, day):
                assert day.year in changed
    assert not Naming(symbols, had).changed_years(Naming(symbols, had), YEARS)


def test_only_years_with_another_ticker_are_found() -> None:
    before = Naming({1: "A", 2: "B"}, [])
    cut = [DatedTicker(1, "A", None, date(2024, 6, 1)), DatedTicker(1, "C", date(2024, 6, 1), None)]
    assert Naming({1: "A", 2: "B"}, cut).changed_years(before, YEARS) == {2024, 2025}
    assert Naming({1: "A", 2: "B", 3: "C"}, []).changed_years(before, YEARS) == set(), "a new one"


def test_bars_of_one_symbol_lie_together() -> None:
    naming = Naming({1: "C", 2: "A", 3: "B"}, [])
    every = np.array([9, 1, 2, 3], np.int64)
    assert naming.ordered(every, 0).tolist() == [9, 2, 3, 1]
