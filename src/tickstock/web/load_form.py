"""The form of the Historical Data page: what it says, and the same as a command line.

Its state is an address, so that a form can be kept, linked to, and shown again after signing in.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tickstock.errors import BadDates, BadInput
from tickstock.loading.request import LoadRequest
from tickstock.service import TickStock
from tickstock.web.fields import day

OWN = "own"
"""The days are those of the expression, which stands under a span of the past."""
DURATIONS = (
    ("1d", "1 Day"),
    ("2d", "2 Days"),
    ("1w", "1 Week"),
    ("1mo", "1 Month"),
    ("3mo", "3 Months"),
    ("6mo", "6 Months"),
    ("1y", "1 Year"),
    ("2y", "2 Years"),
    ("5y", "5 Years"),
    ("dates", "Dates …"),
    (OWN, "As the expression says"),
)
TIMEFRAMES = (
    ("day", "Day", "also week and month"),
    ("hour", "Hour", ""),
    ("1min", "Minute", ""),
)
UNIVERSE, CSV = "universe", "csv"


@dataclass(frozen=True, slots=True)
class LoadForm:
    """The fields as typed. `first` and `last` count only where `duration` is `dates`, and none is
    given where it is OWN; an `expression` comes before a picked `universe`."""

    source: str = UNIVERSE
    universe: str = ""
    expression: str = ""
    csv: str = ""
    timeframes: tuple[str, ...] = ("day",)
    duration: str = "1y"
    first: str = ""
    last: str = ""
    missing_only: bool = True
    search: str = ""

    @classmethod
    def read(cls, pairs: Iterable[tuple[str, Any]]) -> LoadForm:
        """From the fields of an address or a posted form; unknown ones are ignored.

        A box that is not ticked is not sent: `form` tells that there was a form at all.
        """
        fields: dict[str, list[str]] = {}
        for name, value in pairs:
            if isinstance(value, str):
                fields.setdefault(name, []).append(value.strip())
        one = {name: values[-1] for name, values in fields.items()}
        typed = "form" in one
        return cls(
            source=CSV if one.get("source") == CSV else UNIVERSE,
            universe=one.get("universe", ""),
            expression=one.get("expression", ""),
            csv=one.get("csv", ""),
            timeframes=tuple(fields.get("timeframes", [] if typed else ["day"])),
            duration=one.get("duration", "1y"),
            first=one.get("from", ""),
            last=one.get("to", ""),
            missing_only="missing_only" in one or not typed,
            search=one.get("q", ""),
        )

    @property
    def chosen(self) -> bool:
        """Whether it says yet what to load."""
        return bool(self.csv if self.source == CSV else self.expression or self.universe)

    @property
    def complete(self) -> bool:
        """Whether it says all that a command line needs."""
        return self.chosen and bool(self.timeframes) and bool(self.first or not self.by_dates)

    @property
    def by_dates(self) -> bool:
        return self.duration == "dates"

    def request(self, tick: TickStock) -> LoadRequest:
        """What it asks for. Raises what `Requests.request` raises, and BadDates for other dates."""
        if not self.chosen:
            raise BadInput("No universe was chosen.", "Pick one, or write an expression.")
        csv = self.csv if self.source == CSV else None
        first, last = (day(self.first), day(self.last)) if self.by_dates else (None, None)
        if self.by_dates and first is None:
            raise BadDates("No first date was given.", "Give one, or choose a duration.")
        return tick.requests.resolve(
            "" if csv else self.expression or self.universe,
            csv=csv,
            duration=None if self.by_dates or self.duration == OWN else self.duration,
            first=first,
            last=last,
            timeframes=",".join(self.timeframes),
            refresh=not self.missing_only,
        )

    def command(self) -> list[str]:
        """The words of the command line that does the same, quoted for a shell."""
        words = ["tickstock", "load"]
        words += ["--csv", self.csv] if self.source == CSV else [self.expression or self.universe]
        if self.by_dates:
            words += ["--from", self.first] + (["--to", self.last] if self.last else [])
        elif self.duration != OWN:
            words += ["--for", self.duration]
        if self.timeframes != ("day",):
            words += ["--timeframes", ",".join(self.timeframes)]
        words += [] if self.missing_only else ["--refresh"]
        return [shlex.quote(word) for word in words]

    def address(self) -> str:
        """The page with this form."""
        pairs = [("form", "1"), ("source", self.source), ("duration", self.duration)]
        named = {"universe": self.universe, "expression": self.expression, "csv": self.csv}
        named |= {"from": self.first, "to": self.last}
        pairs += [(name, value) for name, value in named.items() if value]
        pairs += [("timeframes", t) for t in self.timeframes]
        pairs += [("missing_only", "1")] if self.missing_only else []
        return f"/admin/historical-data?{urlencode(pairs)}"


def form_of_load(request: LoadRequest) -> LoadForm:
    """The form that asks for what a job was asked for."""
    name = request.universe
    csv = name.removeprefix("csv:") if name.startswith("csv:") else ""
    was_read = request.revision or request.intervals or request.is_market
    if not csv and not was_read:  # somebody gave the symbols, under whatever name
        name = f"{{{', '.join(request.symbols)}}}"
    return LoadForm(
        source=CSV if csv else UNIVERSE,
        universe=name if not csv and is_name(name) else "",
        expression="" if csv or is_name(name) else name,
        csv=csv,
        timeframes=request.timeframes,
        duration=OWN if request.intervals else "dates",
        first="" if request.intervals else str(request.span.start),
        last="" if request.intervals else str(request.span.last),
        missing_only=not request.refresh,
    )


def is_name(text: str) -> bool:
    """Whether this is one universe (`type:key`) rather than an expression."""
    return re.fullmatch(r"\w+:\w+", text) is not None
