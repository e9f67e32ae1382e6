"""The verdict on a job: completed is never said of one with unexplained gaps."""

import json

import pytest

from tickstock.loading.report import ItemResult, make_report
from tickstock.model import GapCause, JobState, Timeframe

DAY, HOUR = Timeframe.DAY, Timeframe.HOUR
EMPTY, FAILED = GapCause.VENDOR_EMPTY, GapCause.FAILED


def item(symbol="A", expected=10, held=10, *causes, timeframe=DAY, in_vain=False):
    return ItemResult(symbol, timeframe, expected, held, causes, in_vain)


@pytest.mark.parametrize(
    ("items", "state"),
    [
        ([item()], JobState.COMPLETED),
        ([item(held=9), item("B", 10, 9, (EMPTY, 1))], JobState.COMPLETED),
        ([item(expected=0, held=0)], JobState.COMPLETED),  # nothing was published: nothing is due
        ([item("A", 10, 0, (EMPTY, 10)), item("B")], JobState.WITH_ERRORS),
        ([item("A", 10, 0, (EMPTY, 10))], JobState.FAILED),  # zero bars are no success
        ([item("A", 10, 9, (FAILED, 1))], JobState.WITH_ERRORS),
        ([item("A", 10, 9, (GapCause.NOT_ENTITLED, 1))], JobState.WITH_ERRORS),
        ([item("A", 10, 9, (GapCause.QUARANTINED, 1))], JobState.WITH_ERRORS),
        ([item("A", 10, 9, (GapCause.NEVER_ASKED, 1))], JobState.WITH_ERRORS),
        ([item("A", 10, 0, (FAILED, 10)), item("B", 5, 0, (FAILED, 5))], JobState.FAILED),
        ([item(in_vain=True)], JobState.FAILED),  # a refresh that brought nothing
        ([item(in_vain=True), item("B")], JobState.WITH_ERRORS),
    ],
)
def test_the_state(items, state):
    assert make_report(items).state is state


def test_a_symbol_with_one_bad_timeframe_is_not_good():
    report = make_report([item(), item(timeframe=HOUR, held=0), item("B")])
    assert report.failed_symbols == ("A",)
    assert report.good_symbols == ("B",)


def test_the_message_counts_symbols_sessions_and_causes():
    report = make_report(
        [item(), item("B", 10, 7, (FAILED, 2), (EMPTY, 1)), item("A", timeframe=HOUR)]
    )
    assert report.message == (
        "2 symbols, 27 of 30 sessions held (2 failed, 1 vendor empty); 1 symbol failed"
    )


def test_it_can_be_stored():
    body = json.loads(json.dumps(make_report([item("B", 10, 7, (FAILED, 3)), item()]).as_dict()))
    assert body["expected"], body["held"] == (20, 17)
    assert body["causes"] == {"failed": 3}
    assert body["items"][0] == ["B", "day", 10, 7, {"failed": 3}]
    assert (body["good_symbols"], body["failed_symbols"]) == (["A"], ["B"])
