"""The page's own files: pinned, small, and without anything from elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import re
from importlib import resources
from pathlib import Path

from tickstock.web.same_origin import POLICY
from tickstock.web.static import address, files

PINNED = {
    "vendor/htmx-4.0.1.min.js": "a0abb04f2f45a1f89d1d4844023245537e5e6014c87b144553e0607b4cc32130",
    "vendor/lightweight-charts-5.2.1.min.js": (
        "e21cc5caa0226ef30bd8549c50b9ef926615f2a4ee6b4e486353477a55f598cf"
    ),
}
AXE = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
"""SHA-256 of the files that others made, as published."""


def test_files_of_others_are_as_published_and_have_their_licence() -> None:
    found = {name for name in files() if name.startswith("vendor/") and name.endswith(".js")}
    assert found == PINNED.keys()
    for name, digest in PINNED.items():
        assert hashlib.sha256(files()[name].body).hexdigest() == digest
    assert b"Zero-Clause BSD" in files()["vendor/htmx-LICENSE.txt"].body
    assert b"Apache License" in files()["vendor/lightweight-charts-LICENSE.txt"].body
    axe = Path(__file__).parents[1] / "browser" / "vendor" / "axe-4.14.1.min.js"
    assert hashlib.sha256(axe.read_bytes()).hexdigest() == AXE


def test_our_own_are_small() -> None:
    assert len(files()["style.css"].body) < 20_000
    assert len(files()["app.js"].body) < 11_000
    assert len(files()["forms.js"].body) < 5_000
    assert len(files()["chart.js"].body) < 8_000
    everywhere = [n for n in files() if "chart" not in n and not n.endswith(".txt")]
    assert sum(len(files()[n].packed) for n in everywhere) < 40_000


def test_addresses_change_with_the_content() -> None:
    name, _, version = address("style.css").partition("?v=")
    assert name == "/static/style.css"
    assert version == hashlib.sha256(files()["style.css"].body).hexdigest()[:12]
    assert gzip.decompress(files()["style.css"].packed) == files()["style.css"].body


def test_templates_hold_no_inline_script_style_or_foreign_address() -> None:
    """What the policy would forbid anyway, found before a browser has to."""
    folder = resources.files("tickstock.web").joinpath("templates")
    names = [f.name for f in folder.iterdir()]
    assert "base.html" in names
    for name in names:
        text = folder.joinpath(name).read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), name
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|hx-on|hx-vals=.js", text), name
        assert "http" not in text.replace("http-equiv", ""), name
        assert "|safe" not in text.replace(" ", ""), name


def test_the_policy_lets_nothing_else_in() -> None:
    allowed = {words.split()[0]: words.split()[1:] for words in POLICY.split("; ")}
    assert allowed["default-src"] == ["'none'"]
    assert {source for sources in allowed.values() for source in sources} == {
        "'none'",
        "'self'",
        "data:",
    }
