"""By which proxy a vendor is asked."""

from __future__ import annotations

import pytest

from tickstock.errors import BadSetting, VendorUnavailable
from tickstock.vendors.proxy import proxy_for, refusal, shown

BASE = "https://api.massive.com"
PROXY = "http://ann:secret@proxy.example:3128"


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ({"HTTPS_PROXY": "proxy.example:3128"}, "http://proxy.example:3128"),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "x.com, massive.com"}, None),
        ({"HTTPS_PROXY": PROXY, "no_proxy": ".massive.com"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other.com,assive.com"}, PROXY),
    ],
)
def test_the_proxy_of_the_environment(environ: dict[str, str], found: str | None) -> None:
    assert proxy_for(BASE, environ) == found


def test_this_machine_is_asked_directly() -> None:
    assert proxy_for("http://127.0.0.1:8000", {"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY}) is None


@pytest.mark.parametrize("proxy", ["socks5://h:1", "http://", "http://h:port", "http://[::1"])
def test_what_is_no_http_proxy_is_refused_unseen(proxy: str) -> None:
    with pytest.raises(BadSetting) as e:
        proxy_for(BASE, {"HTTPS_PROXY": proxy})
    assert "in HTTPS_PROXY is no http://host:port" in str(e.value)


def test_a_refusal_names_the_proxy_without_its_password() -> None:
    assert shown(PROXY) == "proxy.example:3128"
    for status, kind in ((502, VendorUnavailable), (407, BadSetting), (403, BadSetting)):
        error = refusal(PROXY, status)
        assert type(error) is kind
        assert f"The proxy proxy.example:3128 answered {status}" in error.what
        assert "secret" not in str(error)
