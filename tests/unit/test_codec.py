"""The written form of a job request: nothing is lost, and what was kept before is read."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tickstock
from tests.kit import span
from tickstock.errors import BadInput
from tickstock.loading.codec import decode, encode
from tickstock.loading.request import LoadRequest
from tickstock.model import Timeframe
from tickstock.spans import Span

PACKAGE = Path(tickstock.__file__).parent
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12)
days = st.dates(date(1990, 1, 1), date(2090, 1, 1))
spans = st.builds(lambda d, n: Span(d, d + timedelta(n)), days, st.integers(1, 9_000))


@st.composite
def requests(draw: st.DrawFn) -> LoadRequest:
    symbols = draw(st.lists(texts, min_size=1, max_size=4, unique=True))
    each = st.lists(spans, max_size=3).map(tuple)
    intervals = draw(st.lists(each, min_size=len(symbols), max_size=len(symbols)) | st.just([]))
    return LoadRequest(
        draw(texts),
        tuple(symbols),
        tuple(draw(st.lists(st.sampled_from(Timeframe), min_size=1, max_size=5, unique=True))),
        draw(spans),
        draw(st.booleans()),
        tuple(intervals),
        draw(texts),
        draw(st.integers(0, 3660)),
    )


@given(requests())
def test_what_is_written_is_read_back(request: LoadRequest) -> None:
    written = json.loads(json.dumps(encode(request)))
    assert decode(written) == request
    assert decode(written | {"job": {"bars": False}, "new": 1}) == request


REQUEST = LoadRequest(
    "index_sp500 @ 2024-07-01..2024-07-05",
    ("A", "B"),
    (Timeframe.DAY, Timeframe.MINUTE),
    span("2024-07-01", "2024-07-05"),
    refresh=True,
    intervals=((span("2024-07-01", "2024-07-02"), span("2024-07-04")), (span("2024-07-03"),)),
    revision="17.3",
    pad=5,
)
OLD_PLAN = {
    "universe": "index_sp500 @ 2024-07-01..2024-07-05",
    "symbols": ["A", "B"],
    "timeframes": ["day", "1min"],
    "span": ["2024-07-01", "2024-07-06"],
    "refresh": True,
    "spells": [
        [["2024-07-01", "2024-07-03"], ["2024-07-04", "2024-07-05"]],
        [["2024-07-03", "2024-07-04"]],
    ],
    "revision": "17.3",
    "pad": 5,
}
"""As plans were kept under their tokens."""
OLD_LOAD = {
    "universe": "etf_universe:core_etfs",
    "symbols": ["A", "B"],
    "timeframes": ["day"],
    "from": "2024-07-01",
    "to": "2024-07-05",
    "refresh": False,
    "as_it_was": False,
    "job": {"type": "csv_universe_load", "timeframes": ["day"], "bars": True},
}
"""As loads had it."""


def test_what_earlier_versions_kept_is_read() -> None:
    assert decode(OLD_PLAN) == REQUEST
    plain = LoadRequest("etf_universe:core_etfs", ("A", "B"), (Timeframe.DAY,), REQUEST.span)
    assert decode(OLD_LOAD) == plain


@pytest.mark.parametrize("name", ["symbols", "timeframes", "from", "to"])
@pytest.mark.parametrize("value", [None, 7, ["x"], "none"])
def test_what_is_no_request_says_so(name: str, value: Any) -> None:
    if (name, value) == ("symbols", ["x"]):
        value = []
    if (name, value) == ("symbols", "none"):
        value = None
    with pytest.raises(Exception, match=r"(read|names no symbol)"):
        decode(OLD_LOAD | {name: value})
    with pytest.raises(BadInput, match="cannot be read"):
        decode({k: v for k, v in OLD_LOAD.items() if k != name})


def test_nobody_else_reads_or_writes_that_form() -> None:
    reading = re.compile(r"""\brequest(\[|\.get\()["']""")
    for file in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.html")]:
        found = reading.search(file.read_text("utf-8"))
        allowed = {'request.get("'} if file.name == "jobs.py" else set()
        assert found is None or found[0] in allowed, f"{file}: {found[0]}"
