"""Commands read day bars by way of files, switched on or off, and say the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from tickstock.cli.app import run

SYMBOLS = "{" + ", ".join(f"S{letter}" for letter in "ABCDEFGHIJ") + "}"
SPAN = ("--from", "2023-11-01", "--to", "2024-06-28")
JULY = ("--from", "2024-07-01", "--to", "2024-07-31")
AUGUST = ("--from", "2024-08-01", "--to", "2024-08-30")
WAYS = (
    ("--adjust", "raw"),
    ("--adjust", "splits"),
    ("--adjust", "total"),
    ("--timeframe", "week", "--adjust", "total"),
    ("--known-at", "2100-01-01T00:00:00Z"),
)


@dataclass
class Person:
    """Somebody at a command line with a database of made bars of ten symbols."""

    uri: str
    home: Path
    monkeypatch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0) -> str:
        assert run([*words, "--home", str(self.home)]) == code, self.capture.readouterr()
        return self.capture.readouterr().out

    def set(self, files: str) -> None:
        self.monkeypatch.setenv("TICKSTOCK_BAR_FILES", files)

    def bars(self, *way: str) -> str:
        return self("bars", SYMBOLS, *SPAN, "--format", "csv", *way)

    def load(self, *days: str) -> str:
        """What is told beside the result."""
        assert run(["load", SYMBOLS, *days, "--home", str(self.home)]) == 0
        return self.capture.readouterr().err

    def change_unseen(self) -> None:
        """Past the triggers, so that the files know nothing of it: what is read tells by which
        way it came."""
        with psycopg.connect(self.uri) as conn:
            conn.execute("SET session_replication_role = replica")
            conn.execute("UPDATE tickstock.bars_day SET volume = volume + 1")


@pytest.fixture
def person(
    cluster,  # type: ignore[no-untyped-def]
    template: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Person]:
    name = cluster.create(template)
    monkeypatch.setenv("DATABASE_URI", cluster.uri(name))
    monkeypatch.setenv("TICKSTOCK_VENDOR", "synthetic")
    found = Person(cluster.uri(name), tmp_path, monkeypatch, capsys)
    found("load", SYMBOLS, *SPAN)
    yield found
    cluster.drop(name)


def exported(person: Person, folder: Path) -> set[tuple[str, str]]:
    person("export", SYMBOLS, str(folder), *SPAN)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    return {(piece["path"], piece["content"]) for piece in manifest["files"]}


def test_on_or_off_the_same_is_read(person: Person, tmp_path: Path) -> None:
    person.set("off")
    without = [person.bars(*way) for way in WAYS]
    exported_without = exported(person, tmp_path / "without")
    person.set(str(tmp_path / "elsewhere"))
    assert [person.bars(*way) for way in WAYS] == without, "nothing was written yet"
    assert "there are files of 2 years" in person("files", "fold")
    assert [person.bars(*way) for way in WAYS] == without
    assert exported(person, tmp_path / "with") == exported_without
    person.change_unseen()
    assert [person.bars(*way) for way in WAYS] == without, "these are from the files"
    person("files", "verify", code=1)
    assert person("verify", SYMBOLS, code=1), "what is stored is checked, and not the files"
    person.set("off")
    changed = [person.bars(*way) for way in WAYS]
    assert all(a != b for a, b in zip(changed, without, strict=True))
    person.set(str(tmp_path / "elsewhere"))
    assert json.loads(person("files", "fold", "--anew", "--json"))["data"]["years"] == [2023, 2024]
    assert [person.bars(*way) for way in WAYS] == changed
    assert "all are equal" in person("files", "verify")


def test_files_are_in_the_home_folder_and_may_go_at_any_time(person: Person) -> None:
    assert "There are no files" in person("files", "verify")
    before = person.bars()
    person("files", "fold")
    (folder,) = [f for f in (person.home / "bars").iterdir() if f.is_dir()]
    for file in folder.iterdir():
        file.unlink()
    assert person.bars() == before
    assert "is not there" in person("files", "verify", code=1)
    person("files", "fold")
    assert "all are equal" in person("files", "verify")


def test_files_follow_a_load_by_themselves(person: Person) -> None:
    assert "Writing bar files" not in person.load(*JULY)
    assert not (person.home / "bars").exists(), "the server is one's own, and nobody said so"
    person("files", "fold")
    assert "Writing bar files, about" in person.load(*AUGUST)
    with psycopg.connect(person.uri) as conn:
        assert conn.execute("SELECT count(*) FROM tickstock.bar_changes").fetchone() == (0,)
    assert "all are equal" in person("files", "verify")


def test_a_job_is_what_it_is_where_files_cannot_follow(person: Person) -> None:
    person("files", "fold")
    (folder,) = [f for f in (person.home / "bars").iterdir() if f.is_dir()]
    folder.rename(person.home / "aside")
    folder.touch()  # a file where the folder was: nobody can write into it, whoever it is
    told = person.load(*AUGUST)
    assert "Bar files were not written." in told
    assert "TICKSTOCK_BAR_FILES may name another folder" in told


def test_a_job_of_a_long_list_is_named_by_its_beginning(person: Person) -> None:
    long = "{" + ", ".join(f"L{a}{b}" for a in "ABCDEF" for b in "ABCDEF") + "}"
    for words in (["load", long, *JULY], ["jobs", "list", "--state", "completed"]):
        said = person(*words)
        assert "{LAA, LAB, " in said
        assert "LDB…" in said
    assert json.loads(person("jobs", "list", "--json"))["data"][0]["title"] == long


def test_switched_off_nothing_is_written(person: Person) -> None:
    person.set("off")
    assert run(["files", "fold", "--home", str(person.home)]) == 2
    assert "TICKSTOCK_BAR_FILES is `off`" in person.capture.readouterr().err
    person("files", "verify")  # of sealed minutes there may be files all the same
    assert not (person.home / "bars").exists()


def test_rules_look_at_files_too(person: Person, tmp_path: Path) -> None:
    """On a day, now, and as known at a time: the same as from the database."""
    rule = f"pick({SYMBOLS}; top 3 by dollar_volume over 63)"
    day = ("--as-of", "2024-06-27")
    asked = (day, (), (*day, "--known-at", "2100-01-01T00:00:00Z"))
    person.set("off")
    without = [person("universe", "show", rule, *way) for way in asked]
    person.set(str(tmp_path / "elsewhere"))
    person("files", "fold")
    assert [person("universe", "show", rule, *way) for way in asked] == without
    with psycopg.connect(person.uri) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute(
            "UPDATE tickstock.bars_day SET volume = 1e15 WHERE instrument_id IN"
            " (SELECT instrument_id FROM tickstock.tickers WHERE symbol = ANY (%s))",
            ([f"S{letter}" for letter in "ABCDEFGHIJ" if f"S{letter}\n" not in without[0]],),
        )
    assert [person("universe", "show", rule, *way) for way in asked] == without, "by the files"
    person.set("off")
    assert all(
        person("universe", "show", rule, *way) != said
        for way, said in zip(asked, without, strict=True)
    )
