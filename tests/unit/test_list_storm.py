"""A storm of lists of known truth: no symbol that no cell meant, no row lost uncounted, each
refusal with its file and line. `--storm 5000` is the long form; `--seed N` reads one list again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date

import pytest

from tests.list_storm import make
from tickstock.errors import BadFile
from tickstock.universes.files import read_file

TODAY = date(2026, 11, 20)
NAMELESS = ("text", "without symbol", "without ticker")
MOST_REFUSED = 0.02
"""The share of lists that may be refused where their shape leaves something open."""


def test_storm(request: pytest.FixtureRequest) -> None:
    one = request.config.getoption("--seed")
    seeds = range(request.config.getoption("--storm")) if one is None else (one,)
    wrong = [fault for seed in seeds if (fault := fault_of(seed))]
    refused = [fault for fault in wrong if fault.startswith("open")]
    wrong = [fault for fault in wrong if not fault.startswith("open")]
    assert not wrong, f"{len(wrong)} of {len(seeds)}:\n" + "\n".join(wrong[:20])
    assert len(refused) <= max(3, MOST_REFUSED * len(seeds)), refused


def fault_of(seed: int) -> str:
    """What is wrong with the reading of one list; nothing where all is right."""
    data, truth = make(seed)
    try:
        found = read_file(truth.name, data, today=TODAY)
    except BadFile as refusal:
        return fault_of_refusal(seed, str(refusal), truth.refused, may_refuse=truth.may_refuse)
    if truth.refused:
        return f"{seed}: line {truth.refused} should be refused"
    if strangers := set(found.symbols) - set(truth.symbols):
        return f"{seed}: nobody meant {strangers}"
    if list(found.symbols) != truth.symbols:
        return f"{seed}: {set(truth.symbols) - set(found.symbols)} are missing"
    if counted(found.rows) != counted(truth.rows):
        return f"{seed}: counted {dict(found.rows)}, there are {dict(truth.rows)}"
    return ""


def counted(rows: Mapping[str, int]) -> Counter[str]:
    """Rows by kind; whether a row without a symbol is one of text is a matter of words."""
    found: Counter[str] = Counter()
    for kind, n in rows.items():
        found["nameless" if kind in NAMELESS else kind] += n
    return +found


def fault_of_refusal(seed: int, said: str, lines: list[int], *, may_refuse: bool) -> str:
    if not re.search(rf"storm{seed}:\d+: ", said):
        return f"{seed}: refused without a line: {said[:200]}"
    if lines:
        missing = [line for line in lines if f"storm{seed}:{line}: " not in said]
        return f"{seed}: line {missing} is not named: {said[:300]}" if missing else ""
    return f"open {seed}: {said[:200]}" if may_refuse else f"{seed}: refused: {said[:300]}"
