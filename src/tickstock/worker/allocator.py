"""What the C library does with memory that this process has given back to it."""

from __future__ import annotations

import ctypes

MMAP_THRESHOLD = -3
"""M_MMAP_THRESHOLD of glibc's malloc.h."""
LARGE = 8 << 20
"""Bytes of a block that is a mapping of its own."""


def give_back_large_blocks() -> bool:
    """Have the system get back each large block as soon as it is free; whether that could be set.

    glibc raises the size of a block that is a mapping of its own to that of the largest one that
    was given back, up to 32 MiB, and keeps smaller ones in a heap for each thread, where any small
    one above them holds them fast: a worker that read files of the whole market, one after the
    other, came to have more than twice what one of them takes. A size that is set is not raised
    (mallopt(3)). What is given back has to be got again: it costs such a worker 2 µs of the
    processor a bar, and others nothing, whose blocks are smaller. Other C libraries have no
    `mallopt`, and give large blocks back by themselves.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # TypeError: of Windows, for None
        return False
    return bool(mallopt(MMAP_THRESHOLD, LARGE))
