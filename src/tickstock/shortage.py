"""What the machine does not give, told apart from errors of ours. Pure."""

from __future__ import annotations

import errno

from tickstock.errors import OutOfResources

TOO_MANY_OPEN = (errno.EMFILE, errno.ENFILE)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
NO_THREAD = "can't start new thread"
"""The words of CPython's RuntimeError, which has no class of its own."""


def shortage(error: BaseException) -> OutOfResources | None:
    """The error to be told where a process was refused memory, threads, open files or room on a
    disk; None for any other. The words are ours: those of the system may name paths."""
    number = error.errno if isinstance(error, OSError) else None
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return OutOfResources(
            "This process was refused more memory.",
            "Give it more, or have it do less at once: fewer symbols, a shorter span.",
        )
    if number in TOO_MANY_OPEN:
        return OutOfResources(
            "This process may open no more files and connections.",
            "Raise the limit, with `ulimit -n` or where the service is defined.",
        )
    if number in DISK_FULL:
        return OutOfResources(
            "There is no room left on the disk.", "Make room, then do the same again."
        )
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return OutOfResources(
            "This process may start no more threads.",
            "Raise the limit, with `ulimit -u` or where the service or container is defined.",
        )
    return None
