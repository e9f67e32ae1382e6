"""Accounts that include less than the vendor sells: few calls find out what, it is kept, and the
plans after that name the calls that are made."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.contract.test_belief import World
from tests.kit import CALENDAR
from tests.loading_rig import NOW, Rig, code, rig, sql, stored
from tickstock.loading.plan import Plan
from tickstock.model import Limits, Timeframe
from tickstock.service.doctor import Health, _account
from tickstock.service.system import look
from tickstock.spans import ONE_DAY, Span
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.worker.run import Worker

TODAY = NOW.date()
TWO_YEARS, FIVE_YEARS = TODAY - timedelta(days=730), TODAY - timedelta(days=5 * 365)
NAMES = [f"P{n}X" for n in range(3)]
KEY = {"MASSIVE_API_KEY": "key"}
Refuses = Callable[[str, date], bool]
"""Whether an account is refused a kind of call (its timeframe, or `grouped`) from a day on."""


class Account(World):
    """A vendor that refuses what an account does not include."""

    def __init__(self, refuses: Refuses, *, names: Any = NAMES) -> None:
        super().__init__(self._refuse, names)
        self.refuses = refuses
        self.kinds: Counter[str] = Counter()
        self.begins: list[tuple[str, str, date]] = []

    def _refuse(self, request: web.Request, _: Any) -> web.Response | None:
        path = request.path.split("/")
        grouped = "grouped" in path
        kind, first = ("grouped", path[-1]) if grouped else (path[7], path[-2])
        begins = date.fromisoformat(first) if "-" in first else _day(int(first))
        self.kinds[kind] += 1
        self.begins.append((kind, "" if grouped else path[4], begins))
        if not self.refuses(kind, begins):
            return None
        words = {
            "status": "NOT_AUTHORIZED",
            "message": "Your plan doesn't include this.",
        }
        return web.json_response(words, status=403)


def _day(milliseconds: int) -> date:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1000, UTC).date()


def before(edge: date, *without: str) -> Refuses:
    return lambda kind, begins: kind in without or begins < edge


def plan(here: Rig, frames: str = "day,hour", names: Any = NAMES, **more: Any) -> Plan:
    asked = {"symbols": tuple(names), "first": FIVE_YEARS, "last": TODAY - ONE_DAY} | more
    return here.plan(**asked, timeframes=frames)


def load(here: Rig, account: World, made: Plan, *, per_minute: float = 0.0) -> Any:
    submitted = here.tick.jobs.submit(made)

    async def work() -> None:
        async with account:
            source = MassiveSource(
                account.url,
                "key",
                bounds=Bounds(throttle_rounds=0),
                limits=Limits(calls_per_minute=per_minute),
            )
            await Worker(here.tick, source=lambda *_: source, policy=here.policy).drain(
                submitted.id
            )

    asyncio.run(work())
    return here.tick.jobs.progress(submitted.id)


def made_calls(account: Account) -> int:
    return sum(account.kinds.values())


@pytest.fixture
def here(database: Database, tmp_path: Path) -> Rig:
    return rig(database, tmp_path, settings=KEY)


def no_markets(kind: str, _: date) -> bool:
    return kind == "grouped"


def sessions_since(edge: date) -> int:
    first, end = CALENDAR.between(Span.inclusive(edge, TODAY - ONE_DAY))
    return end - first


# --- how far back --------------------------------------------------------------------------
def test_the_edge_is_found_once_for_all_names_and_timeframes(here: Rig) -> None:
    account, made = Account(before(TWO_YEARS)), plan(here)
    assert (len(made.calls), made.account) == (3 + 3 * 25, "")
    ended = load(here, account, made)
    assert ended.held == 2 * 3 * sessions_since(TWO_YEARS)
    assert ended.load.report["causes"] == {"not_entitled": ended.expected - ended.held}
    assert code(ended) == 3
    # One refusal and two questions of days; a question of hours.
    assert len([b for b in account.begins if b[2] < TWO_YEARS]) <= 3, account.begins
    assert made_calls(account) <= 3 + 3 * 11 + 4
    assert (ended.calls, ended.calls_planned) == (made_calls(account), made_calls(account))
    again = plan(here)
    assert again.calls == ()
    assert again.account == "2 years of days and hours"
    assert {skip.cause for skip in again.skips} == {"not_entitled"}


def test_the_plan_of_another_name_names_the_calls_that_are_made(here: Rig) -> None:
    load(here, Account(before(TWO_YEARS)), plan(here, names=NAMES[:1]))
    made, account = plan(here, names=NAMES[1:3]), Account(before(TWO_YEARS))
    assert made.account == "2 years of days and hours"
    ended = load(here, account, made)
    assert made_calls(account) == len(made.calls) == ended.calls == 22
    gaps = here.tick.missing.find(NAMES[1:3], (Timeframe.DAY,), made.request.span).gaps
    assert [(g.cause, g.cells) for g in gaps] == [
        ("not_entitled", 2 * (sessions_since(FIVE_YEARS) - sessions_since(TWO_YEARS)))
    ]
    assert "does not include it" in gaps[0].reasons[0][0]


def test_a_timeframe_that_two_names_are_refused_is_refused_for_all(here: Rig) -> None:
    account = Account(before(TWO_YEARS, "minute"))
    ended = load(here, account, plan(here, "day,1min"))
    assert ended.held == 3 * sessions_since(TWO_YEARS)
    assert account.kinds["minute"] <= 4
    assert len({name for kind, name, _ in account.begins if kind == "minute"}) == 2
    made = plan(here, "day,1min", ["NEW"])
    assert made.account == "2 years of days, no minutes"
    assert {p.call.timeframe for p in made.calls} == {Timeframe.DAY}
    assert plan(here, "1min", ["NEW"]).calls == ()
    ended = load(here, account, plan(here, "1min", ["NEW"]))
    assert code(ended) == 4  # as when it was asked


def test_an_account_without_anything_is_told_soon(here: Rig) -> None:
    account = Account(lambda *_: True)
    ended = load(here, account, plan(here))
    assert (ended.held, code(ended)) == (0, 4)
    assert made_calls(account) <= 14
    assert here.tick.account.limits()[0].excludes


def test_what_is_known_is_looked_at_again_before_a_call_is_sent(here: Rig) -> None:
    """Calls that passed the first look wait for the gate when the edge is found."""
    with here.tick.database.transaction() as connection:
        ensure_instruments(connection, ["AAX"])
    listed = TWO_YEARS + timedelta(days=30)
    sql(here.tick.database, "UPDATE tickstock.instruments SET listed = %s", listed)
    account = Account(before(TWO_YEARS), names=["AAX", *NAMES])
    ended = load(here, account, plan(here, "day", ["AAX", *NAMES]), per_minute=600)
    assert ended.held > 3 * sessions_since(TWO_YEARS)
    early = [name for _, name, begins in account.begins if begins < TWO_YEARS]
    assert early.count("P0X") >= 1
    assert set(early) == {"P0X"}


# --- what is kept --------------------------------------------------------------------------
def test_what_is_known_is_shown_and_forgotten(here: Rig) -> None:
    load(here, Account(before(TWO_YEARS, "minute")), plan(here, "day,1min"))
    tick = here.tick
    known = tick.account.limits()
    check = _account(tick.settings, known)
    assert check.health is Health.OK
    assert check.what == f"massive: 2 years of days, no minutes (learned on {TODAY})"
    assert look(tick.database, tick.settings, tick.clock).account == known
    assert tick.account.forget() == 2
    assert (
        _account(tick.settings, tick.account.limits()).what == "massive: nothing has been refused"
    )
    upgraded = Account(lambda *_: False)
    ended = load(here, upgraded, plan(here, "day"))
    assert (ended.held, code(ended)) == (3 * sessions_since(FIVE_YEARS), 0)


def test_to_refresh_asks_for_all_of_it_and_takes_back_what_holds_no_longer(here: Rig) -> None:
    load(here, Account(before(TWO_YEARS)), plan(here, "day"))
    ended = load(here, Account(lambda *_: False), plan(here, "day", refresh=True))
    assert (ended.held, code(ended)) == (3 * sessions_since(FIVE_YEARS), 0)
    assert here.tick.account.limits() == ()


def test_another_key_is_another_account(here: Rig, tmp_path: Path) -> None:
    load(here, Account(before(TWO_YEARS)), plan(here, "day"))
    other = rig(here.tick.database, tmp_path, settings={"MASSIVE_API_KEY": "another"})
    assert other.tick.account.limits() == ()
    keyless = rig(here.tick.database, tmp_path)  # plans alone: as who has the key was told
    assert keyless.tick.account.limits() == here.tick.account.limits()
    (text,) = {
        str(row) for row in sql(here.tick.database, "SELECT account FROM tickstock.account_limits")
    }
    assert "key" not in text


def test_it_is_asked_again_after_a_month(database: Database, tmp_path: Path) -> None:
    shift = [timedelta(0)]
    here = rig(database, tmp_path, settings=KEY, shift=lambda: shift[0])
    load(here, Account(before(TWO_YEARS)), plan(here, "day"))
    shift[0] = timedelta(days=29)
    assert here.tick.account.limits()
    shift[0] = timedelta(days=31)
    assert here.tick.account.limits() == ()
    assert len(plan(here, "day").calls) == 3
    account = Account(before(TWO_YEARS))
    load(here, account, plan(here, "day"))
    assert made_calls(account) <= 3  # the refusal, and that it is where it was
    assert here.tick.account.limits()[0].since is not None


# --- which calls ---------------------------------------------------------------------------
def test_whole_market_calls_that_are_refused_are_made_by_ticker_next(here: Rig) -> None:
    names = [f"Q{n}X" for n in range(12)]
    week = {"first": date(2026, 3, 9), "last": date(2026, 3, 13)}
    made, account = plan(here, "day", names, **week), Account(no_markets, names=names)
    assert [p.call.kind.value for p in made.calls] == ["market_day"] * 5
    ended = load(here, account, made)
    assert (ended.held, code(ended)) == (0, 4)
    assert account.kinds["grouped"] <= 4
    again = plan(here, "day", names, **week)
    assert again.account == "no whole-market calls of days"
    assert {p.call.kind.value for p in again.calls} == {"ticker"}
    ended = load(here, Account(no_markets, names=names), again)
    assert (ended.held, code(ended)) == (ended.expected, 0)
    assert len(stored(here.tick.database)) == ended.expected


def test_whole_market_days_find_their_edge_too(here: Rig) -> None:
    names = [f"Q{n}X" for n in range(300)]
    first = TWO_YEARS - timedelta(days=200)
    account = Account(before(TWO_YEARS), names=names)
    made = plan(here, "day", names, first=first, last=TWO_YEARS + timedelta(days=9))
    assert {p.call.kind.value for p in made.calls} == {"market_day"}
    ended = load(here, account, made)
    included = CALENDAR.between(Span.inclusive(TWO_YEARS, TWO_YEARS + timedelta(days=9)))
    days = included[1] - included[0]
    assert ended.held == 300 * days
    assert made_calls(account) <= days + 6
