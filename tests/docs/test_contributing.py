"""CONTRIBUTING says what to open for what: its table leads to files that exist, to every folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from scripts.draw_architecture import pictures

from tests.docs.markdown import ROOT

PACKAGE = ROOT / "src" / "tickstock"
ROW = re.compile(r"\| (?P<what>[^|]+) \| (?P<open>[^|]+) \|")
PATH = re.compile(r"[\w./-]*\.(?:py|sql|sh|csv|js)|[\w./-]+/")


def rows() -> Iterator[tuple[str, list[str]]]:
    """What is to be changed, and the paths that its row names."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    table = text.partition("## I want to change")[2].partition("\n## ")[0]
    for line in table.splitlines():
        found = ROW.fullmatch(line)
        if found and found["what"] != "what":
            code = re.findall(r"`([^`]+)`", found["open"])
            yield found["what"], [c for c in code if PATH.fullmatch(c)]


def places(paths: list[str]) -> Iterator[tuple[str, Path | None]]:
    """Where each path of a row is: in the checkout, in the package, or beside the one before."""
    folder = PACKAGE
    for path in paths:
        tried = [root / path for root in (folder, PACKAGE, ROOT)]
        place = next((p for p in tried if p.exists()), None)
        if place is None and path.startswith("."):  # the same name with another ending
            place = next((p for p in folder.glob(f"*{path}")), None)
        yield path, place
        if place is not None:
            folder = place if place.is_dir() else place.parent


def test_every_path_of_the_table_exists() -> None:
    found = [(what, path, place) for what, paths in rows() for path, place in places(paths)]
    assert len(found) > 80
    assert not [(what, path) for what, path, place in found if place is None]


def test_every_row_names_a_path() -> None:
    assert not [what for what, paths in rows() if not paths]


def test_the_table_leads_into_every_folder() -> None:
    folders = {p.parent.relative_to(PACKAGE) for p in PACKAGE.rglob("*.py")}
    reached: set[Path] = set()
    for _, paths in rows():
        for _, place in places(paths):
            if place is not None and place.is_relative_to(PACKAGE):
                inside = place.relative_to(PACKAGE)
                reached |= {inside, *inside.parents}
    assert not {f for f in folders if f not in reached}


def test_the_pictures_are_of_this_source() -> None:
    """Drawn anew with `python scripts/draw_architecture.py`."""
    for file, drawn in pictures().items():
        assert file.read_text("utf-8") == drawn, file.name
