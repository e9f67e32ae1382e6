"""A receipt of coverage, from the click that makes it to its end."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import OpenTab
from tests.web_kit import Running

pytestmark = pytest.mark.browser

CORE = "etf_universe:core_etfs"
DECODED = """async (address) => {
  const picture = new Image();
  picture.src = address;
  await picture.decode();
  return [picture.naturalWidth, picture.naturalHeight];
}"""


def days_pass(served: Running, days: int) -> None:
    """As the receipts see it, which end by the database's clock."""
    with served.tick.database.transaction() as connection:
        connection.execute(
            "UPDATE tickstock.receipts SET expires_at = expires_at - %s * interval '1 day'", (days,)
        )


def shared(page: Page, served: Running) -> str:
    """The link to a receipt, made by clicks."""
    page.goto(f"{served.url}/coverage?universe={CORE}&for=1mo")
    page.get_by_text("Share a receipt of this view").click()
    page.get_by_label("What for").fill("for the auditors")
    page.get_by_label("Can be seen for").select_option("7")
    page.get_by_role("button", name="Make a link").click()
    expect(page.get_by_role("heading", name="Whoever has this link")).to_be_visible()
    return page.locator("#link").inner_text()


def test_a_receipt_is_made_seen_by_others_and_comes_to_its_end(
    tab: OpenTab, served: Running
) -> None:
    maker, other = tab(), tab(signed_in=False)
    link = shared(maker.page, served)
    page = other.go(link)
    expect(page.get_by_role("heading", name=f"Coverage of {CORE}")).to_be_visible()
    expect(page.get_by_text("Nothing of it has changed since")).to_be_visible()
    expect(page.locator("table.facts").first).to_contain_text("sessions held")
    expect(page.get_by_role("navigation")).to_have_count(0)
    assert "auditors" not in page.content()
    for form in ("png", "svg"):
        wide, high = page.evaluate(DECODED, f"{link}/receipt.{form}")
        assert wide > 700, form
        assert high > 200, form
    with page.expect_download() as taken:
        page.get_by_role("link", name="PNG").click()
    assert re.fullmatch(r"coverage-\d{4}-\d\d-\d\d\.png", taken.value.suggested_filename)
    other.expected = "404"
    days_pass(served, 6)
    page.reload()
    expect(page.get_by_role("heading", name="Coverage of")).to_be_visible()
    days_pass(served, 1)
    page.reload()
    expect(page.locator("main")).to_contain_text("There is no such receipt")
    maker.go(f"{served.url}/receipts")
    expect(maker.page.locator("tbody tr").first).to_contain_text("expired")


def test_what_is_revoked_is_gone_for_whoever_has_the_link(tab: OpenTab, served: Running) -> None:
    maker, other = tab(), tab(signed_in=False)
    link = shared(maker.page, served)
    page = other.go(link)
    expect(page.get_by_role("heading", name="Coverage of")).to_be_visible()
    maker.page.get_by_role("button", name=re.compile("Revoke receipt")).first.click()
    expect(maker.page.locator("tbody tr").first).to_contain_text("revoked by admin")
    other.expected = "404"
    page.reload()
    expect(page.locator("main")).to_contain_text("There is no such receipt")
