"""The start page: the whole house at a glance, what needs a hand first."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running, until
from tickstock.spans import ONE_DAY

pytestmark = pytest.mark.browser

CORE = "etf_universe:core_etfs"


@pytest.fixture(scope="module", autouse=True)
def loaded(served: Running) -> Iterator[None]:
    """A month of the core ETFs is held; of one of them, a week before has failed."""
    tick = served.tick
    load = tick.jobs.submit(tick.plans.make(tick.requests.resolve(CORE, duration="1mo")))
    until(lambda: tick.jobs.progress(load.id).load.state.finished, 60)
    first = tick.dates.span("1mo").start - 60 * ONE_DAY
    with tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)"
            " SELECT id, 'day', daterange(%s, %s), 'failed' FROM tickstock.instruments"
            " WHERE symbol = 'BND' ON CONFLICT DO NOTHING",
            (first, first + 7 * ONE_DAY),
        )
    yield
    with tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.holes WHERE cause = 'failed'")


def names(page: Page) -> list[str]:
    return page.locator("table.house td.main a").all_inner_texts()


def row(ref: str) -> str:
    return f'[id="h-{ref}"]'


def test_what_needs_a_hand_comes_first_and_is_one_click_from_its_plan(
    tab: OpenTab, served: Running
) -> None:
    page = tab(viewport={"width": 1440, "height": 900}).go(served.url)
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    failed = page.get_by_role("link", name=re.compile(r"^\d+ failed$"))
    expect(failed.first).to_be_visible()
    worst = names(page)[: failed.count()]
    page.get_by_role("link", name="need a hand").click()
    page.wait_for_url("**need=hand*")
    expect(page.locator("table.house td.main a")).to_have_text(worst)
    failed.first.click()
    expect(page.locator("#plan")).to_contain_text("of these, failed before")
    expect(page.locator("#plan")).to_contain_text("{BND}")


def test_a_universe_is_a_row(tab: OpenTab, served: Running) -> None:
    page = tab(viewport={"width": 1440, "height": 900}).go(served.url)
    page.get_by_label("Search").press_sequentially("core etf")
    expect(page.locator("table.house tbody tr")).to_have_count(1)
    page.wait_for_url("**q=core*")
    line = page.locator(row(CORE))
    expect(line).to_contain_text(re.compile(r"10\s*\d+\.\d %"))
    expect(line).to_contain_text("never asked")
    expect(line).to_contain_text("no schedule")
    served.tick.schedules.add("house", CORE, datetime.time(1))
    page.reload()
    expect(line.locator("time")).to_have_count(1)
    served.tick.schedules.remove("house")
    line.get_by_role("link", name="Coverage of Core ETFs").focus()
    page.keyboard.press("Enter")
    expect(page.locator("tr.total th")).to_have_text("10 symbols")


def test_the_house_without_javascript(tab: OpenTab, served: Running) -> None:
    page = tab(java_script_enabled=False).go(served.url)
    page.get_by_label("Search").fill("core etf")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("table.house td.main a")).to_have_text(["Core ETFs"])
    page.get_by_role("link", name="need a hand").click()
    page.wait_for_url("**need=hand*")
    expect(page.locator("table.house td.main a")).to_have_text(["Core ETFs"])
