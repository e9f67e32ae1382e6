"""Receipts of coverage: made, shown to whoever has the link, revoked.

A receipt is a record: its figures, and the hash of the bars that were held, are of one moment, and
are never made anew. Whoever looks at it is told whether anything has changed since.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from tickstock.actions import Adjust
from tickstock.clock import Clock
from tickstock.content import ContentHash
from tickstock.errors import BadInput, Conflict, DatabaseRefused, UnknownReceipt
from tickstock.loading.coverage_rows import CoverageChoice
from tickstock.loading.receipt import (
    HeldContent,
    Receipt,
    Surroundings,
    as_text,
    from_text,
    make_receipt,
)
from tickstock.model import Instrument, Timeframe
from tickstock.service.history import Histories
from tickstock.service.holdings import CoverageView, Holdings
from tickstock.service.reading import read
from tickstock.service.requests import LookRequest, Requests
from tickstock.spans import Span
from tickstock.store import checksums
from tickstock.store import receipts as store
from tickstock.store.connection import Connection
from tickstock.store.database import Database
from tickstock.store.moment import database_now
from tickstock.store.receipts import KeptReceipt, MadeReceipt, NewReceipt, ReceiptSubject
from tickstock.vendors.origin import SYNTHETIC

LONGEST_LIFE, USUAL_LIFE = 90, 7
"""Days."""
MOST_LIVE = 100
"""Receipts of one maker that can be looked at."""
LONGEST_REASON = 300
FORGOTTEN = timedelta(days=90)
"""After it has been over for so long, a receipt goes when another one is made."""
CHECK_HOLDS = timedelta(minutes=1)
"""For so long nobody asks again whether what a receipt is about has changed."""
MOST_CHECKS = 1_000
"""Receipts of which that is remembered."""
MOST_HASHED = 10_000_000
"""Bars that are read for a content hash: some seconds."""
AT_ONCE = {Timeframe.DAY: 500, Timeframe.HOUR: 60, Timeframe.MINUTE: 30}
"""Instruments whose bars are read at once."""


@dataclass(frozen=True, slots=True)
class CoverageQuestion:
    """Which coverage is meant, as people write it: a duration, or days, or all that is held."""

    universe: str
    timeframe: Timeframe = Timeframe.DAY
    duration: str | None = None
    first: date | None = None
    last: date | None = None
    choice: CoverageChoice = field(default_factory=CoverageChoice)


@dataclass(frozen=True, slots=True)
class ReceiptCheck:
    """Whether what a receipt is about had changed, at a time."""

    changed: bool
    at: datetime


class Receipts:
    """Makes receipts and finds them."""

    def __init__(
        self,
        database: Database,
        requests: Requests,
        holdings: Holdings,
        history: Histories,
        clock: Clock,
    ) -> None:
        self._database = database
        self._requests = requests
        self._holdings = holdings
        self._history = history
        self._clock = clock
        self._checks: dict[int, ReceiptCheck] = {}
        self._lock = threading.Lock()

    def take(self, asked: CoverageQuestion, *, most_hashed: int = MOST_HASHED) -> Receipt:
        """The receipt of what is held now, as of one moment."""
        return self._take(asked, most_hashed)[0]

    def make(
        self,
        asked: CoverageQuestion,
        *,
        who: str,
        reason: str,
        days: int = USUAL_LIFE,
        most_live: int = MOST_LIVE,
    ) -> str:
        """Keep a receipt for some days; the token that lets anybody see it, which nobody keeps.

        Raises:
            BadInput: no reason is given, a long one, or a number of days that will not do.
            Conflict: the maker has too many already.
        """
        reason = " ".join(reason.split())
        _check(reason, days)
        receipt, about, state = self._take(asked, MOST_HASHED)
        token = secrets.token_urlsafe(32)
        new = NewReceipt(
            digest_of(token),
            receipt.made_at,
            who,
            reason,
            receipt.universe,
            timedelta(days=days),
            state,
            as_text(receipt),
        )
        with self._database.transaction() as connection:
            if store.live_of(connection, who) >= most_live:
                raise Conflict(
                    f"{who} has {most_live} receipts that can be looked at.",
                    "Revoke one that is not needed any more.",
                )
            store.add(connection, new, about)
            store.forget(connection, database_now(connection) - FORGOTTEN)
        return token

    def find(self, token: str) -> tuple[KeptReceipt, Receipt]:
        """The receipt of a token, as it was made.

        Raises:
            UnknownReceipt: it never was, is past its time, or was revoked; which, is not told.
        """
        with self._database.transaction() as connection:
            kept = store.find(connection, digest_of(token))
        if kept is None:
            raise UnknownReceipt(
                "There is no such receipt.", "It may have been revoked, or be past its time."
            )
        try:
            return kept, from_text(kept.body)
        except ValueError:
            raise DatabaseRefused(
                f"What is kept of receipt {kept.id} cannot be read.", "Make a new one."
            ) from None

    def check(self, kept: KeptReceipt) -> ReceiptCheck:
        """Whether anything of what the receipt is about is not as it was, now or a moment ago:
        however many look at it, it is compared once a minute."""
        now = self._clock()
        with self._lock:
            known = self._checks.get(kept.id)
        if known and now - CHECK_HOLDS < known.at <= now:
            return known
        with self._database.transaction() as connection:
            found = ReceiptCheck(store.state(connection, kept.about) != kept.state, now)
        with self._lock:
            self._checks.pop(kept.id, None)
            self._checks[kept.id] = found  # the last one of all
            while len(self._checks) > MOST_CHECKS:
                del self._checks[next(iter(self._checks))]
        return found

    def made(self, by: str | None, most: int, skip: int = 0) -> list[MadeReceipt]:
        """Receipts of one maker, or of all; the latest first."""
        with self._database.transaction() as connection:
            return store.made(connection, by, most, skip)

    def revoke(self, number: int, *, who: str, made_by: str | None) -> str:
        """Let nobody look at a receipt any more; the universe that it is of.

        Raises:
            UnknownReceipt: there is none of that number, by `made_by` where that is said.
        """
        with self._database.transaction() as connection:
            universe = store.revoke(connection, number, who, made_by)
        if universe is None:
            raise UnknownReceipt(f"There is no receipt {number} of yours.", "The list has them.")
        return universe

    def _take(
        self, asked: CoverageQuestion, most_hashed: int
    ) -> tuple[Receipt, ReceiptSubject, str]:
        stored = asked.timeframe.stored
        meant = self._requests.look(
            asked.universe, duration=asked.duration, first=asked.first, last=asked.last
        )
        with self._database.snapshot() as connection:
            checksums.take_time(connection)
            view = self._holdings.coverage_in(
                connection, meant.symbols, stored, meant.span, intervals=meant.intervals
            )
            grid = view.grid
            span = grid.span(0, len(grid.days)) if len(grid.days) else None
            about = ReceiptSubject(
                stored,
                span.start if span else None,
                span.last if span else None,
                sorted({i.id for i in grid.instruments}),
                sorted(view.unknown),
            )
            state = store.state(connection, about)
            content = self._content(connection, view, span, most_hashed)
            now = database_now(connection).astimezone(UTC)
        around = Surroundings(
            asked.universe,
            now,
            view.unknown,
            view.unasked,
            sum(s.origin == SYNTHETIC for s in view.summaries.values()),
            self._label(asked.universe, meant, span),
            content,
        )
        return make_receipt(grid, asked.choice, around), about, state

    # -- what it says ------------------------------------------------------------------------
    def _label(self, universe: str, meant: LookRequest, span: Span | None) -> str:
        if span is None or meant.is_market:
            return "every symbol that traded is in it" if meant.is_market else "no session"
        return str(self._history.survivorship(universe, span.start))

    def _content(
        self, connection: Connection, view: CoverageView, span: Span | None, most: int
    ) -> HeldContent:
        """The bars that are held in the span, symbols in order of their names."""
        grid = view.grid
        if sum(summary.bars for summary in view.summaries.values()) > most or span is None:
            return HeldContent(sum(summary.bars for summary in view.summaries.values()))
        pairs = sorted(enumerate(grid.instruments), key=lambda pair: (pair[1].symbol, pair[0]))
        content, count = ContentHash(), 0
        for some in _groups(pairs, AT_ONCE[grid.timeframe]):
            bars = read(
                connection,
                [one for _, one in some],
                grid.timeframe,
                span,
                intervals=[grid.intervals[row] for row, _ in some] if grid.intervals else (),
                adjust=Adjust.RAW,
                known_at=None,
                now=self._clock(),
            ).bars
            content.add(bars)
            count += len(bars)
        return HeldContent(count, content.hexdigest() if count else "")


def digest_of(token: str) -> bytes:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _check(reason: str, days: int) -> None:
    if not reason:
        raise BadInput("It is not said what the receipt is for.", "Say so: it is kept in the log.")
    if len(reason) > LONGEST_REASON:
        raise BadInput(
            f"What it is for has {len(reason)} characters.", f"Use up to {LONGEST_REASON}."
        )
    if not 1 <= days <= LONGEST_LIFE:
        raise BadInput(
            f"A receipt cannot be looked at for {days} days.", f"Choose 1 to {LONGEST_LIFE}."
        )


def _groups(
    pairs: Sequence[tuple[int, Instrument]], size: int
) -> list[Sequence[tuple[int, Instrument]]]:
    return [pairs[i : i + size] for i in range(0, len(pairs), size)]
