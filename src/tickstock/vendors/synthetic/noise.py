"""Numbers that look random and are computed alone: hashes of a seed, a word and a place.

They are the same on every machine, and none depends on which others were asked for.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tickstock.model import Floats

LEVELS = range(-9, 13)
"""Tents from 1/512 day, about a minute of trading, to 4,096 days."""
DAILY_LEVELS = range(-1, 13)
"""Tents of which prices at the open and the close of days are made alone."""
_HOLD = 4096  # days after which every price is back near its base, at another date per symbol

Words = npt.NDArray[np.uint64]


def walk(seeds: Words, moments: Floats, levels: range = LEVELS) -> Floats:
    """A random walk with variance 1 a day, at `moments` in days, for each of `seeds`."""
    shifted = moments + (seeds % np.uint64(_HOLD)).astype(np.float64)
    total = np.zeros(shifted.shape)
    for level in levels:
        width = 2.0**level
        scaled = shifted / width
        place = np.floor(scaled)
        tent = 1 - np.abs(2 * (scaled - place) - 1)
        total += tent * (0.5 * width**0.5) * noise(seeds, f"walk {level}", place)
    return total


@lru_cache(65_536)
def seed_of(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def noise(seeds: Words, what: str, place: Any = 0) -> Floats:
    """Hashes of (seed, what, place) as numbers of about a standard normal distribution."""
    word = words(seeds, what, place)
    # Four 16-bit pieces added up: bounded, near normal, and equal on every machine.
    total = np.zeros(word.shape)
    for shift in (0, 16, 32, 48):
        total += word >> np.uint64(shift) & np.uint64(0xFFFF)
    normal: Floats = (total / 65536 - 2) * 3**0.5
    return normal


def uniform(seeds: Words, what: str, place: Any = 0) -> Floats:
    """Hashes of (seed, what, place) as numbers above 0 and below 1, all equally likely."""
    share: Floats = ((words(seeds, what, place) >> np.uint64(11)).astype(np.float64) + 0.5) / 2**53
    return share


def words(seeds: Words, what: str, place: Any = 0) -> Words:
    """Hashes of (seed, what, place)."""
    word = (seeds ^ np.uint64(seed_of(what))) + np.asarray(place).astype(np.int64).astype(np.uint64)
    # The finalizer of SplitMix64 (Steele, Lea and Flood, 2014), twice: neighbours differ by one.
    for _ in range(2):
        word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        word = word ^ (word >> np.uint64(31))
    return word
