"""Every file of `tests/data/bad_lists` is told about with its name and line, or refused."""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tickstock.errors import BadFile
from tickstock.universes.files import read_file

FOLDER = Path(__file__).parents[1] / "data" / "bad_lists"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
FILES = sorted(f.name for f in FOLDER.iterdir() if f.name != "expected.toml")


def dotted(symbols: Sequence[str]) -> Mapping[str, str]:
    known = {"BRKB": "BRK.B", "BFB": "BF.B"}
    return {s: known[s] for s in symbols if s in known}


def test_each_file_has_its_expectation() -> None:
    assert sorted(EXPECTED) == FILES


@pytest.mark.parametrize("name", FILES)
def test_bad_list(name: str) -> None:
    expected, data = EXPECTED[name], (FOLDER / name).read_bytes()
    if "refused" in expected:
        with pytest.raises(BadFile) as refusal:
            read_file(name, data, resolve=dotted)
        assert refusal.value.what.startswith((name, f"{len(expected['refused'])} problem")) or (
            f" in {name}" in refusal.value.what
        )
        assert refusal.value.hint
        for words in expected["refused"]:
            assert words in str(refusal.value)
        return
    found = read_file(name, data, resolve=dotted)
    assert list(found.symbols) == expected["symbols"]
    remarks = [str(remark) for remark in found.remarks]
    for words in expected.get("remarks", []):
        assert any(remark.startswith(words) for remark in remarks), remarks


def test_all_problems_come_at_once_and_are_cut_where_nobody_reads_on() -> None:
    lines = ["symbol", *(f"no symbol {i}" for i in range(60))]
    with pytest.raises(BadFile) as refusal:
        read_file("many.csv", "\n".join(lines).encode())
    assert "60 problems in many.csv" in refusal.value.what
    assert "many.csv:2:" in refusal.value.what
    assert "many.csv:51:" in refusal.value.what
    assert "and 10 more" in refusal.value.what
