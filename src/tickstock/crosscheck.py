"""Splits and dividends judged against the bars: what is applied, and what is doubtful. Pure.

Vendors' records hold splits twice, on wrong days and with wrong ratios, and spin-offs written as
splits. A split that is true shows in the raw prices, so these decide where they can. Stored
bars and records are never changed: a judgement only says what a read applies.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

import numpy as np

from tickstock.actions import Adjust, Dividend, Split
from tickstock.adjust import STALE_DAYS, Closes, PriceFactor, adjusted, dividend_factor
from tickstock.evidence import DECIDES, Claim, ClaimVerdict, Night, Sort, Weighed, verdict, weigh
from tickstock.model import BarTable, Flags, epoch_day
from tickstock.spans import Span, day_of
from tickstock.words import number

NEAR_DAYS = 10
"""Records of one ratio this close together are one split; a wrong date is off by no more."""
SAME_DAYS = 3
"""Equal amounts this close together are one dividend: a date was corrected."""
ONE_PAYMENT_DAYS = 31
"""Nor are two records with one record or pay date two dividends, unless a month lies between."""
NO_KIND = ("", "unknown")
"""What vendors write where they do not know what sort of dividend it is."""
JUMP = 0.35
"""The logarithm of a night's move that asks for an explanation: -30 % or +42 %."""
PLAIN_DENOMINATOR = 50
SPIN_OFF_TOLERANCE = 5e-5


class ActionDoubt(enum.StrEnum):
    """What may be wrong."""

    IMPOSSIBLE = "impossible"
    DOUBLED = "doubled"
    CONFLICTING = "conflicting"
    WRONG_DATE = "wrong date"
    UNCONFIRMED = "unconfirmed split"
    UNCONFIRMED_DIVIDEND = "unconfirmed dividend"
    SPIN_OFF = "spin-off as split"
    CURRENCY = "other currency"
    TOO_LARGE = "dividend above price"
    NO_CLOSE = "no close before ex-date"
    UNEXPLAINED = "unexplained jump"
    ANOTHER_FIRM = "perhaps another firm"


@dataclass(frozen=True, slots=True, order=True)
class ActionFinding:
    """One doubt: about which symbol and day, what it is, why it is held, and what to do."""

    symbol: str
    day: date
    doubt: ActionDoubt
    what: str
    why: str
    do: str


@dataclass(frozen=True, slots=True, order=True)
class Ruling:
    """What stands of the records of one day that prices can tell something of, and by how much: the
    set's expected move is `off` the night's, as a logarithm, and the next best `margin` farther."""

    symbol: str
    day: date
    stands: tuple[str, ...]
    off: float
    margin: float


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a read applies, and what it had doubts about.

    `splits` are true splits, `distributions` cash dividends and spin-offs.
    """

    splits: tuple[PriceFactor, ...] = ()
    distributions: tuple[PriceFactor, ...] = ()
    findings: tuple[ActionFinding, ...] = ()
    rulings: tuple[Ruling, ...] = ()

    def steps(self, adjust: Adjust) -> tuple[PriceFactor, ...]:
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
    true: list[PriceFactor] = []
    given: list[PriceFactor] = []
    doubts: list[ActionFinding] = []
    rulings: list[Ruling] = []
    for owner in sorted({*splits, *dividends}):
        case = _Case(owner, symbols[owner], closes, epoch_day(today), doubts)
        said = _possible(case, splits.get(owner, ()))
        paid = _payable(case, dividends.get(owner, ()))
        hearing = _hear(case, said, paid)
        rulings += _rulings(case, hearing)
        units: dict[int, float] = {}
        for step, sort in _split_steps(case, hearing, said):
            (true if sort is Sort.SPLIT else given).append(step)
            if sort is Sort.SPLIT:
                units[step.day] = units.get(step.day, 1.0) * step.price
        given += _dividend_steps(case, hearing, paid, units)
    return Judgement(tuple(true), tuple(given), tuple(sorted(doubts)), tuple(sorted(rulings)))


@dataclass(frozen=True, slots=True)
class _Case:
    """One owner before the judge. Findings are added to `doubts`."""

    owner: int
    symbol: str
    closes: Closes
    today: int
    doubts: list[ActionFinding]

    def doubt(self, day: date, doubt: ActionDoubt, what: str, why: str, do: str) -> None:
        self.doubts.append(ActionFinding(self.symbol, day, doubt, what, why, do))


@dataclass(frozen=True, slots=True)
class _SplitFactor:
    """A split that a record tells of; in the order of being said, later ones last."""

    split: Split
    factor: float
    sort: Sort

    @property
    def day(self) -> int:
        return epoch_day(self.split.day)

    def __str__(self) -> str:
        return f"{self.split.ratio} on {self.split.day}"


@dataclass(frozen=True, slots=True)
class _Day:
    """The records of one day that prices can tell of, and what the bars say to them."""

    splits: tuple[_SplitFactor, ...]
    dividends: tuple[Dividend, ...]
    night: Night | None
    weighed: Weighed

    def stands(self, one: _SplitFactor) -> bool:
        places = [i for i, s in enumerate(self.splits) if s.factor == one.factor]
        return any(i in self.weighed.stands for i in places)

    def pays(self, one: Dividend) -> bool:
        """Whether a dividend stands; one too small for prices to tell of does."""
        if one not in self.dividends:
            return True
        return len(self.splits) + self.dividends.index(one) in self.weighed.stands

    @property
    def is_denied(self) -> bool:
        return self.weighed.verdict is ClaimVerdict.DENIED

    @property
    def names(self) -> tuple[str, ...]:
        names = [s.split.ratio for s in self.splits] + [_amount(d) for d in self.dividends]
        return tuple(names[i] for i in self.weighed.stands)


@dataclass(frozen=True, slots=True)
class _Hearing:
    """What the bars say to the records of each day; `claimed` are the nights that are explained."""

    days: Mapping[int, _Day]
    claimed: set[int] = field(default_factory=set)


# --- what the bars say ----------------------------------------------------------------------
def _hear(case: _Case, said: Sequence[_SplitFactor], paid: Sequence[Dividend]) -> _Hearing:
    """Weigh the records of each day of which the raw prices can tell."""
    splits: dict[int, dict[float, _SplitFactor]] = {}
    for one in said:
        of_day = splits.setdefault(one.day, {})
        of_day.pop(one.factor, None)
        of_day[one.factor] = one
    cash: dict[int, list[Dividend]] = {}
    for dividend in paid:
        cash.setdefault(epoch_day(dividend.day), []).append(dividend)
    days: dict[int, _Day] = {}
    for day in sorted({*splits, *cash}):
        night = _night(case, day)
        mine = tuple(splits.get(day, {}).values())
        large = _large(cash.get(day, ()), mine, night)
        if mine or large:
            claims = [Claim(s.sort, s.factor) for s in mine]
            claims += [Claim(Sort.DIVIDEND, cash=d.cash) for d in large]
            days[day] = _Day(mine, large, night, weigh(claims, night))
    claimed = {
        d.night.day
        for d in days.values()
        if d.night is not None and d.weighed.verdict is ClaimVerdict.CONFIRMED
    }
    return _Hearing(days, claimed)


def _night(case: _Case, day: int) -> Night | None:
    """The last bar before `day` and the first one on or after it."""
    days, opens, closes = case.closes.around(case.owner, day - NEAR_DAYS, day + NEAR_DAYS)
    i = int(np.searchsorted(days, day))
    if i == 0 or i == len(days) or opens[i] <= 0 or closes[i - 1] <= 0:
        return None
    return Night(int(days[i]), float(closes[i - 1]), float(opens[i]))


def _large(
    paid: Sequence[Dividend], splits: Sequence[_SplitFactor], night: Night | None
) -> tuple[Dividend, ...]:
    """The dividends that show in a night's move, if it does."""
    if night is None:
        return ()
    units = min((s.factor for s in splits if s.sort is Sort.SPLIT), default=1.0)
    least = -math.expm1(-DECIDES) * night.close * min(units, 1.0)
    return tuple(d for d in paid if d.cash > least)


def _rulings(case: _Case, hearing: _Hearing) -> Iterator[Ruling]:
    for day, one in hearing.days.items():
        off, margin = one.weighed.off, one.weighed.margin
        if off is not None and margin is not None and math.isfinite(off):
            names = () if one.is_denied else one.names
            yield Ruling(case.symbol, day_of(day), names, off, margin)


# --- splits --------------------------------------------------------------------------------
def _possible(case: _Case, records: Sequence[Split]) -> list[_SplitFactor]:
    """The splits that can be, and are due."""
    said: list[_SplitFactor] = []
    for split in sorted(records, key=lambda s: s.day):
        factor = _factor(split)
        if factor is None:
            case.doubt(
                split.day,
                ActionDoubt.IMPOSSIBLE,
                f"a split of {number(split.split_from)} into {number(split.split_to)} shares",
                "Both numbers must be above zero.",
                "It is not applied. Report it to the vendor.",
            )
        elif factor != 1.0 and epoch_day(split.day) <= case.today:
            sort = Sort.SPIN_OFF if _is_spin_off(split) else Sort.SPLIT
            said.append(_SplitFactor(split, factor, sort))
    return said


def _factor(split: Split) -> float | None:
    """What prices before the split are multiplied by; None where there can be none."""
    numbers = (split.split_from, split.split_to)
    if not all(math.isfinite(n) and n > 0 for n in numbers):
        return None
    factor = split.split_from / split.split_to
    return factor if 1e-9 < factor < 1e9 else None


def _is_spin_off(split: Split) -> bool:
    """Whether the ratio is none of small whole numbers, as 1,000-for-1,281: the form in which
    vendors write the value of a spin-off (GE on 2023-01-04, as 1 into 1.281)."""
    if split.kind == "stock_dividend" or (factor := _factor(split)) is None:
        return False
    plain = Fraction(max(factor, 1 / factor)).limit_denominator(PLAIN_DENOMINATOR)
    return not math.isclose(float(plain), max(factor, 1 / factor), rel_tol=SPIN_OFF_TOLERANCE)


def _split_steps(
    case: _Case, hearing: _Hearing, said: Sequence[_SplitFactor]
) -> Iterator[tuple[PriceFactor, Sort]]:
    for group in _groups(said):
        for one, day in _settled(case, hearing, group):
            if one.sort is Sort.SPLIT:
                yield PriceFactor(case.owner, day, one.factor, 1.0 / one.factor), one.sort
            else:
                _note_spin_off(case, one)
                yield PriceFactor(case.owner, day, one.factor), one.sort


def _groups(said: Iterable[_SplitFactor]) -> list[list[_SplitFactor]]:
    """Records that may mean one split: of one day, or within a few days in one direction."""
    groups: list[list[_SplitFactor]] = []
    for one in said:
        for group in groups:
            if _rivals(group[-1], one):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def _rivals(last: _SplitFactor, one: _SplitFactor) -> bool:
    if one.sort is not last.sort or one.day - last.day > NEAR_DAYS:
        return False
    same_way = one.sort is Sort.SPLIT and (one.factor < 1) == (last.factor < 1)
    same = math.isclose(one.factor, last.factor, rel_tol=1e-9)
    return one.day == last.day or same or same_way


def _settled(
    case: _Case, hearing: _Hearing, group: Sequence[_SplitFactor]
) -> list[tuple[_SplitFactor, int]]:
    """What stands of records that may mean one split, and on which days: what the bars confirm,
    else what they do not deny and was said last."""
    days = [hearing.days[one.day] for one in group]
    if all(day.is_denied for day in days):
        return _misdated(case, hearing, group)
    standing = [
        (one, day.weighed.verdict is ClaimVerdict.CONFIRMED)
        for one, day in zip(group, days, strict=True)
        if day.stands(one) and not day.is_denied
    ]
    confirmed = [one for one, is_confirmed in standing if is_confirmed]
    last = [one for one, _ in standing if one.day == standing[-1][0].day]
    chosen = [*{(one.day, one.factor): one for one in confirmed or last}.values()]
    if len(chosen) < len(group):
        _note_rivals(case, hearing, group, chosen, is_confirmed=bool(confirmed))
    return [(one, one.day) for one in chosen]


def _note_rivals(
    case: _Case,
    hearing: _Hearing,
    group: Sequence[_SplitFactor],
    chosen: Sequence[_SplitFactor],
    *,
    is_confirmed: bool,
) -> None:
    ratios = {round(one.factor, 9) for one in group}
    on = (chosen or group)[0]
    told = is_confirmed or hearing.days[on.day].weighed.told
    why = "the raw prices confirm it" if told else "the raw prices do not tell"
    times = f"{len(group)} times" if len(group) > 1 else "once"
    case.doubt(
        on.split.day,
        (ActionDoubt.CONFLICTING if len(ratios) > 1 else ActionDoubt.DOUBLED)
        if chosen
        else ActionDoubt.UNCONFIRMED,
        f"one split recorded {times}: {', '.join(map(str, group))}",
        f"Applied is {', '.join(map(str, chosen)) or 'none'}: {why}"
        f"{_by_how_much(hearing.days[on.day]) if told else ''}.",
        "Compare with the company's announcement; report the wrong record to the vendor.",
    )


def _by_how_much(day: _Day) -> str:
    """How near a set comes to the night's move, and how near the next one."""
    off, margin = day.weighed.off, day.weighed.margin
    if day.night is None or off is None or margin is None or not math.isfinite(off + margin):
        return ""
    return (
        f" (the night's move was {math.expm1(day.night.moved):+.1%}; it leaves "
        f"{math.expm1(off):.1%} unexplained, the next best {math.expm1(off + margin):.1%})"
    )


def _note_spin_off(case: _Case, one: _SplitFactor) -> None:
    case.doubt(
        one.split.day,
        ActionDoubt.SPIN_OFF,
        f"a split of {number(one.split.split_from)} into {number(one.split.split_to)} shares",
        "No company splits by such a ratio: it is the value of shares in another one.",
        "It counts in total return, not as a split; the number of shares stays.",
    )


def _misdated(
    case: _Case, hearing: _Hearing, group: Sequence[_SplitFactor]
) -> list[tuple[_SplitFactor, int]]:
    """Denied records are applied on the one near day on which the price jumped by one, if any."""
    nights = list(_free_nights(case, hearing, group[0].day, group[-1].day))
    fitting = {n.day: n for n in nights for one in group if _fits(math.log(one.factor), n)}
    one = group[-1]
    if len(fitting) == 1:
        (night,) = fitting.values()
        one = min(reversed(group), key=lambda s: abs(night.moved - math.log(s.factor)))
        hearing.claimed.add(night.day)
    said = ", ".join(map(str, group))
    if len(fitting) == 1:
        case.doubt(
            one.split.day,
            ActionDoubt.WRONG_DATE,
            f"a {one.split.ratio} split recorded on {one.split.day}",
            f"The raw price made that jump on {day_of(night.day)}, and none on that day "
            f"(recorded: {said}).",
            f"It is applied on {day_of(night.day)}. Report the date to the vendor.",
        )
        return [(one, night.day)]
    own = hearing.days[one.day].night
    moved = math.expm1(own.moved) if own else 0.0
    case.doubt(
        one.split.day,
        ActionDoubt.UNCONFIRMED,
        f"a {one.split.ratio} split recorded on {one.split.day}",
        f"The raw price moved by {moved:+.1%} only; the split asks for {one.factor - 1:+.1%} "
        f"(recorded: {said}).",
        "It is not applied. Look whether the bars are raw (load --refresh) or the record is wrong.",
    )
    return []


def _free_nights(case: _Case, hearing: _Hearing, first: int, last: int) -> Iterator[Night]:
    """The nights near some days that no standing record explains."""
    days, _, _ = case.closes.around(case.owner, first - NEAR_DAYS, last + NEAR_DAYS)
    for day in days[1:].tolist():
        night = _night(case, day)
        if night is not None and night.day not in hearing.claimed:
            yield night


def _fits(expected: float, night: Night) -> bool:
    return verdict(expected, night.moved) is ClaimVerdict.CONFIRMED


# --- dividends -----------------------------------------------------------------------------
def _payable(case: _Case, records: Sequence[Dividend]) -> list[Dividend]:
    """The dividends that are due and of the money that prices are in, each once."""
    once = (_standing_of(case, group) for group in _payments(records))
    return [d for d in once if epoch_day(d.day) <= case.today and _is_paid(case, d)]


def _payments(records: Sequence[Dividend]) -> list[list[Dividend]]:
    """Records that mean one dividend."""
    groups: list[list[Dividend]] = []
    for one in sorted(records, key=lambda d: d.day):
        near = (g for g in reversed(groups) if (one.day - g[-1].day).days <= ONE_PAYMENT_DAYS)
        for group in near:
            if any(_is_one_payment(other, one) for other in group):
                group.append(one)
                break
        else:
            groups.append([one])
    return groups


def _is_one_payment(one: Dividend, other: Dividend) -> bool:
    """Whether two records mean one dividend, which was corrected or written in another currency."""
    days = abs((one.day - other.day).days)
    same_money = _money(one) == _money(other)
    if same_money and days <= SAME_DAYS and math.isclose(one.cash, other.cash, rel_tol=1e-9):
        return True
    stated = [d.kind for d in (one, other) if d.kind not in NO_KIND]
    if days > ONE_PAYMENT_DAYS or len(set(stated)) > 1:
        return False
    if days == 0 and not same_money:
        return True
    return _equal_dates(one.recorded, other.recorded) or _equal_dates(one.paid, other.paid)


def _equal_dates(one: date | None, other: date | None) -> bool:
    return one is not None and one == other


def _money(one: Dividend) -> str:
    return one.currency.strip().upper() or "USD"


def _amount(one: Dividend) -> str:
    return f"{number(one.cash)} {_money(one)}"


def _standing_of(case: _Case, group: Sequence[Dividend]) -> Dividend:
    """The record that stands for one dividend: in the prices' money, and of those the one that the
    prices tell of, else the one declared later, else the one said last."""
    if len(group) == 1:
        return group[0]
    in_money = [d for d in group if _money(d) == "USD"] or list(group)
    place = {id(d): n for n, d in enumerate(group)}
    ranked = sorted(in_money, key=lambda d: (d.declared or date.min, place[id(d)]))
    chosen, reason = ranked[-1], "declared later" if _is_declared_later(ranked) else "said last"
    if len({_money(d) for d in group}) > 1 and len(in_money) == 1:
        reason = "the money that prices are in"
    off = {id(d): _off(case, d) for d in ranked}
    nearest = min(reversed(ranked), key=lambda d: off[id(d)])
    if off[id(chosen)] - off[id(nearest)] > DECIDES:
        chosen, reason = nearest, "nearest to the night's move"
    _note_payments(case, group, chosen, reason)
    return chosen


def _is_declared_later(ranked: Sequence[Dividend]) -> bool:
    last = ranked[-1].declared
    return last is not None and any((d.declared or date.min) < last for d in ranked)


def _off(case: _Case, one: Dividend) -> float:
    """How far a dividend's expected move is from its night's; nothing without bars."""
    night = _night(case, epoch_day(one.day))
    if night is None or not (math.isfinite(one.cash) and 0 <= one.cash < night.close):
        return 0.0 if night is None else math.inf
    return abs(night.moved - math.log1p(-one.cash / night.close))


def _note_payments(case: _Case, group: Sequence[Dividend], chosen: Dividend, reason: str) -> None:
    amounts = {_amount(d) for d in group}
    said = ", ".join(f"{_amount(d)} on {d.day}{_declared(d)}" for d in group)
    case.doubt(
        chosen.day,
        ActionDoubt.CONFLICTING if len(amounts) > 1 else ActionDoubt.DOUBLED,
        f"one dividend recorded {len(group)} times: {said}",
        f"Their dates say that they are one. Applied is {_amount(chosen)} on {chosen.day}: "
        f"{reason}.",
        "It is applied once. Compare with the company's announcement.",
    )


def _declared(one: Dividend) -> str:
    return f" (declared {one.declared})" if one.declared else ""


def _is_paid(case: _Case, one: Dividend) -> bool:
    """Whether it is an amount of the money that prices are in."""
    if _money(one) != "USD":
        case.doubt(
            one.day,
            ActionDoubt.CURRENCY,
            f"a dividend of {number(one.cash)} {one.currency}",
            "Prices are in US dollars, and no exchange rate is held.",
            "It is not applied: total return is too low here.",
        )
        return False
    if not (math.isfinite(one.cash) and one.cash >= 0):
        case.doubt(
            one.day,
            ActionDoubt.IMPOSSIBLE,
            f"a dividend of {number(one.cash)}",
            "An amount cannot be below zero.",
            "It is not applied. Report it to the vendor.",
        )
        return False
    return one.cash > 0


def _dividend_steps(
    case: _Case, hearing: _Hearing, paid: Sequence[Dividend], units: Mapping[int, float]
) -> list[PriceFactor]:
    """`units`: the price factors of this owner's splits, by day: a close before a split is worth
    that much in units of the ex-date."""
    steps = []
    for one in paid:
        day = _day_of_payment(case, hearing, one)
        found = None if day is None else case.closes.before(case.owner, day)
        if day is None or found is None or not case.closes.reach(case.owner, day):
            continue  # no bar before it to adjust, or none after it yet to compare with
        if day - found[0] > STALE_DAYS:
            _note_stale(case, one, day_of(found[0]))
            continue
        step = _dividend_step(case, one, day, found[1] * units.get(day, 1.0))
        steps += [step] if step else []
    return steps


def _day_of_payment(case: _Case, hearing: _Hearing, one: Dividend) -> int | None:
    """The day on which a dividend is applied: its own, unless the bars deny it."""
    day = epoch_day(one.day)
    heard = hearing.days.get(day)
    if heard is None or heard.night is None or one not in heard.dividends:
        return day
    if one.cash >= heard.night.close * min([s.factor for s in heard.splits] or [1.0]):
        return day  # told as too large
    if heard.pays(one) and not heard.is_denied:
        return day
    free = _free_nights(case, hearing, day, day)
    fitting = [n for n in free if one.cash < n.close and _fits(math.log1p(-one.cash / n.close), n)]
    is_misdated = heard.is_denied and len(fitting) == 1
    moved = math.expm1(heard.night.moved)
    explained = f", which {' and '.join(heard.names)} explains" if not heard.is_denied else ""
    where = f" It fell by that on {day_of(fitting[0].day)}." if is_misdated else ""
    case.doubt(
        one.day,
        ActionDoubt.WRONG_DATE if is_misdated else ActionDoubt.UNCONFIRMED_DIVIDEND,
        f"a dividend of {_amount(one)} on {one.day}",
        f"The raw price of {number(heard.night.close)} moved by {moved:+.1%}{explained}.{where}",
        f"It is {f'applied on {day_of(fitting[0].day)}' if is_misdated else 'not applied'}. "
        "Compare with the company's announcement; report it to the vendor.",
    )
    if not is_misdated:
        return None
    hearing.claimed.add(fitting[0].day)
    return fitting[0].day


def _dividend_step(case: _Case, one: Dividend, day: int, close: float) -> PriceFactor | None:
    factor = dividend_factor(one.cash, close) if close > 0 else 0.0
    if factor > 0:
        return PriceFactor(case.owner, day, factor)
    case.doubt(
        one.day,
        ActionDoubt.TOO_LARGE,
        f"a dividend of {number(one.cash)} on a price of {number(close)}",
        "It would leave nothing of the price.",
        "It is not applied. Look whether the amount is in other units or belongs to a liquidation.",
    )
    return None


def _note_stale(case: _Case, one: Dividend, last: date) -> None:
    case.doubt(
        one.day,
        ActionDoubt.NO_CLOSE,
        f"a dividend of {number(one.cash)} on {one.day}",
        f"The last day bar before it is of {last}, too old to compare with.",
        "It is not applied. Load the missing day bars.",
    )


# --- jumps -----------------------------------------------------------------------------------
def unexplained(
    bars: BarTable, judgement: Judgement, gaps: Mapping[int, Sequence[Span]] | None = None
) -> tuple[ActionFinding, ...]:
    """Nights in raw day bars (sorted by owner and day) whose jump no split or dividend explains.

    The jump must last through the day: a single bad print is another matter. `gaps`: by owner, the
    days of which the vendor said that it has no bars. A jump across such a gap may be the next firm
    under the same letters; across days that nobody asked about it is nothing.
    """
    if len(bars) < 2:
        return ()
    level = adjusted(bars, bars.at, judgement.steps(Adjust.TOTAL))
    found = []
    for i in (np.flatnonzero(_jumps(level)) + 1).tolist():
        last, day = int(bars.at[i - 1]), int(bars.at[i])
        if day - last <= STALE_DAYS:
            found.append(_jump_finding(bars, level, i))
        elif _is_gap(last, day, (gaps or {}).get(int(bars.owner[i]), ())):
            found.append(_firm_finding(bars, level, i))
    return tuple(found)


def _is_gap(last: int, day: int, gaps: Iterable[Span]) -> bool:
    """Whether the vendor has no bars right before a day, and none since the last one."""
    return any(
        epoch_day(gap.start) < day
        and day - epoch_day(gap.end) < STALE_DAYS
        and epoch_day(gap.end) > last
        for gap in gaps
    )


def _jumps(level: BarTable) -> Flags:
    """For each pair of neighbouring rows, whether the price jumps between them."""
    with np.errstate(divide="ignore", invalid="ignore"):
        opened = np.log(level.open[1:] / level.close[:-1])
        closed = np.log(level.close[1:] / level.close[:-1])
    same_way = np.sign(opened) == np.sign(closed)
    flags: Flags = (
        (np.diff(level.owner) == 0) & same_way & (np.abs(opened) > JUMP) & (np.abs(closed) > JUMP)
    )
    return flags


def _firm_finding(bars: BarTable, level: BarTable, i: int) -> ActionFinding:
    last, moved = day_of(int(bars.at[i - 1])), float(level.open[i] / level.close[i - 1])
    return ActionFinding(
        bars.tickers[int(bars.owner[i])],
        day_of(int(bars.at[i])),
        ActionDoubt.ANOTHER_FIRM,
        f"no bars since {last}, and then {number(float(bars.open[i]))} "
        f"after {number(float(bars.close[i - 1]))} "
        f"({moved - 1:+.1%})",
        "The vendor has no bars in between, and no recorded split explains the jump.",
        "Look whether another firm took the ticker: if so, the bars before are not its own.",
    )


def _jump_finding(bars: BarTable, level: BarTable, i: int) -> ActionFinding:
    moved = float(level.open[i] / level.close[i - 1])
    before, after = bars.close[i - 1], bars.open[i]
    return ActionFinding(
        bars.tickers[int(bars.owner[i])],
        day_of(int(bars.at[i])),
        ActionDoubt.UNEXPLAINED,
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
