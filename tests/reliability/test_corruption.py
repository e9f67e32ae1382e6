"""Whatever is changed in the database behind TickStock's back, `verify` names it, and its day; and
names nothing else."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.kit import CALENDAR
from tests.reliability.corruption import COVERAGE, Cell, Expected, Scene, kinds
from tests.reliability.form import FORM, record
from tickstock.clock import utc_now
from tickstock.config import read_settings
from tickstock.model import Timeframe
from tickstock.service import TickStock
from tickstock.service.damages import Damage
from tickstock.spans import day_of
from tickstock.store.bars import TABLES
from tickstock.store.database import Database
from tickstock.worker.run import Worker

NAMES = tuple(f"C{n}" for n in range(8))
FIRST, LAST = date(2024, 7, 8), date(2024, 7, 16)
"""Seven sessions: a round spoils many cells, and a week of this year may have four."""
LEFT = 2
"""Symbols of each timeframe, at least, whose bars a round spoils."""
SPOILED = (*TABLES.values(), "coverage", "bar_revisions", "bar_arrivals", "bar_checksums",
           "loads", "load_items", "load_actions", "calls")  # fmt: skip


@pytest.fixture
def tick(database: Database, tmp_path: Path) -> TickStock:
    """Bars of three timeframes, as several jobs have loaded them."""
    settings = read_settings({"TICKSTOCK_VENDOR": "synthetic"}, home=tmp_path)
    made = TickStock(settings, database, utc_now)
    for refresh in (False, True):
        for name in NAMES:
            load(made, name, refresh=refresh)
    return made


def load(tick: TickStock, name: str, *, refresh: bool) -> None:
    request = tick.requests.resolve(
        symbols=[name], first=FIRST, last=LAST, timeframes="day,hour,1min", refresh=refresh
    )
    job = tick.jobs.submit(tick.plans.make(request))
    asyncio.run(Worker(tick).drain(job.id))


def test_every_kind_of_corruption_is_named(tick: TickStock) -> None:
    assert [found.damages for found in checked(tick).values()] == [(), (), ()]
    assert not any(found.unknown or found.unknown_jobs for found in checked(tick).values())
    trials: Counter[str] = Counter()
    missed: list[str] = []
    with psycopg.connect(tick.database.conninfo, autocommit=True) as hand:
        keep(hand)
        stage = things(hand)
        for number in range(FORM.corruptions):
            # A foreign hand fires triggers; a torn page, a bad disk, a careless restore do not.
            role = "replica" if number % 2 else "origin"
            hand.execute(f"SET session_replication_role = {role}")
            scene = staged(number, hand, stage)
            done = [(kind.name, kind.spoil(scene)) for kind in kinds()]
            said = {t: found.damages for t, found in checked(tick).items()}
            trials.update(name for name, _ in done)
            missed += unnamed(number, done, said)
            assert days_named(said) == {
                (e.timeframe, e.symbol, e.day) for _, es in done for e in es if e.day
            }, number
            hand.execute("SET session_replication_role = replica")
            put_back(hand)
    assert missed == []
    assert [found.damages for found in checked(tick).values()] == [(), (), ()]
    for name, count in trials.items():
        record(f"corruption: {name}", trials=count, named=count)


def checked(tick: TickStock) -> dict[Timeframe, Any]:
    return {timeframe: tick.verify.stored(NAMES, timeframe) for timeframe in TABLES}


def unnamed(
    number: int,
    done: list[tuple[str, list[Expected]]],
    said: dict[Timeframe, tuple[Damage, ...]],
) -> list[str]:
    return [
        f"{number}: {name}: {e}"
        for name, expected in done
        for e in expected
        if not any(
            (d.symbol, d.day) == (e.symbol, e.day) and e.says in d.what
            for d in said[e.timeframe or Timeframe.DAY]
        )
    ]


def days_named(said: dict[Timeframe, tuple[Damage, ...]]) -> set[Any]:
    return {(t, d.symbol, d.day) for t, damages in said.items() for d in damages if d.day}


# --- the stage ---------------------------------------------------------------------------------
def runner(hand: psycopg.Connection[Any]) -> Any:
    def run(text: str, *params: Any) -> list[Any]:
        return hand.execute(text, params).fetchall()  # type: ignore[arg-type]

    return run


def keep(hand: psycopg.Connection[Any]) -> None:
    """A copy of all that is spoiled."""
    hand.execute("CREATE SCHEMA keep")
    for table in SPOILED:
        hand.execute(f"CREATE TABLE keep.{table} AS TABLE tickstock.{table}")


def put_back(hand: psycopg.Connection[Any]) -> None:
    with hand.transaction():
        every = ", ".join(f"tickstock.{table}" for table in SPOILED)
        hand.execute(f"TRUNCATE {every} CASCADE")
        for table in SPOILED:
            hand.execute(
                f"INSERT INTO tickstock.{table} OVERRIDING SYSTEM VALUE SELECT * FROM keep.{table}"
            )


def staged(number: int, hand: psycopg.Connection[Any], stage: dict[str, Any]) -> Scene:
    """A scene of which some instruments are left for what is kept about bars."""
    dice = random.Random(number)
    pairs = dice.sample(stage["coverage"], len(stage["coverage"]))
    # Of each timeframe some have to be left whose bars are spoilt.
    left = [p for t in TABLES for p in [p for p in pairs if p[0] is t][:LEFT]]
    pairs = [p for p in pairs if p not in left] + left
    kept, others = pairs[: len(COVERAGE)], pairs[len(COVERAGE) :]
    away = {(timeframe, symbol) for timeframe, symbol, _ in kept}
    cells = {
        timeframe: [c for c in of if (timeframe, c.symbol) not in away]
        for timeframe, of in stage["cells"].items()
    }
    return Scene(dice, runner(hand), **stage | {"coverage": kept, "others": others, "cells": cells})


def things(hand: psycopg.Connection[Any]) -> dict[str, Any]:
    """What may be spoiled."""
    last = day_of(int(CALENDAR.days[-1]))
    cells: dict[Timeframe, list[Cell]] = {}
    for timeframe, table in TABLES.items():
        zone = "" if timeframe is Timeframe.DAY else " AT TIME ZONE 'America/New_York'"
        cells[timeframe] = [
            Cell(timeframe, *row[:3], tuple(row[3]))
            for row in hand.execute(
                f"SELECT symbol, instrument_id, (at{zone})::date, array_agg(at::text ORDER BY at)"
                f" FROM tickstock.{table} JOIN tickstock.instruments ON id = instrument_id"
                " GROUP BY 1, 2, 3 ORDER BY 1, 3"
            )
        ]
        last = min(last, max(cell.day for cell in cells[timeframe]))
    weekend = [d for n in range(60) if (d := last - timedelta(days=n)).weekday() > 4]
    hand.execute("SELECT tickstock.add_minute_months(%s::date[])", (weekend,))
    coverage = hand.execute(
        "SELECT timeframe, symbol, instrument_id FROM tickstock.coverage JOIN"
        " tickstock.instruments ON id = instrument_id ORDER BY 1, 2"
    ).fetchall()
    calls = hand.execute(
        "SELECT load_id::text, id FROM tickstock.calls WHERE state = 'done' ORDER BY id"
    ).fetchall()
    return {
        "cells": cells,
        "coverage": [(Timeframe(t), symbol, id_) for t, symbol, id_ in coverage],
        "jobs": sorted({job for job, _ in calls}),
        "calls": calls,
        "free": tuple((d, f"{d} 15:00+00") for d in weekend),
    }
