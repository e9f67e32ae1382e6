"""What clients write is read without trust."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.bridge.messages import (
    JOB_TYPES,
    LONGEST_ANSWERED_ID,
    MOST_BYTES,
    SEEDS,
    Cancel,
    JobMessage,
    Refusal,
    read_control,
    read_job,
)
from tickstock.loading.request import Duration, Unit
from tickstock.universes.expression import parse


def written(**fields: Any) -> bytes:
    return json.dumps({"job_id": "j1"} | fields).encode()


def csv_load(**fields: Any) -> JobMessage | Refusal:
    return read_job(written(job_type="csv_universe_load", **fields))


# --- what is understood -------------------------------------------------------------------------
def test_symbols_come_before_the_universe_and_that_before_the_file() -> None:
    everything = {"symbols": ["SPY"], "universe_key": "core_etfs", "csv_file": "mine.csv"}
    job = csv_load(**everything)
    assert isinstance(job, JobMessage)
    assert (job.symbols, job.universe, job.csv_file) == (("SPY",), "", "")
    job = csv_load(**everything | {"symbols": []})
    assert isinstance(job, JobMessage)
    assert (job.symbols, job.universe, job.csv_file) == ((), "core_etfs", "")
    job = csv_load(**everything | {"symbols": None, "universe_key": " "})
    assert isinstance(job, JobMessage)
    assert (job.symbols, job.universe, job.csv_file) == ((), "", "mine.csv")


def test_without_any_of_them_there_is_no_default() -> None:
    for nothing in ({}, {"symbols": []}, {"symbols": None, "universe_key": "", "csv_file": ""}):
        refused = csv_load(**nothing)
        assert isinstance(refused, Refusal)
        assert refused.job_id == "j1"
        assert refused.job_type == "csv_universe_load"


@pytest.mark.parametrize(
    ("years", "duration"),
    [
        (0.003, Duration(1, Unit.SESSION)),
        (0.005, Duration(2, Unit.SESSION)),
        (0.02, Duration(7, Unit.CALENDAR_DAY)),
        (0.08, Duration(1, Unit.MONTH)),
        (0.25, Duration(3, Unit.MONTH)),
        (5, Duration(60, Unit.MONTH)),
        (None, Duration(12, Unit.MONTH)),
        (0.0001, Duration(1, Unit.CALENDAR_DAY)),
    ],
)
def test_years_are_durations(years: float | None, duration: Duration) -> None:
    job = csv_load(symbols=["SPY"], years=years)
    assert isinstance(job, JobMessage)
    assert job.duration == duration


def test_unknown_fields_are_left_out_and_some_are_kept() -> None:
    job = csv_load(
        symbols=["spy", "BRK-B", "SPY"],
        source="etf_universe:etf_core",
        run_analysis_after_import=True,
        include_ohlcv=False,
        timestamp=17,
        submitted_at={},
        evil="<script>",
        requested_by=42,
    )
    assert job == JobMessage(
        "j1",
        "csv_universe_load",
        Duration(12, Unit.MONTH),
        symbols=("SPY", "BRK.B"),
        source="etf_universe:etf_core",
        requested_by="42",
        bars=False,
        kept=(("run_analysis_after_import", True),),
    )


@pytest.mark.parametrize("name", SEEDS)
def test_seeds_are_universes(name: str) -> None:
    job = read_job(written(job_type="universe_seed", universe_type=name.lower(), refresh=True))
    assert isinstance(job, JobMessage)
    assert job.refresh
    parse(job.expression)


# --- whom to answer -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("data", "job_id"),
    [
        (b'{"job_id":"a"', ""),
        (b'{"job_id":"a"}', "a"),
        (b'{"job_id":7}', "7"),
        (b'{"job_id":null}', ""),
        (b'{"job_id":["a"]}', ""),
        (b'{"job_id":"a","years":NaN}', "a"),
        (b'{"job_id":"a\\u0000"}', ""),
        (b'{"job_id":"\\ud800","years":NaN}', ""),
        (b'{"job_type":"universe_seed","job_id":"\\u0000"}', ""),
        (written(job_id="x" * LONGEST_ANSWERED_ID), "x" * LONGEST_ANSWERED_ID),
        (written(job_id="x" * (LONGEST_ANSWERED_ID + 1)), ""),
        (written(padding="x" * MOST_BYTES), "j1"),
        (b'{"job_id":"a","deep":' + b"[" * 90_000, ""),
        (b"\xff", ""),
    ],
)
def test_a_refusal_is_addressed_where_the_id_can_be_read(data: bytes, job_id: str) -> None:
    refused = read_job(data)
    assert isinstance(refused, Refusal)
    assert refused.job_id == job_id
    assert refused.reason


# --- whatever comes -----------------------------------------------------------------------------
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)
NAMES = [
    *("symbols", "source", "universe_key", "csv_file", "universe_type", "years", "timeframes"),
    *("include_ohlcv", "run_analysis_after_import", "timespan", "refresh", "requested_by"),
    *("timestamp", "submitted_at"),
]
MESSAGES = st.fixed_dictionaries(
    {"job_id": st.text(max_size=10) | ANYTHING, "job_type": st.sampled_from(JOB_TYPES) | ANYTHING},
    optional=dict.fromkeys(NAMES, ANYTHING)
    | {"symbols": st.lists(st.text(max_size=8), max_size=4) | ANYTHING},
)


def check(read: JobMessage | Refusal) -> None:
    if isinstance(read, Refusal):
        assert read.reason
        assert len(read.reason) <= 2_000
        read.reason.encode()
        assert "\0" not in read.job_id + read.reason
        assert len(read.job_id) <= LONGEST_ANSWERED_ID
        return
    assert 1 <= len(read.job_id) <= 200
    assert read.job_type in JOB_TYPES
    ways = (read.symbols, read.universe, read.expression, read.csv_file)
    assert sum(map(bool, ways)) == 1
    assert read.timeframes
    for text in (read.job_id, read.source, read.requested_by):
        assert "\0" not in text.encode().decode()


@given(st.binary(max_size=300))
def test_bytes_are_read_or_refused(data: bytes) -> None:
    check(read_job(data))
    assert isinstance(read_control(data), Cancel | Refusal)


@given(MESSAGES)
def test_messages_are_read_or_refused_and_answered(message: dict[str, Any]) -> None:
    read = read_job(json.dumps(message).encode())
    check(read)
    job_id = message["job_id"]
    if isinstance(job_id, str) and job_id and job_id.isprintable():
        assert read.job_id == job_id


@given(ANYTHING)
def test_control_messages_are_read_or_refused(message: Any) -> None:
    assert isinstance(read_control(json.dumps(message).encode()), Cancel | Refusal)


# --- control ------------------------------------------------------------------------------------
def test_cancels() -> None:
    one = read_control(b'{"job_id":"j1","action":"cancel"}')
    assert one == Cancel("j1", "Cancelled by a client.")
    every = read_control(b'{"command":"cancel_all","reason":"night\\u0000"}')
    assert every == Cancel("", "Cancelled with all jobs: night\\x00.")
    for unknown in (b'{"job_id":"j1"}', b'{"action":"cancel"}', b'{"job_id":"","action":"cancel"}'):
        assert isinstance(read_control(unknown), Refusal)
