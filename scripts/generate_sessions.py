"""Write src/tickstock/data/xnys.csv, the list of New York sessions, from exchange-calendars.

    python scripts/generate_sessions.py [--through YYYY-MM-DD]

By itself exchange-calendars ends one year from today. Its rules hold on until they are changed,
and the exchange announces its holidays about three years ahead, so that the end of the year after
next can be asked for; nothing is written about days after that.
Run it when the exchange announces a change, and every autumn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import exchange_calendars

TARGET = Path(__file__).parents[1] / "src/tickstock/data/xnys.csv"
FIRST = date(1990, 1, 1)
REGULAR = ("09:30", "16:00")
NEW_YORK = "America/New_York"

UNSCHEDULED = {
    date(1994, 4, 27): "mourning for Richard Nixon",
    date(2001, 9, 11): "attacks of 11 September",
    date(2001, 9, 12): "attacks of 11 September",
    date(2001, 9, 13): "attacks of 11 September",
    date(2001, 9, 14): "attacks of 11 September",
    date(2004, 6, 11): "mourning for Ronald Reagan",
    date(2007, 1, 2): "mourning for Gerald Ford",
    date(2012, 10, 29): "hurricane Sandy",
    date(2012, 10, 30): "hurricane Sandy",
    date(2018, 12, 5): "mourning for George H. W. Bush",
    date(2025, 1, 9): "mourning for Jimmy Carter",
}
HOLIDAYS = {
    2: "Washington's Birthday",
    3: "Good Friday",
    4: "Good Friday",
    5: "Memorial Day",
    6: "Juneteenth",
    7: "Independence Day",
    9: "Labor Day",
    11: "Thanksgiving",
    12: "Christmas",
}


def note(day: date) -> str:
    """Why the exchange closes, or closes early, on `day`; for people, not for programs."""
    if day in UNSCHEDULED:
        return UNSCHEDULED[day]
    if day.month == 1:
        return "New Year's Day" if day.day <= 2 else "Martin Luther King Jr. Day"
    if (day.month, day.day) == (12, 31):
        return "New Year's Day"
    return HOLIDAYS.get(day.month, "")


def rows(through: date) -> Iterator[str]:
    """The lines below the header: first and last day, and every weekday that is not regular."""
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST, end=through)
    local = {
        opens.tz_convert(NEW_YORK).date(): tuple(
            instant.tz_convert(NEW_YORK).strftime("%H:%M") for instant in (opens, closes)
        )
        for opens, closes in zip(calendar.opens, calendar.closes, strict=True)
    }
    yield f"{FIRST},from,,,"
    for n in range((through - FIRST).days + 1):
        day = FIRST + timedelta(days=n)
        if day.weekday() < 5 and day not in local:
            yield f"{day},closed,,,{note(day)}"
        elif day in local and local[day] != REGULAR:
            yield f"{day},hours,{','.join(local[day])},{note(day)}"
    yield f"{through},through,,,"


def document(through: date, today: date) -> str:
    """The whole file."""
    header = f"""\
# Sessions of the New York Stock Exchange (XNYS), times in New York.
# Every weekday between the rows "from" and "through" is a session from 9:30 to 16:00,
# except those listed as "closed" or with other "hours". Days after "through" are not known.
# Written on {today} by scripts/generate_sessions.py from the rules and records of
# exchange-calendars {version("exchange-calendars")} (Apache License 2.0).
date,kind,opens,closes,note
"""
    return header + "\n".join(rows(through)) + "\n"


def main() -> None:
    today = date.today()  # for the header; any zone's date will do
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--through",
        type=date.fromisoformat,
        default=date(today.year + 2, 12, 31),
        help="last day of the list (default: end of the year after next)",
    )
    through = parser.parse_args().through
    TARGET.write_text(document(through, today), encoding="utf-8")
    print(f"{TARGET}: sessions from {FIRST} through {through}")


if __name__ == "__main__":
    main()
