"""A real Chromium on a real page, with a worker that asks the replay vendor."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import Cluster
from tests.web_kit import Running, organized, running, settings_for

expect.set_options(timeout=20_000)  # a page is waited for; how fast it is, is measured elsewhere

NAMES = (
    "chromium-headless-shell",  # half the work of a whole browser, for the same pages
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
)
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Tab:
    """A page of the browser and everything it warned of."""

    page: Page
    warnings: list[str] = field(default_factory=list)
    expected: str = "nothing at all"
    """A piece of those warnings that the test provokes."""

    def go(self, address: str) -> Page:
        self.page.goto(address)
        return self.page


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path  # where `playwright install` puts it
        found = next((path for name in (*NAMES, own) if (path := shutil.which(name))), None)
        if found is None:
            pytest.skip(f"no Chromium: none of {', '.join(NAMES)} is on the PATH, nor {own}")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def served(cluster: Cluster, template: str, home: Path) -> Iterator[Running]:
    folder = home / "browser-csv"
    folder.mkdir(exist_ok=True)
    (folder / "mine.csv").write_text("symbol\nSPY\nQQQ\nIWM\n")
    with (
        organized(cluster, template, home) as database,
        running(database, settings_for(home, csv_dir=folder)) as found,
    ):
        yield found


OpenTab = Callable[..., Tab]


@pytest.fixture
def tab(chromium: Browser, served: Running) -> Iterator[OpenTab]:
    """Opens tabs, signed in as the admin unless told otherwise. At the end no tab may have
    warned of: console errors, broken scripts, violations of the policy, foreign addresses."""
    contexts: list[BrowserContext] = []
    tabs: list[Tab] = []

    def open_tab(*, signed_in: bool = True, **options: object) -> Tab:
        context = chromium.new_context(**options)  # type: ignore[arg-type]
        contexts.append(context)
        if signed_in:
            token = next(iter(served.client().cookies.values()))
            context.add_cookies([{"name": served.site.cookie, "value": token, "url": served.url}])
        made = Tab(context.new_page())
        made.page.on("console", lambda m: _note(made, m.type, m.text))
        made.page.on("pageerror", lambda e: made.warnings.append(f"script: {e}"))
        made.page.on("request", lambda r: _check_address(made, served.url, r.url))
        tabs.append(made)
        return made

    yield open_tab
    for context in contexts:
        context.close()
    assert [c for t in tabs for c in t.warnings if t.expected not in c] == []


def _note(tab: Tab, kind: str, text: str) -> None:
    if kind in ("error", "warning"):
        tab.warnings.append(f"console {kind}: {text}")


def _check_address(tab: Tab, ours: str, address: str) -> None:
    if not address.startswith((ours, "data:")):
        tab.warnings.append(f"asked {address}")
