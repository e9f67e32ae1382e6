"""The change guard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tickstock.errors import GuardRefused
from tickstock.model import UniverseRef
from tickstock.universes.guard import check_plan
from tickstock.universes.plan import NO_FACTS, Action, Before, Change, Mode, OrganizePlan

REF = UniverseRef("stock_universe", "index_x")


def edit(*changes: Change, least: int = 0) -> OrganizePlan:
    return OrganizePlan("DEFAULT", Mode.EDIT, changes, "", least=least)


def change(held: int, kept: int, action: Action = Action.CHANGE, new: int = 0) -> Change:
    before = tuple(f"S{n}" for n in range(held))
    after = before[:kept] + tuple(f"N{n}" for n in range(new))
    return Change(action, REF, "X", after, NO_FACTS, NO_FACTS, Before("X", before, "1"))


@pytest.mark.parametrize(
    ("held", "kept"), [(100, 79), (503, 400), (7, 1), (6, 0), (1, 0), (30, 23)]
)
def test_a_great_loss_is_refused(held: int, kept: int) -> None:
    with pytest.raises(GuardRefused, match="--allow index_x"):
        check_plan(edit(change(held, kept)))


@pytest.mark.parametrize(
    ("held", "kept"), [(100, 80), (503, 403), (6, 1), (5, 1), (30, 24), (9, 9)]
)
def test_a_small_loss_passes(held: int, kept: int) -> None:
    check_plan(edit(change(held, kept)))


def test_what_joins_does_not_make_up_for_what_leaves() -> None:
    with pytest.raises(GuardRefused, match="lose 50 of 100"):
        check_plan(edit(change(100, 50, new=50)))


@pytest.mark.parametrize("allow", [["index_x"], ["stock_universe:index_x"]])
def test_allowed_by_key_or_ref(allow: list[str]) -> None:
    check_plan(edit(change(100, 0)), allow)


def test_all_refusals_come_at_once() -> None:
    other = UniverseRef("etf_universe", "theme_y")
    emptied = Change(
        Action.CHANGE, other, "Y", (), NO_FACTS, NO_FACTS, Before("Y", ("A", "B"), "1")
    )
    with pytest.raises(GuardRefused) as refused:
        check_plan(edit(change(100, 10), emptied))
    assert "90 of 100" in str(refused.value)
    assert "etf_universe:theme_y would lose all of its 2 symbols" in str(refused.value)


def test_a_refusal_names_whom_it_refuses_and_nobody_whose_name_is_in_theirs() -> None:
    short, long = (UniverseRef("etf_universe", key) for key in ("theme_ai", "theme_ai_chips"))
    held = Before("X", tuple(f"S{n}" for n in range(10)), "1")
    passes = Change(Action.CHANGE, short, "X", held.symbols[:-1], NO_FACTS, NO_FACTS, held)
    refused = Change(Action.CHANGE, long, "X", (), NO_FACTS, NO_FACTS, held)
    with pytest.raises(GuardRefused) as found:
        check_plan(edit(passes, refused))
    assert found.value.refs == ("etf_universe:theme_ai_chips",)
    assert found.value.facts == {"refs": ["etf_universe:theme_ai_chips"]}


# --- an organize, which looks at the table and at rows of others -----------------------------
def organize(*changes: Change) -> OrganizePlan:
    return OrganizePlan("DEFAULT", Mode.REPLACE, changes, "")


def row(key: str, held: int, kept: int, action: Action, *, is_foreign: bool = False) -> Change:
    made = change(held, kept, action)
    before = Before("X", made.held, "1", is_foreign=is_foreign)
    return replace(made, ref=UniverseRef("stock_universe", key), before=before)


def table(gone: int, stay: int, held: int = 4) -> OrganizePlan:
    """So many rows removed, and so many left as they are."""
    rows = [row(f"gone_{n}", held, 0, Action.REMOVE) for n in range(gone)]
    return organize(*rows, *(row(f"stays_{n}", held, held, Action.SAME) for n in range(stay)))


@pytest.mark.parametrize(("gone", "stay"), [(6, 23), (6, 0), (21, 79)])
def test_much_of_the_table_is_not_removed(gone: int, stay: int) -> None:
    with pytest.raises(GuardRefused, match=f"{gone} of {gone + stay} universes") as refused:
        check_plan(table(gone, stay))
    assert "--allow-removals" in str(refused.value.hint)
    assert len(refused.value.refs) == gone
    check_plan(table(gone, stay), [f"gone_{n}" for n in range(gone)])


@pytest.mark.parametrize(("gone", "stay"), [(5, 0), (6, 24), (20, 80)])
def test_little_of_the_table_may_be_removed(gone: int, stay: int) -> None:
    check_plan(table(gone, stay))


def test_few_rows_may_not_take_most_symbols_with_them() -> None:
    check_plan(table(2, 30, held=50))
    with pytest.raises(GuardRefused, match="150 of 600 entries of all lists"):
        check_plan(table(3, 9, held=50))


@pytest.mark.parametrize(
    ("lost", "says"),
    [
        (row("theirs", 9, 0, Action.REMOVE, is_foreign=True), "1 universe .* would be removed"),
        (row("theirs", 9, 8, Action.CHANGE, is_foreign=True), "1 universe .* would lose symbols"),
    ],
)
def test_of_a_row_that_we_never_wrote_nothing_is_taken(lost: Change, says: str) -> None:
    with pytest.raises(GuardRefused, match=says) as refused:
        check_plan(organize(lost))
    assert "--allow-foreign" in str(refused.value.hint)
    assert refused.value.refs == ("stock_universe:theirs",)
    check_plan(organize(lost), ["theirs"])
    ours = replace(lost, before=Before("X", lost.held, "1"))
    check_plan(organize(ours))


@pytest.mark.parametrize("action", [Action.REMOVE, Action.ADD, Action.SAME])
def test_only_changes_are_held(action: Action) -> None:
    """A removal is asked about by name instead."""
    check_plan(edit(change(100, 0, action)))


def test_a_row_that_could_not_be_read_has_nothing_to_lose() -> None:
    unreadable = Change(Action.CHANGE, REF, "X", ("A",), NO_FACTS, NO_FACTS, Before("X", None, "1"))
    check_plan(edit(unreadable))


def test_a_list_of_words_is_refused_and_may_be_meant() -> None:
    words = ("QUARTERLY", "REPORT", "HOLDINGS", "OF", "WHICHEVER", "FUNDS")
    filled = replace(change(0, 0, Action.ADD), symbols=("PEP", *words), unknown=words)
    with pytest.raises(GuardRefused, match=r"6 symbols known to nobody .*--allow index_x"):
        check_plan(edit(filled))
    check_plan(edit(filled), ["index_x"])
    check_plan(edit(replace(filled, unknown=words[:5])))
