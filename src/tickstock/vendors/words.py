"""What is said about a vendor's answer: errors in our terms, foreign words made fit to be shown."""

from __future__ import annotations

from tickstock.actions import AnyCall
from tickstock.errors import NotEntitled, VendorUnreadable

ASK_AGAIN = "Nothing of it is kept; the call can be asked again."
MALFORMED = (ValueError, RecursionError)
"""What a decoder raises: msgspec's own errors and UnicodeDecodeError are both a ValueError."""


def unreadable(call: AnyCall, ends: str) -> VendorUnreadable:
    """The error for an answer to `call` that is not as documented; `ends` ends the sentence."""
    return VendorUnreadable(f"The vendor's answer for {call} {ends}.", ASK_AGAIN)


def not_entitled(call: AnyCall, words: str) -> NotEntitled:
    """The error for a call that the account's plan does not include."""
    return NotEntitled(
        f"The vendor account is not entitled to {call}: {words or 'no reason given'}",
        "Ask for a span that the plan includes, or change the plan.",
    )


def clean(text: str, hide: str = "", longest: int = 200) -> str:
    """Foreign `text` made fit for a message: printable, short, without the secret `hide`."""
    shown = text.replace(hide, "***") if hide else text
    shown = "".join(c if c.isprintable() else " " for c in shown[: 4 * longest])
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
