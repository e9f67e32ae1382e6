"""Share classes whose tickers issuers and spreadsheets write without their point.

`BRKB` in a holdings file is Berkshire's `BRK.B`. What a database holds tells that too, but a new
one holds nothing. Only classes on NYSE and NYSE American are here: on Nasdaq a class is a letter of
the ticker itself (`GOOGL`, `NWSA`). By hand; those that are gone help to read old files.
"""

from __future__ import annotations

_LISTED = """
AGM.A AKO.A AKO.B BF.A BF.B BH.A BIO.B BRK.A BRK.B BWL.A CBS.A CRD.A CRD.B CWEN.A EBR.B FCE.A GEF.B
GTN.A HEI.A HUB.A HUB.B HVT.A JW.A JW.B LEN.B LGF.A LGF.B MKC.V MOG.A MOG.B PBR.A RDS.A RDS.B STZ.B
TAP.A UHAL.B WSO.B
"""
SHARE_CLASSES = frozenset(_LISTED.split())
