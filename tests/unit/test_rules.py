"""Rules that pick members by their bars: their text, and whom they pick, against plain loops."""

from __future__ import annotations

import math
import random
import statistics
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadExpression
from tickstock.universes.expression import format_expression, parse
from tickstock.universes.nodes import Bare, Pick
from tickstock.universes.picking import Panel, measure, pick
from tickstock.universes.rules import WINDOWS, Condition, Look, Measure, Rule, Top

NAN = float("nan")


def looks() -> st.SearchStrategy[Look]:
    windows = st.integers(1, 12)
    return st.sampled_from(Measure).flatmap(
        lambda m: st.builds(Look, st.just(m), st.just(1) if m is Measure.AGE else windows)
    )


def limits() -> st.SearchStrategy[float]:
    return st.one_of(st.integers(0, 40).map(float), st.floats(0, 1e6, allow_nan=False))


def rules() -> st.SearchStrategy[Rule]:
    conditions = st.lists(st.builds(Condition, looks(), st.booleans(), limits()), max_size=3)
    tops = st.none() | st.builds(Top, st.integers(1, 6), looks())
    found = st.builds(Rule, conditions.map(tuple), tops)
    return found.filter(lambda rule: bool(rule.conditions or rule.top))


@given(rules())
def test_the_text_of_a_rule_gives_the_rule(rule: Rule) -> None:
    node = Pick(Bare("index_sp500"), rule)
    assert parse(format_expression(node)) == node


def test_windows_need_not_be_said() -> None:
    found = parse("pick(index_sp500 - {TSLA}; price >= 5; top 100 by dollar_volume) & sector_tech")
    assert format_expression(found) == (
        "pick(index_sp500 - {TSLA}; price >= 5; top 100 by dollar_volume) & sector_tech"
    )
    assert parse("pick(a1; price over 5 >= 5)") == parse("pick(a1; price >= 5)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pick(index_sp500)", "The rule is missing"),
        ("pick(index_sp500; )", "no measure"),
        ("pick(index_sp500; prise >= 5)", "Did you mean 'price'"),
        ("pick(index_sp500; price = 5)", "compares with"),
        ("pick(index_sp500; price 5)", "is missing"),
        ("pick(index_sp500; price >= five)", "is no number"),
        ("pick(index_sp500; price >= 5", "parenthesis is missing"),
        ("pick(index_sp500; top 0 by price)", "no number of members"),
        ("pick(index_sp500; top 2.5 by price)", "no number of members"),
        ("pick(index_sp500; top 5 price)", "`by MEASURE` is missing"),
        ("pick(index_sp500; top 5 by price; age >= 3)", "must come last"),
        ("pick(index_sp500; volume over 9999 >= 1)", "A window has"),
        ("pick(index_sp500; age over 9 >= 1)", "no window"),
        ("index_sp500; price >= 5", "only within pick"),
        ("index_sp500 >= 5", "only within pick"),
        ("(index_sp500; price >= 5)", "never closed"),
    ],
)
def test_what_is_no_rule_is_pointed_at(text: str, said: str) -> None:
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert said in f"{caught.value.what} {caught.value.hint}"


# --- picking -------------------------------------------------------------------------------
def random_panel(chance: random.Random) -> Panel:
    names, sessions = chance.randint(0, 9), chance.randint(0, 16)
    close = np.full((names, sessions), NAN)
    volume = np.full((names, sessions), NAN)
    for row in range(names):
        for column in range(sessions):
            if chance.random() < 0.7:
                close[row, column] = chance.choice([1.0, 2.5, 5.0, 10.0, 40.0])
                volume[row, column] = chance.choice([0.0, 1.0, 10.0, 11.0, 1e6])
    since = np.array([chance.randint(-300, sessions + 2) for _ in range(names)], np.int64)
    rank = np.array(chance.sample(range(names), names), np.int64)
    for row in range(names):  # nobody trades before the listing
        close[row, : max(since[row], 0)] = volume[row, : max(since[row], 0)] = NAN
    return Panel(close, volume, since, rank)


def plain(look: Look, panel: Panel, row: int) -> float:
    """The measure as the text of `rules` says it, by loops."""
    sessions = range(max(panel.sessions - look.sessions, 0), panel.sessions)
    held = [c for c in sessions if not math.isnan(panel.close[row, c])]
    age = panel.sessions - int(panel.since[row])
    if look.measure is Measure.AGE:
        return float(age) if age >= 0 else NAN
    if not held:
        return NAN
    if look.measure is Measure.HELD:
        return len(held) / len(sessions)
    if look.measure is Measure.PRICE:
        return float(panel.close[row, held[-1]])
    if look.measure is Measure.VOLUME:
        return statistics.median(float(panel.volume[row, c]) for c in held)
    return statistics.median(float(panel.volume[row, c] * panel.close[row, c]) for c in held)


def plainly_picked(rule: Rule, panel: Panel) -> list[int]:
    found = []
    for row in range(len(panel)):
        values = [plain(look, panel, row) for look in rule.looks]
        if any(map(math.isnan, values)):
            continue
        tests = [
            (plain(c.look, panel, row) - c.limit) * (1 if c.is_least else -1) >= 0
            for c in rule.conditions
        ]
        if all(tests):
            found.append(row)
    found.sort(key=lambda row: int(panel.rank[row]))
    if rule.top:
        look = rule.top.look
        found.sort(key=lambda row: -plain(look, panel, row))
        found = found[: rule.top.count]
    return found


@given(rules(), st.integers(0, 1_000_000))
def test_whom_a_rule_picks_is_whom_loops_pick(rule: Rule, seed: int) -> None:
    panel = random_panel(random.Random(seed))
    assert pick(rule, panel).rows.tolist() == plainly_picked(rule, panel)


def test_what_is_missing_is_said_and_is_no_zero() -> None:
    close = np.array([[10.0, NAN, 10.0, NAN], [NAN] * 4, [NAN, NAN, 10.0, 10.0]])
    volume = np.where(np.isnan(close), NAN, 100.0)
    panel = Panel(close, volume, np.array([-5, -5, 2]), np.arange(3))
    rule = Rule((), Top(3, Look(Measure.DOLLAR_VOLUME, 4)))
    found = pick(rule, panel)
    assert found.rows.tolist() == [0, 2], "a median of zeros would put the first last"
    assert found.unjudged.tolist() == [1]
    assert found.gaps.tolist() == [2, 4, 0], "sessions before the listing are no gap"


def test_equal_measures_are_ordered_by_rank() -> None:
    close = np.full((5, 3), 10.0)
    panel = Panel(close, close, np.full(5, -9), np.array([3, 1, 4, 0, 2]))
    assert pick(Rule((), Top(3, Look(Measure.PRICE, 3))), panel).rows.tolist() == [3, 1, 4]
    again = replace(panel, rank=panel.rank[::-1].copy())
    assert pick(Rule((), Top(3, Look(Measure.PRICE, 3))), again).rows.tolist() == [1, 3, 0]


def test_a_bar_without_a_close_counts_for_no_median() -> None:
    """Another program may have written one: it is none that is held, whatever its volume."""
    close = np.array([[2.0, np.nan, np.nan, 2.0, 2.0]])
    volume = np.array([[700.0, 1.0, 2.0, 500.0, 900.0]])
    panel = Panel(close, volume, np.array([-9]), np.array([0]))
    assert measure(Look(Measure.VOLUME, 5), panel).tolist() == [700.0]
    assert measure(Look(Measure.DOLLAR_VOLUME, 5), panel).tolist() == [1400.0]
    assert measure(Look(Measure.VOLUME, 4), panel).tolist() == [700.0]


def test_every_measure_has_a_window() -> None:
    assert WINDOWS.keys() == set(Measure)
