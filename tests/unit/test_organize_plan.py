"""Organize and edit plans: what would be done, from definitions and rows alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.errors import BadExpression
from tickstock.model import UniverseRef
from tickstock.universes.catalog import Definition, shipped
from tickstock.universes.edit import WantedUniverse, edit_plan
from tickstock.universes.organize import organize_plan
from tickstock.universes.plan import (
    Action,
    Change,
    Facts,
    Mode,
    OrganizePlan,
    StoredRow,
    as_dict,
    lines,
)

X = UniverseRef("etf_universe", "theme_x")
Y = UniverseRef("etf_universe", "theme_y")
STOCK = UniverseRef("stock_universe", "theme_s")
COMBO = UniverseRef("stock_etf_combo", "old")
MASTER = UniverseRef("etf_universe", "master_all_etfs")
BOTH = [Mode.REPLACE, Mode.PRESERVE]


def define(ref: UniverseRef, symbols: str, name: str = "X") -> Definition:
    return Definition(ref, name, symbols=tuple(symbols.split()))


ALL = Definition(MASTER, "All", expression="etf_universe:*")


class Table:
    """The rows and facts that a plan is made from, and what performing it leaves."""

    def __init__(self) -> None:
        self.rows: dict[UniverseRef, StoredRow] = {}
        self.facts: dict[UniverseRef, Facts] = {}
        self.clock = 0

    def put(self, ref: UniverseRef, value: object, name: str = "X") -> None:
        """As another program would: a changed value is no longer what its expression gave."""
        self.clock += 1
        self.rows[ref] = StoredRow(ref, name, value, str(self.clock))
        if ref in self.facts:
            self.facts[ref] = replace(self.facts[ref], expression=None)

    def rename(self, ref: UniverseRef, name: str) -> None:
        self.clock += 1
        self.rows[ref] = replace(self.rows[ref], name=name, version=str(self.clock))

    def plan(self, *definitions: Definition, mode: Mode = Mode.REPLACE) -> OrganizePlan:
        return organize_plan(
            definitions, self.rows.values(), self.facts, mode=mode, environment="DEFAULT"
        )

    def apply(self, plan: OrganizePlan) -> OrganizePlan:
        for change in plan.writes:
            self.clock += 1
            if change.action is Action.REMOVE:
                del self.rows[change.ref]
            elif change.action is not Action.SAME:
                value = list(change.symbols)
                self.rows[change.ref] = StoredRow(change.ref, change.name, value, str(self.clock))
            self.facts[change.ref] = change.facts
        return plan

    def organize(self, *definitions: Definition, mode: Mode = Mode.REPLACE) -> OrganizePlan:
        return self.apply(self.plan(*definitions, mode=mode))

    def symbols(self, ref: UniverseRef) -> str:
        value = self.rows[ref].value
        assert isinstance(value, list)
        return " ".join(value)


@pytest.fixture
def table() -> Table:
    return Table()


def only(plan: OrganizePlan, ref: UniverseRef) -> Change:
    (change,) = [c for c in plan.changes if c.ref == ref]
    return change


# --- both modes ---------------------------------------------------------------------------
@pytest.mark.parametrize("mode", BOTH)
def test_an_empty_table_gets_everything(table: Table, mode: Mode) -> None:
    plan = table.organize(define(X, "A B"), ALL, mode=mode)
    assert plan.counts == {"added": 2, "changed": 0, "removed": 0, "unchanged": 0}
    assert table.symbols(MASTER) == "A B"
    assert table.facts[MASTER].expression == "etf_universe:*"


@pytest.mark.parametrize("mode", BOTH)
def test_a_second_time_writes_nothing(table: Table, mode: Mode) -> None:
    definitions = shipped().definitions
    table.organize(*definitions, mode=mode)
    for again in BOTH:
        plan = table.plan(*definitions, mode=again)
        assert plan.writes == ()
        assert plan.counts["unchanged"] == len(definitions)


SHAPES = {
    "array": ["A", "B"],
    "symbols": {"symbols": ["A", "B"], "count": 2},
    "objects": {"symbols": [{"ticker": "A"}, {"symbol": "B"}]},
    "value": {"value": ["A", "B"]},
    "stocks": {"count": 2, "stocks": [{"ticker": "A", "rank": 1}, {"ticker": "B"}]},
    "etfs": {"name": "n", "etfs": [{"symbol": "A"}, {"ticker": "B"}]},
    "holdings": {"holdings": ["A", "B"], "total_holdings": 2},
    "double-encoded": '["A", "B"]',
}


@pytest.mark.parametrize("mode", BOTH)
@pytest.mark.parametrize("value", SHAPES.values(), ids=SHAPES)
def test_a_row_in_any_readable_shape_is_unchanged(table: Table, value: object, mode: Mode) -> None:
    table.put(X, value)
    change = only(table.plan(define(X, "A B"), mode=mode), X)
    assert change.action is Action.SAME


@pytest.mark.parametrize("mode", BOTH)
def test_other_types_are_never_in_a_plan(table: Table, mode: Mode) -> None:
    table.put(COMBO, ["A"])
    plan = table.organize(define(X, "A"), mode=mode)
    assert [c.ref for c in plan.changes] == [X]
    assert COMBO in table.rows


def test_only_the_types_that_are_asked_for(table: Table) -> None:
    table.put(STOCK, ["S"])
    table.put(Y, ["A"])
    every = Definition(X, "X", expression="stock_universe:* | {B}")
    plan = organize_plan(
        [every, define(STOCK, "Z")],
        table.rows.values(),
        {},
        mode=Mode.REPLACE,
        environment="DEFAULT",
        types=["etf_universe"],
    )
    assert [(c.action, c.ref) for c in plan.changes] == [(Action.ADD, X), (Action.REMOVE, Y)]
    assert only(plan, X).symbols == ("B", "S")


# --- replace ------------------------------------------------------------------------------
def test_replace_follows_the_definitions(table: Table) -> None:
    table.put(X, ["A", "B"], "Old")
    table.put(Y, ["C"])
    table.put(STOCK, ["D"])
    plan = table.plan(define(X, "B C"))
    change = only(plan, X)
    assert (change.action, change.joins, change.leaves) == (Action.CHANGE, ("C",), ("A",))
    assert change.notes == ('name was "Old"',)
    assert plan.removed == (Y, STOCK)


def test_a_malformed_row_is_replaced_only_where_it_is_defined(table: Table) -> None:
    table.put(X, {"overview": {}})
    plan = table.plan(define(X, "A"))
    assert only(plan, X).notes == ("malformed value replaced",)
    assert "This plan replaces it." in plan.problems[0]
    plan = table.plan(define(Y, "A"))
    assert only(plan, X).action is Action.REMOVE
    assert "This plan removes it." in plan.problems[0]


def test_another_order_is_a_change(table: Table) -> None:
    table.put(X, ["B", "A"])
    assert only(table.plan(define(X, "A B")), X).notes == ("another order",)


def test_masters_follow_the_result_not_the_table(table: Table) -> None:
    table.put(X, ["GONE", "A"])
    table.put(Y, ["ALSO"])
    table.organize(define(X, "A B"), ALL)
    assert table.symbols(MASTER) == "A B"


def test_a_master_in_another_order_is_unchanged(table: Table) -> None:
    """The list that the guide's organizer wrote, say."""
    table.put(X, ["A", "B"])
    table.put(MASTER, ["B", "A"], "All")
    plan = table.plan(define(X, "A B"), ALL)
    assert only(plan, MASTER).action is Action.SAME
    assert only(plan, MASTER).facts.expression == "etf_universe:*"


@pytest.mark.parametrize("mode", BOTH)
def test_expressions_that_fail_refuse_the_plan_together(table: Table, mode: Mode) -> None:
    unknown = Definition(X, "X", expression="etf_universe:nowhere")
    circle = Definition(Y, "Y", expression="etf_universe:theme_y | {A}")
    with pytest.raises(BadExpression) as refused:
        table.plan(unknown, circle, mode=mode)
    assert "nowhere" in str(refused.value)
    assert "theme_y" in str(refused.value)


def test_a_definition_has_no_history(table: Table) -> None:
    dated = Definition(Y, "Y", expression="etf_universe:theme_x @ 2020-01-02")
    with pytest.raises(BadExpression, match="no history"):
        table.plan(define(X, "A"), dated)


# --- preserve -----------------------------------------------------------------------------
def test_preserve_keeps_what_a_person_did_and_takes_what_is_new(table: Table) -> None:
    table.organize(define(X, "A B C D"))
    table.put(X, ["D", "A", "B", "MINE"])  # without C, in another order
    plan = table.organize(define(X, "A C D NEW"), mode=Mode.PRESERVE)  # without B
    assert table.symbols(X) == "D A MINE NEW"
    assert plan.conflicts == ()
    assert table.organize(define(X, "A C D NEW"), mode=Mode.PRESERVE).writes == ()
    table.organize(define(X, "A C D NEW MORE"), mode=Mode.PRESERVE)
    assert table.symbols(X) == "D A MINE NEW MORE"


def test_preserve_follows_the_definition_of_what_nobody_touched(table: Table) -> None:
    table.organize(define(X, "A B"))
    table.organize(define(X, "C B", "New name"), mode=Mode.PRESERVE)
    assert table.symbols(X) == "C B"
    assert table.rows[X].name == "New name"


def test_preserve_removes_no_universe(table: Table) -> None:
    table.put(X, ["A"])
    plan = table.plan(define(Y, "B"), mode=Mode.PRESERVE)
    assert only(plan, X).action is Action.SAME
    assert only(plan, X).notes == ("kept, in no definition",)


def test_without_a_base_the_row_wins_and_the_definition_joins(table: Table) -> None:
    table.put(X, ["MINE", "B"], "My name")
    plan = table.organize(define(X, "A B"), mode=Mode.PRESERVE)
    assert table.symbols(X) == "MINE B A"
    assert table.rows[X].name == "My name"
    assert [c.about for c in plan.conflicts] == ["name"]
    assert table.plan(define(X, "A B"), mode=Mode.PRESERVE).writes == ()


@pytest.mark.parametrize(
    ("theirs", "ours", "result", "conflicts"),
    [
        ("Base", "New", "New", 0),
        ("Mine", "Base", "Mine", 0),
        ("Same", "Same", "Same", 0),
        ("Mine", "New", "Mine", 1),
    ],
)
def test_names_merge(table: Table, theirs: str, ours: str, result: str, conflicts: int) -> None:
    table.organize(define(X, "A", "Base"))
    table.rename(X, theirs)
    plan = table.organize(define(X, "A", ours), mode=Mode.PRESERVE)
    assert table.rows[X].name == result
    assert len(plan.conflicts) == conflicts


def test_what_a_person_deleted_stays_deleted(table: Table) -> None:
    table.organize(define(X, "A"), define(Y, "B"))
    del table.rows[X]
    plan = table.organize(define(X, "A"), define(Y, "B"), mode=Mode.PRESERVE)
    assert X not in table.rows
    assert "stays so" in plan.notes[0]
    assert plan.conflicts == ()
    plan = table.plan(define(X, "A NEW"), define(Y, "B"), mode=Mode.PRESERVE)
    assert [c.about for c in plan.conflicts] == ["existence"]
    table.organize(define(X, "A"), define(Y, "B"))
    assert table.symbols(X) == "A"


def test_what_organize_removed_was_not_deleted_by_a_person(table: Table) -> None:
    table.organize(define(X, "A"))
    table.organize(define(Y, "A"))
    table.organize(define(X, "A"), mode=Mode.PRESERVE)
    assert table.symbols(X) == "A"


def test_preserve_leaves_a_malformed_row(table: Table) -> None:
    table.put(X, 7)
    plan = table.organize(define(X, "A"), define(Y, "B"), ALL, mode=Mode.PRESERVE)
    assert table.rows[X].value == 7
    assert "It is left as it is." in plan.problems[0]
    assert table.symbols(MASTER) == "B"


# --- preserve: expressions ----------------------------------------------------------------
def test_an_edited_master_becomes_an_expression_with_the_edit(table: Table) -> None:
    table.organize(define(X, "A B"), ALL)
    table.put(MASTER, ["A", "ARKK"], "All")
    table.organize(define(X, "A B C"), ALL, mode=Mode.PRESERVE)
    assert table.facts[MASTER].expression == "etf_universe:* | {ARKK} - {B}"
    assert table.symbols(MASTER) == "A ARKK C"
    assert table.plan(define(X, "A B C"), ALL, mode=Mode.PRESERVE).writes == ()
    table.organize(define(X, "A B C D"), ALL, mode=Mode.PRESERVE)
    assert table.symbols(MASTER) == "A ARKK C D"


def test_an_old_list_of_a_master_joins_it(table: Table) -> None:
    table.put(MASTER, ["A", "OLD"], "All")
    table.organize(define(X, "A B"), ALL, mode=Mode.PRESERVE)
    assert table.facts[MASTER].expression == "etf_universe:* | {OLD}"
    assert table.symbols(MASTER) == "A B OLD"


@pytest.mark.parametrize(
    "extra", [["kmi pl"], ["kmi"], [f"Z{n}X" for n in range(4_000)]], ids=["blank", "lower", "many"]
)
def test_an_edit_that_no_expression_can_say_makes_a_list(table: Table, extra: list[str]) -> None:
    table.put(MASTER, ["B", *extra], "All")
    table.organize(define(X, "A B"), ALL, mode=Mode.PRESERVE)
    assert table.facts[MASTER].expression is None
    assert table.rows[MASTER].value == ["B", *extra, "A"]
    assert table.plan(define(X, "A B"), ALL, mode=Mode.PRESERVE).writes == ()


def set_expression(table: Table, ref: UniverseRef, text: str, value: list[str]) -> None:
    table.put(ref, value)
    table.facts[ref] = replace(table.facts.get(ref, Facts()), expression=text)


def test_a_persons_expression_stays(table: Table) -> None:
    table.organize(define(X, "A B"), define(Y, "C"))
    set_expression(table, Y, "etf_universe:theme_x - {A}", ["B"])
    plan = table.organize(define(X, "A B D"), define(Y, "C"), mode=Mode.PRESERVE)
    assert table.symbols(Y) == "B D"
    assert plan.conflicts == ()
    plan = table.organize(define(X, "A B D"), define(Y, "C NEW"), mode=Mode.PRESERVE)
    assert table.symbols(Y) == "B D"
    assert [c.about for c in plan.conflicts] == ["content"]


def test_a_persons_expression_that_fails_is_left_and_said(table: Table) -> None:
    table.organize(define(X, "A B"), define(Y, "C"))
    set_expression(table, Y, "etf_universe:nowhere", ["B"])
    plan = table.organize(define(X, "A B"), define(Y, "C"), mode=Mode.PRESERVE)
    assert table.symbols(Y) == "B"
    assert "nowhere" in plan.problems[0]


def test_replace_brings_the_definition_back(table: Table) -> None:
    table.organize(define(X, "A B"), ALL)
    table.put(MASTER, ["A"], "All")
    table.organize(define(X, "A B"), ALL)
    assert table.symbols(MASTER) == "A B"
    assert table.facts[MASTER].expression == "etf_universe:*"


# --- properties ---------------------------------------------------------------------------
SYMBOLS = st.lists(st.sampled_from("ABCDEFGH"), unique=True, min_size=1)
NAMES = st.sampled_from(["One", "Two", "Three"])
DEFINITIONS = st.dictionaries(st.sampled_from([X, Y, STOCK]), st.tuples(SYMBOLS, NAMES), min_size=1)


def defined(content: Mapping[UniverseRef, tuple[list[str], str]]) -> list[Definition]:
    return [Definition(ref, n, symbols=tuple(s)) for ref, (s, n) in content.items()]


@given(DEFINITIONS, DEFINITIONS, DEFINITIONS, st.sampled_from(BOTH))
def test_whatever_happened_a_second_run_writes_nothing(
    first: dict[UniverseRef, tuple[list[str], str]],
    edited: dict[UniverseRef, tuple[list[str], str]],
    second: dict[UniverseRef, tuple[list[str], str]],
    mode: Mode,
) -> None:
    table = Table()
    table.organize(*defined(first))
    for ref, (symbols, name) in edited.items():
        table.put(ref, symbols, name)
    table.organize(*defined(second), mode=mode)
    assert table.plan(*defined(second), mode=mode).writes == ()
    assert table.plan(*defined(second), mode=mode).state == table.plan(mode=mode).state


@given(SYMBOLS, SYMBOLS, SYMBOLS)
def test_each_symbol_merges_by_itself(base: list[str], theirs: list[str], ours: list[str]) -> None:
    table = Table()
    table.organize(define(X, " ".join(base)))
    table.put(X, theirs)
    table.organize(define(X, " ".join(ours)), mode=Mode.PRESERVE)
    for symbol in "ABCDEFGH":
        changed_here = (symbol in theirs) != (symbol in base)
        expected = symbol in theirs if changed_here else symbol in ours
        assert (symbol in table.symbols(X).split()) is expected


# --- edits --------------------------------------------------------------------------------
def test_an_edit_is_a_plan_of_that_universe_alone(table: Table) -> None:
    table.organize(define(X, "A B"), define(Y, "C"))
    rows = [table.rows[X]]
    plan = edit_plan({X: WantedUniverse("X", ("A", "C"))}, rows, table.facts, "DEFAULT")
    assert plan.scope == (X,)
    assert only(plan, X).joins == ("C",)
    table.apply(plan)
    assert table.facts[X].base == ("A", "B"), "the next preserve sees a person's change"
    table.organize(define(X, "A B"), define(Y, "C"), mode=Mode.PRESERVE)
    assert table.symbols(X) == "A C"


def test_deleting_what_is_not_there_changes_nothing() -> None:
    assert edit_plan({X: None}, [], {}, "DEFAULT").changes == ()


# --- printing -----------------------------------------------------------------------------
def test_a_plan_prints_what_it_does(table: Table) -> None:
    table.organize(define(X, "A B"), define(Y, "C"))
    table.put(X, ["A", "MINE"], "Renamed")
    table.put(STOCK, 7)
    plan = table.plan(define(X, "A B", "New"), ALL)
    assert lines(plan) == [
        "Plan (replace) for environment DEFAULT: 1 added, 1 changed, 2 removed, 0 unchanged.",
        '+ etf_universe:master_all_etfs "All": 2 symbols',
        '~ etf_universe:theme_x "New": 2 -> 2 symbols (name was "Renamed")',
        "    joins (1): B",
        "    leaves (1): MINE",
        '- etf_universe:theme_y "X": 1 symbol',
        '- stock_universe:theme_s "X": 0 symbols',
        f"problem: {plan.problems[0]}",
    ]


def test_unchanged_universes_and_all_symbols_only_when_asked(table: Table) -> None:
    many = " ".join(f"S{n}" for n in range(30))
    table.organize(define(X, "A"), define(Y, "A"))
    plan = table.plan(define(X, many), define(Y, "A"))
    assert "and 18 more" in "\n".join(lines(plan))
    assert "theme_y" not in "\n".join(lines(plan))
    verbose = "\n".join(lines(plan, verbose=True))
    assert "more" not in verbose
    assert '= etf_universe:theme_y "X": 1 symbol' in verbose


def test_a_plan_for_programs_is_json(table: Table) -> None:
    table.organize(define(X, "A B"))
    table.rename(X, "Mine")
    plan = table.plan(define(X, "A C", "New"), mode=Mode.PRESERVE)
    found = json.loads(json.dumps(as_dict(plan)))
    assert found["schema"] == "tickstock.universe-plan/1"
    assert found["digest"] == plan.digest
    assert found["changes"][0]["joins"] == ["C"]
    assert found["conflicts"][0]["about"] == "name"


def test_the_digest_names_plan_and_state(table: Table) -> None:
    table.put(X, ["A"])
    plan = table.plan(define(X, "A B"))
    assert plan.digest == table.plan(define(X, "A B")).digest
    assert plan.digest != table.plan(define(X, "A C")).digest
    table.put(Y, ["Z"])
    assert plan.digest != table.plan(define(X, "A B"), mode=Mode.PRESERVE).digest
    assert plan.state != table.plan(define(X, "A B")).state
