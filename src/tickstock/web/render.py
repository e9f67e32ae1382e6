"""Templates, and how numbers, times and words are written for people."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import unquote

import jinja2
from markupsafe import Markup, escape

from tickstock.clock import NEW_YORK, utc_now
from tickstock.web.static import address
from tickstock.words import duration, plural, sessions_held
from tickstock.words import number as in_full

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


@cache
def templates() -> jinja2.Environment:
    """Our templates; whatever is put into them is escaped."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("tickstock.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    env.globals |= {"static": address, "sessions_held": sessions_held}
    env.filters.update(
        n=number, ago=ago_mark, time=time_mark, day=exchange_day,
        lasts=duration, words=words, size=size_text, plural=plural, plain=unquote, price=price,
        capitalize_first=capitalize_first, spaced=spaced, marked=marked, in_parts=in_parts,
    )  # fmt: skip
    return env


def compile_all() -> None:
    """Make every template ready, so that nobody who asks first waits for it."""
    for name in templates().list_templates():
        templates().get_template(name)


def render(template: str, **context: Any) -> str:
    return templates().get_template(template).render(**context)


def number(value: float | None) -> str:
    """`12,345`; a dash where nothing is known."""
    return "–" if value is None else f"{value:,.0f}"


def price(value: float) -> str:
    """`1,234.50`; as many digits after the point as there are, two at least."""
    whole, _, rest = in_full(value).partition(".")
    return f"{whole}.{rest:0<2}"


def capitalize_first(text: str) -> str:
    """The rest keeps its capitals."""
    return text[:1].upper() + text[1:]


def marked(text: str) -> Markup:
    """Escaped, with what stands between backticks as code: commands in messages."""
    parts = [
        Markup("<code>{}</code>").format(part) if i % 2 else escape(part)
        for i, part in enumerate(re.split(r"`([^`]+)`", str(text)))
    ]
    return Markup().join(parts)


def in_parts(name: str) -> Markup:
    """Escaped; a long key or address is broken after a mark, not in the middle of a word."""
    return Markup("<wbr>").join(re.findall(r"[^_:/]*[_:/]+|[^_:/]+", str(name)))


def spaced(name: str) -> str:
    """The name of a class for people: `MixedOrigin` → `mixed origin`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def words(name: str) -> str:
    """A name of ours for people: `completed_with_errors` → `completed with errors`."""
    return str(name).replace("_", " ")


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago, in one unit: `just now`, `5 min ago`, `3 days ago`."""
    if at is None:
        return "–"
    seconds = ((now or utc_now()) - at).total_seconds()
    if seconds < MINUTE:
        return "just now"
    if seconds < HOUR:
        return f"{int(seconds // MINUTE)} min ago"
    if seconds < DAY:
        return f"{int(seconds // HOUR)} h ago"
    days = int(seconds // DAY)
    return f"{days} day{'s' * (days > 1)} ago" if days < 100 else f"{at:%Y-%m-%d}"


def exchange_time(at: datetime) -> str:
    """A moment by the exchange's clock, to the second: `2026-03-02 07:00:00 ET`."""
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M:%S} ET"


def exchange_day(at: datetime) -> str:
    """The date of a moment where the exchange is."""
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d}"


def utc_time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def time_mark(at: datetime | None) -> Markup | str:
    """A moment by the exchange's clock, the one of the whole page; in UTC on hover."""
    return "–" if at is None else _mark(at, utc_time(at), exchange_time(at))


def ago_mark(at: datetime | None) -> Markup | str:
    """How long ago, with both clocks on hover."""
    return "–" if at is None else _mark(at, f"{exchange_time(at)}, {utc_time(at)}", ago(at))


def _mark(at: datetime, title: str, text: str) -> Markup:
    mark = Markup('<time datetime="{}" title="{}">{}</time>')
    return mark.format(at.isoformat(), title, text)


def size_text(count: float) -> str:
    """Bytes: `1.2 MB`."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
