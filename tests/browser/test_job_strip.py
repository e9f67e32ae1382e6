"""A job as a strip that fills in while it runs."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running
from tickstock.service import TickStock
from tickstock.store.jobs import Job

pytestmark = pytest.mark.browser

TWO = ("AVGO", "ORCL")


@pytest.fixture
def load(served: Running) -> Iterator[Job]:
    """A job for a vendor whose workers are elsewhere: nobody here takes it."""
    settings = served.tick.settings.model_copy(update={"vendor": "synthetic"})
    tick = TickStock(settings, served.tick.database)
    request = tick.requests.resolve("x", symbols=TWO, duration="6mo")
    made = tick.jobs.submit(tick.plans.make(request))
    yield made
    tick.jobs.cancel(made.id)
    with served.tick.database.transaction() as connection:
        for table in ("coverage", "holes"):
            connection.execute(
                f"DELETE FROM tickstock.{table} USING tickstock.instruments AS i"
                " WHERE i.id = instrument_id AND i.symbol = ANY (%s)",
                (list(TWO),),
            )


def held(served: Running, load: Job, symbol: str) -> None:
    with served.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.coverage (instrument_id, timeframe, origin, held)"
            " SELECT id, 'day', 'replay', datemultirange(daterange(%s, %s))"
            " FROM tickstock.instruments WHERE symbol = %s",
            (load.asked.span.start, load.asked.span.end, symbol),
        )


def failed(served: Running, load: Job, symbol: str) -> None:
    with served.tick.database.transaction() as connection:
        connection.execute(
            "INSERT INTO tickstock.holes (instrument_id, timeframe, span, cause)"
            " SELECT id, 'day', daterange(%s, %s), 'failed'"
            " FROM tickstock.instruments WHERE symbol = %s",
            (load.asked.span.start, load.asked.span.end, symbol),
        )


def test_the_strip_fills_in_and_a_failed_cell_leads_to_its_cause(
    tab: OpenTab, served: Running, load: Job
) -> None:
    page = tab(viewport={"width": 1440, "height": 900}).go(f"{served.url}/jobs/{load.id}")
    strip = page.locator("#strip")
    expect(strip.get_by_role("heading")).to_contain_text("Filling in")
    expect(strip.locator("tbody .full")).to_have_count(0)
    held(served, load, "AVGO")
    row = strip.locator("tbody tr", has_text="AVGO")
    expect(row.locator(".full")).to_have_count(row.locator("td").count())
    failed(served, load, "ORCL")
    cell = strip.locator("a.bad").first
    expect(cell).to_have_attribute("title", re.compile("^ORCL .*the call failed"))
    cell.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Bars of ORCL")).to_be_visible()
    expect(page.get_by_role("region", name="Gaps")).to_contain_text("the call failed")


def test_a_job_says_how_to_follow_and_repeat_it(tab: OpenTab, served: Running, load: Job) -> None:
    page = tab(java_script_enabled=False).go(f"{served.url}/jobs/{load.id}")
    days = f"--from {load.asked.span.start} --to {load.asked.span.last}"
    expect(page.locator("#watch")).to_have_text(f"tickstock jobs watch {str(load.id)[:8]}")
    expect(page.locator("#command")).to_contain_text(days)
    expect(page.locator("#strip tbody tr")).to_have_count(3)
