"""The tickers of lines, found eight bytes at a time, are those found letter by letter."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tickstock.vendors.flatfiles import flatcsv

NUMBERS = b"12.5,100,1709787600000000000"
TICKERS = st.text("AZap./+,\x01,-", max_size=9).map(str.encode)
LINES = st.one_of(
    TICKERS.map(lambda ticker: ticker + b"," + NUMBERS),
    st.binary(max_size=12).map(lambda text: text.replace(b"\n", b"")),
    st.sampled_from([b"", b",", b"ABCDEFG," + NUMBERS, b"ABCDEFGH," + NUMBERS, b"A" * 40]),
)


def texts(names: np.ndarray) -> list[bytes]:  # type: ignore[type-arg]
    return names.view(f"S{names.itemsize}").tolist()  # type: ignore[no-any-return]


@given(st.lists(LINES, min_size=1, max_size=6))
@example([b"ABCDEFG," + NUMBERS, b"," + NUMBERS])
@example([b"A,1", b"B," + NUMBERS])
@example([b"-,--," + NUMBERS])
def test_in_eights_or_letter_by_letter(lines: list[bytes]) -> None:
    text = b"".join(line + b"\n" for line in lines)
    names, starts, ends = flatcsv._tickers(text)
    padded = np.frombuffer(text + bytes(flatcsv.LONGEST_TICKER + 1), np.uint8)
    assert texts(names) == texts(flatcsv._any_tickers(padded, starts, ends))
    assert [text[a:b] for a, b in zip(starts, ends, strict=True)] == lines


def test_where_all_are_short_they_are_numbers() -> None:
    names, _, _ = flatcsv._tickers(b"ABCDEFG," + NUMBERS + b"\nA," + NUMBERS + b"\n")
    assert names.dtype == np.uint64
    assert texts(names) == [b"ABCDEFG", b"A"]
