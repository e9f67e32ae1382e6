"""Sessions as a person sees and corrects them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli_run import Shell
from tickstock.config import read_settings
from tickstock.service import TickStock
from tickstock.sessions import shipped_calendar
from tickstock.store.database import Database
from tickstock.store.reference import fill_reference

WEEK = ("--from", "2026-11-23", "--to", "2026-11-27")
TUESDAY, THANKSGIVING = "2026-11-24", "2026-11-26"


def test_a_day_closed_at_short_notice_is_expected_no_more(
    database: Database, tmp_path: Path
) -> None:
    shell = Shell(tmp_path, {"DATABASE_URI": database.conninfo, "TICKSTOCK_VENDOR": "replay"})
    listed = shell.run("sessions", "list", *WEEK).out.splitlines()
    assert [line[:14] for line in listed] == [
        "Mon 2026-11-23", "Tue 2026-11-24", "Wed 2026-11-25", "Fri 2026-11-27",
    ]  # fmt: skip
    assert listed[0].endswith("09:30-16:00")
    assert listed[3].endswith("09:30-13:00  short")
    assert shell.run("sessions", "close", THANKSGIVING, "--reason", "mourning").code == 2
    assert shell.run("sessions", "close", TUESDAY, "--reason", " ").code == 2
    assert shell.run("sessions", "close", TUESDAY, "--reason", "a day of mourning").code == 0
    shown = shell.run("sessions", "list", *WEEK, "--json").json()
    assert [s["day"] for s in shown["sessions"]] == ["2026-11-23", "2026-11-25", "2026-11-27"]
    assert shown["closed"] == [{"day": TUESDAY, "reason": "a day of mourning"}]
    assert shell.run("sessions", "close", TUESDAY, "--reason", "twice").code == 2
    assert shell.run("sessions", "reopen", TUESDAY).code == 0
    assert shell.run("sessions", "list", *WEEK).out.splitlines() == listed
    again = shell.run("sessions", "reopen", TUESDAY)
    assert again.code == 2
    assert "was not closed by hand" in again.err


def test_past_the_end_of_the_list_what_is_known_is_planned_and_the_end_is_told(
    database: Database, tmp_path: Path
) -> None:
    end = shipped_calendar().known.last
    noon = datetime(end.year, end.month, end.day, 17, tzinfo=UTC)
    settings = read_settings({}, cwd=tmp_path, home=tmp_path)

    def tick(days: int) -> TickStock:
        return TickStock(settings, database, lambda: noon + timedelta(days=days))

    with database.transaction() as connection:
        fill_reference(connection)
    assert tick(-400).dates.warning() is None
    assert f"ends on {end}" in (tick(-300).dates.warning() or "")
    late = tick(40)
    assert f"ended on {end}" in (late.dates.warning() or "")
    made = late.plans.make(late.requests.resolve(symbols=["AAPL"], duration="1w"))
    assert made.request.span.last == shipped_calendar().day(-1)
    first, after = shipped_calendar().between(made.request.span)
    assert made.cells == after - first > 0
