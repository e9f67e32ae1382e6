"""What is typed on the System page; kept where it cannot be done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tickstock.errors import TickStockError
from tickstock.web.context import RequestContext


@dataclass(frozen=True, slots=True)
class ScheduleForm:
    """A new schedule, as typed. A box that is not ticked is not sent: `form` tells of a form."""

    name: str = ""
    universe: str = ""
    at: str = "01:00"
    duration: str = "1w"
    timeframes: tuple[str, ...] = ("day",)
    after_close: bool = True

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, Any]]) -> ScheduleForm:
        given = [(name, value.strip()) for name, value in pairs if isinstance(value, str)]
        one = dict(given)
        if "universe" not in one:
            return cls()
        ticked = tuple(value for name, value in given if name == "timeframes" and value)
        return cls(
            name=one.get("name", ""),
            universe=one["universe"],
            at=one.get("at", ""),
            duration=one.get("for", "1w"),
            timeframes=ticked if ticked or "form" in one else ("day",),
            after_close="after_close" in one,
        )


@dataclass(frozen=True, slots=True)
class Typed:
    """The forms of the page, what is in the way of one of them, and of which."""

    schedule: ScheduleForm
    user: str = ""
    role: str = "viewer"
    error: TickStockError | None = None
    about: str = ""

    @classmethod
    def read(cls, ctx: RequestContext) -> Typed:
        """What the address says: typed before somebody had to sign in."""
        pairs = ctx.request.query_params.multi_items()
        one = dict(pairs)
        return cls(ScheduleForm.read(pairs), one.get("user", ""), one.get("role", "viewer"))
