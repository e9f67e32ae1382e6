"""The page, served from a thread of the test's own process, and a plain HTTP client for it."""

from __future__ import annotations

import asyncio
import functools
import hashlib
import http.client
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from argon2 import PasswordHasher

from tests.conftest import Cluster
from tickstock.clock import Clock, utc_now
from tickstock.config import Settings
from tickstock.service import TickStock
from tickstock.service.access import Access, Role
from tickstock.store import sign_in
from tickstock.store.calendar import fill_sessions
from tickstock.store.database import Database
from tickstock.web.connections import ConnectionLimits, limits_here
from tickstock.web.server import Serving, listen
from tickstock.web.site import Site, make_site
from tickstock.worker.run import Worker

PASSWORDS = {role: f"correct horse {role}" for role in Role}
"""Everybody is named after their role."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """Keeps cookies, and says by Origin where it means to write, as a program does."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        fields: dict[str, Any] | None = None,
        body: Any = None,
        **headers: str,
    ) -> Answer:
        sent = {"Origin": f"http://127.0.0.1:{self.port}"} if method != "GET" else {}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        data: bytes | None = None
        if fields is not None:
            data = urlencode(fields, doseq=True).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        elif body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, data, {k: v for k, v in sent.items() if v != "(none)"})
            got = connection.getresponse()
            live = got.headers.get_content_type() == "text/event-stream"
            answer = Answer(got.status, got.headers, b"" if live else got.read())
        finally:
            connection.close()
        for line in answer.headers.get_all("set-cookie") or []:
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, **headers)

    def post(self, path: str, fields: dict[str, Any] | None = None, **other: Any) -> Answer:
        return self.ask("POST", path, fields if fields is not None else {}, **other)


@dataclass
class Running:
    """A page that answers on `port`."""

    tick: TickStock
    access: Access
    site: Site
    port: int
    serving: Serving

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def anonymous(self) -> Client:
        return Client(self.port)

    def client(self, role: Role = Role.ADMIN) -> Client:
        """Signed in as the user of that role, without the time that a password takes."""
        token = secrets.token_urlsafe(8)
        with self.tick.database.transaction() as connection:
            found = sign_in.user(connection, role.value)
            assert found
            sign_in.add_session(connection, hashlib.sha256(token.encode()).digest(), found.id)
        return Client(self.port, {self.site.cookie: token})

    def link(self) -> str:
        return f"{self.url}/sign-in/link/{self.access.make_link()}"


@functools.cache
def _hashed(password: str) -> str:
    return PasswordHasher().hash(password)


@contextmanager
def running(
    database: Database,
    settings: Settings,
    *,
    worker: bool = True,
    users: bool = True,
    public_url: str | None = None,
    limits: ConnectionLimits | None = None,
    port: int = 0,
    clock: Clock = utc_now,
) -> Iterator[Running]:
    """Serve the database; with a user of every role."""
    tick, access = TickStock(settings, database, clock), Access(database)
    if users:
        with database.transaction() as connection:
            for role in Role:
                sign_in.add_user(connection, role.value, role, _hashed(PASSWORDS[role]))
    listener = listen("127.0.0.1", port)
    port = listener.getsockname()[1]
    site = make_site("127.0.0.1", port, public_url, tls=False, users=True)
    parts: tuple[Callable[[], Any], ...] = (lambda: Worker(tick),) if worker else ()
    ready: list[tuple[Serving, asyncio.AbstractEventLoop]] = []
    started = threading.Event()

    async def serve() -> None:
        serving = Serving(tick, access, site, listener, parts, limits=limits or limits_here())
        ready.append((serving, asyncio.get_running_loop()))
        running = asyncio.create_task(serving.run())
        await serving.started.wait()
        started.set()
        await running

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="page")
    thread.start()
    assert started.wait(30)
    serving, loop = ready[0]
    try:
        yield Running(tick, access, site, port, serving)
    finally:
        loop.call_soon_threadsafe(serving.stop)
        thread.join(20)
        assert not thread.is_alive(), "the page does not stop"


@contextmanager
def organized(cluster: Cluster, template: str, home: Path) -> Iterator[Database]:
    """A database of its own with sessions and the shipped universes."""
    name = cluster.create(template)
    with Database.open(cluster.uri(name), home, migrate=False) as database:
        with database.transaction() as connection:
            fill_sessions(connection)
        tick = TickStock(settings_for(home), database)
        tick.universes.apply(tick.universes.plan_organize(), reason="test")
        yield database
    cluster.drop(name)


@contextmanager
def quiet(cluster: Cluster, template: str, home: Path, clock: Clock = utc_now) -> Iterator[Running]:
    """The page of a database of its own, without a worker: nothing moves by itself."""
    with (
        organized(cluster, template, home) as database,
        running(database, settings_for(home), worker=False, clock=clock) as found,
    ):
        yield found


def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Ask until there is an answer, which is given back."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def settings_for(home: Path, **other: Any) -> Settings:
    return Settings(home=home, vendor="replay", **other)
