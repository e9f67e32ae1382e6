"""Who knows a symbol: the verdict on a list, and what the guard makes of it."""

import pytest

from tickstock.universes.known import SymbolVerdict, is_known, judge, with_dot


@pytest.mark.parametrize("symbol", ["PEP", "BRK.B", "KIMpL", "ACHR.WS", "SPY", "NAN", "META", "FB"])
def test_what_is_listed_or_was_a_member_is_known(symbol: str) -> None:
    assert is_known(symbol)


def test_a_verdict_names_those_that_nobody_knows() -> None:
    verdict = judge(["PEP", "KO", "PEPSICO", "ZZZZZ"], traded=lambda asked: {"ZZZZZ"} & set(asked))
    assert str(verdict) == "4 symbols: 3 known, 1 known to nobody (PEPSICO)."
    assert str(judge(["PEP", "KO"])) == "2 symbols: all known."
    assert str(judge(["PEP"])) == "1 symbol: known."


def test_only_what_no_list_knows_is_asked_for() -> None:
    asked: list[str] = []
    judge(["PEP", "PEPSICO"], traded=lambda symbols: asked.extend(symbols) or ())
    assert asked == ["PEPSICO"]


@pytest.mark.parametrize(
    ("size", "unknown", "is_doubtful"), [(5, 5, False), (6, 6, True), (40, 8, False), (40, 9, True)]
)
def test_a_verdict_is_doubtful_above_a_number_and_a_share(
    size: int, unknown: int, is_doubtful: bool
) -> None:
    assert SymbolVerdict(size, tuple(f"X{n}" for n in range(unknown))).is_doubtful == is_doubtful


def test_a_share_class_without_its_dot() -> None:
    assert with_dot("BRKB") == "BRK.B"
    assert with_dot("BFB") == "BF.B"
    assert with_dot("PEP") is None
    assert with_dot("GOOGL") is None
