"""A page that no longer hears its server, or whose server no longer hears its database, says so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as Late

from tests.conftest import Cluster
from tests.web_kit import organized, running, settings_for
from tickstock.service import TickStock
from tickstock.store.database import Database

pytestmark = pytest.mark.browser

SOON = 3000
"""Milliseconds within which a page says that it is blind."""


@contextmanager
def away(cluster: Cluster, database: Database) -> Iterator[None]:
    """The database takes no connection, and has ended those that there were."""
    name = psycopg.conninfo.conninfo_to_dict(database.conninfo)["dbname"]
    with psycopg.connect(cluster.uri("postgres"), autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
        )
        yield
        connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')


def hide(page: Page, *, hidden: bool) -> None:
    """As if another tab came in front."""
    page.evaluate(
        "(value) => { Object.defineProperty(document, 'hidden', {value, configurable: true});"
        " document.dispatchEvent(new Event('visibilitychange')); }",
        hidden,
    )


def asks_within(page: Page, milliseconds: float) -> bool:
    try:
        page.wait_for_event("request", lambda r: "/progress" in r.url, timeout=milliseconds)
    except Late:
        return False
    return True


def test_what_is_lost_is_told_with_its_age_and_comes_back_by_itself(
    chromium: Browser, cluster: Cluster, template: str, home: Path
) -> None:
    settings = settings_for(home)
    with organized(cluster, template, home) as database:
        tick = TickStock(settings, database)
        request = tick.requests.resolve("x", symbols=["SPY"], duration="1mo")
        load = tick.jobs.submit(tick.plans.make(request))
        with running(database, settings, worker=False) as served:
            page = chromium.new_page()
            token = next(iter(served.client().cookies.values()))
            cookie = {"name": served.site.cookie, "value": token, "url": served.url}
            page.context.add_cookies([cookie])  # type: ignore[list-item]
            page.goto(f"{served.url}/jobs/{load.id}")
            page.evaluate("window.mine = 1")
            blind, fresh = page.locator("#blind p"), page.locator("#fresh")
            page.wait_for_selector("html[data-listening]")
            expect(fresh).to_have_text("updated just now")
            expect(blind).to_be_hidden()

            with away(cluster, database):
                expect(blind).to_contain_text("The database is away.", timeout=SOON)
                # The age grows, and no note piles up.
                expect(blind).to_contain_text(re.compile(r"What is shown is [2-9] s old"))
                expect(fresh).to_have_text(re.compile(r"updated [2-9] s ago"))
            expect(blind).to_be_hidden(timeout=15_000)

            # A tab in the background asks nothing; one that comes back asks at once.
            assert asks_within(page, 5000)
            hide(page, hidden=True)
            asks_within(page, 500)  # what was on its way
            assert not asks_within(page, 1200)
            hide(page, hidden=False)
            assert asks_within(page, 5000)
            expect(blind).to_be_hidden()

        expect(blind).to_contain_text("The server does not answer.", timeout=SOON)
        tick.jobs.cancel(load.id, "Meanwhile.")
        expect(blind).to_contain_text(re.compile(r"What is shown is [2-9] s old"))
        expect(page.locator("#message")).not_to_be_attached()
        with running(database, settings, worker=False, users=False, port=served.port):
            expect(page.locator("#message")).to_have_text("Meanwhile.", timeout=15_000)
            expect(blind).to_be_hidden()
            # An end is said aloud, and figures of what has ended do not grow old unnoticed.
            expect(page.locator("#say")).to_have_text("x: cancelled. Meanwhile.")
            assert page.evaluate("window.mine") == 1
        page.context.close()
