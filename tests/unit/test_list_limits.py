"""No file takes the machine's time or memory, however it is made."""

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from tickstock.errors import BadFile
from tickstock.universes.files import MAX_BYTES, MAX_HISTORY_BYTES, read_file


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_hostile_files_are_answered_in_time_and_in_little_memory() -> None:
    script = Path(__file__).with_name("hostile_lists.py")
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
    # A MemoryError would end it, and so would the kernel, by its share of the processor.
    assert done.returncode == 0, (done.stdout, done.stderr)
    rows = [line.split("|") for line in done.stdout.splitlines()]
    assert len(rows) == 28
    accepted = {name for name, outcome, _ in rows if outcome != "refused"}
    assert accepted == {
        "sectors",
        "symbols and sectors",
        "wide rows",
        "endless blanks",
        "texts in JSON",
        "escapes in JSON",
        "long TOML",
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"A\n" * (MAX_HISTORY_BYTES // 2 + 1), "bytes, which no list"),
        (b"symbol,x\n" + b"AAPL,%d\n" % 10**40 * (MAX_BYTES // 40), "without dates has at most"),
        (b"symbol,x\n" + b"AAPL,1\n" * 250_001, "more than 250,000 lines"),
        (b"AAPL\n" * 100_001, "more than 100,000 rows"),
        (b"symbol\n" + b"\n".join(b"A%d" % i for i in range(100_001)), "more than 100,000 symbols"),
    ],
)
def test_more_than_a_list_has(data: bytes, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        read_file("large", data)


def test_a_table_with_days_may_be_as_long_as_a_history() -> None:
    days = b"".join(b"2026-11-%02d,KO\n" % day for day in range(2, 21)) * 13_159
    found = read_file("long", b"date,symbol\n2026-11-02,PEP\n" + days, today=date(2026, 11, 20))
    assert found.symbols == ("KO",)
    assert sum(found.rows.values()) == 250_022
    assert found.history is not None
    assert {i.symbol for i in found.history.intervals} == {"PEP", "KO"}
    with pytest.raises(BadFile, match="more than 1,000 bytes"):
        read_file("long", days, most_bytes=1_000)
