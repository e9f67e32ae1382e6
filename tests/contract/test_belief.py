"""Answers that cannot be true, over the wire and into the database: what is asked again, what is
held, and what the job ends with."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.flat_kit import HEADER, key_on, packed, put, synthetic_files
from tests.kit import CALENDAR, sessions, span
from tests.loading_rig import NOW, Rig, code, rig
from tickstock.clock import NEW_YORK
from tickstock.loading.missing import Gap
from tickstock.model import Timeframe
from tickstock.spans import Span
from tickstock.store.database import Database
from tickstock.vendors.massive.source import Bounds, MassiveSource
from tickstock.worker.run import Worker

NAMES = [f"Q{c}X" for c in "ABCDEFGHIJ"]
WEEK = span("2019-03-11", "2019-03-15")
ODD = date(2019, 3, 13)
Answer = Callable[[web.Request, list[dict[str, Any]]], web.Response | None]


def stamp(day: date, hour: int = 0, minute: int = 0) -> int:

    return (
        int(datetime(day.year, day.month, day.day, hour, minute, tzinfo=NEW_YORK).timestamp())
        * 1000
    )


def row(day: date, **more: Any) -> dict[str, Any]:
    return {"o": 10.0, "h": 11.0, "l": 9.0, "c": 10.5, "v": 1000.0, "t": stamp(day)} | more


def page(rows: Sequence[Any], **more: Any) -> web.Response:
    found = {"status": "OK", "adjusted": False, "resultsCount": len(rows), "results": list(rows)}
    return web.json_response(found | more)


class World:
    """A vendor of our own for one test. `odd` answers in its place, given the honest rows; `names`
    are listed, and what is asked of others has no bar."""

    def __init__(self, odd: Answer = lambda *_: None, names: Sequence[str] = NAMES) -> None:
        self.odd, self.names = odd, set(names)
        self.asked: Counter[str] = Counter()

    async def __aenter__(self) -> World:
        self._runner = web.ServerRunner(web.Server(self._handle))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: Any) -> web.Response:
        path = request.path.split("/")
        if "aggs" not in path:
            return web.json_response({"status": "OK", "results": []})
        self.asked[request.path] += 1
        if "grouped" in path:
            day = date.fromisoformat(path[-1])
            rows = [row(day, T=name) for name in sorted(self.names)]
        else:
            days = sessions(span(path[-2], path[-1])) if path[4] in self.names else []
            per = {"day": [(0, 0)], "hour": [(h, 0) for h in range(9, 16)]}
            per |= {"minute": [(h, m) for h in range(10, 16) for m in range(60)]}
            times = per[path[7]]
            rows = [row(d, t=stamp(d, *at)) for d in days for at in times]
        return self.odd(request, rows) or page(rows)


def load(here: Rig, world: World, **request: Any) -> Any:
    """Load from `world`; how it ended."""
    made = here.tick.jobs.submit(here.plan(**request))

    async def work() -> None:
        async with world:
            source = MassiveSource(world.url, "key", bounds=Bounds(throttle_rounds=0))
            await Worker(here.tick, source=lambda *_: source, policy=here.policy).drain(made.id)

    asyncio.run(work())
    return here.tick.jobs.progress(made.id)


def week(here: Rig, world: World, names: Sequence[str] = NAMES, **other: Any) -> Any:
    asked = {"symbols": tuple(names), "first": WEEK.start, "last": WEEK.last} | other
    return load(here, world, **asked)


def causes(progress: Any) -> dict[str, int]:
    return dict(progress.load.report["causes"])


def said_of(gap: Gap) -> str:
    return " ".join(reason for reason, _ in gap.reasons)


# --- whole-market days ---------------------------------------------------------------------
def test_a_whole_market_without_a_row_is_asked_again_at_once(
    database: Database, tmp_path: Path
) -> None:
    world = World()
    world.odd = lambda r, _: page([]) if str(ODD) in r.path and world.asked[r.path] == 1 else None
    ended = week(rig(database, tmp_path), world)
    assert (ended.held, code(ended)) == (50, 0)
    assert sum(world.asked.values()) == 6


def test_one_that_stays_empty_has_failed_and_the_next_load_asks(
    database: Database, tmp_path: Path
) -> None:
    here, world = (
        rig(database, tmp_path),
        World(lambda r, _: page([]) if str(ODD) in r.path else None),
    )
    ended = week(here, world)
    assert (ended.held, causes(ended), code(ended)) == (40, {"failed": 10}, 3)
    assert sum(world.asked.values()) == 6
    again = week(here, World())
    assert (again.held, code(again)) == (50, 0)


def test_the_newest_session_without_rows_is_waited_for(database: Database, tmp_path: Path) -> None:
    newest = CALENDAR.last_published(NOW, timedelta(hours=8))
    days = sessions(Span.inclusive(newest - timedelta(days=6), newest))
    here, world = (
        rig(database, tmp_path),
        World(lambda r, _: page([]) if str(newest) in r.path else None),
    )
    asked = {"first": days[-2], "last": newest}
    ended = week(here, world, **asked)
    assert (causes(ended), code(ended)) == ({"not_published_yet": 10}, 0)
    assert "10 not published yet" in ended.load.message
    assert sum(world.asked.values()) == 2
    again = week(here, World(), **asked)
    assert (again.held, code(again)) == (20, 0)


@pytest.mark.parametrize("fixes", [True, False])
def test_half_a_market_is_told_by_the_days_around_it(
    database: Database, tmp_path: Path, fixes: bool
) -> None:
    names = [f"{a}{b}" for a in "ABCDEFGHIJKLM" for b in "AB"]
    world = World(names=names)

    def half(request: web.Request, rows: list[Any]) -> web.Response | None:
        spoilt = str(ODD) in request.path and not (fixes and world.asked[request.path] > 1)
        return page(rows[:13]) if spoilt else None

    world.odd = half
    here = rig(database, tmp_path)
    ended = week(here, world, names)
    assert sum(world.asked.values()) == 6
    if fixes:
        assert (ended.held, code(ended)) == (130, 0)
        return
    assert (ended.held, causes(ended), code(ended)) == (117, {"failed": 13}, 3)
    (gap,) = here.tick.missing.find(names, (Timeframe.DAY,), WEEK).gaps
    assert "It has 13 tickers, where 26 are usual. It lacks 13 of 26 names" in said_of(gap)
    # Asked for one alone, with the market as it is held: it is known what it lacks.
    lone = week(here, world, names, first=ODD, last=ODD)
    assert (causes(lone), code(lone)) == ({"failed": 13}, 3)


def test_a_name_that_nobody_knows_is_empty_and_costs_nothing_more(
    database: Database, tmp_path: Path
) -> None:
    world = World()
    ended = week(rig(database, tmp_path), world, [*NAMES, "NOBODY"])
    assert causes(ended) == {"vendor_empty": 5}
    assert sum(world.asked.values()) == 5


# --- rows ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "spoilt",
    [
        {"T": "\x00QTLP^\ufffd$b"}, {"T": None}, {"c": "12"}, {"c": None}, {"t": 10**17}, {"n": -7},
        "nothing", None,
    ],
)  # fmt: skip
def test_a_spoilt_row_of_nobody_costs_nothing(
    database: Database, tmp_path: Path, spoilt: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = row(ODD, T="ZZZ") | spoilt if isinstance(spoilt, dict) else spoilt

    def odd(request: web.Request, rows: list[Any]) -> web.Response | None:
        return page([*rows[:3], bad, *rows[3:]]) if str(ODD) in request.path else None

    world = World(odd)
    ended = week(rig(database, tmp_path), world)
    assert (ended.held, code(ended)) == (50, 0)
    assert sum(world.asked.values()) == 5


def test_a_spoilt_row_of_a_wanted_name_is_its_own_gap(database: Database, tmp_path: Path) -> None:
    def odd(request: web.Request, rows: list[Any]) -> web.Response | None:
        return page([rows[0] | {"c": "twelve"}, *rows[1:]]) if str(ODD) in request.path else None

    here = rig(database, tmp_path)
    ended = week(here, World(odd))
    assert (ended.held, causes(ended), code(ended)) == (49, {"quarantined": 1}, 3)
    (gap,) = here.tick.missing.find(NAMES, (Timeframe.DAY,), WEEK).gaps
    assert gap.examples == (("QAX", span(str(ODD))),)
    assert "row 1 (QAX)" in said_of(gap)


def test_a_spoilt_row_of_a_range_is_the_gap_of_its_session(
    database: Database, tmp_path: Path
) -> None:
    def odd(request: web.Request, rows: list[Any]) -> web.Response | None:
        return page([r | {"c": []} if r["t"] == stamp(ODD) else r for r in rows])

    world = World(odd)
    ended = week(rig(database, tmp_path), world, NAMES[:1])
    assert (ended.held, causes(ended)) == (4, {"quarantined": 1})
    assert sum(world.asked.values()) == 1


# --- ranges --------------------------------------------------------------------------------
def test_an_empty_range_is_confirmed_by_a_second_answer(database: Database, tmp_path: Path) -> None:
    world = World()
    world.odd = lambda r, _: page([]) if world.asked[r.path] == 1 else None
    here = rig(database, tmp_path)
    ended = week(here, world, NAMES[:1])
    assert (ended.held, code(ended), sum(world.asked.values())) == (5, 0, 2)
    never = week(here, World(names=()), ["NOBODY"])
    assert (causes(never), code(never)) == ({"vendor_empty": 5}, 1)
    (gap,) = here.tick.missing.find(["NOBODY"], (Timeframe.DAY,), WEEK).gaps
    assert gap.expires is not None
    assert gap.expires[1] == NOW + timedelta(days=1)  # nothing of it was ever held


def test_half_a_session_of_minutes_is_not_held(database: Database, tmp_path: Path) -> None:
    def odd(_: web.Request, rows: list[Any]) -> web.Response | None:
        return page([r for r in rows if not stamp(ODD, 10, 2) <= r["t"] < stamp(ODD, 24 - 1)])

    here = rig(database, tmp_path)
    minutes = {"timeframes": "1min"}
    ended = week(here, World(odd), NAMES[:1], **minutes)
    assert (ended.held, causes(ended), code(ended)) == (4, {"failed": 1}, 3)
    lone = week(here, World(odd), NAMES[:1], first=ODD, last=ODD, **minutes)
    assert (causes(lone), code(lone)) == ({"failed": 1}, 1)
    whole = week(here, World(), NAMES[:1], **minutes)
    assert (whole.held, code(whole)) == (5, 0)


@pytest.mark.parametrize("longest", [31, 0])
def test_ranges_that_time_out_are_cut(database: Database, tmp_path: Path, longest: int) -> None:
    def odd(request: web.Request, _: list[Any]) -> web.Response | None:
        first, last = request.path.split("/")[-2:]
        days = (date.fromisoformat(last) - date.fromisoformat(first)).days
        return web.Response(status=504, text="<html>") if days > longest else None

    world = World(odd)
    year = {"first": date(2023, 8, 2), "last": date(2024, 8, 2), "timeframes": "hour"}
    ended = week(rig(database, tmp_path), world, NAMES[:3], **year)
    asked, planned = sum(world.asked.values()), ended.load.summary["calls"]
    if longest:
        assert (ended.held, code(ended)) == (3 * 253, 0)
        assert asked <= 5 * planned
    else:
        assert (ended.held, causes(ended), code(ended)) == (0, {"failed": 3 * 253}, 1)
        assert asked <= 2 * planned


def test_endless_pages_cost_few_calls(database: Database, tmp_path: Path) -> None:
    world = World()

    def odd(request: web.Request, rows: list[Any]) -> web.Response | None:
        return page(rows, next_url=f"{request.path}?cursor={sum(world.asked.values())}")

    world.odd = odd
    ended = week(rig(database, tmp_path), world, NAMES[:1])
    assert (causes(ended), sum(world.asked.values())) == ({"failed": 5}, 2)


# --- files ---------------------------------------------------------------------------------
def from_files(
    database: Database, home: Path, files: dict[str, bytes], names: Sequence[str]
) -> Any:
    folder = put(home / "files", files)
    here = rig(database, home, settings={"TICKSTOCK_VENDOR": f"flatfiles:{folder}"})
    plan = here.plan(symbols=tuple(names), first=WEEK.start, last=WEEK.last)
    return here, here.load_configured(plan)


def cut(data: bytes, lines: int) -> bytes:
    return gzip.compress(b"".join(gzip.decompress(data).splitlines(True)[: lines + 1]))


@pytest.mark.parametrize(
    ("spoil", "lost", "said"),
    [
        (lambda data: cut(data, 15), 15, "It has 15 tickers, where 30 are usual"),
        (lambda _: packed([]), 30, "has no row"),
        (lambda _: None, 30, "there is no file"),
        (lambda data: cut(data, 29) + gzip.compress(b"A,1"), 30, "middle of a line"),
        (lambda data: data.replace(b"", b"")[:-9], 30, "ends in the middle"),
    ],
)
def test_a_file_that_is_not_whole_has_failed(
    database: Database, tmp_path: Path, spoil: Any, lost: int, said: str
) -> None:
    names = sorted(f"{a}{b}" for a in "ABCDEFGHIJKLMNO" for b in "XY")
    files = synthetic_files(names, WEEK, Timeframe.DAY, NOW.timestamp())
    spoilt = spoil(files[key_on(ODD)])
    files = {k: v for k, v in files.items() if k != key_on(ODD)}
    files |= {key_on(ODD): spoilt} if spoilt is not None else {}
    here, ended = from_files(database, tmp_path, files, names)
    assert (ended.held, causes(ended), code(ended)) == (150 - lost, {"failed": lost}, 3)
    (gap,) = here.tick.missing.find(names, (Timeframe.DAY,), WEEK).gaps
    assert said in said_of(gap)
    if "line" not in said and "middle" not in said:
        assert key_on(ODD) in said_of(gap)
    assert gap.expires is None


def test_a_bad_line_of_a_file_is_put_aside(database: Database, tmp_path: Path) -> None:
    files = synthetic_files(NAMES, WEEK, Timeframe.DAY, NOW.timestamp())
    lines = gzip.decompress(files[key_on(ODD)]).decode().splitlines()
    assert lines[0] == HEADER
    lines[4] = lines[4].replace(",", ",x", 1)
    files[key_on(ODD)] = packed(lines[1:])
    here, ended = from_files(database, tmp_path, files, NAMES)
    assert (ended.held, causes(ended), code(ended)) == (49, {"quarantined": 1}, 3)
    (gap,) = here.tick.missing.find(NAMES, (Timeframe.DAY,), WEEK).gaps
    assert f"line 5 of {key_on(ODD)} (QDX)" in said_of(gap)
