"""Puts the page together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from tickstock.errors import TickStockError
from tickstock.service import TickStock
from tickstock.service.access import Access
from tickstock.waiting import end
from tickstock.web import answers
from tickstock.web.context import PageServices, RequestContext, answer_kind
from tickstock.web.dispatch import endpoint
from tickstock.web.live import Live
from tickstock.web.render import compile_all
from tickstock.web.routes import RULES
from tickstock.web.same_origin import SameOrigin
from tickstock.web.site import Site
from tickstock.web.static import serve_file
from tickstock.web.universe_rows import Shelf

log = logging.getLogger("tickstock.web")
LARGEST_BODY = 256 * 1024
QUICK = 5
"""Level of compression: most of the gain, at a third of the time of the highest."""


def make_app(tick: TickStock, access: Access, site: Site) -> Starlette:
    """The page of an open installation, as an ASGI application."""
    live = Live(tick.database.conninfo)
    services = PageServices(tick, access, site, live, Shelf(tick.universes))
    routes = [
        Route(r.path, endpoint(r), methods=[r.method], max_body_size=r.largest) for r in RULES
    ]
    routes.append(Route("/static/{name:path}", serve_file, methods=["GET"]))
    app = Starlette(
        routes=routes,
        middleware=[
            Middleware(SameOrigin, site=site),
            Middleware(GZipMiddleware, compresslevel=QUICK),
            Middleware(RequestBodyLimitMiddleware, max_body_size=LARGEST_BODY),
        ],
        exception_handlers={HTTPException: _refused, Exception: _failed},
        lifespan=_listening(services),
    )
    app.state.services = services
    return app


def _listening(services: PageServices) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    live = services.live

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        compile_all()
        # Beside the first requests: nobody waits for it who asks for something else.
        warming = asyncio.create_task(asyncio.to_thread(_warm, services), name="page: warming up")
        task = asyncio.create_task(live.run(), name="page: news of the database")
        try:
            yield
        finally:
            live.close()
            await end([task])
            await warming

    return lifespan


def _warm(services: PageServices) -> None:
    """Make what is kept between requests, so that the first one who asks does not wait for it."""
    try:
        services.shelf.rows()
        services.tick.house.prepare()
    except TickStockError as e:
        log.info("not warmed up: %s", e)  # whoever asks is told
    except Exception:
        log.exception("warming up failed")


def _context_of(request: Request) -> RequestContext:
    kind = answer_kind(request.url.path, request.headers)
    return RequestContext(request.app.state.services, request, kind, FormData(), {})


def _allowed(request: Request) -> str:
    """The methods that the address takes: of all its routes, not of the first one alone."""
    found = (r for r in request.app.routes if r.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in found for method in route.methods or ()}))


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    texts = {404: "There is no such page.", 405: "This address does not take that method."}
    detail = error.detail if isinstance(error, HTTPException) else ""
    answer = answers.of_status(_context_of(request), status, texts.get(status, f"{detail}."))
    if status == 405:
        answer.headers["allow"] = _allowed(request)
    return answer


async def _failed(request: Request, error: Exception) -> Response:
    log.error("%s failed", request.url.path, exc_info=error)
    return answers.of_fault(_context_of(request), error)
