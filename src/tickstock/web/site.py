"""Where the page is reached, and what follows from that for cookies, names and links."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from tickstock.errors import BadSetting

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Site:
    """`origins` are the addresses (scheme, host and port) under which the page answers; requests
    under any other name are refused, so that no foreign name can be pointed at it.

    `secure`: browsers reach it over TLS. `links`: one-time links are taken, which only somebody
    at this machine can have. `cookie` is the name of the session's cookie.
    """

    origins: frozenset[str]
    secure: bool
    links: bool
    cookie: str

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(urlsplit(origin).netloc for origin in self.origins)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def make_site(host: str, port: int, public_url: str | None, *, tls: bool, users: bool) -> Site:
    """The site that listens on `host` and `port`.

    Args:
        public_url: how browsers reach it from elsewhere, `https://ticks.example.com`; TLS is done
            here (`tls`) or by a proxy in front.
        users: whether anybody can sign in with a password.

    Raises:
        BadSetting: it would be reachable from elsewhere without TLS, or without a user.
    """
    local = is_loopback(host)
    if public_url is None:
        if not local:
            raise BadSetting(
                f"To listen on {host}, which others can reach, TLS is needed.",
                "Give --public-url https://NAME, and --certificate and --key unless a proxy "
                "does TLS; or listen on 127.0.0.1.",
            )
        scheme = "https" if tls else "http"
        origins = frozenset(f"{scheme}://{name}:{port}" for name in LOOPBACK_NAMES)
        return Site(origins, tls, True, f"tickstock_{port}")
    origin = _origin(public_url)
    if not users:
        raise BadSetting(
            f"Nobody could sign in at {origin}: there is no user.",
            "Make one first: tickstock user add NAME --role admin",
        )
    return Site(frozenset({origin}), True, False, "__Host-tickstock")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.path.strip("/") or parts.query:
        raise BadSetting(
            f"{url[:200]!r} is not a public address.", "Write it like https://ticks.example.com."
        )
    return f"https://{parts.netloc.lower()}"
