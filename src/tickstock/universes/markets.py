"""How others mark on which market a symbol is listed: prefixes, endings, codes after a blank.

What is marked as listed in the US is read without its mark; what is marked as listed elsewhere is
no symbol of the vendor. Sources: the exchange codes of ISO 10383, Bloomberg's composite and
exchange codes, the endings of Reuters and Yahoo, the prefixes of TradingView and Google.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_US_PREFIXES_LISTED = """
NASDAQ NYSE AMEX NYSEARCA ARCA BATS CBOE NYSEAMERICAN NYSEMKT IEX OTC OTCMKTS OTCBB PINK US USA
XNAS XNGS XNMS XNCM XNYS XASE ARCX BATS IEXG XOTC NMS NGM NCM NYQ ASE PCX BZX NASDAQGS NASDAQGM
NASDAQCM STK EQUITY
"""
_US_PREFIXES = frozenset(_US_PREFIXES_LISTED.split())
_FOREIGN_PREFIXES_LISTED = """
TSX TSXV CVE CSE NEO XTSE LSE LON AIM XLON ETR XETR FRA FWB GETTEX TRADEGATE SWX SIX VTX EPA
EURONEXT AMS EBR ELI BIT MIL BME MADRID BMAD TYO TSE JPX HKEX HKG SEHK SHA SSE SHE SZSE KRX KOSPI
KOSDAQ TPE TWSE TPEX NSE BSE BOM ASX NZE NZX SGX SET IDX MYX JSE TASE BMV BVMF B3 BCBA OMXSTO STO
OMXCOP CPH OMXHEX HEL OSL WSE GPW VIE VIENNA ATHEX MOEX BINANCE COINBASE KRAKEN BITSTAMP CRYPTO FX
FX_IDC OANDA FOREXCOM TVC CME CME_MINI CBOT COMEX NYMEX ICEUS EUREX INDEX SP DJ CRYPTOCAP INDEXSP
INDEXDJX INDEXNASDAQ CURRENCY
"""
_FOREIGN_PREFIXES = frozenset(_FOREIGN_PREFIXES_LISTED.split())
_FOREIGN_CODES_LISTED = """
LSEETF TSE TSEJ VENTURE IBIS IBIS2 AEB SBF EBS BVME SWB SEHK BM ENEXT.BE MEXI OSE SFB KSE VSE
"""
_FOREIGN_CODES = frozenset(_FOREIGN_CODES_LISTED.split())
"""As Interactive Brokers calls exchanges."""
_PLACES = re.compile(
    r"\b(london|toronto|xetra|euronext|frankfurt|tokyo|hong kong|swiss|shanghai|shenzhen|korea"
    r"|taiwan|sydney|australian|singapore|madrid|milan|stockholm|oslo|copenhagen|helsinki|vienna"
    r"|warsaw|johannesburg|sao paulo|tel aviv|bombay|national stock exchange of india)\b",
    re.IGNORECASE,
)
_BLOOMBERG_US_LISTED = """
US UN UW UQ UR UA UP UF UV UO UT UB UM PQ VK
"""
_BLOOMBERG_US = frozenset(_BLOOMBERG_US_LISTED.split())
_BLOOMBERG_FOREIGN_LISTED = """
CN CT CV CF LN GR GY GF TH FP NA BB PL ID IM SM SQ SW SE VX SS DC NO FH AV PW GA TI RM RX SJ IT AB
JP JT HK CH CG CS C1 C2 KS KP KQ TT TW AU AT AN NZ SP MK IJ TB PM VN IN IS IB BZ MM MF AR CI CB PE
UH DH QD KK EY HB CK RO LX LI EB
"""
_BLOOMBERG_FOREIGN = frozenset(_BLOOMBERG_FOREIGN_LISTED.split())
_YELLOW_KEYS = ("EQUITY", "CORP", "INDEX", "CURNCY", "COMDTY", "GOVT", "PFD")
_FOREIGN_ENDINGS_LISTED = """
L IL TO TSX CN NE DE F BE DU HM HA MU SG XETRA PA AS BR LS MI MC SW VX VI ST CO HE OL IC IR AT T
HK SS SZ SH KS KQ TW TWO AX NZ SI BK JK KL VN NS BO KA SA MX BA SN CR LM JO TA QA CA WA PR BD TL
RG VS IS ME LN FR IT JP AU UK GB
"""
_FOREIGN_ENDINGS = frozenset(_FOREIGN_ENDINGS_LISTED.split())
_US_ENDINGS = {"US": "US listing", "O": "Nasdaq", "OQ": "Nasdaq", "N": "NYSE", "K": "NYSE",
               "P": "NYSE Arca", "Z": "Cboe", "PK": "OTC"}  # fmt: skip
_INDEXES_LISTED = """
SPX INX NDX DJI DJX DJIA COMP COMPX COMPQ IXIC RUT RUA OEX VIX VXN NYA XAX SOX TNX TYX
"""
_INDEXES = frozenset(_INDEXES_LISTED.split())
_OF_MONEY = re.compile(
    r"[A-Z0-9]{2,6}[-/](USD[TC]?|EUR|BTC|ETH)"  # a coin: BTC-USD, BTC/USD
    r"|/[A-Z0-9]{2,3}([FGHJKMNQUVXZ]\d{1,2})?"  # a future: /ES, /ESZ26
    r"|[A-Z0-9]{1,4}[12]!"  # a future's front month: ES1!
)
_DIGITS = re.compile(r"\d{1,6}[A-Z]?")
_ROOT = re.compile(r"[A-Z0-9][A-Z0-9./\-^]*")
_CLASS_OF_REUTERS = re.compile(r"([A-Z]+)([a-z])\.(?:N|O|OQ|K|A|P)")


@dataclass(frozen=True, slots=True)
class Marked:
    """A symbol without its mark, and what the mark means; `abroad` where it is no US listing."""

    symbol: str
    means: str
    abroad: bool = False


def unmarked(text: str) -> Marked | None:
    """The symbol in a text with a mark of a market; None where the text has none."""
    if text.startswith("$") and text[1:2].isalpha():
        return Marked(text[1:], "a cashtag")
    if ":" in text:
        return _prefixed(text)
    if " " in text:
        return _with_code(text)
    return _with_ending(text) if "." in text else None


def is_index_mark(text: str) -> bool:
    """Whether it is how brokers (`$SPX`), Yahoo (`^GSPC`) and Reuters (`.SPX`) write an index."""
    mark, name = text[:1], text[1:]
    return (mark == "^" and name.isalnum()) or (mark in ("$", ".") and name in _INDEXES)


def is_currency_mark(text: str) -> bool:
    """Whether it is what Yahoo and others write for a currency pair, a future or a coin."""
    return text.endswith(("=X", "=F")) or bool(_OF_MONEY.fullmatch(text))


def is_us_market(prefix: str) -> bool:
    """Whether a prefix names a market of the US."""
    return prefix.upper() in _US_PREFIXES


def is_market_abroad(text: str) -> bool:
    """Whether a cell of a column of exchanges names one outside the US: `LSE`, `SMART/TSE`,
    `London Stock Exchange`."""
    code = text.upper().rpartition("/")[2].strip()
    return code in _FOREIGN_PREFIXES or code in _FOREIGN_CODES or bool(_PLACES.search(text))


def is_market_word(text: str) -> bool:
    """Whether a cell names an exchange: no list of symbols consists of these."""
    return text.upper() in _US_PREFIXES | _FOREIGN_PREFIXES


def _prefixed(text: str) -> Marked | None:
    prefix, _, rest = text.partition(":")
    prefix = prefix.strip().upper()
    if prefix in _US_PREFIXES:
        return Marked(rest.strip(), f"listed on {prefix}")
    if prefix in _FOREIGN_PREFIXES:
        return Marked(rest.strip(), f"listed on {prefix}", abroad=True)
    if rest.strip().upper() in ("US", "UN", "UQ", "UW"):  # FactSet and others: PEP:US
        return Marked(text.partition(":")[0].strip(), "US listing")
    return None


def _with_code(text: str) -> Marked | None:
    words = text.split()
    if len(words) > 2 and words[-1].upper() in _YELLOW_KEYS:
        words.pop()
    if len(words) != 2 or not _ROOT.fullmatch(words[0]):
        return None
    root, code = words
    if code in _BLOOMBERG_US:
        return Marked(root, "US listing")
    if code in _BLOOMBERG_FOREIGN or _DIGITS.fullmatch(root):
        return Marked(root, f"listed on {code}", abroad=True)
    return None


def _with_ending(text: str) -> Marked | None:
    """`text` is in no spelling of the vendor's: PEP.US, PEP.O, BRKb.N, VOD.L."""
    if found := _CLASS_OF_REUTERS.fullmatch(text):
        return Marked(f"{found[1]}.{found[2].upper()}", "Reuters' spelling of a share class")
    root, _, ending = text.rpartition(".")
    if not _ROOT.fullmatch(root):
        return None
    if ending in _US_ENDINGS:
        return Marked(root, _US_ENDINGS[ending])
    if ending in _FOREIGN_ENDINGS or _DIGITS.fullmatch(root):
        return Marked(root, f"listed on .{ending}", abroad=True)
    return None
