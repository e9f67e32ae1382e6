"""Runs the page, and with it a worker and the bridge, in one process and one event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import uvicorn

from tickstock.errors import BadSetting
from tickstock.service import TickStock
from tickstock.service.access import Access
from tickstock.waiting import within
from tickstock.web.app import make_app
from tickstock.web.connections import ConnectionLimits, Connections, limits_here
from tickstock.web.site import Site

log = logging.getLogger("tickstock.web")
PARTING_SECONDS = 3
"""How long requests under way may take when the server is told to stop."""
PAUSE = 5.0
"""Seconds until a part that ended by an error, say because the database went away, is started
again. The page itself stays and tells what is wrong."""


class Served(Protocol):
    """A worker, or the bridge: runs until told to stop."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Tls:
    """Files of the certificate (with its chain) and of its key."""

    certificate: Path
    key: Path


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; `port` 0 takes a free one. Raises BadSetting when it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family)
    except OSError as e:
        raise BadSetting(
            f"The page cannot listen on {host}:{port}: {e.strerror or e}.",
            "Choose another one with --host and --port.",
        ) from e


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs the loop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Serving:
    """`run` serves until `stop`. `parts` make a new worker or bridge each time they are called."""

    tick: TickStock
    access: Access
    site: Site
    listener: socket.socket
    parts: tuple[Callable[[], Served], ...] = ()
    tls: Tls | None = None
    limits: ConnectionLimits = field(default_factory=limits_here)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _running: set[Served] = field(default_factory=set)

    async def run(self) -> None:
        app = make_app(self.tick, self.access, self.site)
        server = _Server(self._config(app))
        work = [
            asyncio.create_task(self._keep(part), name="page: a part beside it")
            for part in self.parts
        ]
        page = asyncio.create_task(server.serve(sockets=[self.listener]), name="page: requests")
        stop = asyncio.create_task(self._stopping.wait(), name="page: stop")
        announcing = asyncio.create_task(self._announce(server), name="page: is it up")
        await asyncio.wait({page, stop}, return_when="FIRST_COMPLETED")
        self.stop()
        # Streams never end by themselves: they would hold the server up.
        app.state.services.live.close()
        server.should_exit = True
        stop.cancel()
        announcing.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await page

    def stop(self) -> None:
        """Ask for a graceful end of everything."""
        self._stopping.set()
        for part in self._running:
            part.stop()

    async def _announce(self, server: uvicorn.Server) -> None:
        while not server.started:  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        self.started.set()

    async def _keep(self, make: Callable[[], Served]) -> None:
        """Run a part, and again when it ended by an error."""
        while not self._stopping.is_set():
            part = make()
            self._running.add(part)
            try:
                await part.run()
            except Exception:
                log.exception("%s ended by an error", type(part).__name__)
            finally:
                self._running.discard(part)
            await within(PAUSE, self._stopping)

    def _config(self, app: object) -> uvicorn.Config:
        # `access_log=False` alone still logs through our root handler, tokens of links included.
        logging.getLogger("uvicorn.access").propagate = False
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        behind_proxy = self.site.secure and self.tls is None
        return uvicorn.Config(
            app,  # type: ignore[arg-type]
            http=Connections(self.limits).protocol,  # type: ignore[arg-type]
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=behind_proxy,
            ssl_certfile=str(self.tls.certificate) if self.tls else None,
            ssl_keyfile=self.tls.key if self.tls else None,
            timeout_graceful_shutdown=PARTING_SECONDS,
            lifespan="on",
            ws="none",
        )
