"""Lists as people really have them, each with its right result: none of a symbol that nobody meant,
none of a row that vanishes uncounted."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tickstock.errors import BadFile
from tickstock.universes.files import read_file

FOLDER = Path(__file__).parents[1] / "data" / "list_cases"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads((FOLDER / "expected.toml").read_text())
FILES = sorted(f.name for f in FOLDER.iterdir() if f.name != "expected.toml")
TODAY = date(2026, 11, 20)


def test_each_file_has_its_expectation() -> None:
    assert sorted(EXPECTED) == FILES


@pytest.mark.parametrize("name", FILES)
def test_case(name: str) -> None:
    expected, data = EXPECTED[name], (FOLDER / name).read_bytes()
    if "refused" in expected:
        with pytest.raises(BadFile) as refusal:
            read_file(name, data, today=TODAY)
        for words in expected["refused"]:
            assert words in str(refusal.value)
        return
    found = read_file(name, data, today=TODAY)
    assert list(found.symbols) == expected["symbols"]
    if "form" in expected:
        assert found.form == expected["form"]
    assert found.left_out == expected.get("left_out", {})
    remarks = [str(remark) for remark in found.remarks]
    for words in expected.get("remarks", []):
        assert any(remark.startswith(words) for remark in remarks), remarks
