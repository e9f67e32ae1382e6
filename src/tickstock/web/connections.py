"""How long a client may take to say what it wants, and how many may be connected at once.

uvicorn waits for ever for the end of a request's head or body, and takes every connection until the
process has no file descriptor left. Here a connection that has not finished its request in time is
closed, and when there are too many, the one that has kept us waiting longest makes room.
"""

from __future__ import annotations

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

MOST = 512
"""Connections at once, where the process may have that many files open."""
SPARE_FILES = 256
"""File descriptors left for the database, the vendor, Redis and files."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """Seconds that the head and the body of a request may take, and connections at once."""

    head: float = 10.0
    body: float = 60.0
    most: int = MOST


def limits_here(most: int = MOST) -> ConnectionLimits:
    """The limits that this process can keep, which may open more files from now on if it has to."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = most + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        return ConnectionLimits(most=max(16, soft - SPARE_FILES))
    return ConnectionLimits(most=most)


@dataclass
class Connections:
    """Makes a protocol for each connection of one server, and knows those that are waited for."""

    limits: ConnectionLimits = field(default_factory=ConnectionLimits)
    waiting: dict[BoundedProtocol, None] = field(default_factory=dict)
    """Those whose request is not whole yet, the longest waiting first."""

    def protocol(self, *args: Any, **kwargs: Any) -> BoundedProtocol:
        return BoundedProtocol(self, *args, **kwargs)


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol, with an end to waiting."""

    def __init__(self, all_: Connections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._all = all_
        self._timer: asyncio.TimerHandle | None = None
        self._timed: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > self._all.limits.most:
            next(iter(self._all.waiting)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and not self.transport.is_closing():
            # A pipelined half of a request; otherwise the end of keeping alive comes first.
            self._watch()

    def _watch(self) -> None:
        """Wait for the rest of the head, for the rest of the body, or for nothing."""
        state = self.conn.their_state
        if state is self._timed:
            return
        self._stop_waiting()
        seconds: dict[object, float] = {
            h11.IDLE: self._all.limits.head, h11.SEND_BODY: self._all.limits.body,
        }  # fmt: skip
        if state in seconds and not self.transport.is_closing():
            self._timed = state
            self._timer = self.loop.call_later(seconds[state], self._too_late)
            self._all.waiting[self] = None

    def _stop_waiting(self) -> None:
        self._timed = None
        self._all.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        if self.conn.our_state is h11.IDLE:
            self.transport.write(_TIMEOUT)
        # What has begun to be answered, or waits for a body, learns that the client is gone.
        self.transport.close()


_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
