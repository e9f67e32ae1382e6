"""Arrow's columns from and into numpy's, over the same memory.

pyarrow's own ways (`pa.array` of numpy's, `to_numpy`, scalars) import pandas where it is installed,
which takes longer than most readings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tickstock.extras import need
from tickstock.model import Flags


def column_of(kind: Any, values: npt.NDArray[Any], valid: Flags | None = None) -> Any:
    """An Arrow array over the memory of `values`; only the bits of validity are made."""
    pa = need("pyarrow")
    data = pa.py_buffer(np.ascontiguousarray(values))
    if valid is None or valid.all():
        return pa.Array.from_buffers(kind, len(values), [None, data])
    bits = pa.py_buffer(np.packbits(valid, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [bits, data])


def values_of(column: Any, kind: str, nothing: float = np.nan) -> npt.NDArray[Any]:
    """The values of an Arrow column of numbers, dates or times as numpy's `kind`, which has to be
    as wide; `nothing` for nulls. In memory of their own."""
    width = np.dtype(kind).itemsize
    parts = [np.empty(0, kind)]
    for chunk in column.chunks:
        if not len(chunk):
            continue
        bits, data = chunk.buffers()
        start, end = chunk.offset, chunk.offset + len(chunk)
        part = np.frombuffer(data, kind, len(chunk), start * width)
        if chunk.null_count:
            flags = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[start:end]
            part = np.where(flags, part, np.array(nothing, kind))
        parts.append(part)
    return np.concatenate(parts)
