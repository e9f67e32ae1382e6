"""The form of the Historical Data page, its address and its command line."""

from __future__ import annotations

import shlex
from datetime import date
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tickstock.loading.request import LoadRequest
from tickstock.model import Timeframe
from tickstock.spans import Span
from tickstock.web.load_form import DURATIONS, LoadForm, form_of_load

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12).map(
    str.strip
)
forms = st.builds(
    LoadForm,
    source=st.sampled_from(["universe", "csv"]),
    universe=words,
    expression=words,
    csv=words,
    timeframes=st.lists(st.sampled_from(["day", "hour", "1min"]), unique=True).map(tuple),
    duration=st.sampled_from([value for value, _ in DURATIONS]),
    first=words,
    last=words,
    missing_only=st.booleans(),
)


@given(forms)
def test_an_address_brings_the_form_back(form: LoadForm) -> None:
    query = urlsplit(form.address()).query
    assert LoadForm.read(parse_qsl(query, keep_blank_values=True)) == form


def test_without_a_form_only_what_is_missing_of_a_year_of_days_is_asked_for() -> None:
    form = LoadForm.read([])
    assert (form.missing_only, form.timeframes, form.duration) == (True, ("day",), "1y")
    assert not form.chosen


def test_boxes_that_are_not_ticked_are_not_sent() -> None:
    form = LoadForm.read([("form", "1"), ("universe", "etf_universe:x")])
    assert (form.missing_only, form.timeframes) == (False, ())


@pytest.mark.parametrize(
    ("form", "command"),
    [
        (
            LoadForm(universe="etf_universe:core_etfs", duration="1d"),
            "tickstock load etf_universe:core_etfs --for 1d",
        ),
        (
            LoadForm(universe="a:b", expression="{A} - {B}", timeframes=("day", "1min")),
            "tickstock load '{A} - {B}' --for 1y --timeframes day,1min",
        ),
        (
            LoadForm(source="csv", csv="my list.csv", duration="dates", first="2024-01-02"),
            "tickstock load --csv 'my list.csv' --from 2024-01-02",
        ),
        (
            LoadForm(universe="a:b", duration="dates", first="2024-01-02", last="2024-02-01",
                     missing_only=False),
            "tickstock load a:b --from 2024-01-02 --to 2024-02-01 --refresh",
        ),
    ],
)  # fmt: skip
def test_the_same_as_a_command_line(form: LoadForm, command: str) -> None:
    assert " ".join(form.command()) == command


@given(forms)
def test_no_field_can_become_another_word_of_the_command(form: LoadForm) -> None:
    named = form.csv if form.source == "csv" else form.expression or form.universe
    assert named in shlex.split(" ".join(form.command()))


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("etf_universe:core_etfs", "universe"),
        ("etf_universe:* - {SPY}", "expression"),
        ("csv:mine.csv", "csv"),
    ],
)
def test_a_load_becomes_the_form_that_asks_for_the_same(name: str, field: str) -> None:
    days = Span.inclusive(date(2024, 1, 2), date(2024, 1, 31))
    request = LoadRequest(name, ("SPY",), (Timeframe.HOUR,), days, refresh=True, revision="1")
    form = form_of_load(request)
    assert getattr(form, field) == name.removeprefix("csv:")
    assert (form.duration, form.first, form.last) == ("dates", "2024-01-02", "2024-01-31")
    assert (form.timeframes, form.missing_only) == (("hour",), False)


@pytest.mark.parametrize("name", ["symbols", "a few of mine", "etf_universe:core_etfs", "$(rm x)"])
def test_a_load_of_symbols_that_somebody_gave_becomes_a_form_with_these(name: str) -> None:
    days = Span.inclusive(date(2024, 1, 2), date(2024, 1, 31))
    form = form_of_load(LoadRequest(name, ("SPY", "QQQ"), (Timeframe.DAY,), days))
    assert (form.universe, form.expression) == ("", "{SPY, QQQ}")
    assert form.command()[2] == "'{SPY, QQQ}'"
