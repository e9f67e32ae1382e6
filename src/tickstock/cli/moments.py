"""Instants as people type them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from cyclopts import Parameter

KnownAt = Annotated[
    str | None,
    Parameter(help="What this database knew then: a New York date (its end), or a time (UTC)."),
]
YEARS = range(1900, 9000)
"""Those of every moment that anything was known at; days around it can be reckoned with."""


def moment(text: str | None) -> datetime | None:
    """An instant that somebody typed: a date stands for the end of that New York date, a time
    without a zone is in UTC. Raises BadDates."""
    from tickstock.errors import BadDates

    if text is None:
        return None
    try:
        found = _instant(text.strip())
    except (ValueError, OverflowError):
        found = None
    if found is None or found.year not in YEARS:
        hint = "Write 2026-01-31, or 2026-01-31T14:30:00Z."
        raise BadDates(f"{text!r} is not a date or a time that can be meant.", hint)
    return found


def _instant(text: str) -> datetime:
    from tickstock.clock import midnight

    try:
        end = date.fromisoformat(text) + timedelta(days=1)
    except ValueError:
        found = datetime.fromisoformat(text)
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return midnight(end).astimezone(UTC)
