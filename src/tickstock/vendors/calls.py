"""Whether a source can be asked a call: by its own limits, before anything is sent."""

from __future__ import annotations

from tickstock.errors import BadInput
from tickstock.model import Call, CallKind, Limits, Timeframe

_ANYTHING = Limits()


def checked(call: Call, limits: Limits = _ANYTHING) -> Call:
    """`call`, if a source with these `limits` can be asked it; files are asked otherwise.

    Raises:
        BadInput: no day, no symbol, derived bars, a whole market that is not one day of days, or
            a kind, timeframe, length or day that `limits` rule out.
    """
    if not call.span:
        raise BadInput(f"The call for {call} asks for no day at all.", "Give at least one day.")
    if call.timeframe.stored is not call.timeframe or call.kind is CallKind.FLAT_DAY:
        raise BadInput(f"The call for {call} cannot be asked.", "Such bars are made from day bars.")
    if call.kind is CallKind.MARKET_DAY and (
        call.timeframe is not Timeframe.DAY or call.span.days != 1
    ):
        raise BadInput(f"The call for {call} is not one day of day bars.", "Ask day by day.")
    if call.kind is CallKind.TICKER and not call.symbol:
        raise BadInput(f"The call for {call} names no symbol.", "Name one.")
    if lacking := limits.lack(call):
        raise BadInput(f"The call for {call} cannot be asked: this vendor {lacking}.", lacking)
    return call
