"""Splits and dividends judged against the bars: what is applied, and what is doubtful. Pure.

Vendors' records hold splits twice, on wrong days and with wrong ratios, and spin-offs written as
splits. A split that is true shows in the raw prices, so these decide where they can. Stored
bars and records are never changed: a judgement only says what a read applies.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np

from tickstock.actions import Adjust, Dividend, Split
from tickstock.adjust import STALE_DAYS, Closes, Step, adjusted, dividend_factor
from tickstock.model import BarTable, Flags, epoch_day
from tickstock.spans import day_of
from tickstock.words import number

NEAR_DAYS = 10
"""Records of one ratio this close together are one split; a wrong date is off by no more."""
TELLING = 0.25
"""Below this logarithm of its factor (about 5-for-4) a split drowns in an ordinary night's move."""
JUMP = 0.35
"""The logarithm of a night's move that asks for an explanation: -30 % or +42 %."""
PLAIN_DENOMINATOR = 50
SPIN_OFF_TOLERANCE = 5e-5


class Doubt(enum.StrEnum):
    """What may be wrong."""

    IMPOSSIBLE = "impossible"
    DOUBLED = "doubled"
    CONFLICTING = "conflicting"
    WRONG_DATE = "wrong date"
    UNCONFIRMED = "unconfirmed split"
    SPIN_OFF = "spin-off as split"
    CURRENCY = "other currency"
    TOO_LARGE = "dividend above price"
    NO_CLOSE = "no close before ex-date"
    UNEXPLAINED = "unexplained jump"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One doubt: about which symbol and day, what it is, why it is held, and what to do."""

    symbol: str
    day: date
    doubt: Doubt
    what: str
    why: str
    do: str


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a read applies, and what it had doubts about.

    `splits` are true splits, `distributions` cash dividends and spin-offs.
    """

    splits: tuple[Step, ...] = ()
    distributions: tuple[Step, ...] = ()
    findings: tuple[Finding, ...] = ()

    def steps(self, adjust: Adjust) -> tuple[Step, ...]:
        if adjust is Adjust.RAW:
            return ()
        return self.splits if adjust is Adjust.SPLITS else self.splits + self.distributions


def judge(
    symbols: Sequence[str],
    splits: Mapping[int, Sequence[Split]],
    dividends: Mapping[int, Sequence[Dividend]],
    closes: Closes,
    today: date,
) -> Judgement:
    """Judge the records of each owner, an index into `symbols`.

    `closes` hold the raw day bars around the records, as far as there are any. What is
    executed after `today` (a New York date) is left for later.
    """
    true: list[Step] = []
    given: list[Step] = []
    doubts: list[Finding] = []
    for owner, symbol in enumerate(symbols):
        case = _Case(owner, symbol, closes, epoch_day(today), doubts)
        units: dict[int, float] = {}
        for record in _standing(case, splits.get(owner, ())):
            steps = _applied(case, record)
            if _is_spin_off(record.split):
                given += steps
                continue
            true += steps
            units |= {s.day: s.price for s in steps}
        given += _dividend_steps(case, dividends.get(owner, ()), units)
    return Judgement(tuple(true), tuple(given), tuple(sorted(doubts)))


class Verdict(enum.Enum):
    """What the bars say to a split."""

    CONFIRMED = enum.auto()
    DENIED = enum.auto()
    SILENT = enum.auto()


@dataclass(frozen=True, slots=True)
class _Case:
    """One owner before the judge. Findings are added to `doubts`."""

    owner: int
    symbol: str
    closes: Closes
    today: int
    doubts: list[Finding]

    def doubt(self, day: date, doubt: Doubt, what: str, why: str, do: str) -> None:
        self.doubts.append(Finding(self.symbol, day, doubt, what, why, do))


@dataclass(frozen=True, slots=True)
class _Heard:
    """A split and what the bars say to it. `moved` is the night's logarithm, None without bars."""

    split: Split
    factor: float
    verdict: Verdict
    moved: float | None

    @property
    def day(self) -> int:
        return epoch_day(self.split.day)


# --- splits --------------------------------------------------------------------------------
def _standing(case: _Case, records: Sequence[Split]) -> list[_Heard]:
    """The records that stand for one split each: possible, due, and not said twice."""
    heard: list[_Heard] = []
    for split in sorted(records, key=lambda s: s.day):
        factor = _factor(split)
        if factor is None:
            case.doubt(
                split.day,
                Doubt.IMPOSSIBLE,
                f"a split of {split.split_from:g} into {split.split_to:g} shares",
                "Both numbers must be above zero.",
                "It is not applied. Report it to the vendor.",
            )
        elif factor != 1.0 and epoch_day(split.day) <= case.today:
            heard.append(_hear(case, split, factor))
    return [one for group in _groups(heard) for one in _chosen(case, group)]


def _factor(split: Split) -> float | None:
    """What prices before the split are multiplied by; None where there can be none."""
    numbers = (split.split_from, split.split_to)
    if not all(math.isfinite(n) and n > 0 for n in numbers):
        return None
    factor = split.split_from / split.split_to
    return factor if 1e-9 < factor < 1e9 else None


def _hear(case: _Case, split: Split, factor: float) -> _Heard:
    moved = _night(case, epoch_day(split.day))
    return _Heard(split, factor, _verdict(factor, moved), moved)


def _night(case: _Case, day: int) -> float | None:
    """The logarithm of (first open on or after `day`) / (last close before it)."""
    days, opens, closes = case.closes.around(case.owner, day - NEAR_DAYS, day + NEAR_DAYS)
    i = int(np.searchsorted(days, day))
    if i == 0 or i == len(days) or opens[i] <= 0 or closes[i - 1] <= 0:
        return None
    return math.log(float(opens[i]) / float(closes[i - 1]))


def _verdict(factor: float, moved: float | None) -> Verdict:
    """Confirmed when the price moved to within half of the way; denied when it hardly moved."""
    expected = math.log(factor)
    if moved is None or abs(expected) < TELLING:
        return Verdict.SILENT
    if abs(moved - expected) <= 0.5 * abs(expected):
        return Verdict.CONFIRMED
    return Verdict.DENIED if abs(moved) <= 0.25 * abs(expected) else Verdict.SILENT


def _groups(heard: Iterable[_Heard]) -> list[list[_Heard]]:
    """Records that may mean one split: of one day, or of one ratio within a few days."""
    groups: list[list[_Heard]] = []
    for one in heard:
        for group in groups:
            last = group[-1]
            same = math.isclose(one.factor, last.factor, rel_tol=1e-9)
            if one.day == last.day or (same and one.day - last.day <= NEAR_DAYS):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def _chosen(case: _Case, group: Sequence[_Heard]) -> list[_Heard]:
    """What stands of a group: what the bars confirm, else the last one said."""
    if len(group) == 1:
        return list(group)
    confirmed = [one for one in group if one.verdict is Verdict.CONFIRMED]
    chosen = list({one.day: one for one in confirmed or group[-1:]}.values())
    if len(chosen) < len(group):
        _tell_doubled(case, group, chosen, bool(confirmed))
    return chosen


def _tell_doubled(
    case: _Case, group: Sequence[_Heard], chosen: Sequence[_Heard], confirmed: bool
) -> None:
    said = ", ".join(f"{one.split.ratio} on {one.split.day}" for one in group)
    kept = ", ".join(f"{one.split.ratio} on {one.split.day}" for one in chosen)
    ratios = {round(one.factor, 9) for one in group}
    why = "the raw prices confirm it" if confirmed else "the raw prices do not tell"
    case.doubt(
        chosen[0].split.day,
        Doubt.CONFLICTING if len(ratios) > 1 else Doubt.DOUBLED,
        f"one split recorded {len(group)} times: {said}",
        f"Applied is {kept}: {why}.",
        "Compare with the company's announcement; report the wrong record to the vendor.",
    )


def _applied(case: _Case, one: _Heard) -> list[Step]:
    """The steps of a standing record: none, if the bars deny it."""
    if _is_spin_off(one.split):
        case.doubt(
            one.split.day,
            Doubt.SPIN_OFF,
            f"a split of {one.split.split_from:g} into {one.split.split_to:g} shares",
            "No company splits by such a ratio: it is the value of shares in another one.",
            "It counts in total return, not as a split; the number of shares stays.",
        )
        return [] if one.verdict is Verdict.DENIED else [Step(case.owner, one.day, one.factor)]
    if one.verdict is not Verdict.DENIED:
        return [_split_step(case, one.day, one.factor)]
    return _misdated(case, one)


def _split_step(case: _Case, day: int, factor: float) -> Step:
    return Step(case.owner, day, factor, 1.0 / factor)


def _misdated(case: _Case, one: _Heard) -> list[Step]:
    """A denied split is applied on the one near day on which the price jumped by it, if any."""
    days, _, _ = case.closes.around(case.owner, one.day - NEAR_DAYS, one.day + NEAR_DAYS)
    nights = [(int(d), _night(case, int(d))) for d in days[1:]]
    fitting = [d for d, moved in nights if _verdict(one.factor, moved) is Verdict.CONFIRMED]
    if len(fitting) == 1:
        case.doubt(
            one.split.day,
            Doubt.WRONG_DATE,
            f"a {one.split.ratio} split recorded on {one.split.day}",
            f"The raw price made that jump on {day_of(fitting[0])}, and none on that day.",
            f"It is applied on {day_of(fitting[0])}. Report the date to the vendor.",
        )
        return [_split_step(case, fitting[0], one.factor)]
    moved = math.expm1(one.moved or 0.0)
    case.doubt(
        one.split.day,
        Doubt.UNCONFIRMED,
        f"a {one.split.ratio} split recorded on {one.split.day}",
        f"The raw price moved by {moved:+.1%} only; the split asks for {one.factor - 1:+.1%}.",
        "It is not applied. Look whether the bars are raw (load --refresh) or the record is wrong.",
    )
    return []


def _is_spin_off(split: Split) -> bool:
    """Whether the ratio is none of small whole numbers, as 1,000-for-1,281: the form in which
    vendors write the value of a spin-off (GE on 2023-01-04, as 1 into 1.281)."""
    if split.kind == "stock_dividend" or (factor := _factor(split)) is None:
        return False
    plain = Fraction(max(factor, 1 / factor)).limit_denominator(PLAIN_DENOMINATOR)
    return not math.isclose(float(plain), max(factor, 1 / factor), rel_tol=SPIN_OFF_TOLERANCE)


# --- dividends -----------------------------------------------------------------------------
def _dividend_steps(
    case: _Case, records: Sequence[Dividend], units: Mapping[int, float]
) -> list[Step]:
    """`units`: the price factors of this owner's splits, by day: a close before a split is worth
    that much in units of the ex-date."""
    steps = []
    for one in _once(case, records):
        day = epoch_day(one.day)
        if day > case.today or not _is_paid(case, one):
            continue
        found = case.closes.before(case.owner, day)
        if found is None or not case.closes.reach(case.owner, day):
            continue  # no bar before it to adjust, or none after it yet to compare with
        if day - found[0] > STALE_DAYS:
            _tell_stale(case, one, day_of(found[0]))
            continue
        step = _dividend_step(case, one, found[1] * units.get(day, 1.0))
        steps += [step] if step else []
    return steps


def _once(case: _Case, records: Sequence[Dividend]) -> list[Dividend]:
    """Records that agree in everything but their id are one."""
    found: dict[tuple[object, ...], Dividend] = {}
    for one in records:
        key = (one.day, one.cash, one.currency, one.kind, one.paid)
        if key in found:
            case.doubt(
                one.day,
                Doubt.DOUBLED,
                f"one dividend of {number(one.cash)} {one.currency} recorded twice",
                "The two records agree in everything but their number.",
                "It is applied once.",
            )
        found[key] = one
    return list(found.values())


def _is_paid(case: _Case, one: Dividend) -> bool:
    """Whether it is an amount of the money that prices are in."""
    if one.currency not in ("", "USD"):
        case.doubt(
            one.day,
            Doubt.CURRENCY,
            f"a dividend of {number(one.cash)} {one.currency}",
            "Prices are in US dollars, and no exchange rate is held.",
            "It is not applied: total return is too low here.",
        )
        return False
    if not (math.isfinite(one.cash) and one.cash >= 0):
        case.doubt(
            one.day,
            Doubt.IMPOSSIBLE,
            f"a dividend of {number(one.cash)}",
            "An amount cannot be below zero.",
            "It is not applied. Report it to the vendor.",
        )
        return False
    return one.cash > 0


def _dividend_step(case: _Case, one: Dividend, close: float) -> Step | None:
    factor = dividend_factor(one.cash, close) if close > 0 else 0.0
    if factor > 0:
        return Step(case.owner, epoch_day(one.day), factor)
    case.doubt(
        one.day,
        Doubt.TOO_LARGE,
        f"a dividend of {number(one.cash)} on a price of {number(close)}",
        "It would leave nothing of the price.",
        "It is not applied. Look whether the amount is in other units or belongs to a liquidation.",
    )
    return None


def _tell_stale(case: _Case, one: Dividend, last: date) -> None:
    case.doubt(
        one.day,
        Doubt.NO_CLOSE,
        f"a dividend of {number(one.cash)} on {one.day}",
        f"The last day bar before it is of {last}, too old to compare with.",
        "It is not applied. Load the missing day bars.",
    )


# --- jumps -----------------------------------------------------------------------------------
def unexplained(bars: BarTable, judgement: Judgement) -> tuple[Finding, ...]:
    """Nights in raw day bars (sorted by owner and day) whose jump no split or dividend explains.

    The jump must last through the day: a single bad print is another matter.
    """
    if len(bars) < 2:
        return ()
    level = adjusted(bars, bars.at, judgement.steps(Adjust.TOTAL))
    rows = np.flatnonzero(_jumps(level)) + 1
    return tuple(_jump_finding(bars, level, i) for i in rows.tolist())


def _jumps(level: BarTable) -> Flags:
    """For each pair of neighbouring rows, whether the price jumps between them."""
    neighbours = (np.diff(level.owner) == 0) & (np.diff(level.at) <= STALE_DAYS)
    with np.errstate(divide="ignore", invalid="ignore"):
        opened = np.log(level.open[1:] / level.close[:-1])
        closed = np.log(level.close[1:] / level.close[:-1])
    same_way = np.sign(opened) == np.sign(closed)
    flags: Flags = neighbours & same_way & (np.abs(opened) > JUMP) & (np.abs(closed) > JUMP)
    return flags


def _jump_finding(bars: BarTable, level: BarTable, i: int) -> Finding:
    moved = float(level.open[i] / level.close[i - 1])
    before, after = bars.close[i - 1], bars.open[i]
    return Finding(
        bars.tickers[int(bars.owner[i])],
        day_of(int(bars.at[i])),
        Doubt.UNEXPLAINED,
        f"the price went from {number(before)} to {number(after)} overnight ({moved - 1:+.1%})",
        f"No recorded split or dividend explains it{_likeness(moved)}.",
        "News can do that; if it was a split, the vendor lacks the record.",
    )


def _likeness(moved: float) -> str:
    """The split of small numbers that a price change looks like."""
    size = max(moved, 1 / moved)
    ratio = Fraction(size).limit_denominator(2)
    if not math.isclose(float(ratio), size, rel_tol=0.06):
        return ""
    n, d = ratio.numerator, ratio.denominator
    return f"; it looks like {n}-for-{d}" if moved < 1 else f"; it looks like {d}-for-{n}"
