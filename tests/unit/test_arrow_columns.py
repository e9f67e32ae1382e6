"""Arrow's columns and numpy's hold the same, and pandas stays out of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.arrow_columns import column_of, values_of

NUMBERS = st.lists(st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)), max_size=40)
KINDS = {"i4": pa.int32(), "i8": pa.int64(), "f8": pa.float64()}


@given(NUMBERS, st.sampled_from(sorted(KINDS)), st.data())
def test_any_slices_of_any_chunks(
    numbers: list[int | None], kind: str, data: st.DataObject
) -> None:
    """With nulls or without, from wherever a chunk begins."""
    whole = pa.array(numbers, KINDS[kind])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(numbers)), max_size=3)))
    edges = [0, *cuts, len(numbers)]
    chunks = [whole.slice(a, b - a) for a, b in pairwise(edges)]
    found = values_of(pa.chunked_array(chunks, KINDS[kind]), kind, -7)
    assert found.dtype == np.dtype(kind)
    assert found.tolist() == [-7 if n is None else n for n in numbers]
    found[:] = 0
    assert whole.to_pylist() == numbers, "the memory is its own"


@given(NUMBERS, st.sampled_from(sorted(KINDS)))
def test_there_and_back(numbers: list[int | None], kind: str) -> None:
    values = np.array([0 if n is None else n for n in numbers], kind)
    column = column_of(KINDS[kind], values, np.array([n is not None for n in numbers], np.bool_))
    column.validate(full=True)
    assert column.to_pylist() == numbers


def test_nulls_alone() -> None:
    for chunk in (pa.nulls(3, pa.float64()), pa.array([None] * 3, pa.float64())):
        assert values_of(pa.chunked_array([chunk]), "f8", -1).tolist() == [-1, -1, -1]


def test_a_null_without_a_number_for_it_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        values_of(pa.chunked_array([pa.array([1, None], pa.int64())]), "i8")


SEALED = """
import sys, numpy as np, pathlib, tempfile
from tickstock.model import Timeframe
from tickstock.sealed_file import SealedWriter, read_spans
from tickstock.sealed_place import FolderPlace
n = 1000
bars = {"instrument": np.repeat([1, 2], n // 2), "at": np.tile(np.arange(n // 2) * 60, 2)}
bars |= {k: np.arange(n) + 1.0 for k in ("open", "high", "low", "close", "volume", "vwap")}
bars["trades"] = np.full(n, -1)
bars["vwap"][::3] = np.nan
place = FolderPlace(pathlib.Path(tempfile.mkdtemp()))
writer = SealedWriter(place, "one", Timeframe.MINUTE)
spans = writer.write(bars)
writer.close()
writer.check(spans)
writer.publish()
for number, back in read_spans(place, "one", spans):
    cut = slice(number * n // 2, (number + 1) * n // 2)
    assert all(np.array_equal(back[k], bars[k][cut], equal_nan=True) for k in bars)
assert "pandas" not in sys.modules
"""


def test_sealed_minutes_are_written_and_read_without_pandas() -> None:
    assert importlib.util.find_spec("pandas"), "where it is not installed, this would prove nothing"
    subprocess.run([sys.executable, "-c", SEALED], check=True)
