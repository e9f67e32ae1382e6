"""The ten tasks that people come for, with the clicks that each takes, done click by click."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running, until
from tickstock.spans import ONE_DAY
from tickstock.store.jobs import Job

pytestmark = pytest.mark.browser

FIGURES = Path(__file__).parents[2] / "docs" / "explanation" / "figures.md"
CORE, MINE = "etf_universe:core_etfs", "stock_universe:theme_clicks"


@dataclass
class Clicks:
    """Works a page, and counts: a click, a choice in a list, Enter. Typing is free."""

    page: Page
    served: Running
    count: int = 0

    def click(self, name: str | re.Pattern[str], role: str = "link", *, within: str = "") -> None:
        place = self.page.locator(within) if within else self.page
        self.click_on(place.get_by_role(role, name=name).first)  # type: ignore[arg-type]

    def click_on(self, what: Locator) -> None:
        self.count += 1
        what.click()

    def choose(self, label: str, value: str) -> None:
        self.count += 1
        self.page.get_by_label(label).select_option(value)

    def enter(self) -> None:
        self.count += 1
        self.page.keyboard.press("Enter")

    def sees(self, text: str | re.Pattern[str], where: str = "main") -> None:
        expect(self.page.locator(where).first).to_contain_text(text)


def row(ref: str) -> str:
    return f'[id="h-{ref}"]'


def load_one_day(c: Clicks) -> None:
    c.click("Load Core ETFs …")
    c.choose("Duration", "1d")
    c.click("Load Universe Data", "button")
    c.sees("Core ETFs", "h1")


def load_again(c: Clicks) -> None:
    c.click("Jobs", within="nav")
    c.click("Load the same again: Core ETFs", "button")
    c.sees("Core ETFs", "h1")


def why_missing(c: Clicks) -> None:
    c.click("Coverage of Core ETFs, month by month")
    c.click_on(c.page.locator("table.heat tbody tr:not(.total) td a.bad").first)
    c.sees("the call failed")


def load_what_failed(c: Clicks) -> None:
    c.click(re.compile(r"^\d+ failed$"), within=row(CORE))
    c.click("Load", "button")
    c.sees("BND", "h1")


def cancel_ten(c: Clicks) -> None:
    c.click("Jobs", within="nav")
    for box in c.page.locator("tr:has(.chip.paused) input[type=checkbox]").all()[:10]:
        c.click_on(box)
    c.click("Cancel ticked", "button")
    expect(c.page.locator(".chip.cancelled")).to_have_count(10)


def who_changed(c: Clicks) -> None:
    c.click("Clicked", within="#house")
    c.sees(re.compile(r"the auditors asked.*admin"), 'section:has(h2:text-is("History"))')


def take_out(c: Clicks) -> None:
    c.click("Clicked", within="#house")
    c.click("Edit …")
    c.click_on(c.page.locator(".chips label", has_text="MSFT"))
    c.click("Do exactly this", "button")
    expect(c.page.locator(".symbols li")).to_have_text(["AAPL", "IBM"])


def candles(c: Clicks) -> None:
    c.click("Find")
    c.page.get_by_role("dialog", name="Find").get_by_role("textbox").fill("spy")
    c.sees("SPY", ".found a")
    c.enter()
    expect(c.page.locator("svg.candles")).to_be_visible()


def every_night(c: Clicks) -> None:
    c.click("no schedule", within=row(MINE))
    c.click("Add", "button")
    c.sees(re.compile(f"theme_clicks.*{MINE}"), "#schedules tbody tr")
    assert [s.schedule.name for s in c.served.tick.schedules.planned()] == ["theme_clicks"]


def share(c: Clicks) -> None:
    c.click("Coverage of Core ETFs, month by month")
    c.click_on(c.page.get_by_text("Share a receipt of this view"))
    c.page.get_by_label("What for").fill("the auditors")
    c.click("Make a link", "button")
    c.sees("/receipt/", "#link")


@dataclass(frozen=True)
class Task:
    """In the order of the table. `before`: None where it could not be done."""

    name: str
    before: int | None
    now: int
    do: Callable[[Clicks], None]


TASKS = (
    Task("load one day of a universe", 3, 3, load_one_day),
    Task("load the same again", 2, 2, load_again),
    Task("why a day of a symbol is missing", 3, 2, why_missing),
    Task("load what failed", 3, 2, load_what_failed),
    Task("cancel ten jobs", 30, 12, cancel_ten),
    Task("who changed a universe, and why", 2, 1, who_changed),
    Task("take a symbol out of a universe", 6, 4, take_out),
    Task("see a symbol's candles", 3, 2, candles),
    Task("load a universe every night", 3, 2, every_night),
    Task("share what is held of a universe", None, 3, share),
)


@pytest.fixture(scope="module", autouse=True)
def world(served: Running) -> None:
    """A month of the core ETFs is held, a week of one of them has failed; and somebody's list."""
    tick = served.tick
    load = submit(served, "1mo")
    until(lambda: tick.jobs.progress(load.id).load.state.finished, 60)
    first = tick.dates.span("1mo").start - 60 * ONE_DAY
    with tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)"
            " SELECT id, 'day', daterange(%s, %s), 'failed' FROM tickstock.instruments"
            " WHERE symbol = 'BND' ON CONFLICT DO NOTHING",
            (first, first + 7 * ONE_DAY),
        )
    form = {
        "ref": MINE, "do": "list", "symbols": "AAPL MSFT IBM", "title": "Clicked",
        "why": "the auditors asked",
    }  # fmt: skip
    admin = served.client()
    shown = admin.post("/universes/edit", form)
    digest = re.findall(r'name="digest" value="(\w+)"', shown.text)[0]
    assert admin.post("/universes/edit", form | {"digest": digest}).status == 303


def submit(served: Running, duration: str) -> Job:
    tick = served.tick
    return tick.jobs.submit(tick.plans.make(tick.requests.resolve(CORE, duration=duration)))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_a_task_takes_so_many_clicks(tab: OpenTab, served: Running, task: Task) -> None:
    if task.do is cancel_ten:
        for _ in range(12):
            served.tick.steering.pause(submit(served, "5y").id)
    page = tab(viewport={"width": 1440, "height": 900}).go(served.url)
    clicks = Clicks(page, served)
    task.do(clicks)
    assert clicks.count == task.now


def test_the_table_of_the_docs_says_the_same() -> None:
    line = re.compile(r"^\| ([^|]+) \| (\d+|–) \| (\d+) \| [^|]+ \|$", re.MULTILINE)
    rows = line.findall(FIGURES.read_text("utf-8"))
    told = [(t.name, "–" if t.before is None else str(t.before), str(t.now)) for t in TASKS]
    assert rows == told
