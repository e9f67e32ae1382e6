"""Calls that workers were lost with go one at a time in a process, whatever loads they are of: when
the next worker is lost, it is known with which of them. Belongs to one event loop."""

from __future__ import annotations


class Lane:
    """Taken by one at a time."""

    def __init__(self) -> None:
        self._by: object | None = None

    def take(self, who: object) -> bool:
        """Whether it is free for `who`, who has it from now on."""
        if self._by is None:
            self._by = who
        return self._by is who

    def leave(self, who: object) -> None:
        """Free for others, if `who` had it."""
        if self._by is who:
            self._by = None
