"""Keys of our advisory locks, which all programs on a database share: here and nowhere else.

A key is one number of 64 bits, or two of 32; the two kinds never meet. Keys stay as they are: a
program of another version that is still running has to wait for the same ones.
"""

from __future__ import annotations

MIGRATION = 500_186_049_395
"""Whoever brings the schema up to date; the only key of one number."""

BARS = 0x7469636B
"""Writers of bars of an instrument; second half: the instrument's bucket."""
UNIVERSES = 0x756E6976
"""Writers of universes; second half: hash of the environment."""
PAUSES = 1_768_845_157
"""Claims of a job (shared) and pausing it; second half: hash of the job's id."""
SEALS = 0x7365616C
"""Writers of minute bars of a month (shared) and who seals or unseals it; second half: the month's
number since 1970."""
SEALS_OF_HOURS = 0x73656148
"""The same of hour bars, by years: a load of them may be of twenty."""
SINGLE = 1_768_845_156
"""What only one does at a time; second half: one of the following."""

CREATION = 1
"""Making instruments."""
MINUTE_MONTHS = 2
"""Making partitions for minutes: the schema's function `add_minute_months` takes it."""
LAKE = 3
"""Publishing tables for other engines."""
