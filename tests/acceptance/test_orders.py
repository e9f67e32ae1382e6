"""Universes that overlap, loaded in every order, come to the same database, and to their end.

The order in which instruments are made and asked for is drawn by a seed, which is printed when the
test fails; `--seed N` runs it again.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cluster
from tests.kit import sessions, span
from tests.loading_rig import Rig, rig, sql, stored, synthetic_table, truth_of
from tickstock.loading.bits import BLOCK
from tickstock.model import JobState
from tickstock.store.database import Database
from tickstock.store.instruments import ensure_instruments

DAYS = span("2025-03-03", "2025-03-05")
SYMBOLS = [f"S{a}{b}" for a, b in itertools.product("ABCDEFGHIJKLMNOPQRSTUVWXYZ", repeat=2)]
SIZES = {"big": 600, "middle": BLOCK + 1, "small": 20}


@pytest.fixture(scope="module")
def seed(request: pytest.FixtureRequest) -> int:
    given: int | None = request.config.getoption("--seed")
    return random.SystemRandom().randrange(10_000) if given is None else given


@pytest.fixture(scope="module")
def universes(seed: int) -> dict[str, list[str]]:
    """Symbols by universe, none in order: each but the first has members that others have too, and
    some of its own."""
    dice = random.Random(seed)
    shuffled = dice.sample(SYMBOLS, len(SYMBOLS))
    big = shuffled[: SIZES["big"]]
    rest = shuffled[SIZES["big"] :]
    middle = dice.sample(big, SIZES["middle"] - 30) + rest[:30]
    small = dice.sample(middle, 10) + rest[30:40]
    return {"big": big, "middle": dice.sample(middle, len(middle)), "small": small}


@pytest.mark.parametrize("order", [*itertools.permutations(SIZES)], ids="-".join)
def test_the_order_of_loads_makes_no_difference(
    cluster: Cluster, template: str, home: Path, tmp_path: Path, seed: int, order: Sequence[str],
    universes: dict[str, list[str]],
) -> None:  # fmt: skip
    print(f"drawn by the seed {seed}: pytest {Path(__file__).name} --seed {seed}")
    name = cluster.create(template)
    try:
        with Database.open(cluster.uri(name), home, migrate=False) as database:
            here = rig(database, tmp_path, settings={"TICKSTOCK_VENDOR": "synthetic"})
            _prepare(database, universes, random.Random(f"{seed} {order}"))
            for universe in order:
                _load(here, universe, universes[universe])
            for universe in SIZES:
                assert here.plan(f"stock_universe:{universe}", **_dates()).cells == 0
            bars, coverage = stored(database), _coverage(database)
    finally:
        cluster.drop(name)
    everything = sorted(set().union(*universes.values()))
    assert bars == truth_of(synthetic_table(everything, DAYS))
    held = f"{{[{DAYS.start},{DAYS.end})}}"
    assert coverage == [(s, "day", "synthetic", held, len(sessions(DAYS))) for s in everything]


def _dates() -> dict[str, Any]:
    return {"first": DAYS.start, "last": DAYS.last}


def _prepare(database: Database, universes: dict[str, list[str]], dice: random.Random) -> None:
    """The universes as rows, and some of their members as instruments, made in any order."""
    for key, symbols in universes.items():
        listed = ", ".join(f'"{s}"' for s in symbols)
        sql(
            database,
            "INSERT INTO cache_entries (type, name, key, value)"
            " VALUES ('stock_universe', %s, %s, %s::text::jsonb)",
            key, key, f"[{listed}]",
        )  # fmt: skip
    everything = sorted(set().union(*universes.values()))
    with database.transaction() as connection:
        for symbol in dice.sample(everything, 60):
            ensure_instruments(connection, [symbol])
        ensure_instruments(connection, dice.sample(everything, len(everything) // 2))


def _load(here: Rig, universe: str, symbols: Sequence[str]) -> None:
    progress = here.load_configured(here.plan(f"stock_universe:{universe}", **_dates()))
    assert progress.load.state is JobState.COMPLETED, progress.load.message
    assert progress.percent == 100
    assert progress.expected == progress.held == len(symbols) * len(sessions(DAYS))


def _coverage(database: Database) -> list[Any]:
    return sql(
        database,
        "SELECT symbol, timeframe, origin, held::text, bars FROM tickstock.coverage"
        " JOIN tickstock.instruments ON id = instrument_id ORDER BY 1, 2, 3",
    )
