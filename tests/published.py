"""Which sessions are published at a moment, by a few lines that share nothing with the package but
the list of exceptions."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import tickstock

NEW_YORK = ZoneInfo("America/New_York")
LAG = timedelta(hours=8)
DAY = timedelta(days=1)
SATURDAY = 5


@dataclass(frozen=True)
class Session:
    day: date
    closes: datetime

    @property
    def hours(self) -> int:
        """Hours of the clock that trading touches: from 9:30 on."""
        return (self.closes.astimezone(NEW_YORK).hour) - 9

    @property
    def minutes(self) -> int:
        return (self.closes.astimezone(NEW_YORK).hour * 60) - 570


def session(day: date) -> Session | None:
    """By the list of exceptions, read anew."""
    row = listed().get(day, {"kind": "", "closes": "16:00"})
    if day.weekday() >= SATURDAY or row["kind"] == "closed":
        return None
    closes = time.fromisoformat(row["closes"] or "16:00")
    return Session(day, datetime.combine(day, closes, NEW_YORK))


@cache
def listed() -> dict[date, dict[str, str]]:
    text = (Path(tickstock.__file__).parent / "data" / "xnys.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {date.fromisoformat(row["date"]): row for row in rows}


def published(now: datetime, count: int = 40) -> list[Session]:
    """The newest sessions that are final at `now`, the newest last."""
    found: list[Session] = []
    day = now.astimezone(NEW_YORK).date()
    while len(found) < count:
        if (one := session(day)) and one.closes + LAG <= now:
            found.insert(0, one)
        day -= DAY
    return found


def week(now: datetime) -> list[Session]:
    """The sessions of the seven days that end with the newest one."""
    last = published(now, 1)[0].day
    return [s for s in published(now) if s.day > last - 7 * DAY]
