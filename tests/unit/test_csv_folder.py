"""The one folder that list files are read from: no name and no link leads out of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tickstock.errors import BadFile
from tickstock.service.universes import read_confined

SECRET = "symbol\nSECRET\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a list, beside things that are nobody's business."""
    inside = tmp_path / "lists"
    inside.mkdir()
    (inside / "mine.csv").write_text("symbol\nSPY\n")
    (inside / "deeper").mkdir()
    for place in (tmp_path, inside / "deeper"):
        (place / "secret.csv").write_text(SECRET)
    return inside


def test_a_file_of_the_folder_is_read(folder: Path) -> None:
    assert read_confined(folder, "mine.csv") == b"symbol\nSPY\n"


def test_a_folder_that_is_itself_a_link_is_where_it_leads(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(folder)
    assert read_confined(tmp_path / "other", "mine.csv") == b"symbol\nSPY\n"


def test_a_link_inside_the_folder_is_followed(folder: Path) -> None:
    (folder / "again.csv").symlink_to("mine.csv")
    assert read_confined(folder, "again.csv") == b"symbol\nSPY\n"


@pytest.mark.parametrize(
    "target", ["../secret.csv", "deeper/secret.csv", "../nothing.csv", "deeper", "/etc/passwd"]
)
def test_a_link_out_of_the_folder_is_refused_like_a_file_that_is_not_there(
    folder: Path, target: str
) -> None:
    (folder / "link.csv").symlink_to(target)
    with pytest.raises(BadFile) as led_out:
        read_confined(folder, "link.csv")
    (folder / "link.csv").unlink()
    with pytest.raises(BadFile) as not_there:
        read_confined(folder, "link.csv")
    assert str(led_out.value) == str(not_there.value)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../secret.csv", "deeper/secret.csv", "deeper\\secret.csv", "/etc/passwd",
     ".csv", ".hidden.csv", "mine.csv\0", "mine.txt", "c:mine.csv", "deeper"],
)  # fmt: skip
def test_what_is_no_bare_name_of_a_list_is_refused(folder: Path, name: str) -> None:
    with pytest.raises(BadFile, match="not the name of a CSV file"):
        read_confined(folder, name)
