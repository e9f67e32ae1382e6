"""A bar file gives back what was written, or says that it cannot."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.bar_file import (
    AT_ONCE,
    COLUMNS,
    ENDING,
    BarFile,
    Block,
    FileStamp,
    RowRanges,
    columns_of,
    sum_of_hashes,
    write_bar_file,
)
from tickstock.checksums import row_hashes
from tickstock.errors import BadFile
from tickstock.model import Floats, Ints

STAMP = FileStamp("day-2024-one", "cluster-1-2")
FLOATS = ("open", "high", "low", "close", "volume", "vwap")


def bars_of(keys: list[tuple[int, int]], seed: int = 0) -> dict[str, Ints | Floats]:
    dice = np.random.default_rng(seed)
    keys = sorted(set(keys))
    columns: dict[str, Ints | Floats] = {
        "instrument": np.array([k[0] for k in keys], np.int64),
        "at": np.array([k[1] for k in keys], np.int64),
    }
    columns |= {name: dice.random(len(keys)) * 100 for name in FLOATS}
    columns["vwap"][::3] = np.nan
    columns["trades"] = dice.integers(-1, 100, len(keys))
    return columns


def written(folder: Path, keys: list[tuple[int, int]]) -> dict[str, Ints | Floats]:
    bars = bars_of(keys)
    assert write_bar_file(folder, STAMP, bars) == path_of(folder).stat().st_size
    return bars


def path_of(folder: Path) -> Path:
    return folder / f"{STAMP.name}{ENDING}"


def taken(
    folder: Path, wanted: list[tuple[int, int, int]], stamp: FileStamp = STAMP
) -> dict[str, Ints | Floats]:
    file = BarFile(folder, stamp)
    ids, lo, hi = (np.array(column, np.int64) for column in zip(*wanted, strict=True))
    found = file.find(ids, lo, hi)
    block = np.empty((len(COLUMNS), len(found)), np.int64)
    block[0] = np.repeat(ids, found.end - found.start)
    file.copy(found, block, slice(None))
    try:
        file.check(found, ids)
    except BadFile:
        for at_once in (2, 3, AT_ONCE):
            with pytest.raises(BadFile, match="differ from their checksums"):
                in_parts(file, found, ids, at_once)
        raise
    assert file.sum_of(found) == sum_of_hashes(block)
    for at_once in (2, 3, AT_ONCE):
        assert np.array_equal(in_parts(file, found, ids, at_once), block)
    return columns_of(block)


def in_parts(file: BarFile, found: RowRanges, ids: Ints, at_once: int) -> Block:
    parts = []
    for which, part in file.parts(found, ids, at_once=at_once):
        assert 0 < len(which) <= at_once
        assert np.array_equal(part[0], ids[which])
        parts.append(part.copy())
    return np.concatenate([np.empty((len(COLUMNS), 0), np.int64), *parts], axis=1)


def expected(
    bars: dict[str, Ints | Floats], wanted: list[tuple[int, int, int]]
) -> dict[str, Ints | Floats]:
    rows = [
        np.flatnonzero((bars["instrument"] == i) & (bars["at"] >= lo) & (bars["at"] <= hi))
        for i, lo, hi in wanted
    ]
    return {name: column[np.concatenate(rows)] for name, column in bars.items()}


def same(a: dict[str, Ints | Floats], b: dict[str, Ints | Floats]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[n], b[n], equal_nan=True) for n in a)


NUMBERS = st.integers(-2, 6)
DAYS = st.integers(-4, 12)


@given(
    st.lists(st.tuples(NUMBERS, DAYS), max_size=60),
    st.lists(st.tuples(NUMBERS, DAYS, DAYS), min_size=1, max_size=8),
)
def test_what_is_taken_is_what_was_written(
    tmp_path_factory: pytest.TempPathFactory,
    keys: list[tuple[int, int]],
    wanted: list[tuple[int, int, int]],
) -> None:
    """Any instruments in any order, the same one twice, days that end before they begin."""
    folder = tmp_path_factory.mktemp("bars")
    bars = written(folder, keys)
    assert same(taken(folder, wanted), expected(bars, wanted))


KEYS = [(i, d) for i in (3, 4, 9) for d in range(19_700, 19_730) if (i + d) % 5]
WANTED = [(3, 19_705, 19_712), (4, 19_600, 19_800), (9, 19_729, 19_740), (5, 19_700, 19_710)]


def test_whatever_byte_changes_no_other_bars_are_given(tmp_path: Path) -> None:
    bars, wrong = written(tmp_path, KEYS), 0
    file, dice = path_of(tmp_path), random.Random(1)
    whole = file.read_bytes()
    for place in dice.sample(range(len(whole)), 1200):
        broken = bytearray(whole)
        broken[place] ^= 1 << dice.randrange(8)
        file.write_bytes(broken)
        try:
            assert same(taken(tmp_path, WANTED), expected(bars, WANTED)), place
        except BadFile:
            wrong += 1
    assert wrong > 300


def test_a_day_that_moves_hides_no_other(tmp_path: Path) -> None:
    """A bar before those that are asked for, which claims to be later, or the other way round."""
    bars = written(tmp_path, KEYS)
    file = path_of(tmp_path)
    whole = file.read_bytes()
    at = bars["at"].astype("<i4").tobytes()
    place, refused = whole.index(at), 0
    for row in range(len(bars["at"])):
        for day in (19_600, 19_708, 19_900):
            broken = bytearray(whole)
            broken[place + 4 * row : place + 4 * row + 4] = np.int32(day).tobytes()
            file.write_bytes(broken)
            try:
                assert same(taken(tmp_path, WANTED), expected(bars, WANTED)), (row, day)
            except BadFile:
                refused += 1
    assert refused > len(bars["at"])


def test_parts_beyond_the_first(tmp_path: Path) -> None:
    keys = [(i, d) for i in range(120) for d in range(19_000, 19_300)]
    bars = written(tmp_path, keys)
    assert len(bars["at"]) > 2 * AT_ONCE
    wanted = [(i, 19_000 + i, 19_299 - i // 9) for i in range(120)]
    assert same(taken(tmp_path, wanted), expected(bars, wanted))


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 400, 2000, -1, -8])
def test_a_file_that_was_cut_is_refused(tmp_path: Path, size: int) -> None:
    written(tmp_path, KEYS)
    file = path_of(tmp_path)
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(BadFile, match="cannot be read"):
        taken(tmp_path, WANTED)


@pytest.mark.parametrize("body", [b"x" * 4000, b"\xff" * 4000, b"\2\0\0\0\0\0\0\0{}" + b"x" * 90])
def test_another_file_is_refused(tmp_path: Path, body: bytes) -> None:
    path_of(tmp_path).write_bytes(body)
    with pytest.raises(BadFile, match="cannot be read"):
        taken(tmp_path, WANTED)


def test_a_file_of_another_name_or_database_is_refused(tmp_path: Path) -> None:
    written(tmp_path, KEYS)
    with pytest.raises(BadFile, match="of another database"):
        taken(tmp_path, WANTED, FileStamp(STAMP.name, "cluster-1-3"))
    path_of(tmp_path).rename(tmp_path / f"day-2024-two{ENDING}")
    with pytest.raises(BadFile, match="is not there"):
        taken(tmp_path, WANTED)
    with pytest.raises(BadFile, match="it is another file"):
        taken(tmp_path, WANTED, FileStamp("day-2024-two", STAMP.database))


def test_bars_of_no_instrument_are_a_file_too(tmp_path: Path) -> None:
    written(tmp_path, [])
    assert len(taken(tmp_path, WANTED)["at"]) == 0


def test_others_read_it_as_the_format_says(tmp_path: Path) -> None:
    """Eight bytes of length, a header in JSON, and columns where it says."""
    import json

    bars = written(tmp_path, KEYS)
    whole = path_of(tmp_path).read_bytes()
    start = 8 + int.from_bytes(whole[:8], "little")
    head = json.loads(whole[8:start])
    low, high = head["close"]["data_offsets"]
    close = np.frombuffer(whole[start + low : start + high], "<f8")
    assert np.array_equal(close, bars["close"])
    assert head["__metadata__"]["name"] == STAMP.name
    ends = [head[n]["data_offsets"] for n in head if n != "__metadata__"]
    assert [a for a, _ in ends] == [0, *(b for _, b in ends[:-1])]
    assert start + ends[-1][1] == len(whole)
    assert start % 8 == 0
    prices = [bars[name] for name in FLOATS[:4]]
    hashes = row_hashes(
        bars["instrument"], bars["at"], prices, bars["volume"], bars["vwap"], bars["trades"]
    )
    low, high = head["sums"]["data_offsets"]
    assert np.frombuffer(whole[start + low : start + high], "<u8")[-1] == hashes.sum()
