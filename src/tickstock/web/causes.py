"""What causes mean, in words for people."""

from __future__ import annotations

from tickstock.model import HoleCause

FAULTS = (HoleCause.FAILED, HoleCause.QUARANTINED, HoleCause.NOT_ENTITLED)
CAUSES = {
    HoleCause.NEVER_ASKED: "nobody has asked for it yet",
    HoleCause.NOT_PUBLISHED: "the vendor has not published it yet",
    HoleCause.NOT_LISTED: "the symbol was not listed then",
    HoleCause.VENDOR_EMPTY: "the vendor says that there is none",
    HoleCause.FAILED: "the call failed",
    HoleCause.QUARANTINED: "what came cannot be true, and was set aside",
    HoleCause.NOT_ENTITLED: "the account does not include it",
}
