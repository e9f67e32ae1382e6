"""Candles as an SVG picture, for browsers that run no scripts. Pure: values in, paths out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tickstock.model import BarTable
from tickstock.words import scale

WIDTH, HEIGHT = 1000, 320
RIGHT, PAD = 60, 12
"""Room for the scale of prices, and above and below the candles."""
MOST = 250
"""So many candles can be told apart at this width; of more, the newest are drawn."""
LINES = 5


@dataclass(frozen=True, slots=True)
class Scale:
    """A price on the scale: its height in the picture, and its text."""

    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """Paths of rising and falling candles, the scale, and the places (x) of marked bars and of
    `breaks`, where bars are missing."""

    rising: str
    falling: str
    scale: tuple[Scale, ...]
    marked: tuple[float, ...]
    breaks: tuple[float, ...]
    count: int


def draw(bars: BarTable, marks: Sequence[int] = (), gaps: Sequence[int] = ()) -> Drawing | None:
    """The newest bars of one symbol. `marks` are times (as in the table) of bars to be marked,
    `gaps` those from which on some are missing."""
    first = max(0, len(bars) - MOST)
    shown = bars.rows(np.arange(first, len(bars)))
    if not len(shown):
        return None
    bottom, top = float(shown.low.min()), float(shown.high.max())
    pixels = (HEIGHT - 2 * PAD) / ((top - bottom) or 1.0)
    step = (WIDTH - RIGHT) / len(shown)

    def y(price: float) -> float:
        return round(HEIGHT - PAD - (price - bottom) * pixels, 1)

    prices = [bottom + (top - bottom) * i / (LINES - 1) for i in range(LINES)]
    marked = np.flatnonzero(np.isin(shown.at, list(marks))) + 0.5
    breaks = np.unique(np.searchsorted(bars.at, np.array(gaps, np.int64)) - first)
    return Drawing(
        *_paths(shown, step, y),
        tuple(Scale(y(p), text) for p, text in zip(prices, scale(prices), strict=True)),
        tuple(round(i * step, 1) for i in marked.tolist()),
        tuple(round(i * step, 1) for i in breaks.tolist() if i >= 0),
        len(shown),
    )


def _paths(bars: BarTable, step: float, y: Callable[[float], float]) -> tuple[str, str]:
    """The rising candles, and the falling ones."""
    half = max(0.5, 0.35 * step)
    parts: dict[bool, list[str]] = {True: [], False: []}
    columns = (bars.open, bars.high, bars.low, bars.close)
    for i, (o, h, low, c) in enumerate(zip(*(x.tolist() for x in columns), strict=True)):
        x = round((i + 0.5) * step, 1)
        parts[c >= o].append(_candle(x, half, y(h), y(low), y(max(o, c)), y(min(o, c))))
    return "".join(parts[True]), "".join(parts[False])


def _candle(x: float, half: float, high: float, low: float, top: float, bottom: float) -> str:
    """The wick as a line, the body as a box that is never without height."""
    tall = max(1.0, bottom - top)
    left, wide = x - half, 2 * half
    wick = f"M{x:g} {high:g}V{low:g}"
    return f"{wick}M{left:.1f} {top:g}h{wide:.1f}v{tall:.1f}h-{wide:.1f}z"
