"""Names in `public` under which readers of SQL look for bars, where another program has them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tickstock.store import rows
from tickstock.store.connection import Connection
from tickstock.store.queries import load

QUERIES = load("bar_names.sql")
NAMES = ("ohlcv_1min", "ohlcv_hourly", "ohlcv_daily", "ohlcv_weekly", "ohlcv_monthly")


@dataclass(frozen=True, slots=True)
class TakenName:
    """A name in `public` that is not ours; `kind` is what bears it: a table, a view."""

    name: str
    kind: str

    def __str__(self) -> str:
        return f"public.{self.name} ({self.kind})"


def taken_names(connection: Connection) -> tuple[TakenName, ...]:
    """Those of our names that another program had before us."""
    params = {"names": list(NAMES)}
    return tuple(rows.every(connection, TakenName, QUERIES["taken_names"], params))


def warning(taken: Sequence[TakenName]) -> tuple[str, str]:
    """What is taken, and what that means; both empty where nothing is."""
    if not taken:
        return "", ""
    ours = [name for name in NAMES if name not in {t.name for t in taken}]
    what = f"Another program has {', '.join(map(str, taken))}."
    means = (
        "Bars that TickStock loads are not written there and what is there is not read: they are in"
        f" {', '.join(f'tickstock.{t.name}' for t in taken)}."
    )
    if ours:
        means += f" Of TickStock in public: {', '.join(ours)}."
    return what, means
