"""The proxy between this machine and a vendor, as HTTPS_PROXY and NO_PROXY name it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # in no stub

from tickstock.errors import BadSetting, TickStockError, VendorUnavailable

HINT = "Check HTTPS_PROXY and NO_PROXY."


def proxy_for(base_url: str, environ: Mapping[str, str]) -> str | None:
    """The proxy by which the vendor is asked: `http://[user:password@]host:port`, or None.

    The vendor is asked over https alone; an http address is this machine's, without a proxy.

    Raises:
        BadSetting: a proxy that is none of HTTP, or no address at all.
    """
    parts = urlsplit(base_url)
    given = _value("https_proxy", environ) or _value("all_proxy", environ)
    if not given or parts.scheme != "https" or parts.hostname is None:
        return None
    if proxy_bypass_environment(parts.netloc, {"no": _value("no_proxy", environ)}):
        return None
    return _checked(given if "://" in given else f"http://{given}")


def _value(name: str, environ: Mapping[str, str]) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _checked(proxy: str) -> str:
    try:
        parts = urlsplit(proxy)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:  # not shown: it may hold a password
        raise BadSetting(
            "The proxy in HTTPS_PROXY is no http://host:port.", "TickStock speaks to no others."
        )
    return proxy


def shown(proxy: str) -> str:
    """Host and port: who reads it need not see the password."""
    return urlsplit(proxy).netloc.rpartition("@")[2]


def refusal(proxy: str, status: int) -> TickStockError:
    """What it means that a proxy does not let us through."""
    told = f"The proxy {shown(proxy)} answered {status}, and the vendor was not reached."
    if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
        return BadSetting(
            told, "Give user and password: HTTPS_PROXY=http://user:password@host:port"
        )
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return VendorUnavailable(told, f"Try again later. {HINT}")
    return BadSetting(told, HINT)


def unreachable(proxy: str) -> TickStockError:
    return VendorUnavailable(f"The proxy {shown(proxy)} cannot be reached.", HINT)
