"""Receipts of coverage: made by those who are signed in, seen by whoever has the link.

What is shown without signing in is the receipt as it was made, and nothing that leads elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

from tickstock.errors import BadInput, TickStockError, UnknownReceipt
from tickstock.loading.receipt import Receipt
from tickstock.loading.receipt_forms import as_markdown, cause_lines, facts
from tickstock.loading.receipt_png import as_png
from tickstock.loading.receipt_svg import as_svg
from tickstock.model import Timeframe
from tickstock.service.receipts import USUAL_LIFE, CoverageQuestion
from tickstock.store.receipts import KeptReceipt, MadeReceipt
from tickstock.web import coverage
from tickstock.web.context import RequestContext
from tickstock.web.coverage import Picture, ShareForm
from tickstock.web.fields import day, one_of, place_in_list

PAGE_LINES = 50
UNSEEN = {"x-robots-tag": "noindex, nofollow"}
"""No search engine shall keep what is to be gone one day."""


# --- for those who are signed in --------------------------------------------------------------
def list_all(ctx: RequestContext) -> Response:
    """Receipts that were made: one's own, of admins all."""
    return _list(ctx)


def make(ctx: RequestContext) -> Response:
    """Keep what the view shows, and show the link to it, once."""
    picture = Picture.read(ctx.field)
    form = ShareForm(ctx.field("why"), ctx.field("days"))
    try:
        timeframe = one_of(Timeframe, picture.timeframe, "a timeframe")
        asked = CoverageQuestion(
            picture.universe, timeframe, picture.duration or None, choice=picture.choice
        )
        link = _made(ctx, asked, form.why, _days(form.days))
    except TickStockError as e:
        return coverage.page(ctx, picture, replace(form, error=e))
    return _list(ctx, link=link)


def revoke(ctx: RequestContext) -> Response:
    """Let nobody look at a receipt any more."""
    _revoke(ctx)
    return ctx.go("/receipts")


def _made(ctx: RequestContext, asked: CoverageQuestion, why: str, days: int) -> str:
    """The address of a new receipt."""
    token = ctx.tick.receipts.make(asked, who=ctx.name, reason=why, days=days)
    ctx.note("receipt made", f"{asked.universe} for {days} days: {' '.join(why.split())}")
    return f"{_origin(ctx)}/receipt/{token}"


def _origin(ctx: RequestContext) -> str:
    """How the page was reached just now."""
    host = ctx.request.headers.get("host", "").lower()
    return next(o for o in ctx.services.site.origins if urlsplit(o).netloc == host)


def _revoke(ctx: RequestContext) -> None:
    number = place_in_list(ctx.path("id"))
    maker = None if ctx.has_role("admin") else ctx.name
    universe = ctx.tick.receipts.revoke(number, who=ctx.name, made_by=maker)
    ctx.note("receipt revoked", f"{number} of {universe}")


def _found(ctx: RequestContext, most: int) -> list[MadeReceipt]:
    maker = None if ctx.has_role("admin") else ctx.name
    return ctx.tick.receipts.made(maker, most, place_in_list(ctx.query("skip")))


def _list(ctx: RequestContext, link: str = "") -> Response:
    found = _found(ctx, PAGE_LINES + 1)
    skip = place_in_list(ctx.query("skip")) + PAGE_LINES
    older = f"/receipts?skip={skip}" if len(found) > PAGE_LINES else ""
    return ctx.page("receipts.html", made=found[:PAGE_LINES], older=older, link=link)


def _days(text: str) -> int:
    if text and not text.isdecimal():
        raise BadInput(f"{text[:40]!r} is not a number of days.", "Give a whole number.")
    return min(int(text[:9] or USUAL_LIFE), 10**6)


# --- for whoever has the link -----------------------------------------------------------------
def show(ctx: RequestContext) -> Response:
    """A receipt, to whoever has the link to it."""
    kept, receipt = _look(ctx)
    answer = replace(ctx, who=None).page(
        "receipt.html",
        receipt=receipt,
        facts=[(name, text) for name, text in facts(receipt) if name != "made"],
        causes=[*cause_lines(receipt)],
        expires_at=kept.expires_at,
        check=ctx.tick.receipts.check(kept),
        here=ctx.request.url.path,
    )
    return _unseen(answer)


def markdown(ctx: RequestContext) -> Response:
    """The same as Markdown."""
    kept, receipt = _look(ctx)
    text = f"{as_markdown(receipt)}\n{_standing(ctx, kept)}\n"
    headers = {"content-disposition": f'attachment; filename="{_name(receipt)}.md"'}
    return _unseen(Response(text, 200, headers, "text/markdown; charset=utf-8"))


def drawing(ctx: RequestContext) -> Response:
    """The same as a picture that stays sharp at every size."""
    _, receipt = _look(ctx)
    headers = {"content-disposition": f'inline; filename="{_name(receipt)}.svg"'}
    return _unseen(Response(as_svg(receipt), 200, headers, "image/svg+xml"))


def picture(ctx: RequestContext) -> Response:
    """The same as a picture that every program shows."""
    _, receipt = _look(ctx)
    headers = {"content-disposition": f'inline; filename="{_name(receipt)}.png"'}
    return _unseen(Response(_painted(receipt), 200, headers, "image/png"))


@lru_cache(maxsize=32)
def _painted(receipt: Receipt) -> bytes:
    """Painted once, however many look: a receipt stays as it is."""
    return as_png(receipt)


def _look(ctx: RequestContext) -> tuple[KeptReceipt, Receipt]:
    """What the token opens. Looks are counted by receipt, as many people come from one address
    where a proxy does not say whose it is; guesses are, by address."""
    token, looks = ctx.path("token"), ctx.services.looks
    try:
        found = ctx.tick.receipts.find(token)
    except UnknownReceipt:
        looks.count(f"address {ctx.client}")
        raise
    looks.count(f"receipt {found[0].id}")
    return found


def _standing(ctx: RequestContext, kept: KeptReceipt) -> str:
    check = ctx.tick.receipts.check(kept)
    at = f"{check.at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if check.changed:
        return f"What is held has changed since; looked at on {at}."
    return f"Nothing of it had changed by {at}."


def _name(receipt: Receipt) -> str:
    return f"coverage-{receipt.made_at:%Y-%m-%d}"


def _unseen(answer: Response) -> Response:
    answer.headers.update(UNSEEN)
    return answer


# --- for programs -----------------------------------------------------------------------------
def receipts(ctx: RequestContext) -> Response:
    """Receipts that were made, the latest first: one's own, of admins all."""
    return JSONResponse({"receipts": [_as_dict(one) for one in _found(ctx, PAGE_LINES)]})


def create(ctx: RequestContext) -> Response:
    """Keep what is held of a universe now; the answer has the link to it, which nobody keeps."""
    asked = CoverageQuestion(
        ctx.field("universe"),
        one_of(Timeframe, ctx.field("timeframe", "day"), "a timeframe"),
        ctx.field("for") or None,
        day(ctx.field("from")),
        day(ctx.field("to")),
    )
    link = _made(ctx, asked, ctx.field("why"), _days(ctx.field("days")))
    return JSONResponse({"link": link}, 201)


def withdraw(ctx: RequestContext) -> Response:
    """Let nobody look at a receipt any more; answers all receipts."""
    _revoke(ctx)
    return receipts(ctx)


def _as_dict(made: MadeReceipt) -> dict[str, Any]:
    found = {name: _plain(value) for name, value in asdict(made).items() if name != "expired"}
    first, last = found.pop("first"), found.pop("last")
    return found | {"from": first, "to": last, "standing": made.standing}


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
