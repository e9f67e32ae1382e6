"""What a call costs, as a whole number that can be added up and compared without rounding.

Where a limit on calls binds, the number of calls decides, and bytes only between plans with
equally many. Where none binds, calls and bytes both take time, and time decides. Files are not
counted by the vendor's limit: where they can be had beside limited calls, time decides too.
"""

from __future__ import annotations

from dataclasses import dataclass

from tickstock.model import Ints, Limits, Timeframe

LATENCY = 0.15
"""Seconds from a question to the first byte of its answer."""
BYTES_PER_SECOND = 4_000_000
"""What a plain line brings."""
MARKET_BARS = 12_000
"""Bars in a session's answer for all tickers."""
MARKET_DAY_BYTES = 400_000
"""A whole-market answer: about 12,000 bars, compressed."""
FILE_BYTES = {Timeframe.DAY: 200_000, Timeframe.MINUTE: 20_000_000}
"""Estimates of a session's file, compressed. Hour bars come in none."""
BAR_BYTES = 60
"""One bar of a ticker's answer, compressed."""
BARS_PER_SESSION = {Timeframe.DAY: 1, Timeframe.HOUR: 16, Timeframe.MINUTE: 390}
"""Estimates: hours from 4:00 to 20:00, minutes of the regular session; a quiet ticker has fewer."""
MOST_BARS_PER_SESSION = {Timeframe.DAY: 1, Timeframe.HOUR: 16, Timeframe.MINUTE: 960}
"""What a vendor may answer: from 4:00 to 20:00."""
BASE_BARS_PER_SESSION = {Timeframe.DAY: 1, Timeframe.HOUR: 960, Timeframe.MINUTE: 960}
"""What a vendor reads to answer: hours are made of minutes, and there are 960 of them from 4:00
to 20:00, on half days too."""
KILOBYTE = 1000


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in kilobytes: of bytes, and of a call and of a file before the first byte.

    `seconds_per_call` is what one call takes where the number of calls decides, 0 where time does.
    """

    per_call: int
    seconds_per_call: float
    per_file: int

    def of(self, size: Ints) -> Ints:
        """The price of one call each, for answers of `size` bytes."""
        return self.per_call + size // KILOBYTE

    def of_file(self, timeframe: Timeframe) -> int:
        """The price of one session's file."""
        return self.per_file + FILE_BYTES[timeframe] // KILOBYTE

    def seconds(self, price: int) -> float:
        """How long calls of that price in total take."""
        if not self.seconds_per_call:
            return price * KILOBYTE / BYTES_PER_SECOND
        calls, rest = divmod(price, self.per_call)
        # While calls wait for their turn, the answers to others come in.
        return max(calls * self.seconds_per_call, rest * KILOBYTE / BYTES_PER_SECOND)

    def worthwhile_gap(self, timeframe: Timeframe, sessions: int) -> int:
        """The longest run of held sessions that is cheaper to fetch again than to call twice."""
        if self.seconds_per_call:
            return sessions
        return self.per_call * KILOBYTE // session_bytes(timeframe)


def prices_for(limits: Limits, most_bytes: int) -> Prices:
    """The prices at a vendor, for plans of up to `most_bytes` in total."""
    paced = 60 / limits.calls_per_minute if limits.calls_per_minute else 0.0
    waits = max(paced, LATENCY)
    counted = limits.price_per_call > 0 or (paced > LATENCY and limits.flat_days is None)
    per_file = _kilobytes(LATENCY)
    if counted:
        # One call more outweighs all the bytes that a plan could save.
        return Prices(most_bytes // KILOBYTE + 1, waits, per_file)
    return Prices(_kilobytes(waits), 0.0, per_file)


def _kilobytes(seconds: float) -> int:
    """What could have been brought in that time."""
    return round(seconds * BYTES_PER_SECOND / KILOBYTE)


def width_of(timeframe: Timeframe, limits: Limits) -> int:
    """How many sessions one ticker call may span without a second page."""
    width = limits.base_bars // BASE_BARS_PER_SESSION[timeframe]
    if limits.bars_per_answer:
        width = min(width, limits.bars_per_answer // MOST_BARS_PER_SESSION[timeframe])
    return max(1, width)


def session_bytes(timeframe: Timeframe) -> int:
    """The estimated size of one session in a ticker's answer."""
    return BAR_BYTES * BARS_PER_SESSION[timeframe]
