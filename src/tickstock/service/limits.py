"""What the vendor of the settings can do, as far as settings and the clock tell."""

from __future__ import annotations

from datetime import date, datetime

from tickstock.config import Settings
from tickstock.loading.request import HISTORY_STARTS
from tickstock.sessions import Calendar
from tickstock.spans import ONE_DAY, Span
from tickstock.vendors import FILE_LAG, Limits

ALL_DAYS = Span(date(1970, 1, 1), date(2100, 1, 1))


def vendor_limits(settings: Settings, calendar: Calendar, now: datetime) -> Limits:
    """The limits that plans are made by. `now` is timezone-aware."""
    lag = settings.publication_lag
    if settings.vendor.partition(":")[0] == "flatfiles":
        # Days without a file are found when they are asked for.
        lag = max(lag, FILE_LAG)
        return Limits(publication_lag=lag, ticker=False, market_day=False, flat_days=ALL_DAYS)
    if settings.vendor != "massive":
        return Limits(publication_lag=lag)
    files = None
    if settings.has_s3:
        last = calendar.last_published(now, max(lag, FILE_LAG))
        files = Span(HISTORY_STARTS, max(HISTORY_STARTS, last + ONE_DAY))
    calls = settings.massive_calls_per_minute
    return Limits(calls_per_minute=calls, publication_lag=lag, flat_days=files)
