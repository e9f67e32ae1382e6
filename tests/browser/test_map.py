"""Acting on the coverage map: what is marked gets its plan beside it, and is loaded from there."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import OpenTab
from tests.browser.test_page import HOLD_BACK, SEEN
from tests.web_kit import Running, until
from tickstock.model import GapCause, Timeframe
from tickstock.service import TickStock
from tickstock.spans import ONE_DAY

pytestmark = pytest.mark.browser

CORE = "etf_universe:core_etfs"
MAP = f"/coverage?universe={CORE}&for=1y"


@pytest.fixture(scope="module", autouse=True)
def gaps(served: Running) -> Iterator[None]:
    """A month of the core ETFs is held, and of two of them a week before has failed."""
    tick = served.tick
    load = tick.jobs.submit(tick.plans.make(tick.requests.resolve(CORE, duration="1mo")))
    until(lambda: tick.jobs.progress(load.id).load.state.finished, 60)
    month = tick.dates.span("1mo")
    with tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)"
            " SELECT id, 'day', daterange(%s, %s), 'failed' FROM tickstock.instruments"
            " WHERE symbol IN ('BND', 'VTI') ON CONFLICT DO NOTHING",
            (month.start - 60 * ONE_DAY, month.start - 40 * ONE_DAY),
        )
    yield
    with tick.database.transaction() as connection:
        connection.execute("DELETE FROM tickstock.holes WHERE cause = 'failed'")


def lacking(tick: TickStock, symbols: list[str]) -> int:
    view = tick.holdings.coverage(symbols, Timeframe.DAY, tick.dates.span("1y"))
    return sum(view.grid.counts().get(c, 0) for c in (GapCause.NEVER_ASKED, GapCause.FAILED))


def drag(page: Page, first: str, last: str) -> None:
    page.locator(first).hover()
    page.mouse.down()
    page.locator(last).hover()
    page.mouse.up()


CELL = "table.heat tbody tr:nth-child({}) td:nth-of-type({}) a"


def test_dragging_over_cells_shows_the_plan_of_exactly_these(tab: OpenTab, served: Running) -> None:
    page = tab(viewport={"width": 1440, "height": 1000}).go(served.url + MAP)
    worst = page.locator("table.heat tbody th a").all_inner_texts()
    assert set(worst[:2]) == {"BND", "VTI"}  # what failed comes first
    expect(page.locator("tr.total th")).to_have_text("10 symbols")
    drag(page, CELL.format(2, 3), CELL.format(3, 5))
    expect(page.locator("table.heat td.on")).to_have_count(6)
    expect(page.get_by_role("textbox", name="Symbols")).to_have_value(" ".join(worst[:2]))
    plan = page.locator("#plan")
    expect(plan).to_contain_text("{" + ", ".join(worst[:2]) + "}")
    expect(plan.locator("#command")).to_contain_text("--from")
    # The view with what is marked is an address: the same for who follows it.
    page.wait_for_url(re.compile(r"pick=.*&from=.*&to="))
    calls = plan.locator("#plan-calls").inner_text()
    page.reload()
    expect(page.locator("table.heat td.on")).to_have_count(6)
    expect(plan.locator("#plan-calls")).to_have_text(calls)
    # A click is still the way to the bars.
    page.locator(CELL.format(2, 4)).click()
    expect(page.get_by_role("heading", name=f"Bars of {worst[0]}")).to_be_visible()


def test_a_cause_is_loaded_from_beside_the_map(tab: OpenTab, served: Running) -> None:
    page = tab(viewport={"width": 1440, "height": 1000}).go(served.url + MAP)
    page.get_by_role("link", name="failed", exact=True).click()
    expect(page.locator("table.heat tbody th a")).to_have_count(2)
    plan = page.locator("#plan")
    expect(plan).to_contain_text("of these, failed before")
    missing = int(plan.locator("#plan-missing").inner_text())
    before = lacking(served.tick, ["BND", "VTI"])
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url("**/jobs/*")
    expect(page.locator("#progress .chip")).to_have_text(re.compile("completed"))
    assert lacking(served.tick, ["BND", "VTI"]) == before - missing


def test_the_map_is_worked_by_keyboard_alone(tab: OpenTab, served: Running) -> None:
    page = tab(viewport={"width": 1440, "height": 1000}).go(served.url + MAP)
    page.locator('table.heat td a[tabindex="0"]').focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Space")
    expect(page.locator("table.heat td.on")).to_have_count(1)
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.locator("table.heat td.on")).to_have_count(4)
    load = page.get_by_role("button", name="Load", exact=True)
    expect(page.locator("#plan")).to_contain_text("2 symbols")
    first, last = (page.locator(name).input_value() for name in ("#from", "#to"))
    expect(page.locator("#plan")).to_contain_text(f"{first} – {last}")
    expect(load).to_be_enabled()
    page.keyboard.press("Escape")
    expect(page.locator("table.heat td.on")).to_have_count(0)
    expect(load).to_have_count(0)
    # From the first row, days are marked for all.
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(page.locator(":focus")).to_have_attribute("title", re.compile("^All "))
    page.keyboard.press("Space")
    expect(page.locator("table.heat td.on")).to_have_count(11)
    expect(page.locator("#plan")).to_contain_text(CORE)
    expect(load).to_be_enabled()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.innerText") == "Load":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/*")


def test_a_plan_that_comes_late_is_not_that_of_the_marks(tab: OpenTab, served: Running) -> None:
    """More was marked while the plan of the first cell was under way: it must not be the one that
    is loaded."""
    page = tab(bypass_csp=True, viewport={"width": 1440, "height": 1000}).go(served.url + MAP)
    asked = "**/coverage/plan?*"
    held: list[Route] = []
    page.route(asked, lambda route: held.append(route))  # playwright binds no builtin
    page.evaluate(HOLD_BACK.replace("20", "300"))
    page.locator('table.heat td a[tabindex="0"]').focus()
    page.keyboard.press("ArrowLeft")
    with page.expect_request(asked):
        page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowLeft")
    held[0].continue_()
    page.evaluate(SEEN)
    load = page.get_by_role("button", name="Load", exact=True)
    expect(load).to_have_count(0)
    page.unroute(asked)
    page.evaluate("() => askNow()")
    expect(load).to_be_enabled()
    first, last = (page.locator(name).input_value() for name in ("#from", "#to"))
    expect(page.locator("#plan")).to_contain_text(f"{first} – {last}")


def test_the_map_without_javascript(tab: OpenTab, served: Running) -> None:
    page = tab(java_script_enabled=False).go(served.url + MAP)
    page.locator("tr.total td a").first.click()
    expect(page.locator("#plan")).to_contain_text(CORE)
    page.get_by_role("textbox", name="Symbols").fill("SPY, QQQ")
    page.get_by_role("button", name="Show plan").click()
    expect(page.locator("#plan")).to_contain_text("{SPY, QQQ}")
    page.get_by_role("button", name="Load", exact=True).click()
    page.wait_for_url("**/jobs/*")
    expect(page.get_by_role("heading", name="{SPY, QQQ}")).to_be_visible()


def test_a_viewer_sees_the_plan_and_cannot_load(tab: OpenTab, served: Running) -> None:
    opened = tab()
    with served.tick.database.transaction() as connection:
        connection.execute(
            "UPDATE tickstock.web_sessions SET user_id ="
            " (SELECT id FROM tickstock.users WHERE name = 'viewer')"
        )
    page = opened.go(f"{served.url}{MAP}&cause=never_asked")
    expect(page.locator("#plan")).to_contain_text("Loading needs the role operator")
    expect(page.get_by_role("button", name="Load", exact=True)).to_have_count(0)
