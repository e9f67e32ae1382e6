"""Advisory locks: keys that are all different, and written in one place."""

from __future__ import annotations

import re
from pathlib import Path

from tickstock.store import locks

STORE = Path(locks.__file__).parent
FROZEN = [STORE / "schema.sql", *(STORE / "migrations").glob("*.sql")]
"""Released steps cannot be given parameters: what they take has to be known here."""
NUMBERS = {name: value for name, value in vars(locks).items() if isinstance(value, int)}
SECOND = ("CREATION", "MINUTE_MONTHS")


def test_keys_are_unique() -> None:
    first = [value for name, value in NUMBERS.items() if name not in SECOND]
    assert len(set(first)) == len(first)
    assert len({NUMBERS[name] for name in SECOND}) == len(SECOND)
    assert all(abs(value) < 2**31 for name, value in NUMBERS.items() if name != "MIGRATION")


def test_no_key_is_written_anywhere_else() -> None:
    taken = re.compile(r"pg_(?:try_)?advisory_\w+\(\s*([\w, ]*\d[\w, ]*)\)")
    big = {str(v) for v in NUMBERS.values() if v > 10} | {hex(v) for v in NUMBERS.values()}
    for file in [*STORE.parent.rglob("*.sql"), *STORE.parent.rglob("*.py")]:
        text = file.read_text("utf-8")
        if file not in FROZEN and file != Path(locks.__file__):
            assert not taken.search(text), file
            assert not {word for word in re.findall(r"\w+", text) if word.lower() in big}, file


def test_what_released_steps_take_is_known() -> None:
    found = {m for f in FROZEN for m in re.findall(r"advisory_\w+\(([^)]*)\)", f.read_text())}
    assert found == {f"{locks.SINGLE}, {locks.MINUTE_MONTHS}"}
