"""Fields of addresses, forms and bodies, read strictly."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, tzinfo
from typing import TypeVar
from urllib.parse import quote

from tickstock.errors import BadDates, BadInput
from tickstock.spans import Span
from tickstock.universes.key import parse_alone
from tickstock.web.context import RequestContext

Choice = TypeVar("Choice", bound=enum.StrEnum)


def one_of(kind: type[Choice], text: str, what: str) -> Choice:
    """The choice that `text` names. Raises BadInput naming all there are."""
    try:
        return kind(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is not {what}.", f"Use one of: {', '.join(kind)}.") from None


def day(text: str) -> date | None:
    """A date, or None for an empty field. Raises BadDates."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise BadDates(f"{text[:40]!r} is not a date.", "Write it like 2024-12-31.") from None


def moment(text: str, zone: tzinfo = UTC) -> datetime | None:
    """An instant in ISO 8601, or None for an empty field; one without a zone is meant in `zone`."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise BadDates(f"{text[:40]!r} is not a time.", "Write it in ISO 8601.") from None
    return found if found is None or found.tzinfo else found.replace(tzinfo=zone)


def ref_of(ctx: RequestContext) -> str:
    """The universe that the address names, however it writes the key."""
    text = ctx.path("ref")
    return str(parse_alone(text) or text)


def address_of(universe: str) -> str:
    """The page of a universe."""
    return f"/universes/{quote(str(parse_alone(universe) or universe), safe=':')}"


def span_of(ctx: RequestContext) -> Span | None:
    """The days that `from` and `to`, or `for`, of an address name; None where all are empty.

    Dates come before a duration: a form sends both.
    """
    first, last = day(ctx.query("from")), day(ctx.query("to"))
    if first or last:
        return ctx.tick.dates.span(None, first, last)
    duration = ctx.query("for")
    return ctx.tick.dates.span(duration) if duration else None


def texts(ctx: RequestContext, name: str) -> list[str]:
    """A list of texts of a JSON body. Raises BadInput for anything else."""
    found = ctx.body.get(name) or []
    if not isinstance(found, list) or not all(isinstance(s, str) for s in found):
        raise BadInput(f"`{name}` is no list of texts.", 'Send, say, ["SPY", "QQQ"].')
    return found


def place_in_list(text: str) -> int:
    """How many lines come before; none for an empty field. Raises BadInput."""
    if text and (not text.isdecimal() or len(text) > 9):
        raise BadInput(
            f"{text[:40]!r} is no place in a list.", "Follow the links, or leave it out."
        )
    return int(text or 0)
