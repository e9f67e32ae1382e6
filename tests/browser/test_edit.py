"""Editing as people think: members as chips, the plan beside them, days side by side."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running

pytestmark = pytest.mark.browser

MINE = "stock_universe:theme_chips"


@pytest.fixture(autouse=True)
def universe(served: Running) -> Iterator[None]:
    edits = served.tick.edits
    edits.apply(edits.set(MINE, ["AAPL", "MSFT", "IBM", "KO"]), reason="test")
    yield
    edits.apply(edits.delete(MINE), reason="test", allow=[MINE.partition(":")[2]])


def members(page: Page) -> list[str]:
    return page.locator(".symbols li").all_inner_texts()


def test_chips_are_taken_out_and_added_with_the_plan_beside_them(
    tab: OpenTab, served: Running
) -> None:
    page = tab(viewport={"width": 1440, "height": 900}).go(f"{served.url}/universes/{MINE}")
    page.get_by_role("link", name="Edit …").click()
    plan = page.locator("#plan")
    expect(page.locator(".chips label")).to_have_text(["AAPL", "MSFT", "IBM", "KO"])
    page.get_by_role("checkbox", name="MSFT").focus()
    page.keyboard.press("Space")
    expect(plan.get_by_role("region", name="Changes")).to_contain_text("4 → 3")
    page.get_by_label("Symbols").fill("PEP")
    expect(plan.get_by_role("region", name="Changes")).to_contain_text("1: PEP")
    expect(plan.locator("#command")).to_have_text(
        f"tickstock universe remove {MINE} MSFT && tickstock universe add {MINE} PEP"
    )
    page.wait_for_url("**leave=MSFT*")
    page.reload()  # what is typed stands in the address, with its plan
    expect(page.get_by_role("checkbox", name="MSFT")).to_be_checked()
    expect(plan.get_by_role("region", name="Changes")).to_contain_text("1: PEP")
    page.get_by_role("button", name="Do exactly this").click()
    expect(page.locator(".symbols li")).to_have_text(["AAPL", "IBM", "KO", "PEP"])


def test_chips_without_javascript(tab: OpenTab, served: Running) -> None:
    page = tab(java_script_enabled=False).go(f"{served.url}/universes/edit?ref={MINE}")
    page.get_by_role("checkbox", name="KO").check()
    page.get_by_role("button", name="Show what it does").click()
    expect(page.get_by_role("region", name="Changes")).to_contain_text("1: KO")
    page.get_by_role("button", name="Do exactly this").click()
    expect(page.locator(".symbols li")).to_have_text(["AAPL", "MSFT", "IBM"])


def test_two_days_are_a_bar_and_stand_side_by_side(tab: OpenTab, served: Running) -> None:
    index, day = "stock_universe:index_dow30", "2020-01-02"
    page = tab().go(f"{served.url}/universes/{index}?as_of={day}")
    found = served.tick.history.diff(f"{index} @ {day}", index)
    said = f"{len(found.only_first)} left, {len(found.common)} stayed"
    expect(page.get_by_role("img", name=said)).to_be_visible()
    expect(page.get_by_role("row", name="Left since")).to_contain_text(found.only_first[0])
    page.get_by_role("link", name="side by side").click()
    expect(page.get_by_role("img", name=said)).to_be_visible()
    page.get_by_label("On", exact=True).fill(day)
    page.get_by_label("and, or today").fill("2022-01-03")
    page.get_by_role("button", name="Compare the days").click()
    expect(page.get_by_label("Second", exact=True)).to_have_value(f"{index} @ 2022-01-03")
    later = served.tick.history.diff(f"{index} @ {day}", f"{index} @ 2022-01-03")
    expect(page.get_by_label("Only in the second")).to_have_text("".join(later.only_second))
