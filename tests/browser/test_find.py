"""Ctrl-K on every view, and the page of a symbol."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running, until

pytestmark = pytest.mark.browser

CORE = "etf_universe:core_etfs"


@pytest.fixture(scope="module", autouse=True)
def loaded(served: Running) -> None:
    tick = served.tick
    load = tick.jobs.submit(tick.plans.make(tick.requests.resolve(CORE, duration="1mo")))
    until(lambda: tick.jobs.progress(load.id).load.state.finished, 60)


def find(page: Page, text: str) -> None:
    page.keyboard.press("Control+k")
    field = page.get_by_role("dialog", name="Find").get_by_role("textbox")
    expect(field).to_be_focused()
    field.fill(text)


def test_a_symbol_is_found_and_told_by_keyboard_alone(tab: OpenTab, served: Running) -> None:
    page = tab().go(f"{served.url}/jobs")
    find(page, "spy")
    expect(page.locator(".found a", has_text="SPY").first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="SPY", exact=True)).to_be_visible()
    expect(page.locator("svg.candles")).to_be_visible()
    expect(page.get_by_role("region", name="Universes of today")).to_contain_text("Core ETFs")
    expect(page.get_by_role("heading", name="Tickers")).to_be_visible()


def test_a_universe_on_a_day_a_state_and_a_view(tab: OpenTab, served: Running) -> None:
    page = tab().go(f"{served.url}/system")
    find(page, "failed")
    expect(page.get_by_role("link", name="failed jobs")).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="failed jobs")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs?state=failed")
    day = str(served.tick.dates.published())
    find(page, f"core etf @ {day}")
    expect(page.locator(".found a")).to_have_count(1)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/universes/{CORE}?as_of={day}")
    find(page, "coverage")
    page.locator(".found").get_by_role("link", name="Coverage").click()
    expect(page.get_by_role("heading", name="Coverage")).to_be_visible()


def test_help_and_the_way_out(tab: OpenTab, served: Running) -> None:
    page = tab().go(f"{served.url}/universes")
    page.locator("h1").click()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Find")
    expect(dialog).to_contain_text("What can be typed")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.get_by_label("Search").press_sequentially("what?")  # typed into a field it is a letter
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Find").click()
    expect(dialog.get_by_role("textbox")).to_be_focused()
    dialog.get_by_role("textbox").fill("no such thing at all")
    expect(dialog).to_contain_text("Nothing is called like that.")
    page.keyboard.press("Enter")  # the view says the same, under an address
    page.wait_for_url(re.compile(r"/find\?q=no"))


def test_finding_without_javascript(tab: OpenTab, served: Running) -> None:
    page = tab(java_script_enabled=False).go(f"{served.url}/universes")
    page.get_by_role("link", name="Find").click()
    page.get_by_role("searchbox").fill("qqq")
    page.get_by_role("button", name="Find").click()
    page.get_by_role("link", name="QQQ", exact=True).click()
    expect(page.get_by_role("heading", name="QQQ", exact=True)).to_be_visible()
    expect(page.locator("svg.candles path.up")).to_be_visible()
